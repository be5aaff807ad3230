"""Laws of counting votes that hold for every panel, every weight set and every quorum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.signals.consensus import OUTCOME_CODES, Counted, Quorum, count
from holdfast.signals.head import Head
from holdfast.signals.panel import PanelVotes
from holdfast.signals.weights import DEFAULT_HEADS, WeightSet

NAMES = tuple(DEFAULT_HEADS)
FIELDS = ("direction", "leading", "agreeing", "opposing", "consensus", "probability", "confidence", "outcome")


def never(window: object) -> object:
    raise AssertionError("counting votes runs no head")


@st.composite
def panels(draw: st.DrawFn) -> PanelVotes:
    """Nine heads, a few symbols and bars; numbers on both sides of the gates and exactly on them."""
    shape = (9, draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lean = draw(st.sampled_from([[1, 1, 1], [1, 2, 6], [6, 2, 1], [0, 1, 5], [9, 1, 0]]))
    direction = chance.choice([-1, 0, 1], p=np.array(lean) / sum(lean), size=shape).astype(np.int8)
    return PanelVotes(
        heads=tuple(Head(name, 1, "Made.", 1, {"made": "made"}, never) for name in NAMES),
        direction=direction,
        probability=chance.choice([0.5, 0.59, 0.60, 0.66, 0.8, 0.93], size=shape),
        confidence=chance.choice([0.3, 0.69, 0.70, 0.75, 0.9, 1.0], size=shape),
        reasons=np.ones(shape, dtype=np.uint64),
        abstained=np.where(direction == 0, 2, 0).astype(np.uint8),
        measures=tuple({} for _ in NAMES),
    )


weight_sets = (
    st.lists(st.sampled_from([0.0, 0.05, 0.09, 0.13, 0.3, 1.0]), min_size=9, max_size=9)
    .filter(any)
    .map(lambda numbers: WeightSet(heads=dict(zip(NAMES, numbers, strict=True))))
)
quorums = st.builds(Quorum, min_agreeing=st.integers(1, 9), min_consensus=st.floats(0.501, 1.0))


def reordered(votes: PanelVotes, order: list[int]) -> PanelVotes:
    arrays = {n: getattr(votes, n)[order] for n in ("direction", "probability", "confidence", "reasons", "abstained")}
    return replace(votes, heads=tuple(votes.heads[i] for i in order), **arrays)


def silenced(votes: PanelVotes, where: np.ndarray) -> PanelVotes:
    return replace(votes, direction=np.where(where, 0, votes.direction).astype(np.int8))


def share_for(result: Counted, side: int) -> np.ndarray:
    """The share of the qualified weight on `side`; a bar without qualified votes has none."""
    share = np.where(result.leading == side, result.consensus, 1.0 - result.consensus)
    return np.where(np.isnan(result.consensus), 0.0, np.where(result.leading == 0, 0.5, share))


def assert_same(a: Counted, b: Counted) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@given(panels(), weight_sets, quorums, st.permutations(range(9)))
def test_the_order_of_the_heads_changes_nothing(
    votes: PanelVotes, weights: WeightSet, quorum: Quorum, order: list[int]
) -> None:
    plain, shuffled = count(votes, weights, quorum), count(reordered(votes, order), weights, quorum)
    assert_same(plain, shuffled)
    np.testing.assert_array_equal(plain.backing[order], shuffled.backing)


@given(panels(), weight_sets, quorums)
def test_nine_abstaining_heads_never_give_a_signal(votes: PanelVotes, weights: WeightSet, quorum: Quorum) -> None:
    result = count(silenced(votes, np.ones(votes.direction.shape, dtype=bool)), weights, quorum)
    assert (result.direction == 0).all()
    assert {OUTCOME_CODES[i] for i in np.unique(result.outcome)} == {"no_votes"}


@given(panels(), weight_sets, quorums, st.floats(0.5, 1.0), st.floats(0.0, 1.0))
def test_the_numbers_beside_an_abstention_are_never_read(
    votes: PanelVotes, weights: WeightSet, quorum: Quorum, probability: float, confidence: float
) -> None:
    silent = votes.direction == 0
    other = replace(
        votes,
        probability=np.where(silent, probability, votes.probability),
        confidence=np.where(silent, confidence, votes.confidence),
    )
    assert_same(count(votes, weights, quorum), count(other, weights, quorum))


@given(panels(), weight_sets, quorums, st.integers(0, 8), st.sampled_from([-1, 1]))
def test_a_vote_against_never_raises_the_share_of_a_side_and_a_vote_for_it_never_lowers_it(
    votes: PanelVotes, weights: WeightSet, quorum: Quorum, head: int, side: int
) -> None:
    absent = silenced(votes, (np.arange(9) == head)[:, None, None] & np.ones(votes.direction.shape, dtype=bool))
    voting = {
        way: replace(absent, direction=absent.direction.copy(), probability=absent.probability.copy())
        for way in (1, -1)
    }
    for way, panel in voting.items():
        panel.direction[head] = way * side
        panel.probability[head] = 0.95
        panel.confidence[head] = 0.95
    without = count(absent, weights, quorum)
    heard = ~np.isnan(without.consensus)
    before = share_for(without, side)
    after_for, after_against = (share_for(count(voting[way], weights, quorum), side) for way in (1, -1))
    assert (after_against <= before + 1e-12)[heard].all()
    assert (after_for >= before - 1e-12)[heard].all()


@given(panels(), weight_sets, quorums)
def test_every_signal_has_its_quorum_and_its_consensus(votes: PanelVotes, weights: WeightSet, quorum: Quorum) -> None:
    result = count(votes, weights, quorum)
    emitted = result.direction != 0
    assert (emitted == (result.outcome == 0)).all()
    assert (result.agreeing[emitted] >= quorum.min_agreeing).all()
    assert (result.consensus[emitted] >= quorum.min_consensus).all()
    assert (result.probability[emitted] >= quorum.min_probability - 1e-12).all()
    assert (result.confidence[emitted] >= quorum.min_confidence - 1e-12).all()
    assert (result.backing.sum(axis=0) == result.agreeing).all()


@given(panels(), weight_sets, quorums)
def test_up_and_down_are_counted_alike(votes: PanelVotes, weights: WeightSet, quorum: Quorum) -> None:
    plain = count(votes, weights, quorum)
    mirrored = count(replace(votes, direction=-votes.direction), weights, quorum)
    np.testing.assert_array_equal(mirrored.direction, -plain.direction)
    for name in FIELDS[2:]:
        np.testing.assert_array_equal(getattr(mirrored, name), getattr(plain, name), err_msg=name)


@given(panels(), weight_sets, quorums)
def test_each_bar_is_counted_as_if_it_were_alone(votes: PanelVotes, weights: WeightSet, quorum: Quorum) -> None:
    together = count(votes, weights, quorum)
    for symbol, column in np.ndindex(*votes.direction.shape[1:]):
        at = (slice(None), slice(symbol, symbol + 1), slice(column, column + 1))
        arrays = {n: getattr(votes, n)[at] for n in ("direction", "probability", "confidence", "reasons", "abstained")}
        alone = count(replace(votes, **arrays), weights, quorum)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(alone, name)[0, 0], getattr(together, name)[symbol, column])


@settings(max_examples=30)
@given(st.integers(0, 8), st.floats(0.2, 5.0))
def test_changing_a_weight_changes_a_result(head: int, weight: float) -> None:
    """Every head's weight is read: eight heads at one probability, this one at another."""
    shape = (9, 1, 1)
    probability = np.full(shape, 0.65)
    probability[head] = 0.9
    votes = PanelVotes(
        heads=tuple(Head(name, 1, "Made.", 1, {"made": "made"}, never) for name in NAMES),
        direction=np.ones(shape, dtype=np.int8),
        probability=probability,
        confidence=np.full(shape, 0.8),
        reasons=np.ones(shape, dtype=np.uint64),
        abstained=np.zeros(shape, dtype=np.uint8),
        measures=tuple({} for _ in NAMES),
    )
    plain = count(votes, WeightSet(), Quorum())
    changed = count(votes, WeightSet(heads=DEFAULT_HEADS | {NAMES[head]: weight}), Quorum())
    assert changed.probability[0, 0] > plain.probability[0, 0]
