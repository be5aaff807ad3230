"""Laws of the candle book and of its inputs, whatever the candles and however they are cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.market.book import CandleBook
from holdfast.market.inputs import AsOf, Decayed, Inputs
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.window import FUNDING_RATE, Window

SYMBOLS = (
    Symbol("binance", "spot", "AUSDT"),
    Symbol("bittrex", "spot", "ABTC"),
    Symbol("oanda", "fx", "EUR_USD"),
    Symbol("dukascopy", "fx", "EUR_USD"),
)
M1, M5, M15, H1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1
FRAMES = (M1, M5, M15, H1)
MINUTE = M1.ms
# Friday 2018-03-09 21:00 UTC, an hour before FX closes, so that a law meets a weekend.
START = 1_520_629_200_000 // MINUTE
COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Market:
    """Minutes of four series: holes, impossible candles, repeats, and now and then a new unit of account."""

    minutes: int
    seed: int
    holes: float
    dirt: float
    units: list[tuple[int, int]]

    def block(self) -> CandleBlock:
        random = np.random.default_rng(self.seed)
        index, times = (part.ravel() for part in np.meshgrid(np.arange(4), np.arange(self.minutes)))
        kept = random.random(len(index)) >= self.holes
        index, times = index[kept], times[kept]
        repeats = np.where(random.random(len(index)) < self.dirt, 2, 1)
        index, times = np.repeat(index, repeats), np.repeat(times, repeats)
        copied = np.repeat(random.random(len(repeats)) < 0.5, repeats)
        prices = 100 * np.exp(random.normal(0, 0.02, (len(index), 4)))
        volume = random.exponential(3.0, len(index))
        volume[random.random(len(index)) < self.dirt] = np.nan
        high, low = prices.max(axis=1), prices.min(axis=1)
        high[random.random(len(index)) < self.dirt] = np.nan
        values = np.column_stack((prices[:, 0], high, low, prices[:, 3], volume))
        again = np.flatnonzero(copied[1:] & (np.diff(index) == 0) & (np.diff(times) == 0)) + 1
        values[again] = values[again - 1]
        for symbol, minute in self.units:
            values[(index == symbol) & (times >= minute), :4] *= 1000
        return CandleBlock(SYMBOLS, M1, index.astype(np.int32), (START + times) * MINUTE, values)


MARKETS = st.builds(
    Market,
    minutes=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
    holes=st.sampled_from((0.0, 0.02, 0.5)),
    dirt=st.sampled_from((0.0, 0.05)),
    units=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 199)), max_size=2),
)


def part_of(block: CandleBlock, after_ms: int, until_ms: int) -> CandleBlock:
    chosen = (block.open_time_ms >= after_ms) & (block.open_time_ms < until_ms)
    return CandleBlock(block.symbols, M1, block.symbol_index[chosen], block.open_time_ms[chosen], block.values[chosen])


def played(block: CandleBlock, minutes: int, cuts: set[int]) -> CandleBook:
    book = CandleBook(SYMBOLS, M1, FRAMES, capacity=60, room=8, base_room=400, min_bars=20)
    edges = [0, *sorted(cuts), minutes]
    for start, end in pairwise(edges):
        part = part_of(block, (START + start) * MINUTE, (START + end) * MINUTE)
        book.ingest(part, now_ms=(START + end) * MINUTE)
    return book


@settings(max_examples=60, deadline=None)
@given(MARKETS, st.data())
def test_however_candles_are_cut_into_blocks_the_book_is_the_same(market: Market, data: st.DataObject) -> None:
    minutes, block = market.minutes, market.block()
    cuts = data.draw(st.one_of(st.just(set(range(1, minutes))), st.sets(st.integers(1, minutes))))
    whole, cut = played(block, minutes, set()), played(block, minutes, cuts)
    end_ms = (START + minutes) * MINUTE
    assert whole.status(end_ms) == cut.status(end_ms)
    for frame in FRAMES:
        ours, theirs = whole.window(frame, 60), cut.window(frame, 60)
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(whole.trust(frame, 60), cut.trust(frame, 60))


@settings(max_examples=40, deadline=None)
@given(MARKETS)
def test_a_longer_bar_is_its_minutes_and_every_window_is_in_order(market: Market) -> None:
    minutes, block = market.minutes, market.block()
    book = played(block, minutes, set())
    for frame in FRAMES:
        window = book.window(frame, 60)
        present = window.present
        assert (np.diff(present.astype(int), axis=1) >= 0).all()
        assert (window.open_time_ms[present] % frame.ms == 0).all() and not window.open_time_ms[~present].any()
        assert (np.diff(window.open_time_ms, axis=1)[present[:, :-1]] >= frame.ms).all()
        for row, column in np.argwhere(present):
            opened = int(window.open_time_ms[row, column])
            bars = book.base_bars(int(row), opened, opened + frame.ms)
            assert window.open[row, column] == bars.open[0] and window.close[row, column] == bars.close[-1]
            assert window.high[row, column] == bars.high.max() and window.low[row, column] == bars.low.min()
            # Made-up volumes are no decimals, and every frame on the way rounds to the eighth one.
            np.testing.assert_allclose(window.volume[row, column], bars.volume.sum(), rtol=1e-12, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 100 * 60), max_size=40).map(sorted),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
def test_inputs_read_nothing_after_the_close_and_are_the_same_in_every_window(
    minutes: list[int], shown: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    times = np.array(minutes, dtype=np.int64) * MINUTE + 1
    values = random.normal(size=len(times))
    opened = np.tile(np.arange(1, 91) * H1.ms, (3, 1))
    opened[1, : random.integers(0, 90)] = 0

    def columns(known: np.ndarray, opened: np.ndarray) -> dict[str, np.ndarray]:
        inputs = Inputs(SYMBOLS[:3])
        inputs.attach(FUNDING_RATE, SYMBOLS[0], AsOf(times[known], values[known], 8 * H1.ms))
        inputs.attach_headlines(
            SYMBOLS[1:3], Decayed(times[known], values[known], half_life_ms=7 * MINUTE, horizon_ms=24 * H1.ms)
        )
        prices = np.where(opened > 0, 1.0, np.nan)
        return dict(inputs.fill(Window(H1.ms, opened, prices, prices, prices, prices, prices)).inputs)

    everything = columns(np.ones(len(times), dtype=bool), opened)
    moment = opened[0, -shown] + H1.ms
    past_only = columns(times <= moment, opened[:, : 91 - shown])
    narrow = columns(np.ones(len(times), dtype=bool), opened[:, -shown:])
    for name, column in everything.items():
        np.testing.assert_array_equal(column[:, : 91 - shown], past_only[name])
        np.testing.assert_array_equal(column[:, -shown:], narrow[name])
