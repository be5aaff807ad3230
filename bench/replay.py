"""How fast a recording goes the whole way: candle book, history, nine heads, consensus, risk, execution, paper venue,
journal, decided at every close of an hour, at full speed.

Counted is the time from a composed walk to its last entry, with everything written: candles and signals in the history,
marks and equity in the journal (a durable commit each). Starting (imports, reading the file, databases) is a line of
its own. Each repeat is a process and has databases of its own; its resident memory is read on the way.

The limit is the least that could be called the same: every block of candles checked, its longer bars made, and all bars
written to SQLite as plain tuples, batch by batch, with the pragmas of the history; no heads, no decisions, no journal.
"""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from _figures import Report, arguments, interleave, recording, resident_mb
from holdfast.model.candle import CandleBlock
from holdfast.model.timeframe import Timeframe
from holdfast.node.node import Market, Node
from holdfast.node.settings import read_settings
from holdfast.telemetry.log import Level, Shape, build_log
from holdfast.world.clock import SystemClock
from holdfast.world.recording import read_recording

MINUTES = ("binance_spot_1m_2021_tooyipjee/candles_1m.parquet", "binance_usdm_2025_typhonun/candles_1m.parquet")
HOURS = ("binance_spot_2021_nfi/candles_1h.parquet", "binance_spot_2021_wanderindev/candles_1h.parquet")
BLOCK_MS = 2 * 86_400_000
FRAMES_MS = tuple(60_000 * minutes for minutes in (5, 15, 60, 240, 1440))


def walk(path: Path, symbols: Sequence[str]) -> dict[str, float]:
    """One replay in this process, as numbers."""
    began = time.perf_counter()
    memory: list[float] = []
    clock = SystemClock()
    log = build_log(io.StringIO(), clock=clock, shape=Shape.JSON, level=Level.WARNING)

    async def play(folder: str) -> dict[str, float]:
        node = Node(
            read_settings(None),
            Market(candles=[path], symbols=symbols),
            Path(folder),
            clock,
            log,
            "replay",
            on_progress=lambda _: memory.append(resident_mb()),
        )
        await node.startup.start()
        ready = time.perf_counter()
        await node.finished.wait()
        ended = time.perf_counter()
        await node.startup.stop(reason="the walk has ended")
        if node.failure is not None:
            raise node.failure
        measures = node.assembly.measures
        return {
            "start_s": ready - began,
            "walk_s": ended - ready,
            "candles": measures.candles,
            "evaluations": measures.evaluations,
            "signals": measures.outcomes["signal"],
            "fills": measures.fills,
        }

    with tempfile.TemporaryDirectory() as folder:
        numbers = asyncio.run(play(folder))
    # The first tenth fills the books; memory is flat when the rest of the run adds nothing to it.
    settled = memory[len(memory) // 10 :]
    return numbers | {
        "rss_first_mb": settled[0],
        "rss_middle_mb": settled[len(settled) // 2],
        "rss_last_mb": settled[-1],
    }


def least_work(path: Path, symbols: Sequence[str]) -> float:
    """Seconds of the limit over the same recording."""
    played = read_recording(path)
    played = played.only(symbols) if symbols else played
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "plain.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE candles (series INTEGER, frame INTEGER, time INTEGER, open REAL, high REAL, low REAL, "
            "close REAL, volume REAL, PRIMARY KEY (series, frame, time)) WITHOUT ROWID"
        )
        began = time.perf_counter()
        for _, block in played.blocks(None, BLOCK_MS):
            connection.execute("BEGIN")
            for rows in _bars(block, played.timeframe):
                connection.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        took = time.perf_counter() - began
        connection.close()
    return took


def _bars(block: CandleBlock, base: Timeframe) -> list[list[tuple[float, ...]]]:
    """The rows of a block's own bars and of the longer ones made of them (a block ends where the longest does)."""
    o, h, l, c, v = block.values.T
    sound = (l > 0) & (l <= o) & (o <= h) & (l <= c) & (c <= h) & ~(v < 0) & (block.open_time_ms % base.ms == 0)
    order = np.lexsort((block.open_time_ms, block.symbol_index))
    order = order[sound[order]]
    symbol, times, values = block.symbol_index[order], block.open_time_ms[order], block.values[order]
    made = [_rows(symbol, base.ms, times, values)]
    for frame_ms in (frame for frame in FRAMES_MS if frame > base.ms and len(order)):
        period = times // frame_ms
        first = np.flatnonzero(np.concatenate(([True], (np.diff(period) != 0) | (np.diff(symbol) != 0))))
        last = np.append(first[1:], len(order)) - 1
        columns = (
            values[first, 0],
            np.maximum.reduceat(values[:, 1], first),
            np.minimum.reduceat(values[:, 2], first),
            values[last, 3],
            np.add.reduceat(values[:, 4], first),
        )
        made.append(_rows(symbol[first], frame_ms, period[first] * frame_ms, np.column_stack(columns)))
    return made


def _rows(symbol: np.ndarray, frame_ms: int, times: np.ndarray, values: np.ndarray) -> list[tuple[float, ...]]:
    return [
        (number, frame_ms, moment, *bar)
        for number, moment, bar in zip(symbol.tolist(), times.tolist(), values.tolist(), strict=True)
    ]


def compare(report: Report, what: str, path: Path, symbols: Sequence[str], *, repeats: int) -> None:
    """Replays and bare loops in turn, each in a process of its own."""
    runs: list[dict[str, float]] = []

    def replay() -> float:
        runs.append(_child("walk", path, symbols))
        return runs[-1]["walk_s"]

    took = interleave({"replay": replay, "bare": lambda: _child("bare", path, symbols)["walk_s"]}, repeats=repeats)
    counts = runs[0]
    by_minute = what == "minutes"
    rows = counts["candles"] if by_minute else counts["evaluations"]
    size = f"{counts['candles']:,.0f} candles, {counts['evaluations']:,.0f} decisions"
    report.add(
        f"whole walk over {what}",
        size,
        rows / took["replay"].seconds,
        "candles/s" if by_minute else "symbol-bars/s",
        spread=took["replay"].spread,
        target=200_000.0 if by_minute else 5_000.0,
        limit=rows / took["bare"].seconds,
        limit_is="check, make longer bars, write plain rows",
        more_is_better=True,
    )
    report.add("  from process start to the walk", size, median(run["start_s"] for run in runs), "s")
    for name, when in (("first", "after a tenth"), ("middle", "half-way"), ("last", "at the end")):
        report.add(f"  resident memory {when}", size, median(run[f"rss_{name}_mb"] for run in runs), "MB")
    report.note(f"{what}: {path.parent.name}/{path.name}, {counts['signals']:.0f} signals, {counts['fills']:.0f} fills")


def _child(work: str, path: Path, symbols: Sequence[str]) -> dict[str, float]:
    command = [sys.executable, __file__, "--work", work, "--candles", str(path), *symbols]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    numbers: dict[str, float] = json.loads(answer.stdout)
    return numbers


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", choices=("walk", "bare"), help="do one of the two once, and print its numbers")
    parser.add_argument("--candles", type=Path, help="the recording for --work")
    parser.add_argument("symbols", nargs="*", help="only these symbols of it")
    asked = parser.parse_args()
    if asked.work == "walk":
        print(json.dumps(walk(asked.candles, asked.symbols)))
    elif asked.work == "bare":
        print(json.dumps({"walk_s": least_work(asked.candles, asked.symbols)}))
    else:
        report = Report("replay", asked)
        repeats, symbols = (1, ("BTCUSDT", "ETHUSDT")) if asked.quick else (5, ())
        compare(report, "minutes", recording(asked.data, *MINUTES, report), symbols, repeats=repeats)
        compare(report, "hours", recording(asked.data, *HOURS, report), symbols, repeats=repeats)
        report.print()


if __name__ == "__main__":
    main()
