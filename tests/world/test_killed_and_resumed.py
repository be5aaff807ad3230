"""Real processes on real files, killed by SIGKILL and stopped by SIGTERM wherever they happen to be, and resumed."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "rooms" / "node"))

from walking import HEADS, SPOT_HOURS, content, quiet, set_up

from holdfast.execution.marks import decode_fill
from holdfast.history.sqlite import SqliteHistory
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import Entry, EntryKind
from holdfast.node.node import Market, Node
from holdfast.venues.paper_sqlite import SqlitePaperStore
from holdfast.venues.paper_store import Traded
from holdfast.world.clock import SystemClock

KILLS = 24
SYMBOLS = ["BTCUSDT", "ETHUSDT", "ADAUSDT", "ALICEUSDT"]
SETTINGS = set_up()
TOML = """
[market]
min_bars = 30
quarantine_bars = 3
[quorum]
min_agreeing = 2
min_probability = 0.55
min_confidence = 0.3
min_consensus = 0.6
[limits]
max_consecutive_losses = 1000
max_drawdown_share = "0.9"
daily_loss_share = "0.5"
[paper]
participation = "0.001"
"""


class Left(NamedTuple):
    """What a run leaves behind."""

    head: tuple[int, str]
    entries: list[Entry]
    history: tuple[Any, Any]


def play(candles: Path, data_dir: Path) -> None:
    """The whole life of one process."""

    async def live() -> None:
        node = Node(SETTINGS, Market(candles=[candles]), data_dir, SystemClock(), quiet(), "replay")
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, node.stop.set)
        await node.run()

    asyncio.run(live())


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of four symbols, one of which is listed on the way."""
    frame = pl.read_parquet(SPOT_HOURS)
    rows = frame.filter(
        pl.col("symbol").is_in(SYMBOLS)
        & (pl.col("ts") >= pl.datetime(2021, 3, 8, time_zone="UTC"))
        & (pl.col("ts") < pl.datetime(2021, 3, 21, time_zone="UTC"))
    )
    path = tmp_path_factory.mktemp("market") / "binance_spot_2021" / "candles_1h.parquet"
    path.parent.mkdir()
    rows.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    """Processes that have imported everything already, and share no thread with this one."""
    context = multiprocessing.get_context("forkserver")
    heads = [f"holdfast.signals.heads.{head.name}" for head in HEADS]
    context.set_forkserver_preload(["holdfast.node.node", "alembic.command", "polars", *heads])
    yield context


@pytest.fixture(scope="module")
def undisturbed(processes: Any, candles: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    return finish(processes, candles, tmp_path_factory.mktemp("undisturbed"))


def begin(processes: Any, candles: Path, data_dir: Path) -> BaseProcess:
    process: BaseProcess = processes.Process(target=play, args=(candles, data_dir))
    process.start()
    return process


def finish(processes: Any, candles: Path, data_dir: Path) -> Left:
    process = begin(processes, candles, data_dir)
    process.join()
    assert process.exitcode == 0
    return what_is_left(data_dir)


def what_is_left(data_dir: Path) -> Left:
    journal, history = SqliteJournal(data_dir / "journal.sqlite"), SqliteHistory(data_dir / "history.sqlite")
    try:
        journal.verify()
        return Left(journal.head(), [stored.entry for stored in journal.read()], content(history))
    finally:
        history.close()
        journal.close()


def check_the_venue_agrees(data_dir: Path, left: Left) -> None:
    store = SqlitePaperStore(data_dir / "paper.sqlite")
    trades = [record.fill for record in store.load() if isinstance(record, Traded)]
    store.close()
    assert [decode_fill(entry) for entry in left.entries if entry.kind is EntryKind.FILL] == trades


def newest_sequence(data_dir: Path) -> int:
    """What a stranger can read of a journal that another process writes; 0 before there is one."""
    try:
        connection = sqlite3.connect(f"file:{data_dir / 'journal.sqlite'}?mode=ro", uri=True, timeout=0.01)
        try:
            return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM entries").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        return 0


def wait_for(data_dir: Path, sequence: int, is_alive: Any) -> None:
    while is_alive() and newest_sequence(data_dir) < sequence:
        time.sleep(0.002)


def test_two_runs_in_two_processes_leave_the_same(
    processes: Any, candles: Path, undisturbed: Left, tmp_path: Path
) -> None:
    assert undisturbed.head[0] > 700
    assert sum(entry.kind is EntryKind.FILL for entry in undisturbed.entries) > 40
    assert finish(processes, candles, tmp_path) == undisturbed


def test_processes_killed_anywhere_leave_what_one_that_lived_leaves(
    processes: Any, candles: Path, undisturbed: Left, tmp_path: Path
) -> None:
    """Killed within a moment of an entry picked by chance, again and again, and then allowed to finish."""
    chance = random.Random(11)
    picks = sorted(chance.sample(range(1, undisturbed.head[0]), KILLS // 2))
    kills = 0
    for walk in range(2):
        data_dir = tmp_path / str(walk)
        for sequence in picks:
            process = begin(processes, candles, data_dir)
            wait_for(data_dir, sequence, process.is_alive)
            time.sleep(chance.random() * 0.004)
            process.kill()
            process.join()
            kills += process.exitcode == -signal.SIGKILL
        left = finish(processes, candles, data_dir)
        assert left.head == undisturbed.head
        assert left == undisturbed
        check_the_venue_agrees(data_dir, left)
    assert kills >= 20


def test_a_process_told_to_stop_ends_well_and_the_next_one_goes_on(
    processes: Any, candles: Path, undisturbed: Left, tmp_path: Path
) -> None:
    chance = random.Random(12)
    for sequence in sorted(chance.sample(range(1, undisturbed.head[0] // 4), 3)):
        further = max(sequence, newest_sequence(tmp_path) + 10)  # it walks, and so it listens
        process = begin(processes, candles, tmp_path)
        wait_for(tmp_path, further, process.is_alive)
        process.terminate()
        process.join()
        assert process.exitcode == 0
        stopped = what_is_left(tmp_path)
        assert stopped.entries[-1].kind is EntryKind.EQUITY  # no moment is left in its middle
        assert stopped.entries == undisturbed.entries[: len(stopped.entries)]
    assert len(stopped.entries) < len(undisturbed.entries)
    assert finish(processes, candles, tmp_path) == undisturbed


def test_the_command_killed_or_stopped_goes_on_with_the_same_numbers(
    candles: Path, undisturbed: Left, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text(TOML)
    data_dir = tmp_path / "data"
    line = [sys.executable, "-m", "holdfast", "replay", "--candles", str(candles), "--json"]
    line += ["--settings", str(tmp_path / "settings.toml"), "--data-dir", str(data_dir)]
    for sequence, number in ((200, signal.SIGKILL), (450, signal.SIGTERM)):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_for(data_dir, sequence, lambda process=process: process.poll() is None)
            os.kill(process.pid, number)
            process.communicate()
            assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["journal_entries"], told["journal_hash"]) == undisturbed.head
    assert told["finished"] and told["resumed"]
    assert told["fills"] == sum(entry.kind is EntryKind.FILL for entry in undisturbed.entries)
    assert what_is_left(data_dir) == undisturbed
