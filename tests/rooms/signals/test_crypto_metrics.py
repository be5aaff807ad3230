"""The crypto metrics head on made derivatives data, part by part."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.model.vote import Vote
from holdfast.model.window import (
    FUNDING_RATE,
    INDEX_PRICE,
    LONG_SHORT_RATIO,
    MARK_PRICE,
    OPEN_INTEREST,
    TAKER_BUY_VOLUME,
    Window,
)
from holdfast.signals.heads.crypto_metrics import HEAD
from holdfast.signals.panel import Panel

BARS = 200
CHANCE = np.random.default_rng(3)
WOBBLE = CHANCE.normal(0, 1, BARS)
STEPPED = np.repeat(WOBBLE[: BARS // 8], 8)  # a settlement every eight bars


def window(inputs: dict[str, np.ndarray], close: np.ndarray | None = None) -> Window:
    price = (np.full(BARS, 100.0) + 0.1 * WOBBLE if close is None else close)[None]
    times = (3_600_000 * np.arange(BARS, dtype=np.int64))[None]
    volume = np.full((1, BARS), 50.0)
    columns = {name: column[None] for name, column in inputs.items()}
    return Window(3_600_000, times, price, price + 0.2, price - 0.2, price, volume, columns)


def vote(inputs: dict[str, np.ndarray], close: np.ndarray | None = None) -> Vote:
    (cast,) = Panel([HEAD]).vote(window(inputs, close), 1).read(0, 0)
    return cast


def ending(column: np.ndarray, last: float, bars: int = 4) -> np.ndarray:
    changed = column.copy()
    changed[-bars:] = last
    return changed


FUNDING = 2e-5 * STEPPED
PREMIUM = 1e-4 * WOBBLE
SHARE = 0.5 + 0.01 * WOBBLE


def basis(premium: np.ndarray) -> dict[str, np.ndarray]:
    return {MARK_PRICE: 100.0 * (1 + premium), INDEX_PRICE: np.full(BARS, 100.0)}


@pytest.mark.parametrize(
    ("inputs", "direction", "reason"),
    [
        ({FUNDING_RATE: ending(FUNDING, 4e-4)}, -1, "funding_longs_pay"),
        ({FUNDING_RATE: ending(FUNDING, -4e-4)}, 1, "funding_shorts_pay"),
        (basis(ending(PREMIUM, 2e-3)), -1, "basis_rich"),
        (basis(ending(PREMIUM, -2e-3)), 1, "basis_cheap"),
        ({LONG_SHORT_RATIO: ending(np.full(BARS, 1.2), 3.5)}, -1, "accounts_long"),
        ({LONG_SHORT_RATIO: ending(np.full(BARS, 1.2), 0.3)}, 1, "accounts_short"),
        ({TAKER_BUY_VOLUME: 50.0 * ending(SHARE, 0.62, 6)}, 1, "takers_buy"),
        ({TAKER_BUY_VOLUME: 50.0 * ending(SHARE, 0.38, 6)}, -1, "takers_sell"),
    ],
)
def test_an_extreme_of_one_part_votes_and_says_why(inputs: dict[str, np.ndarray], direction: int, reason: str) -> None:
    cast = vote(inputs)
    assert cast.direction == direction
    assert reason in cast.reasons
    assert cast.probability is not None
    assert cast.probability >= 0.6


@pytest.mark.parametrize(
    "inputs",
    [
        {FUNDING_RATE: FUNDING},
        basis(PREMIUM),
        {LONG_SHORT_RATIO: np.full(BARS, 2.9)},
        {TAKER_BUY_VOLUME: 50.0 * SHARE},
    ],
)
def test_an_ordinary_day_is_neutral(inputs: dict[str, np.ndarray]) -> None:
    cast = vote(inputs)
    assert (cast.direction, cast.abstained) == (0, "neutral")


RISE = np.concatenate([np.full(BARS - 24, 100.0), np.linspace(100.2, 106.0, 24)]) + 0.05 * WOBBLE
GROWTH = 1e5 * np.concatenate([np.full(BARS - 24, 1.0), np.linspace(1.005, 1.12, 24)]) * (1 + 1e-4 * WOBBLE)


@pytest.mark.parametrize(
    ("held", "close", "direction", "reason"),
    [
        (GROWTH, RISE, 1, "open_interest_with_rise"),
        (GROWTH, 200 - RISE, -1, "open_interest_with_fall"),
        (2e5 - GROWTH, RISE, -1, "open_interest_leaves_rise"),
        (2e5 - GROWTH, 200 - RISE, 1, "open_interest_leaves_fall"),
    ],
)
def test_open_interest_confirms_a_move_when_it_grows_and_doubts_it_when_it_shrinks(
    held: np.ndarray, close: np.ndarray, direction: int, reason: str
) -> None:
    cast = vote({OPEN_INTEREST: held}, close)
    assert cast.direction == direction
    assert reason in cast.reasons


def test_no_input_at_all_abstains_with_the_heads_own_code() -> None:
    cast = vote({})
    assert (cast.direction, cast.abstained) == (0, "no_derivatives_data")
    assert vote({FUNDING_RATE: np.full(BARS, np.nan)}).abstained == "no_derivatives_data"


def test_a_missing_part_is_named_and_the_others_still_vote() -> None:
    cast = vote({FUNDING_RATE: ending(FUNDING, 4e-4)})
    missing = {"without_open_interest", "without_basis", "without_accounts", "without_takers"}
    assert missing <= set(cast.reasons)
    assert "without_funding" not in cast.reasons


def test_a_mark_price_without_an_index_makes_no_basis() -> None:
    cast = vote({MARK_PRICE: basis(ending(PREMIUM, 2e-3))[MARK_PRICE]})
    assert cast.abstained == "no_derivatives_data"
    assert "basis" not in cast.measures


def test_agreeing_parts_are_surer_than_one_and_opposing_parts_less() -> None:
    funding = {FUNDING_RATE: ending(FUNDING, 4e-4)}
    alone = vote(funding)
    agreeing = vote(funding | {LONG_SHORT_RATIO: np.full(BARS, 3.5)})
    opposing = vote(funding | {LONG_SHORT_RATIO: np.full(BARS, 0.25)})
    assert agreeing.direction == alone.direction == -1
    assert agreeing.confidence > alone.confidence > opposing.confidence
    assert alone.probability > opposing.probability


def test_a_settlement_interval_of_one_hour_is_read_on_its_own_scale() -> None:
    hourly = vote({FUNDING_RATE: ending(2e-5 * WOBBLE, 4e-4)})
    assert "funding_longs_pay" in hourly.reasons


def test_a_rate_that_hardly_ever_changes_is_never_unusual() -> None:
    """One step in a week would be a dozen deviations of a nearly constant series."""
    cast = vote({FUNDING_RATE: ending(np.full(BARS, 1e-4), 1.2e-4, 8)})
    assert (cast.direction, cast.abstained) == (0, "neutral")


def test_high_for_the_week_but_still_negative_funding_is_not_a_crowd_of_longs() -> None:
    cast = vote({FUNDING_RATE: ending(-5e-3 + FUNDING, -2e-4)})
    assert (cast.direction, cast.abstained) == (0, "neutral")
