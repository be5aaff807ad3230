"""The correlation of two symbols, read from a window."""

from __future__ import annotations

import numpy as np

from holdfast.market.correlations import LEAST_BARS, correlate_returns
from holdfast.model.window import Window

HOUR = 3_600_000
BARS = 150


def window_of(closes: list[list[float]]) -> Window:
    close = np.array(closes)
    opened = np.broadcast_to((1 + np.arange(close.shape[1])) * HOUR, close.shape)
    opened = np.where(np.isnan(close), 0, opened)
    return Window(HOUR, opened, close, close, close, close, close)


def walks() -> list[list[float]]:
    generator = np.random.default_rng(7)
    first = generator.normal(0, 0.01, BARS)
    second = 0.6 * first + 0.8 * generator.normal(0, 0.01, BARS)
    return [np.exp(np.cumsum(moves)).tolist() for moves in (first, second, -first)]


def test_it_equals_the_textbook_formula_over_the_last_bars_before_the_moment() -> None:
    closes = walks()
    window, moment_ms = window_of(closes), (BARS - 9) * HOUR
    moves = np.diff(np.log(np.array(closes)[:, BARS - 110 : BARS - 10]), axis=1)
    expected = np.corrcoef(moves)
    assert np.isclose(correlate_returns(window, 0, 1, moment_ms=moment_ms), expected[0, 1], rtol=1e-12)
    assert np.isclose(correlate_returns(window, 0, 2, moment_ms=moment_ms), -1.0)


def test_bars_after_the_moment_do_not_matter() -> None:
    closes = walks()
    before = correlate_returns(window_of(closes), 0, 1, moment_ms=100 * HOUR)
    changed = [[*row[:99], *np.linspace(1, 9, BARS - 99)] for row in closes]
    assert correlate_returns(window_of(changed), 0, 1, moment_ms=100 * HOUR) == before


def test_only_common_bars_are_compared() -> None:
    closes = walks()
    holes = [price if place % 3 else float("nan") for place, price in enumerate(closes[1])]
    both = [[p for p, h in zip(row, holes, strict=True) if not np.isnan(h)] for row in closes[:2]]
    shown = correlate_returns(window_of([closes[0], holes]), 0, 1, moment_ms=999 * HOUR)
    assert np.isclose(shown, correlate_returns(window_of(both), 0, 1, moment_ms=999 * HOUR), rtol=1e-12)


def test_too_few_bars_or_no_movement_give_no_number() -> None:
    closes = walks()
    assert np.isnan(correlate_returns(window_of(closes), 0, 1, moment_ms=LEAST_BARS * HOUR))
    assert not np.isnan(correlate_returns(window_of(closes), 0, 1, moment_ms=(LEAST_BARS + 1) * HOUR))
    assert np.isnan(correlate_returns(window_of([closes[0], [1.0] * BARS]), 0, 1, moment_ms=999 * HOUR))
