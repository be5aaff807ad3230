"""The candle book: what enters, what it makes of it, and what it says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from holdfast.market.book import CandleBook, SeriesStatus
from holdfast.market.trust import Trust
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.world.recording import Recording, read_recording

MakeBlock = Callable[..., CandleBlock]
A, B = Symbol("binance", "spot", "AUSDT"), Symbol("binance", "spot", "BUSDT")
EURO = Symbol("oanda", "fx", "EUR_USD")
M1, M5, H1, H4, D1 = Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.H4, Timeframe.D1
MINUTE = M1.ms
START = 29_000_000 // 60 * 60  # minutes since 1970, at a full hour
FAR_FUTURE_MS = (START + 10_000_000) * MINUTE


def flat(symbol: int, minute: int, price: float = 10.0, volume: float = 1.0) -> tuple[float, ...]:
    return (symbol, START + minute, price, price + 1, price - 1, price, volume)


def defects(book: CandleBook, symbol: int = 0) -> dict[str, int]:
    counts = book.status(FAR_FUTURE_MS)[symbol].defects
    return {code: count for code, count in counts.items() if count}


def status(book: CandleBook, symbol: int = 0) -> SeriesStatus:
    return book.status(FAR_FUTURE_MS)[symbol]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ((10, 9, 8, 9, 1), "high_below_low"),
        ((10, 11, 10.5, 10.7, 1), "high_below_low"),
        ((10, 11, 9, 12, 1), "high_below_low"),
        ((10, 9, 11, 10, 1), "high_below_low"),
        ((10, np.nan, 9, 10, 1), "not_finite"),
        ((np.inf, np.inf, 9, 10, 1), "not_finite"),
        ((10, 11, 9, 10, np.inf), "not_finite"),
        ((10, 11, 0, 10, 1), "not_positive"),
        ((-10, 11, -11, 10, 1), "not_positive"),
        ((10, 11, 9, 10, -1), "negative_volume"),
    ],
)
def test_an_impossible_candle_never_enters_and_is_counted(
    make_block: MakeBlock, row: tuple[float, ...], code: str
) -> None:
    book = CandleBook([A, B], M1, (M1, M5))
    block = make_block([A, B], [flat(1, 0), (0, START, *row), flat(1, 1)])
    closed = book.ingest(block, now_ms=FAR_FUTURE_MS)
    assert defects(book) == {code: 1} and defects(book, 1) == {}
    assert closed.rejected == 1 and closed.counts[M1].tolist() == [0, 2]
    assert np.isnan(book.window(M1, 5).close[0]).all()


def test_a_candle_off_the_grid_or_from_the_future_never_enters(make_block: MakeBlock) -> None:
    book = CandleBook([A], M1, (M1,))
    block = make_block([A], [flat(0, 0), flat(0, 1), flat(0, 2)])
    shifted = replace(block, open_time_ms=block.open_time_ms + np.array([0, 1, 0]))
    book.ingest(shifted, now_ms=(START + 3) * MINUTE - 1)
    assert defects(book) == {"off_grid": 1, "future": 1}
    assert status(book).bars == 1


def test_a_volume_may_be_absent_and_stays_absent_in_longer_bars(make_block: MakeBlock) -> None:
    book = CandleBook([A], M1, (M1, M5))
    rows = [flat(0, minute, volume=np.nan if minute == 3 else 2.0) for minute in range(10)]
    book.ingest(make_block([A], rows), now_ms=(START + 10) * MINUTE)
    assert defects(book) == {}
    assert book.window(M5, 2).close[0].tolist() == [10.0, 10.0]
    volume = book.window(M5, 2).volume[0]
    assert np.isnan(volume[0]) and volume[1] == 10.0


def test_repeats_are_told_apart_and_the_first_candle_stays(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,))
    book.ingest(make_block([A, B], [flat(0, 0), flat(0, 1), flat(0, 3)]), now_ms=FAR_FUTURE_MS)
    again = [flat(0, 1), flat(0, 3, price=11.0), flat(0, 2), flat(0, 4), flat(0, 4), flat(0, 4, price=12.0)]
    closed = book.ingest(make_block([A, B], again), now_ms=FAR_FUTURE_MS)
    assert defects(book) == {"duplicate": 2, "conflict": 2, "late": 1}
    assert closed.counts[M1].tolist() == [1, 0] and closed.rejected == 5
    assert book.window(M1, 4).close[0].tolist() == [10.0, 10.0, 10.0, 10.0]


def test_a_block_in_disorder_keeps_what_is_in_order(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,))
    book.ingest(make_block([A, B], [flat(0, 5), flat(1, 2), flat(0, 4), flat(1, 3), flat(0, 6)]), now_ms=FAR_FUTURE_MS)
    assert defects(book) == {"late": 1} and defects(book, 1) == {}
    assert (book.window(M1, 2).open_time_ms // MINUTE - START).tolist() == [[5, 6], [2, 3]]


def test_longer_bars_are_made_when_their_period_is_over(make_block: MakeBlock) -> None:
    book = CandleBook([A], M1, (M5,))
    rows = [(0, START + i, 10 + i, 12 + i, 9 - i, 11 + i, float(i)) for i in range(6)]
    closed = book.ingest(make_block([A], rows[:4]), now_ms=(START + 4) * MINUTE)
    assert closed.counts[M5].tolist() == [0] and closed.most(M5) == 0 and closed.moments(M5) == []
    closed = book.ingest(make_block([A], rows[4:]), now_ms=(START + 6) * MINUTE)
    assert closed.counts[M5].tolist() == [1]
    bar = book.window(M5, 1)
    assert [column[0, 0] for column in (bar.open, bar.high, bar.low, bar.close, bar.volume)] == [10, 16, 5, 15, 10]
    assert bar.open_time_ms[0, 0] == START * MINUTE


def test_a_period_with_a_lost_minute_makes_no_bar_unless_silence_is_normal(make_block: MakeBlock) -> None:
    symbols = [A, Symbol("bittrex", "spot", "ABTC")]
    book = CandleBook(symbols, M1, (M5,))
    rows = [flat(symbol, minute) for minute in range(15) if minute != 7 for symbol in (0, 1)]
    book.ingest(make_block(symbols, rows), now_ms=(START + 15) * MINUTE)
    assert book.window(M5, 3).present.sum(axis=1).tolist() == [2, 3]
    assert book.window(M5, 3).volume[1].tolist() == [5.0, 4.0, 5.0]
    lossy, silent = book.status(FAR_FUTURE_MS)
    assert (lossy.incomplete[M5], lossy.gaps[M1], lossy.gaps[M5]) == (1, 1, 1)
    assert (silent.incomplete[M5], silent.gaps[M1], silent.gaps[M5]) == (0, 0, 0)


def test_a_late_last_minute_is_waited_for_as_long_as_grace_allows(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M5,), grace_ms=2_000)
    end_ms = (START + 5) * MINUTE
    rows = [flat(symbol, minute) for minute in range(5) for symbol in (0, 1)]
    assert book.ingest(make_block([A, B], rows[:-1]), now_ms=end_ms).counts[M5].tolist() == [1, 0]
    assert book.ingest(make_block([A, B], rows[-1:]), now_ms=end_ms + 1_999).counts[M5].tolist() == [0, 1]
    rows = [flat(symbol, minute) for minute in range(5, 10) for symbol in (0, 1)]
    book.ingest(make_block([A, B], rows[:-1]), now_ms=end_ms + 5 * MINUTE)
    book.ingest(make_block([A, B], []), now_ms=end_ms + 5 * MINUTE + 2_000)
    assert status(book, 1).incomplete[M5] == 1


def test_a_redenomination_restarts_the_series_and_is_no_return(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1, M5), min_bars=3, quarantine_bars=5)
    rows = [flat(symbol, minute) for minute in range(12) for symbol in (0, 1) if (symbol, minute) != (0, 5)]
    rows += [flat(0, 12, price=10_000.0), flat(1, 12)]
    rows += [flat(symbol, minute, price=(10_000.0, 10.0)[symbol]) for minute in range(13, 20) for symbol in (0, 1)]
    closed = book.ingest(make_block([A, B], rows), now_ms=(START + 20) * MINUTE)
    assert defects(book) == {"redenominated": 1} and defects(book, 1) == {}
    assert closed.counts[M1].tolist() == [8, 20] and closed.counts[M5].tolist() == [1, 4]
    shown = book.window(M1, 20)
    assert np.isnan(shown.close[0, :12]).all() and (shown.close[0, 12:] == 10_000.0).all()
    assert book.window(M5, 4).close[0].tolist()[-1] == 10_000.0 and book.window(M5, 4).present[0].sum() == 1
    assert book.trust(M1, 8)[0].tolist() == [Trust.WARMING] * 2 + [Trust.READY] * 6
    assert status(book).gaps[M1] == 1


def test_trust_tells_warming_and_gaps_for_every_bar_as_of_that_bar(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,), min_bars=4, quarantine_bars=3)
    rows = [flat(0, minute) for minute in range(12) if minute != 6] + [flat(1, 11)]
    book.ingest(make_block([A, B], sorted(rows, key=lambda row: row[1])), now_ms=(START + 12) * MINUTE)
    warming, gap, ready = Trust.WARMING, Trust.GAP, Trust.READY
    assert book.trust(M1, 11)[0].tolist() == [warming] * 3 + [ready] * 3 + [gap] * 3 + [ready] * 2
    assert book.trust(M1, 11)[1].tolist() == [warming] * 11
    assert book.trust_now(M1, (START + 12) * MINUTE).tolist() == [ready, warming]
    assert book.trust_now(M1, (START + 15) * MINUTE).tolist() == [ready, warming]
    assert book.trust_now(M1, (START + 15) * MINUTE + 1).tolist() == [Trust.STALE, Trust.STALE]


def test_moments_lead_through_closed_bars_in_order_of_time(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1, M5))
    rows = [flat(0, 0), flat(0, 1), flat(1, 1), flat(1, 2)]
    closed = book.ingest(make_block([A, B], rows), now_ms=(START + 3) * MINUTE)
    window = book.window(M1, closed.most(M1))
    seen = [(m.close_ms // MINUTE - START, m.symbols.tolist(), m.columns.tolist()) for m in closed.moments(M1)]
    assert seen == [(1, [0], [-2]), (2, [0, 1], [-1, -2]), (3, [1], [-1])]
    for moment in closed.moments(M1):
        times = window.open_time_ms[moment.symbols, moment.columns]
        assert (times + MINUTE == moment.close_ms).all()


def test_closes_and_bars_are_found_as_of_a_moment(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,))
    rows = [flat(0, minute, price=10.0 + minute) for minute in range(5)] + [flat(1, 4)]
    book.ingest(make_block([A, B], rows), now_ms=FAR_FUTURE_MS)
    assert book.closes_at(M1, (START + 3) * MINUTE)[0] == 12.0
    assert np.isnan(book.closes_at(M1, (START + 3) * MINUTE)[1])
    assert book.closes_at(M1, (START + 3) * MINUTE - 1)[0] == 11.0
    assert book.closes_at(M1, FAR_FUTURE_MS).tolist() == [14.0, 10.0]
    bars = book.base_bars(0, (START + 2) * MINUTE, (START + 4) * MINUTE)
    assert (bars.open_time_ms // MINUTE - START).tolist() == [2, 3] and bars.close.tolist() == [12.0, 13.0]
    assert len(book.base_bars(1, 0, (START + 4) * MINUTE).close) == 0
    assert book.last_close(A) == 14.0 and book.last_close(B) == 10.0
    assert CandleBook([A], M1, (M1,)).last_close(A) is None


def test_a_close_as_of_any_moment_is_that_of_the_newest_bar_before_it(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,), capacity=20, room=7, base_room=7)
    random = np.random.default_rng(3)
    held: list[dict[int, float]] = [{}, {}]
    for minute in range(60):
        rows = [flat(symbol, minute, price=100.0 + minute) for symbol in (0, 1) if random.random() < 0.7]
        for row in rows:
            held[int(row[0])][minute] = row[2]
        book.ingest(make_block([A, B], rows), now_ms=(START + minute + 1) * MINUTE)
    for moment in range(50 * MINUTE, 62 * MINUTE, MINUTE // 2):
        expected = [closes[max(m for m in closes if (m + 1) * MINUTE <= moment)] for closes in held]
        assert book.closes_at(M1, START * MINUTE + moment).tolist() == expected
    assert np.isnan(book.closes_at(M1, START * MINUTE)).all()


def test_columns_slide_without_losing_a_bar_of_their_capacity(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,), capacity=8, room=4)
    for minute in range(100):
        rows = [flat(0, minute, price=100.0 + minute)]
        rows += [flat(1, minute, price=500.0 + minute)] if minute % 3 else []
        book.ingest(make_block([A, B], rows), now_ms=(START + minute + 1) * MINUTE)
        assert book.window(M1, 8).close[0, -min(8, minute + 1) :].tolist() == [
            100.0 + past for past in range(max(0, minute - 7), minute + 1)
        ]
        wide = book.window(M1, 12)
        assert (np.diff(wide.open_time_ms, axis=1)[wide.open_time_ms[:, :-1] > 0] > 0).all()
        np.testing.assert_array_equal(np.isnan(wide.close), wide.open_time_ms == 0)
    assert book.window(M1, 8).close[1].tolist() == [588.0, 589.0, 591.0, 592.0, 594.0, 595.0, 597.0, 598.0]
    assert status(book).bars == 100


def test_a_block_larger_than_its_room_is_refused_but_a_warm_up_takes_any(make_block: MakeBlock) -> None:
    rows = [flat(0, minute, price=100.0 + minute) for minute in range(50)]
    with pytest.raises(ValueError, match="50 1m bars of one symbol at once, and room for 6"):
        CandleBook([A], M1, (M5,), capacity=8, room=4).ingest(make_block([A], rows), now_ms=FAR_FUTURE_MS)
    book = CandleBook([A], M1, (M5,), capacity=8, room=4)
    book.warm_up(make_block([A], rows), now_ms=(START + 50) * MINUTE)
    assert book.window(M5, 8).close[0].tolist() == [100.0 + minute for minute in range(14, 50, 5)]


def test_symbols_are_matched_by_key_and_strangers_left_out(make_block: MakeBlock) -> None:
    book = CandleBook([A, B], M1, (M1,))
    stranger = Symbol("binance", "usdm", "AUSDT")
    closed = book.ingest(
        make_block([B, stranger, A], [flat(0, 0), flat(1, 0), flat(2, 0, price=20.0)]), now_ms=FAR_FUTURE_MS
    )
    assert closed.counts[M1].tolist() == [1, 1] and closed.rejected == 1
    assert book.window(M1, 1).close[:, 0].tolist() == [20.0, 10.0]
    with pytest.raises(ValueError, match="takes 1m candles, not 5m"):
        book.ingest(make_block([A], [], M5), now_ms=FAR_FUTURE_MS)


def test_nobody_can_write_into_the_book_through_a_window(make_block: MakeBlock) -> None:
    book = CandleBook([A], M1, (M1,))
    book.ingest(make_block([A], [flat(0, 0)]), now_ms=FAR_FUTURE_MS)
    with pytest.raises(ValueError, match="read-only"):
        book.window(M1, 1).close[0, 0] = 99.0


def play(recording: Recording, span_ms: int, frames: tuple[Timeframe, ...]) -> CandleBook:
    book = CandleBook(recording.symbols, recording.timeframe, frames, base_room=span_ms // recording.timeframe.ms + 1)
    for until_ms, block in recording.blocks(None, span_ms):
        book.ingest(block, now_ms=until_ms)
    return book


def cut(recording: Recording, candles: int) -> Recording:
    return replace(
        recording,
        symbol_index=recording.symbol_index[:candles],
        open_time_ms=recording.open_time_ms[:candles],
        values=recording.values[:candles],
    )


@pytest.mark.parametrize(
    ("source", "candles", "spans"),
    [
        ("binance_spot_2021_wanderindev/candles_1h.parquet", 126_801, (H1, Timeframe.H4, D1)),
        ("binance_usdm_2025_typhonun/candles_1m.parquet", 25_000, (M1, H1)),
    ],
)
def test_a_real_market_gives_the_same_book_candle_by_candle_and_a_day_at_once(
    project_data: Path, source: str, candles: int, spans: tuple[Timeframe, ...]
) -> None:
    recording = cut(read_recording(project_data / source), candles)
    frames = tuple(frame for frame in (M1, M5, H1, H4, D1) if frame.ms >= recording.timeframe.ms)
    last_ms = recording.last_close_ms
    whole = play(recording, D1.ms, frames)
    whole_rows = whole.status(last_ms)
    assert whole.accepted == candles
    for span in spans:
        book = play(recording, span.ms, frames)
        assert book.status(last_ms) == whole_rows
        for frame in frames:
            ours, theirs = book.window(frame, 200), whole.window(frame, 200)
            np.testing.assert_array_equal(ours.open_time_ms, theirs.open_time_ms)
            for name in ("open", "high", "low", "close", "volume"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
            np.testing.assert_array_equal(book.trust(frame, 200), whole.trust(frame, 200))


def test_exchange_outages_are_gaps_in_every_pair(project_data: Path) -> None:
    book = play(read_recording(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet"), D1.ms, (H1, D1))
    rows = book.status(FAR_FUTURE_MS)
    bitcoin = next(row for row in rows if row.symbol.name == "BTCUSDT")
    assert bitcoin.gaps[H1] == 4 and bitcoin.incomplete[D1] == 4 and bitcoin.gaps[D1] == 4
    assert not any(sum(row.defects.values()) for row in rows)


def test_weekends_of_eur_usd_are_no_gaps_and_its_hours_make_days(project_data: Path) -> None:
    book = play(read_recording(project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet"), D1.ms, (H1, H4, D1))
    row = book.status(FAR_FUTURE_MS)[0]
    assert row.bars == 5_015
    assert row.gaps == {H1: 0, H4: 0, D1: 0} and row.incomplete == {H4: 0, D1: 0}
    assert book.trust(D1, 200).shape == (1, 200)
    last_close_ms = int(book.window(H1, 1).open_time_ms[0, 0]) + H1.ms
    assert book.trust_now(H1, last_close_ms + 48 * H1.ms)[0] == Trust.READY
    assert book.trust_now(H1, last_close_ms + 54 * H1.ms)[0] == Trust.STALE


def test_years_of_silence_are_a_gap_even_where_silence_is_normal(project_data: Path) -> None:
    book = play(read_recording(project_data / "oanda_fx_lean" / "candles_1m.parquet"), D1.ms, (M1, H1))
    row = book.status(FAR_FUTURE_MS)[0]
    assert row.bars == 18_184 and row.gaps[M1] == 1
    assert row.defects["redenominated"] == 0


def test_the_redenomination_of_cocos_is_flagged_and_not_a_return(shared_data: Path) -> None:
    recording = read_recording(shared_data / "binance_spot_2021_nfi" / "candles_1h.parquet")
    book = play(recording, D1.ms, (H1, H4, D1))
    flagged = {row.symbol.name: row for row in book.status(FAR_FUTURE_MS) if row.defects["redenominated"]}
    assert set(flagged) == {"COCOSUSDT"}
    cocos = flagged["COCOSUSDT"]
    assert cocos.defects["redenominated"] == 1 and cocos.bars < 2_570
    for frame in (H1, H4, D1):
        closes = book.window(frame, 200).close[recording.symbols.index(cocos.symbol)]
        assert np.abs(np.diff(np.log(closes[~np.isnan(closes)]))).max() < np.log(5)
