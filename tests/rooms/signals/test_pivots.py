"""Pivots are known late, never move, and read the same wherever the array begins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.testing import assert_array_equal

from holdfast.signals.pivots import alternating, fading, hold, known_highs

LIMIT = 80


def walk(rows: int, bars: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rounded prices, so that equal highs and lows occur."""
    chance = np.random.default_rng(seed)
    middle = np.round(100 + np.cumsum(chance.normal(0, 1, (rows, bars)), axis=1), 1)
    return middle + np.round(chance.uniform(0, 1, middle.shape), 1), middle - np.round(
        chance.uniform(0, 1, middle.shape), 1
    )


def zigzag(*turns: float) -> np.ndarray:
    """One row that goes straight from turn to turn in steps of five bars."""
    parts = [np.linspace(a, b, 5, endpoint=False) for a, b in pairwise(turns)]
    return np.concatenate([*parts, [turns[-1]]])[np.newaxis]


def alternating_by_hand(high: np.ndarray, low: np.ndarray, side: int, count: int, stop: int) -> list[float]:
    """The pivots' prices, newest first, as one would note them bar by bar up to column `stop`, in plain Python."""
    found: list[tuple[int, int, float]] = []
    for i in range(side, stop - side + 1):
        near = [*range(i - side, i), *range(i + 1, i + side + 1)]
        top = all(high[i] > high[j] if j < i else high[i] >= high[j] for j in near)
        bottom = all(low[i] < low[j] if j < i else low[i] <= low[j] for j in near)
        if top != bottom:
            found.append((i, 1 if top else -1, float(high[i] if top else low[i])))
    runs: list[list[tuple[int, int, float]]] = []
    for pivot in found:
        if runs and runs[-1][-1][1] == pivot[1]:
            runs[-1].append(pivot)
        else:
            runs.append([pivot])
    if len(runs) <= count or stop - runs[-count - 1][-1][0] + side + 1 > LIMIT:
        return []
    prices = [max(p[1] * p[2] for p in run) * run[0][1] for run in runs[: -count - 1 : -1]]
    kind = runs[-1][0][1]
    rises = [(a - b) * kind * (-1) ** i for i, (a, b) in enumerate(pairwise(prices))]
    return prices if all(rise > 0 for rise in rises) else []


def test_a_pivot_is_known_only_when_its_right_side_has_closed() -> None:
    high = np.array([[1.0, 2, 3, 9, 3, 2, 1, 1, 1]])
    assert_array_equal(np.flatnonzero(known_highs(high, 3)[0]), [6])
    assert not known_highs(high[:, :6], 3).any()


def test_of_equal_highs_the_first_is_the_pivot_and_a_flat_line_has_none() -> None:
    assert_array_equal(np.flatnonzero(known_highs(np.array([[1.0, 1, 5, 5, 1, 1, 1, 1]]), 2)[0]), [4])
    assert not known_highs(np.full((1, 50), 7.0), 3).any()


def test_the_sequence_is_what_a_patient_reader_would_have_noted_at_each_bar() -> None:
    high, low = walk(3, 400, seed=5)
    swings = alternating(high, low, side=2, count=4, limit=LIMIT)
    given = {divmod(int(at), 400): list(swings.price[:, n]) for n, at in enumerate(swings.at)}
    tops, bottoms = known_highs(high, 2), known_highs(-low, 2)
    expected = {}
    for row, stop in zip(*np.nonzero(tops ^ bottoms), strict=True):
        if prices := alternating_by_hand(high[row], low[row], 2, 4, int(stop)):
            expected[int(row), int(stop)] = prices
    assert len(expected) > 50
    assert given == expected


def test_prices_and_columns_of_a_plain_zigzag_are_its_turns() -> None:
    line = zigzag(10, 20, 12, 25, 15, 30, 5, 8)
    swings = alternating(line, line, side=3, count=4, limit=60)
    assert_array_equal(swings.at, [28, 33])
    assert_array_equal(swings.kind, [1.0, -1.0])
    assert_array_equal(swings.price[:, 0], [30, 15, 25, 12])
    assert_array_equal(swings.column[:, 1], [30, 25, 20, 15])


def test_a_sequence_is_the_same_wherever_the_array_begins() -> None:
    high, low = walk(1, 500, seed=9)
    whole = alternating(high, low, side=3, count=3, limit=LIMIT)
    assert len(whole.at) > 40
    for n, at in enumerate(whole.at):
        start = max(0, at - LIMIT + 1)
        part = alternating(high[:, start : at + 1], low[:, start : at + 1], side=3, count=3, limit=LIMIT)
        assert part.at[-1] == at - start
        assert_array_equal(part.price[:, -1], whole.price[:, n])
        assert_array_equal(part.column[:, -1] + start, whole.column[:, n])


def test_upside_down_the_sequences_are_the_same_ones() -> None:
    high, low = walk(2, 300, seed=3)
    up = alternating(high, low, side=3, count=3, limit=LIMIT)
    down = alternating(-low, -high, side=3, count=3, limit=LIMIT)
    assert_array_equal(up.at, down.at)
    assert_array_equal(up.kind, -down.kind)
    assert_array_equal(up.price, -down.price)


def test_rows_do_not_run_into_each_other() -> None:
    high, low = walk(2, 300, seed=4)
    both = alternating(high, low, side=3, count=3, limit=LIMIT)
    second = alternating(high[1:], low[1:], side=3, count=3, limit=LIMIT)
    mine = both.at >= 300
    assert_array_equal(both.at[mine] - 300, second.at)
    assert_array_equal(both.price[:, mine], second.price)


def test_no_bars_and_no_pivots_give_empty_sequences() -> None:
    flat = np.full((2, 40), 1.0)
    assert alternating(flat, flat, side=3, count=5, limit=LIMIT).price.shape == (5, 0)
    assert alternating(flat[:, :3], flat[:, :3], side=3, count=5, limit=LIMIT).at.size == 0


def test_an_event_is_held_for_its_limit_up_to_the_next_event_and_never_into_another_row() -> None:
    held = hold(np.array([1, 3, 8]), (2, 6), 4)
    values = np.array([10.0, 20.0, 30.0])
    assert_array_equal(held.scatter(values[held.event], 0.0), [[0, 10, 10, 20, 20, 20], [0, 0, 30, 30, 30, 30]])
    assert_array_equal(held.scatter(held.age + 1.0, 0.0), [[0, 1, 2, 1, 2, 3], [0, 0, 1, 2, 3, 4]])


def test_a_fading_event_loses_its_strength_evenly() -> None:
    assert_array_equal(fading(np.array([1]), np.array([8.0]), (1, 6), 4), [[0, 8, 6, 4, 2, 0]])


def test_an_event_tells_when_something_first_happened_under_it_alone() -> None:
    held = hold(np.array([0, 3, 6]), (1, 9), 10)
    happened = np.array([False, True, True, False, False, False, True, False, True])
    assert_array_equal(held.first(happened), [1, np.inf, 0])
    assert_array_equal(held.reach(held.first(happened)), [1, 6])
    assert_array_equal(held.where(held.age > 0).first(happened[held.age > 0]), [1, np.inf, 2])
    none = np.array([], dtype=np.int64)
    assert hold(none, (1, 6), 3).first(none > 0).size == 0
