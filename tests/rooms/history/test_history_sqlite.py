"""What only the history on SQLite can do wrong: full disks, locks, two writers, and values SQLite would round."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from holdfast.history.sqlite import _NEWEST_CANDLES, SqliteHistory
from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

BITCOIN = Symbol("binance", "spot", "BTCUSDT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def history(path: Path) -> Iterator[SqliteHistory]:
    history = SqliteHistory(path, buffer_rows=3_000)
    yield history
    history.close()


def bars(first: int, count: int, price: float = 1.5, volume: float = 2.0) -> CandleBlock:
    return CandleBlock(
        symbols=(BITCOIN,),
        timeframe=Timeframe.M1,
        symbol_index=np.zeros(count, dtype=np.int32),
        open_time_ms=np.arange(first, first + count, dtype=np.int64) * 60_000,
        values=np.column_stack([np.full((count, 4), price), np.full(count, volume)]),
    )


def closes(history: SqliteHistory) -> list[Decimal]:
    return [candle.close for candle in history.read_candles(BITCOIN, Timeframe.M1, limit=100)]


def test_the_history_keeps_a_write_ahead_log_and_answers_quickly_when_it_is_locked(history: SqliteHistory) -> None:
    def pragma(name: str) -> object:
        return history._connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("busy_timeout")) == ("wal", 1, 250)


def test_a_full_disk_keeps_the_rows_waiting_until_there_is_room(history: SqliteHistory) -> None:
    history.write_candles(bars(0, 10))
    history.flush()
    (pages,) = history._connection.execute("PRAGMA page_count").fetchone()
    history._connection.execute(f"PRAGMA max_page_count={pages}")
    history.write_candles(bars(10, 2_000))
    with pytest.raises(Retryable, match=r"the disk is full\. Free some space on it\. 2000 rows wait in memory"):
        history.flush()
    assert history.count_candles() == 10
    history.write_candles(bars(2_010, 1_000))
    with pytest.raises(Retryable, match=r"buffer is full \(3000 of 3000 rows\)\. The history .* the disk is full"):
        history.write_candles(bars(3_010, 1))
    history._connection.execute("PRAGMA max_page_count=1000000")
    history.flush()
    assert history.count_candles() == 3_010


def test_after_a_failure_storing_is_tried_again_only_after_the_batch_age(history: SqliteHistory, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    history.write_candles(bars(0, 2_000))
    with pytest.raises(Retryable, match=r"history\.sqlite is locked by another program.*2000 rows wait"):
        history.flush_if_due(10.0)
    history.flush_if_due(10.1)
    history.flush_if_due(15.0)
    with pytest.raises(Retryable):
        history.flush_if_due(15.1)
    other.execute("ROLLBACK")
    other.close()
    history.flush_if_due(15.2)
    assert history.count_candles() == 0
    history.flush_if_due(20.2)
    assert history.count_candles() == 2_000
    history.write_candles(bars(2_000, 1_000))
    history.flush_if_due(20.3)
    assert history.count_candles() == 3_000


def test_a_history_that_became_read_only_keeps_the_rows_and_does_not_stop_the_caller(history: SqliteHistory) -> None:
    history.write_candles(bars(0, 3))
    history._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(Retryable, match=r"cannot be opened for writing .* 3 rows wait"):
        history.flush()
    history._connection.execute("PRAGMA query_only=OFF")
    history.flush()
    assert history.count_candles() == 3


def test_a_failed_batch_leaves_neither_rows_nor_half_a_rescaling(history: SqliteHistory) -> None:
    history.write_candles(bars(0, 2))
    history.flush()
    (pages,) = history._connection.execute("PRAGMA page_count").fetchone()
    history._connection.execute(f"PRAGMA max_page_count={pages}")
    history.write_candles(bars(2, 2_000, price=1.23456))
    with pytest.raises(Retryable):
        history.flush()
    assert closes(history) == [Decimal("1.5")] * 2
    history._connection.execute("PRAGMA max_page_count=1000000")
    history.flush()
    candles = history.read_candles(BITCOIN, Timeframe.M1, limit=3_000)
    assert [candle.close for candle in candles] == [Decimal("1.5")] * 2 + [Decimal("1.23456")] * 2_000


def test_two_writers_of_one_series_agree_on_its_places(history: SqliteHistory, path: Path) -> None:
    other = SqliteHistory(path)
    history.write_candles(bars(0, 1, price=1.5))
    history.flush()
    other.write_candles(bars(1, 1, price=1.2345))
    other.flush()
    history.write_candles(bars(2, 1, price=1.25))
    history.flush()
    assert closes(history) == closes(other) == [Decimal("1.5"), Decimal("1.2345"), Decimal("1.25")]
    other.close()


def test_prices_are_integers_in_the_file_and_only_what_exceeds_64_bits_is_text(
    history: SqliteHistory, path: Path
) -> None:
    history.write_candles(bars(0, 1, price=37000.1, volume=1e20))
    history.write_candles(bars(1, 1, price=37000.25, volume=0.5))
    history.flush()
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT close, typeof(close), volume, typeof(volume) FROM candles").fetchall()
    places = connection.execute("SELECT price_places, volume_places FROM series").fetchall()
    connection.close()
    assert places == [(2, 1)]
    assert rows == [(3700010, "integer", b"1000000000000000000000", "blob"), (3700025, "integer", 5, "integer")]


def test_the_newest_candles_and_signals_are_found_by_index(history: SqliteHistory) -> None:
    def plan(query: str, *values: object) -> str:
        return " ".join(row[3] for row in history._connection.execute(f"EXPLAIN QUERY PLAN {query}", values))

    by_series = "venue = 'v' AND market = 'm' AND name = 'n' AND timeframe = '1h'"
    newest = "ORDER BY bar_close_ms DESC, id LIMIT 5"
    assert "USING INDEX signals_by_series" in plan(f"SELECT content FROM signals WHERE {by_series} {newest}")
    assert "USING INDEX signals_by_close" in plan(f"SELECT content FROM signals {newest}")
    candles = plan(_NEWEST_CANDLES, "v", "m", "n", "1h", 9, 5)
    assert "SEARCH candles USING PRIMARY KEY" in candles
    assert "SCAN" not in candles
    assert "TEMP B-TREE" not in candles
