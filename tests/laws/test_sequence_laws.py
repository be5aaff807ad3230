"""The law of healing: whatever is late, doubled or lost on the way, the book ends as if all had come in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.market.book import CandleBook
from holdfast.market.sequence import Sequencer, Source
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

SYMBOLS = (Symbol("binance", "spot", "AUSDT"), Symbol("binance", "usdm", "AUSDT"), Symbol("oanda", "fx", "EUR_USD"))
M1, M5, H1 = Timeframe.M1, Timeframe.M5, Timeframe.H1
FRAMES = (M1, M5, H1)
START_MS = 27_000_000 * M1.ms  # 2021-05-03 00:00 UTC, a Monday
COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")


def market(minutes: int, seed: int, missing: float) -> CandleBlock:
    """What the venue has: minutes of three series, some of which it never had."""
    random = np.random.default_rng(seed)
    index, number = (part.ravel() for part in np.meshgrid(np.arange(3), np.arange(minutes)))
    there = random.random(len(index)) >= missing
    index, number = index[there], number[there]
    prices = np.round(100 * np.exp(random.normal(0, 0.02, (len(index), 4))), 2)
    values = np.column_stack(
        (
            prices[:, 0],
            prices.max(axis=1),
            prices.min(axis=1),
            prices[:, 3],
            np.round(random.exponential(3, len(index)), 3),
        )
    )
    return CandleBlock(SYMBOLS, M1, index.astype(np.int32), START_MS + number * M1.ms, values)


def rows_of(block: CandleBlock, chosen: np.ndarray) -> CandleBlock:
    return CandleBlock(SYMBOLS, M1, block.symbol_index[chosen], block.open_time_ms[chosen], block.values[chosen])


def empty_book() -> CandleBook:
    return CandleBook(SYMBOLS, M1, FRAMES, capacity=60, room=8, base_room=400, min_bars=20, sparse=("oanda",))


def healed(block: CandleBlock, minutes: int, *, seed: int, lost: float, outage: int) -> CandleBook:
    """Every minute a stream that loses bars, shuffles and doubles them; now and then an answer that tells the past."""
    random = np.random.default_rng(seed)
    book = empty_book()
    sequencer = Sequencer(M1, give_up_ms=10 * minutes * M1.ms)
    for symbol in SYMBOLS:
        sequencer.follow(symbol, from_ms=START_MS, ready=True)
    for minute in range(1, minutes + 1):
        now_ms = START_MS + minute * M1.ms
        new = np.flatnonzero((block.open_time_ms == now_ms - M1.ms) & (random.random(len(block)) >= lost))
        sequencer.take(rows_of(block, random.permutation(np.repeat(new, 2))), Source.STREAM, now_ms=now_ms)
        if minute % outage == 0 or minute == minutes:
            for index, symbol in enumerate(SYMBOLS):
                past = (block.symbol_index == index) & (block.open_time_ms < now_ms)
                sequencer.take(rows_of(block, np.flatnonzero(past)), Source.REST, now_ms=now_ms)
                sequencer.confirm(symbol, now_ms)
        while True:
            part = sequencer.release(until_ms=now_ms, now_ms=now_ms, most=100)
            book.wait_for(sequencer.complete_ms(SYMBOLS))
            book.ingest(part, now_ms=now_ms)
            if not len(part):
                break
    return book


@settings(max_examples=50, deadline=None)
@given(
    minutes=st.integers(1, 150),
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from((0.0, 0.1)),
    lost=st.sampled_from((0.0, 0.05, 0.7, 1.0)),
    outage=st.integers(1, 150),
)
def test_a_book_that_was_healed_equals_one_that_missed_nothing(
    minutes: int, seed: int, missing: float, lost: float, outage: int
) -> None:
    block = market(minutes, seed, missing)
    end_ms = START_MS + minutes * M1.ms
    whole = empty_book()
    whole.ingest(block, now_ms=end_ms)
    cut = healed(block, minutes, seed=seed + 1, lost=lost, outage=outage)
    assert cut.status(end_ms) == whole.status(end_ms)
    for frame in FRAMES:
        ours, theirs = cut.window(frame, 60), whole.window(frame, 60)
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(cut.trust(frame, 60), whole.trust(frame, 60))


@settings(max_examples=40, deadline=None)
@given(minutes=st.integers(1, 150), seed=st.integers(0, 2**32 - 1), joined=st.integers(0, 150), with_past=st.booleans())
def test_a_book_that_grew_equals_one_that_had_all_its_symbols_from_the_start(
    minutes: int, seed: int, joined: int, with_past: bool
) -> None:
    """The last symbol joins at some minute, its past with it: at once, or only its future."""
    block = market(minutes, seed, 0.05)
    late = block.symbol_index == 2
    seen = ~late if with_past else ~(late & (block.open_time_ms < START_MS + joined * M1.ms))
    whole = empty_book()
    whole.ingest(block if with_past else rows_of(block, np.flatnonzero(seen)), now_ms=START_MS + minutes * M1.ms)
    grown = CandleBook(SYMBOLS[:2], M1, FRAMES, capacity=60, room=8, base_room=400, min_bars=20, sparse=("oanda",))
    for minute in range(1, minutes + 1):
        now_ms = START_MS + minute * M1.ms
        if minute == min(joined + 1, minutes):
            grown.grow(SYMBOLS)
            grown.grow(SYMBOLS)
            assert grown.symbols == SYMBOLS
            if with_past:
                grown.ingest(
                    rows_of(block, np.flatnonzero(late & (block.open_time_ms < now_ms - M1.ms))), now_ms=now_ms
                )
        new = block.open_time_ms == now_ms - M1.ms
        grown.wait_for(np.full(len(grown.symbols), now_ms))
        grown.ingest(rows_of(block, np.flatnonzero(new & (seen | with_past))), now_ms=now_ms)
    if len(grown.symbols) < 3 or joined >= minutes:
        return
    end_ms = START_MS + minutes * M1.ms
    assert grown.status(end_ms) == whole.status(end_ms)
    for frame in FRAMES:
        ours, theirs = grown.window(frame, 60), whole.window(frame, 60)
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
