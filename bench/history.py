"""How fast the history on SQLite takes candles in batches, from arrays of doubles to exact rows that are committed.

The limit is a bare executemany of tuples that are there already, into the same table with the same pragmas, one commit
a batch: no exact decimals are made, and no row is looked at. Reading the newest 200 candles of one series stands beside
the bare SELECT of the same rows.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from _figures import Report, arguments, interleave, recording
from holdfast.history.sqlite import SqliteHistory
from holdfast.model.candle import CandleBlock
from holdfast.world.recording import Recording, read_recording

FILES = ("binance_spot_1m_2021_tooyipjee/candles_1m.parquet", "binance_usdm_2025_typhonun/candles_1m.parquet")
TABLE = (
    "CREATE TABLE candles (series_id INTEGER, open_time_ms INTEGER, open INTEGER, high INTEGER, low INTEGER, "
    "close INTEGER, volume INTEGER, PRIMARY KEY (series_id, open_time_ms)) WITHOUT ROWID"
)
NEWEST = "SELECT * FROM candles WHERE series_id = ? ORDER BY open_time_ms DESC LIMIT 200"


def batches(played: Recording, rows: int, most: int) -> Iterator[CandleBlock]:
    """The first `most` candles of the recording, `rows` at a time."""
    whole = CandleBlock(
        symbols=played.symbols,
        timeframe=played.timeframe,
        symbol_index=played.symbol_index,
        open_time_ms=played.open_time_ms,
        values=played.values,
    )
    for start in range(0, min(most, len(whole)), rows):
        yield whole.part(start, min(start + rows, most))


def store(played: Recording, rows: int, most: int) -> float:
    """Seconds for all batches through the history."""
    blocks = list(batches(played, rows, most))
    with tempfile.TemporaryDirectory() as folder:
        history = SqliteHistory(Path(folder) / "history.sqlite")
        began = time.perf_counter()
        for block in blocks:
            history.write_candles(block)
            history.flush()
        took = time.perf_counter() - began
        history.close()
    return took


def store_barely(played: Recording, rows: int, most: int) -> float:
    """Seconds for the same batches as tuples of whole numbers."""
    tuples = [_tuples(block) for block in batches(played, rows, most)]
    with tempfile.TemporaryDirectory() as folder:
        connection = _bare(Path(folder) / "bare.sqlite")
        began = time.perf_counter()
        for batch in tuples:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", batch)
            connection.execute("COMMIT")
        took = time.perf_counter() - began
        connection.close()
    return took


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(TABLE)
    return connection


def _tuples(block: CandleBlock) -> list[tuple[int, ...]]:
    whole = np.rint(np.nan_to_num(block.values) * 1e8).astype(np.int64)
    rows = zip(block.symbol_index.tolist(), block.open_time_ms.tolist(), whole.tolist(), strict=True)
    return [(symbol, moment, *bar) for symbol, moment, bar in rows]


def read(report: Report, played: Recording, most: int, *, repeats: int) -> None:
    """The newest 200 candles of one series, as a block of doubles."""
    (block,) = batches(played, most, most)
    with tempfile.TemporaryDirectory() as folder:
        history = SqliteHistory(Path(folder) / "history.sqlite")
        history.write_candles(block)
        history.flush()
        connection = _bare(Path(folder) / "bare.sqlite")
        connection.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", _tuples(block))
        symbol, number = block.symbols[3], 3
        took = interleave(
            {
                "history": lambda: history.read_block([symbol], block.timeframe, limit=200),
                "bare": lambda: connection.execute(NEWEST, (number,)).fetchall(),
            },
            repeats=repeats,
        )
        history.close()
        connection.close()
    report.add(
        "newest 200 candles of one series",
        f"of {most:,} rows",
        1e6 * took["history"].seconds,
        "µs",
        spread=took["history"].spread,
        limit=1e6 * took["bare"].seconds,
        limit_is="a bare SELECT, as tuples",
    )


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("history", asked)
    played = read_recording(recording(asked.data, *FILES, report))
    most = 20_000 if asked.quick else 200_000
    for rows in (1_000, 50_000):
        took = interleave(
            {
                "history": lambda rows=rows: store(played, rows, most),
                "bare": lambda rows=rows: store_barely(played, rows, most),
            },
            repeats=1 if asked.quick else 7,
        )
        report.add(
            f"candles stored, {rows:,} a batch",
            f"{most:,} rows of {len(played.symbols)} series",
            most / took["history"].seconds,
            "candles/s",
            spread=took["history"].spread,
            limit=most / took["bare"].seconds,
            limit_is="a bare executemany of ready tuples",
            more_is_better=True,
        )
    read(report, played, most, repeats=5 if asked.quick else 501)
    report.print()


if __name__ == "__main__":
    main()
