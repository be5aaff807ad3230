"""What every head must obey, whoever wrote it: found by the same scan as the panel, so nobody edits this file.

The window is real: a year's cut of the recorded market the project carries, and a few made ones.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.model.window import (
    FUNDING_RATE,
    HEADLINE_COUNT,
    HEADLINE_TONE,
    HEADLINE_WEIGHT,
    INDEX_PRICE,
    LONG_SHORT_RATIO,
    MARK_PRICE,
    OPEN_INTEREST,
    TAKER_BUY_VOLUME,
    Window,
)
from holdfast.signals.head import NEUTRAL, SHORT_HISTORY, Head
from holdfast.signals.panel import LONGEST_MEMORY, Panel, find_heads, vote_one

HEADS = find_heads()
RECORDING = Path(__file__).parents[2] / "data" / "binance_spot_2021_wanderindev" / "candles_1h.parquet"
BARS = 1500
CUTS = 1000


def head_ids(head: Head) -> str:
    return head.name


def window_of(values: np.ndarray, inputs: dict[str, np.ndarray] | None = None, *, hour_ms: int = 3_600_000) -> Window:
    """A window from (symbols, bars, 5) values, bars an hour apart from 2021-01-01."""
    rows, bars = values.shape[:2]
    times = np.broadcast_to(1_609_459_200_000 + hour_ms * np.arange(bars), (rows, bars)).astype(np.int64)
    o, h, lo, c, v = np.moveaxis(values, 2, 0)
    return Window(
        hour_ms,
        np.ascontiguousarray(times),
        *(np.ascontiguousarray(x) for x in (o, h, lo, c, v)),
        inputs or {},
    )


def imagined_inputs(rows: int, bars: int, close: np.ndarray, volume: np.ndarray) -> dict[str, np.ndarray]:
    """Every optional column, made from a seed, so that heads which need one are put to the test too."""
    chance = np.random.default_rng(7)
    walk = np.cumsum(chance.normal(0, 1, (rows, bars)), axis=1)
    weight = chance.uniform(0, 3, (rows, bars))
    return {
        TAKER_BUY_VOLUME: volume * chance.uniform(0.2, 0.8, (rows, bars)),
        FUNDING_RATE: np.repeat(chance.normal(1e-4, 4e-4, (rows, (bars + 7) // 8)), 8, axis=1)[:, :bars],
        MARK_PRICE: close * (1 + chance.normal(0, 5e-4, (rows, bars))),
        INDEX_PRICE: close * (1 + chance.normal(0, 1e-3, (rows, bars))),
        OPEN_INTEREST: 1e6 * (1.1 + np.tanh(walk / 30)),
        LONG_SHORT_RATIO: np.exp(np.tanh(walk / 20)),
        HEADLINE_TONE: weight * chance.uniform(-1, 1, (rows, bars)),
        HEADLINE_WEIGHT: weight,
        HEADLINE_COUNT: np.ceil(weight * 2),
    }


@pytest.fixture(scope="module")
def real() -> Window:
    frame = pl.read_parquet(RECORDING).sort("symbol", "ts")
    names = ["BTCUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT"]
    parts = [
        frame.filter(pl.col("symbol") == n).select("open", "high", "low", "close", "volume").to_numpy() for n in names
    ]
    values = np.stack([part[:BARS] for part in parts if len(part) >= BARS])
    return window_of(values, imagined_inputs(len(values), BARS, values[..., 3], values[..., 4]))


def cut(window: Window, start: int, stop: int) -> Window:
    keep = slice(start, stop)
    return Window(
        window.timeframe_ms,
        *(getattr(window, name)[:, keep] for name in ("open_time_ms", "open", "high", "low", "close", "volume")),
        {name: column[:, keep] for name, column in window.inputs.items()},
    )


def assert_same(a, b, where: str) -> None:
    """The same bits in every array of two votes."""
    for name in ("direction", "probability", "confidence", "reasons", "abstained"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=f"{name} {where}")
    for name in a.measures:
        np.testing.assert_array_equal(a.measures[name], b.measures[name], err_msg=f"measure {name} {where}")


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_the_live_vote_on_the_last_column_equals_the_batch_column(head: Head, real: Window) -> None:
    batch = vote_one(head, real, BARS)
    for stop in np.random.default_rng(1).integers(1, BARS + 1, CUTS):
        live = vote_one(head, cut(real, max(0, stop - LONGEST_MEMORY), stop), 1)
        column = slice(stop - 1, stop)
        for name in ("direction", "probability", "confidence", "reasons", "abstained"):
            np.testing.assert_array_equal(
                getattr(live, name),
                getattr(batch, name)[:, column],
                err_msg=f"{head.name}.{name} at bar {stop - 1}",
            )
        for name, measure in live.measures.items():
            np.testing.assert_array_equal(measure, batch.measures[name][:, column], err_msg=f"{head.name}.{name}")


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_votes_do_not_change_when_later_bars_change(head: Head, real: Window) -> None:
    batch = vote_one(head, real, BARS)
    chance = np.random.default_rng(2)
    for stop in chance.integers(200, BARS - 1, 12):
        factor = np.exp(chance.normal(0, 0.2, (real.shape[0], BARS - stop)))
        changed = {}
        for name in ("open", "high", "low", "close", "volume"):
            column = getattr(real, name).copy()
            column[:, stop:] *= factor
            changed[name] = column
        inputs = {name: column.copy() for name, column in real.inputs.items()}
        for column in inputs.values():
            column[:, stop:] *= factor
        other = vote_one(head, Window(real.timeframe_ms, real.open_time_ms, **changed, inputs=inputs), BARS)
        for name in ("direction", "probability", "confidence", "reasons", "abstained"):
            np.testing.assert_array_equal(getattr(other, name)[:, :stop], getattr(batch, name)[:, :stop], err_msg=name)


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_symbols_do_not_influence_each_other(head: Head, real: Window) -> None:
    together = vote_one(head, real, 300)
    for row in range(real.shape[0]):
        only = Window(
            real.timeframe_ms,
            *(getattr(real, n)[row : row + 1] for n in ("open_time_ms", "open", "high", "low", "close", "volume")),
            {name: column[row : row + 1] for name, column in real.inputs.items()},
        )
        alone = vote_one(head, only, 300)
        for name in ("direction", "probability", "confidence", "reasons", "abstained"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[row], err_msg=name)


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_numbers_are_in_range_and_abstention_is_explained(head: Head, real: Window) -> None:
    votes = vote_one(head, real, BARS)
    voted = votes.direction != 0
    assert voted.any(), "this head never votes on real candles with every input there"
    assert {1, -1} <= set(np.unique(votes.direction[voted]).tolist()), "this head only ever votes one way"
    assert ((votes.probability >= 0.5) & (votes.probability <= 1))[voted].all()
    assert ((votes.confidence >= 0) & (votes.confidence <= 1))[voted].all()
    assert (votes.abstained[voted] == 0).all()
    assert (votes.abstained[~voted] >= 1).all()
    assert votes.abstained.max() <= len(head.abstention_codes)
    assert (votes.reasons[voted] != 0).all(), "a vote without a reason"
    for vote in Panel([head]).vote(real, 1).read(0, 0):
        assert (vote.abstained is None) == (vote.direction != 0)


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_a_short_history_gives_no_vote(head: Head, real: Window) -> None:
    votes = vote_one(head, cut(real, 0, head.memory - 1), head.memory - 1) if head.memory > 1 else None
    if votes is not None:
        assert (votes.direction == 0).all()
        assert {head.abstention_codes[i - 1] for i in np.unique(votes.abstained)} == {SHORT_HISTORY}


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_a_row_with_fewer_bars_votes_as_if_it_were_alone(head: Head, real: Window) -> None:
    ragged = cut(real, 0, 400)
    columns = {n: getattr(ragged, n).copy() for n in ("open", "high", "low", "close", "volume")}
    for column in columns.values():
        column[0, :150] = np.nan
    inputs = {name: column.copy() for name, column in ragged.inputs.items()}
    for column in inputs.values():
        column[0, :150] = np.nan
    votes = vote_one(head, Window(ragged.timeframe_ms, ragged.open_time_ms, **columns, inputs=inputs), 1)
    full = vote_one(head, ragged, 1)
    for name in ("direction", "probability", "confidence", "reasons", "abstained"):
        np.testing.assert_array_equal(getattr(votes, name), getattr(full, name), err_msg=name)


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_a_flat_price_and_no_inputs_give_no_vote_and_no_warning(head: Head) -> None:
    values = np.full((1, 400, 5), 100.0)
    values[..., 4] = 0.0
    votes = vote_one(head, window_of(values), 50)
    assert (votes.direction == 0).all()
    values[..., 4] = np.nan
    assert (vote_one(head, window_of(values), 50).direction == 0).all()


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_on_coin_flip_prices_no_direction_beats_even_odds(head: Head) -> None:
    """Votes against the sign of the next bar on a fair random walk; three standard errors of a fair coin.

    The standard error counts one vote for each run of equal votes, because neighbouring votes are not independent.
    """
    chance = np.random.default_rng(11)
    rows, bars = 40, 2500
    steps = chance.choice([-0.004, 0.004], size=(rows, bars))
    close = 100 * np.exp(np.cumsum(steps, axis=1))
    opened = close / np.exp(steps)
    wick = np.exp(np.abs(chance.normal(0, 0.002, (rows, bars))))
    dip = np.exp(-np.abs(chance.normal(0, 0.002, (rows, bars))))
    volume = chance.lognormal(5, 1, (rows, bars))
    values = np.stack(
        [opened, np.maximum(opened, close) * wick, np.minimum(opened, close) * dip, close, volume], axis=2
    )
    window = window_of(values, imagined_inputs(rows, bars, close, volume))
    votes = vote_one(head, window, bars)
    direction, outcome = votes.direction[:, :-1].astype(float), np.sign(steps[:, 1:])
    cast = direction != 0
    assert cast.sum() >= 30, "too few votes on noise to say anything"
    hits = (direction == outcome)[cast].mean()
    assert abs(hits - 0.5) <= 3 * 0.5 / np.sqrt(cast.sum()), f"{hits:.4f} of {cast.sum()} votes"


@pytest.mark.parametrize("head", HEADS, ids=head_ids)
def test_a_head_describes_itself(head: Head) -> None:
    assert head.name.isidentifier()
    assert head.summary.endswith(".")
    assert 1 <= head.memory <= LONGEST_MEMORY
    assert head.reasons, "a head without reasons cannot explain itself"
    assert all(text for text in (*head.reasons.values(), *head.abstentions.values()))
    told = inspect.getmodule(head.vote).__doc__ or ""
    assert len(told.split()) >= 8, "the file does not say what the head looks at"
    assert not {SHORT_HISTORY, NEUTRAL} & set(head.abstentions)
