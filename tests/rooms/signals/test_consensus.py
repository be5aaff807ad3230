"""How votes are counted, weighted and calibrated, and when a consensus is held back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.vote import Direction
from holdfast.signals.consensus import OUTCOME_CODES, Counted, Gatekeeper, Quorum, count
from holdfast.signals.head import Head
from holdfast.signals.panel import PanelVotes
from holdfast.signals.weights import (
    DEFAULT_HEADS,
    MIN_OUTCOMES,
    WeightSet,
    fit_calibration,
    pool_adjacent_violators,
)

NAMES = tuple(DEFAULT_HEADS)
BTC, ETH = Symbol("binance", "spot", "BTCUSDT"), Symbol("binance", "spot", "ETHUSDT")
MINUTE = 60_000


def never(window: object) -> object:
    raise AssertionError("counting votes runs no head")


def panel_votes(
    directions: Sequence[int],
    *,
    names: Sequence[str] = NAMES,
    probability: float | Sequence[float] = 0.7,
    confidence: float | Sequence[float] = 0.8,
) -> PanelVotes:
    """One symbol, one bar, and these votes."""
    shape = (len(names), 1, 1)
    heads = tuple(Head(name, 1, "Made.", 1, {"made": "made"}, never) for name in names)
    direction = np.array(directions, dtype=np.int8).reshape(shape)
    return PanelVotes(
        heads=heads,
        direction=direction,
        probability=np.broadcast_to(np.reshape(probability, (-1, 1, 1)), shape).astype(np.float64),
        confidence=np.broadcast_to(np.reshape(confidence, (-1, 1, 1)), shape).astype(np.float64),
        reasons=np.ones(shape, dtype=np.uint64),
        abstained=np.where(direction == 0, 2, 0).astype(np.uint8),
        measures=tuple({} for _ in names),
    )


def counted(directions: Sequence[int], **settings: object) -> Counted:
    return count(panel_votes(directions, **settings), WeightSet(), Quorum())  # type: ignore[arg-type]


def outcome(result: Counted) -> str:
    return OUTCOME_CODES[result.outcome[0, 0]]


def test_five_agreeing_heads_make_a_signal_and_the_abstaining_four_do_not_count_against_it() -> None:
    result = counted([1, 1, 1, 1, 1, 0, 0, 0, 0])
    assert outcome(result) == "signal"
    assert result.direction[0, 0] == 1
    assert result.agreeing[0, 0] == 5
    assert result.consensus[0, 0] == pytest.approx(1.0)
    assert result.probability[0, 0] == pytest.approx(0.7)
    assert result.confidence[0, 0] == pytest.approx(0.8)


def test_nine_abstaining_heads_give_nothing() -> None:
    result = counted([0] * 9)
    assert outcome(result) == "no_votes"
    assert result.direction[0, 0] == result.leading[0, 0] == 0
    assert np.isnan([result.consensus[0, 0], result.probability[0, 0], result.confidence[0, 0]]).all()


def test_four_agreeing_heads_are_no_quorum() -> None:
    result = counted([1, 1, 1, 1, 0, 0, 0, 0, 0])
    assert outcome(result) == "no_quorum"
    assert (result.direction[0, 0], result.leading[0, 0]) == (0, 1)


@pytest.mark.parametrize(("probability", "confidence"), [(0.599, 0.9), (0.9, 0.699)])
def test_votes_below_either_gate_are_not_qualified(probability: float, confidence: float) -> None:
    result = counted([1] * 9, probability=probability, confidence=confidence)
    assert outcome(result) == "weak_votes"
    assert result.agreeing[0, 0] == 0


def test_votes_exactly_on_the_gates_are_qualified() -> None:
    assert outcome(counted([-1] * 9, probability=0.60, confidence=0.70)) == "signal"


def test_two_heads_against_five_are_too_many() -> None:
    # Weights of the first five: .13 .09 .13 .09 .13 = .57; one against (.13): .81 of the weight; two: .69.
    one = counted([1, 1, 1, 1, 1, -1, 0, 0, 0])
    two = counted([1, 1, 1, 1, 1, -1, 0, 0, -1])
    assert outcome(one) == "signal"
    assert one.consensus[0, 0] == pytest.approx(0.57 / 0.70)
    assert outcome(two) == "low_consensus"
    assert two.consensus[0, 0] == pytest.approx(0.57 / 0.82)
    assert two.opposing[0, 0] == 2


def test_a_weak_vote_against_is_an_abstention_not_an_opposition() -> None:
    result = counted([1, 1, 1, 1, 1, -1, -1, -1, -1], probability=[0.7] * 5 + [0.55] * 4)
    assert outcome(result) == "signal"
    assert result.opposing[0, 0] == 0


def test_long_and_short_are_counted_alike() -> None:
    sides = [1, 1, 1, 1, 1, -1, 0, 0, 0]
    up, down = counted(sides), counted([-side for side in sides])
    assert down.direction[0, 0] == -up.direction[0, 0]
    assert (down.consensus, down.probability, down.confidence) == (up.consensus, up.probability, up.confidence)


def test_even_sides_have_no_leader() -> None:
    names = ("a", "b")
    result = count(panel_votes([1, -1], names=names), WeightSet(), Quorum(min_agreeing=1))
    assert outcome(result) == "no_quorum"
    assert result.leading[0, 0] == 0
    assert result.consensus[0, 0] == 0.5
    assert np.isnan(result.probability[0, 0])


def test_a_heavier_head_moves_the_probability_and_a_silenced_one_is_not_counted() -> None:
    votes = panel_votes([1] * 9, probability=[0.9] + [0.6] * 8)
    plain = count(votes, WeightSet(), Quorum())
    heavy = count(votes, WeightSet(heads=DEFAULT_HEADS | {"technical": 1.0}), Quorum())
    silent = count(votes, WeightSet(heads=DEFAULT_HEADS | {"technical": 0.0}), Quorum())
    assert heavy.probability[0, 0] > plain.probability[0, 0] > silent.probability[0, 0]
    assert silent.probability[0, 0] == pytest.approx(0.6)
    assert silent.agreeing[0, 0] == 8


def test_a_head_without_an_entry_counts_the_mean_weight() -> None:
    weights = WeightSet(heads={"a": 0.2, "b": 0.4, "silent": 0.0})
    assert weights.weight("newcomer") == pytest.approx(0.3)
    assert weights.weight("silent") == 0.0


def test_the_default_weights_add_up_to_one_and_say_that_they_are_not_calibrated() -> None:
    weights = WeightSet()
    assert sum(weights.heads.values()) == pytest.approx(1.0)
    assert weights.calibrated is False
    raw = np.array([[0.5, 0.71]])
    assert weights.calibrate("technical", raw) is raw


def test_calibration_decides_at_the_gate() -> None:
    """A head that says .70 and has been right half the time is not qualified."""
    line = ((0.5, 0.5), (0.9, 0.52))
    weights = WeightSet(calibration=dict.fromkeys(NAMES, line))
    assert weights.calibrated
    assert OUTCOME_CODES[count(panel_votes([1] * 9), weights, Quorum()).outcome[0, 0]] == "weak_votes"
    modest = Quorum(min_probability=0.505)
    assert count(panel_votes([1] * 9), weights, modest).probability[0, 0] == pytest.approx(0.51)


def test_a_head_is_calibrated_when_the_weights_have_a_line_for_it() -> None:
    weights = WeightSet(heads={"a": 1.0, "b": 0.5}, calibration={"a": ((0.5, 0.5), (0.9, 0.6))})
    assert weights.is_calibrated("a")
    assert not weights.is_calibrated("b")
    assert not weights.calibrated


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('version = "x"\nhead = 1', "head"),
        ('version = ""', "no version"),
        ("[heads]\na = -0.1", "weight of head 'a'"),
        ("[heads]\na = nan", "weight of head 'a'"),
        ("[heads]\na = 0", "above 0"),
        ("[calibration]\na = [[0.5, 0.5]]", "calibration of head 'a'"),
        ("[calibration]\na = [[0.5, 0.6], [0.7, 0.5]]", "calibration of head 'a'"),
        ("[calibration]\na = [[0.5, 0.6], [0.5, 0.7]]", "calibration of head 'a'"),
        ("[calibration]\na = [[0.5, 0.6], [0.7, 1.2]]", "calibration of head 'a'"),
    ],
)
def test_a_wrong_weight_set_is_refused_with_its_fault_named(text: str, problem: str) -> None:
    with pytest.raises((BadInput, msgspec.ValidationError), match=problem):
        msgspec.toml.decode(text, type=WeightSet)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_agreeing": 0},
        {"min_probability": 1.1},
        {"min_confidence": -0.1},
        {"min_consensus": 0.5},
        {"cool_down_ms": -1},
    ],
)
def test_a_quorum_that_cannot_work_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Quorum(**settings)


def outcomes(true_rate: dict[float, float], each: int) -> tuple[np.ndarray, np.ndarray]:
    """`each` votes at every raw probability, of which the given share came true."""
    raw = np.repeat(list(true_rate), each)
    hit = np.concatenate([np.arange(each) < round(rate * each) for rate in true_rate.values()])
    return raw, hit


def test_calibration_learns_what_scores_are_worth() -> None:
    raw, hit = outcomes({0.55: 0.50, 0.65: 0.52, 0.75: 0.55, 0.85: 0.58}, 5000)
    points = fit_calibration(raw, hit)
    weights = WeightSet(calibration={"a": points})
    learned = weights.calibrate("a", np.array([0.55, 0.65, 0.75, 0.85]))
    np.testing.assert_allclose(learned, [0.50, 0.52, 0.55, 0.58], atol=0.005)


def test_calibration_never_falls_even_where_the_outcomes_do() -> None:
    raw, hit = outcomes({0.55: 0.60, 0.65: 0.50, 0.75: 0.70, 0.85: 0.40}, 1000)
    values = [value for _, value in fit_calibration(raw, hit)]
    assert values == sorted(values)
    assert values[0] == values[1] == pytest.approx(0.55, abs=0.01)


def test_few_outcomes_move_a_probability_less_than_many() -> None:
    rates = {0.6: 0.4, 0.8: 0.4}
    few, many = (fit_calibration(*outcomes(rates, each)) for each in (MIN_OUTCOMES // 2, 20_000))
    assert few[0][1] == pytest.approx((0.4 * 100 + 0.6 * 50) / 150)
    assert 0.4 < many[0][1] < 0.401 < few[0][1] < 0.6


def test_calibration_refuses_what_it_cannot_learn_from() -> None:
    raw, hit = outcomes({0.6: 0.5, 0.8: 0.5}, MIN_OUTCOMES // 2)
    assert fit_calibration(raw, hit)
    with pytest.raises(BadInput, match="too few"):
        fit_calibration(raw[1:], hit[1:])
    with pytest.raises(BadInput, match="same probability"):
        fit_calibration(np.full(500, 0.7), np.arange(500) % 2)
    with pytest.raises(BadInput, match="pair up"):
        fit_calibration(raw, hit[1:])
    with pytest.raises(BadInput, match="outside"):
        fit_calibration(raw * 2, hit)


def test_pooling_gives_the_textbook_answer() -> None:
    assert pool_adjacent_violators([1, 3, 2, 4, 3.5, 3.5], [1] * 6) == pytest.approx(
        [1, 2.5, 2.5, 11 / 3, 11 / 3, 11 / 3]
    )
    assert pool_adjacent_violators([2, 1], [3, 1]) == pytest.approx([1.75, 1.75])


def test_the_same_direction_again_within_the_hour_is_a_duplicate() -> None:
    gate = Gatekeeper(Quorum()).after(BTC, Direction.LONG, 0)
    assert gate.judge(BTC, Direction.LONG, 15 * MINUTE) == "cooling_down"
    assert gate.judge(BTC, Direction.LONG, 45 * MINUTE) == "duplicate"
    assert gate.judge(BTC, Direction.LONG, 60 * MINUTE) == "signal"


def test_the_other_direction_waits_for_the_cool_down_only() -> None:
    gate = Gatekeeper(Quorum()).after(BTC, Direction.LONG, 0)
    assert gate.judge(BTC, Direction.SHORT, 29 * MINUTE) == "cooling_down"
    assert gate.judge(BTC, Direction.SHORT, 30 * MINUTE) == "signal"


def test_symbols_do_not_hold_each_other_back() -> None:
    gate = Gatekeeper(Quorum()).after(BTC, Direction.LONG, 0)
    assert gate.judge(ETH, Direction.LONG, MINUTE) == "signal"


def test_a_gatekeeper_is_a_value() -> None:
    gate = Gatekeeper(Quorum())
    later = gate.after(BTC, Direction.SHORT, 5)
    assert gate.emitted == {}
    assert later.emitted == {(BTC, Direction.SHORT): 5}
    assert later.after(BTC, Direction.SHORT, 9).emitted == {(BTC, Direction.SHORT): 9}
