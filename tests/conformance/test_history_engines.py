"""What every engine of the history door does, seen only through the door. A new engine is one more `history`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from holdfast.history.memory import MemoryHistory
from holdfast.history.sqlite import SqliteHistory
from holdfast.model.candle import Candle, CandleBlock
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction, Vote
from holdfast.ports.history import History

BITCOIN = Symbol("binance", "spot", "BTCUSDT")
BITCOIN_FUTURE = Symbol("binance", "usdm", "BTCUSDT")
EURO = Symbol("oanda", "fx", "EUR_USD")
HOUR_MS = Timeframe.H1.ms
NAN = float("nan")

Row = tuple[Symbol, int, float, float, float, float, float]


@pytest.fixture(params=["sqlite", "memory"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    limits = {"batch_rows": 10, "batch_age_s": 5.0, "buffer_rows": 50}
    engine: History = (
        SqliteHistory(tmp_path / "history.sqlite", **limits) if request.param == "sqlite" else MemoryHistory(**limits)
    )
    yield engine
    engine.close()


def block(rows: Sequence[Row], timeframe: Timeframe = Timeframe.H1) -> CandleBlock:
    symbols = tuple(sorted({row[0] for row in rows}))
    return CandleBlock(
        symbols=symbols,
        timeframe=timeframe,
        symbol_index=np.array([symbols.index(row[0]) for row in rows], dtype=np.int32),
        open_time_ms=np.array([row[1] for row in rows], dtype=np.int64),
        values=np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 5),
    )


def bars(symbol: Symbol, hours: Sequence[int]) -> list[Row]:
    return [(symbol, hour * HOUR_MS, 100.5, 101.25, 99.0, 100.0 + hour, 7.0) for hour in hours]


def signal(id_: str, hour: int, symbol: Symbol = BITCOIN, timeframe: Timeframe = Timeframe.H1) -> Signal:
    votes = (
        Vote("technical", 1, Direction.LONG, 0.7, 0.8, ("trend_up",), None, {"rsi": 61.25}),
        Vote("sentiment", 2, Direction.NONE, None, None, (), "no_headlines", {}),
    )
    return Signal(
        id=id_,
        symbol=symbol,
        timeframe=timeframe,
        bar_open_ms=hour * HOUR_MS,
        bar_close_ms=hour * HOUR_MS + timeframe.ms,
        direction=Direction.LONG,
        probability=0.7,
        confidence=0.8,
        consensus=None,
        agreeing=("technical",),
        votes=votes,
        close=37000.1,
        atr=None,
        data_hash="0" * 64,
        policy="policy-1",
        outcome="too_few_agree",
    )


def test_candles_come_back_as_the_decimals_the_venue_wrote(history: History) -> None:
    history.write_candles(
        block([(BITCOIN, 0, 37000.1, 37001.25, 36999.0, 37000.0, 12.00345), (EURO, 0, 1.10001, 1.2, 1.0, 1.1, NAN)])
    )
    history.flush()
    (bitcoin,) = history.read_candles(BITCOIN, Timeframe.H1, limit=5)
    prices = (Decimal("37000.1"), Decimal("37001.25"), Decimal("36999"), Decimal("37000"))
    assert bitcoin == Candle(0, *prices, Decimal("12.00345"))
    assert [str(price) for price in (bitcoin.open, bitcoin.low, bitcoin.close)] == ["37000.1", "36999", "37000"]
    (euro,) = history.read_candles(EURO, Timeframe.H1, limit=5)
    assert euro == Candle(0, Decimal("1.10001"), Decimal("1.2"), Decimal("1"), Decimal("1.1"), None)


def test_a_series_that_needs_more_places_later_keeps_every_earlier_candle(history: History) -> None:
    history.write_candles(block([(BITCOIN, 0, 1.5, 2.0, 1.0, 1.5, NAN), (EURO, 0, 1.5, 1.5, 1.5, 1.5, 3.0)]))
    history.flush()
    history.write_candles(block([(BITCOIN, HOUR_MS, 1.23456789, 2.0, 1.0, 1.5, 0.1)]))
    history.flush()
    history.write_candles(block([(BITCOIN, 2 * HOUR_MS, 1.2, 2.0, 1.0, 1.5, 0.001)]))
    history.flush()
    opens = [candle.open for candle in history.read_candles(BITCOIN, Timeframe.H1, limit=5)]
    assert opens == [Decimal("1.5"), Decimal("1.23456789"), Decimal("1.2")]
    volumes = [candle.volume for candle in history.read_candles(BITCOIN, Timeframe.H1, limit=5)]
    assert volumes == [None, Decimal("0.1"), Decimal("0.001")]
    assert history.read_candles(EURO, Timeframe.H1, limit=1)[0].volume == Decimal(3)


@pytest.mark.parametrize("huge", [1e18, 1.2345e22, 9007199254740993.0, 1.7976931348623157e308])
def test_a_volume_too_large_for_64_bits_stays_exact(history: History, huge: float) -> None:
    history.write_candles(block([(BITCOIN, 0, 1e-8, 2e-8, 1e-8, 1e-8, huge)]))
    history.flush()
    history.write_candles(block([(BITCOIN, HOUR_MS, 1e-8, 2e-8, 1e-8, 1e-8, 0.00000001)]))
    history.write_candles(block([(BITCOIN, 2 * HOUR_MS, 1e-8, 2e-8, 1e-8, 1e-8, huge)]))
    history.flush()
    candles = history.read_candles(BITCOIN, Timeframe.H1, limit=3)
    exact = Decimal(repr(huge))
    assert [candle.volume for candle in candles] == [exact, Decimal("1E-8"), exact]
    assert candles[0].open == Decimal("1E-8")
    assert history.read_block([BITCOIN], Timeframe.H1, limit=3).values[:, 4].tolist() == [huge, 1e-8, huge]


def test_writing_a_candle_again_replaces_it_and_the_last_one_wins(history: History) -> None:
    history.write_candles(block([(BITCOIN, 0, 1.0, 1.0, 1.0, 1.0, 1.0)]))
    history.flush()
    history.write_candles(block([(BITCOIN, 0, 2.0, 2.0, 2.0, 2.0, 2.0)]))
    history.write_candles(block([(BITCOIN, 0, 3.0, 3.0, 3.0, 3.0, 3.0)]))
    history.flush()
    assert history.count_candles() == 1
    assert history.read_candles(BITCOIN, Timeframe.H1, limit=1)[0].close == 3


def test_the_newest_candles_before_a_time_come_oldest_first(history: History) -> None:
    history.write_candles(block(bars(BITCOIN, range(10))))
    history.flush()

    def hours(limit: int, before_ms: int | None = None) -> list[int]:
        candles = history.read_candles(BITCOIN, Timeframe.H1, limit=limit, before_ms=before_ms)
        return [candle.open_time_ms // HOUR_MS for candle in candles]

    assert hours(3) == [7, 8, 9]
    assert hours(3, before_ms=5 * HOUR_MS) == [2, 3, 4]
    assert hours(3, before_ms=5 * HOUR_MS + 1) == [3, 4, 5]
    assert hours(100) == list(range(10))
    assert hours(0) == []


def test_the_same_name_on_two_markets_and_two_timeframes_are_different_series(history: History) -> None:
    history.write_candles(block([*bars(BITCOIN, [1]), *bars(BITCOIN_FUTURE, [2])]))
    history.write_candles(block(bars(BITCOIN, [4]), Timeframe.H4))
    history.flush()
    assert [one.open_time_ms for one in history.read_candles(BITCOIN, Timeframe.H1, limit=9)] == [HOUR_MS]
    assert [one.open_time_ms for one in history.read_candles(BITCOIN_FUTURE, Timeframe.H1, limit=9)] == [2 * HOUR_MS]
    assert history.read_last_open_times(Timeframe.H1) == {BITCOIN: HOUR_MS, BITCOIN_FUTURE: 2 * HOUR_MS}
    assert history.read_last_open_times(Timeframe.H4) == {BITCOIN: 4 * HOUR_MS}
    assert history.read_last_open_times(Timeframe.D1) == {}


def test_a_block_holds_the_newest_of_each_symbol_by_time_then_symbol(history: History) -> None:
    absent = Symbol("binance", "spot", "NONE")
    history.write_candles(block([*bars(BITCOIN, range(5)), (EURO, 3 * HOUR_MS, 0.1, 0.3, 0.1, 0.2, NAN)]))
    history.flush()
    read = history.read_block([EURO, absent, BITCOIN], Timeframe.H1, limit=2)
    assert read.symbols == (EURO, absent, BITCOIN)
    assert read.timeframe is Timeframe.H1
    assert (read.symbol_index.dtype, read.open_time_ms.dtype) == (np.int32, np.int64)
    assert read.symbol_index.tolist() == [0, 2, 2]
    assert read.open_time_ms.tolist() == [3 * HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS]
    expected = [[0.1, 0.3, 0.1, 0.2, NAN], [100.5, 101.25, 99.0, 103.0, 7.0], [100.5, 101.25, 99.0, 104.0, 7.0]]
    np.testing.assert_array_equal(read.values, expected)
    assert len(history.read_block([absent], Timeframe.H1, limit=2)) == 0
    assert history.read_block([], Timeframe.H1, limit=2).values.shape == (0, 5)


def test_a_block_read_and_written_again_changes_nothing(history: History) -> None:
    random = np.random.default_rng(7)
    count = 40
    written = CandleBlock(
        symbols=(BITCOIN, EURO),
        timeframe=Timeframe.M1,
        symbol_index=np.tile(np.array([0, 1], dtype=np.int32), count // 2),
        open_time_ms=np.repeat(np.arange(count // 2), 2) * 60_000,
        values=random.lognormal(3, 6, size=(count, 5)),  # all 17 digits of a double
    )
    history.write_candles(written)
    history.flush()
    read = history.read_block(written.symbols, Timeframe.M1, limit=count)
    for column in ("symbol_index", "open_time_ms", "values"):
        np.testing.assert_array_equal(getattr(read, column), getattr(written, column))


def test_what_waits_is_stored_when_it_is_large_enough_or_old_enough(history: History) -> None:
    history.flush_if_due(0.0)
    history.write_candles(block(bars(BITCOIN, range(3))))
    history.flush_if_due(100.0)
    history.flush_if_due(104.9)
    assert history.count_candles() == 0
    history.flush_if_due(105.0)
    assert history.count_candles() == 3
    history.write_candles(block(bars(BITCOIN, range(3, 12))))
    history.flush_if_due(105.1)
    assert history.count_candles() == 3
    history.write_signals([signal("a", 1)])
    history.flush_if_due(105.2)
    assert history.count_candles() == 12
    assert history.read_signals() == [signal("a", 1)]


def test_closing_stores_what_waits(tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.write_candles(block(bars(BITCOIN, [1])))
    history.close()
    history = SqliteHistory(tmp_path / "history.sqlite")
    assert history.count_candles() == 1
    history.close()


def test_a_full_buffer_takes_nothing_more_and_loses_nothing(history: History) -> None:
    history.write_candles(block(bars(BITCOIN, range(45))))
    with pytest.raises(Retryable, match=r"buffer is full \(45 of 50 rows\)\. Nothing has been stored"):
        history.write_candles(block(bars(BITCOIN, range(45, 51))))
    with pytest.raises(Retryable, match="buffer is full"):
        history.write_signals([signal(str(n), n) for n in range(6)])
    history.flush()
    assert history.count_candles() == 45
    assert history.read_signals() == []
    history.write_candles(block(bars(BITCOIN, range(45, 51))))
    history.flush()
    assert history.count_candles() == 51


def test_the_caller_may_use_its_arrays_again_at_once(history: History) -> None:
    given = block(bars(BITCOIN, [1]))
    history.write_candles(given)
    given.values[:] = 5.0
    given.open_time_ms[:] = 0
    history.flush()
    assert history.read_candles(BITCOIN, Timeframe.H1, limit=1)[0].open == Decimal("100.5")


@pytest.mark.parametrize("column, value", [(0, NAN), (3, float("inf")), (4, float("inf"))])
def test_a_candle_that_is_not_a_number_is_refused(history: History, column: int, value: float) -> None:
    given = block(bars(BITCOIN, [1]))
    given.values[0, column] = value
    with pytest.raises(BadInput, match="not a number"):
        history.write_candles(given)


def test_signals_come_back_whole_newest_first(history: History) -> None:
    given = [
        signal("b", 1),
        signal("a", 1),
        signal("c", 3),
        signal("d", 2, EURO),
        signal("e", 2, timeframe=Timeframe.D1),
    ]
    history.write_signals(given)
    history.flush()
    assert [one.id for one in history.read_signals()] == ["e", "c", "d", "a", "b"]
    assert history.read_signals(limit=1) == [given[4]]
    assert [one.id for one in history.read_signals(symbol=BITCOIN)] == ["e", "c", "a", "b"]
    assert history.read_signals(symbol=EURO, timeframe=Timeframe.H1) == [given[3]]
    assert [one.id for one in history.read_signals(timeframe=Timeframe.H1, limit=2)] == ["c", "d"]
    assert history.read_signals(symbol=BITCOIN_FUTURE) == []


def test_writing_a_signal_again_replaces_it(history: History) -> None:
    history.write_signals([signal("a", 1), signal("a", 2)])
    history.flush()
    history.write_signals([signal("a", 3)])
    history.flush()
    assert history.read_signals() == [signal("a", 3)]


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_a_signal_that_would_not_come_back_as_itself_is_refused(history: History, value: float) -> None:
    good = signal("a", 1)
    bad_measure = msgspec.structs.replace(good.votes[0], measures={"rsi": value})
    for bad in (msgspec.structs.replace(good, votes=(bad_measure,)), msgspec.structs.replace(good, atr=value)):
        with pytest.raises(BadInput, match="Signal a of binance:spot:BTCUSDT holds a number"):
            history.write_signals([signal("b", 1), bad])
    history.flush()
    assert history.read_signals() == []
