"""A node as a whole, on real files: what another holder of its right does to it, and what it leaves behind."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from walking import HOUR, SPOT_HOURS, World, long_blocks, made_up, part_of, quiet, redenominated, set_up, walk

from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import EntryKind
from holdfast.model.errors import BadInput, Fenced, HoldfastError
from holdfast.model.intent import Intent
from holdfast.model.order import Leg
from holdfast.node.market_record import read_market
from holdfast.node.node import Market, Node
from holdfast.node.phases import PhaseState
from holdfast.venues.paper_sqlite import SqlitePaperStore
from holdfast.world.clock import SystemClock

HOURLY = set_up()


def a_node(data_dir: Path, **given: object) -> Node:
    market = Market(candles=[SPOT_HOURS], symbols=["ADAUSDT", "ETHUSDT"], until_ms=1_609_459_200_000 + 230 * HOUR)
    return Node(HOURLY, market, data_dir, SystemClock(), quiet(), "replay", **given)  # type: ignore[arg-type]


def head_of(data_dir: Path) -> tuple[int, str]:
    journal = SqliteJournal(data_dir / "journal.sqlite")
    try:
        return journal.head()
    finally:
        journal.close()


def test_a_node_walks_to_the_end_and_closes_its_files(tmp_path: Path) -> None:
    node = a_node(tmp_path)
    asyncio.run(node.run())
    assert node.replay.ended and {phase.state for phase in node.startup.phases} == {PhaseState.STOPPED}
    assert not [path.name for path in tmp_path.iterdir() if path.suffix != ".sqlite"]  # no log was left to be merged
    assert head_of(tmp_path)[0] == len(node.assembly.activity.marks) + len(node.assembly.activity.decisions) + 1 + sum(
        node.assembly.measures.order_states.values()
    ) + len(node.assembly.activity.fills)


def test_whoever_takes_the_epoch_fences_the_node_that_had_it(tmp_path: Path) -> None:
    """The older one writes nothing more, and ends with the reason."""
    taken: list[tuple[int, str]] = []

    def take_over(_: int) -> None:
        if not taken:
            other = SqliteJournal(tmp_path / "journal.sqlite")
            assert other.take_epoch("paper", "somebody else") == 2
            taken.append(other.head())
            other.close()

    node = a_node(tmp_path, on_progress=take_over)
    with pytest.raises(Fenced, match="'somebody else' holds epoch 2"):
        asyncio.run(node.run())
    assert isinstance(node.failure, Fenced) and not node.replay.ended
    assert taken[0][0] > 30 and head_of(tmp_path) == taken[0]
    assert {phase.state for phase in node.startup.phases} == {PhaseState.STOPPED}


def test_a_walk_that_was_fenced_tells_the_venue_nothing_more() -> None:
    recording = made_up(bars=226)
    world = World()
    older = world.start(recording, HOURLY)
    newer = world.start(recording, HOURLY)
    assert (older.epoch, newer.epoch) == (1, 2)
    with pytest.raises(Fenced):
        walk(older, long_blocks(recording, HOURLY))
    assert len(world.venue) == 1  # opened, and nothing else
    assert world.kinds() == {EntryKind.SETTINGS: 1}
    walk(newer, long_blocks(recording, HOURLY))
    assert world.kinds()[EntryKind.FILL] > 10


def test_a_disk_that_was_full_changes_nothing_once_there_is_room(tmp_path: Path) -> None:
    """The paper venue's disk is our own: orders do not grow stale while it is full, the node ends and says why."""

    def fill_up(_: int) -> None:
        connection = sqlite3_of(filling)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    filling = a_node(tmp_path / "full", on_progress=fill_up)
    with pytest.raises(HoldfastError, match="the disk is full"):
        asyncio.run(filling.run())
    for data_dir in (tmp_path / "full", tmp_path / "roomy"):
        asyncio.run(a_node(data_dir).run())
    assert head_of(tmp_path / "full") == head_of(tmp_path / "roomy")


def sqlite3_of(node: Node) -> sqlite3.Connection:
    store = node.doors.paper_store
    assert isinstance(store, SqlitePaperStore)
    return store._connection


def test_a_second_node_on_the_same_directory_is_refused_and_does_not_disturb_the_first(tmp_path: Path) -> None:
    refused: list[str] = []

    def start_another(_: int) -> None:
        second = a_node(tmp_path)
        with pytest.raises(BadInput) as wrong:
            start_within(second)
        refused.append(str(wrong.value))

    node = a_node(tmp_path, on_progress=lambda done: start_another(done) if not refused else None)
    asyncio.run(node.run())
    assert node.replay.ended and node.assembly.epoch == 1
    assert "paper.sqlite is in use by another process" in refused[0]


def start_within(node: Node) -> None:
    """Starts a node inside a loop that runs another one already: its first phases wait for nothing."""
    coroutine = node.startup.start()
    try:
        coroutine.send(None)
    finally:
        coroutine.close()


def test_a_walk_that_fails_ends_the_node_with_its_error(tmp_path: Path) -> None:
    def fail(_: int) -> None:
        raise ValueError("the walk stumbles")

    node = a_node(tmp_path, on_progress=fail)
    with pytest.raises(ValueError, match="stumbles"):
        asyncio.run(node.run())
    assert {phase.state for phase in node.startup.phases} == {PhaseState.STOPPED}
    assert head_of(tmp_path)[0] > 0


def test_a_redenominated_symbol_is_flagged_and_not_traded(shared_data: Path) -> None:
    """COCOSUSDT became worth a thousandfold on 2021-01-23: another unit of account, not a return."""
    path = shared_data / "binance_spot_2021_nfi" / "candles_1h.parquet"
    if not path.is_file():
        pytest.skip("this recording is not here")
    whole = read_market([path], symbols=["COCOSUSDT", "BTCUSDT", "ETHUSDT"])
    cocos = [symbol.name for symbol in whole.symbols].index("COCOSUSDT")
    own = np.flatnonzero(whole.symbol_index == cocos)
    jumps = own[1:][whole.values[own[1:], 0] > 5 * whole.values[own[:-1], 3]]
    assert len(jumps) == 1
    jump_ms = int(whole.open_time_ms[jumps[0]])
    near = part_of(whole, abs(whole.open_time_ms - jump_ms) < 330 * HOUR)
    ready = set_up(market={"min_bars": 200})
    world = World()
    assembly = world.start(near, ready)
    walk(assembly, long_blocks(near, ready))
    status = {one.symbol.name: one for one in assembly.book.status(near.last_close_ms)}
    assert status["COCOSUSDT"].defects["redenominated"] == 1 and status["BTCUSDT"].defects["redenominated"] == 0
    decided = [one.decision for one in assembly.activity.decisions if one.decision.symbol.name == "COCOSUSDT"]
    young = [one for one in decided if jump_ms < one.decided_at_ms <= jump_ms + 199 * HOUR]
    assert young and not [one for one in young if isinstance(one, Intent) and one.leg is Leg.ENTRY]
    assert [one for one in decided if one.decided_at_ms > jump_ms + 199 * HOUR]
    assert {one.decision.symbol.name for one in assembly.activity.decisions} >= {"BTCUSDT", "ETHUSDT"}


def test_a_position_held_through_a_redenomination_earns_nothing_by_it() -> None:
    clean = made_up()
    recording = redenominated(clean, 0, clean.first_open_ms + 229 * HOUR)
    world = World()
    assembly = world.start(recording, HOURLY)
    walk(assembly, long_blocks(recording, HOURLY))
    equities = [mark.currencies["USDT"].equity for mark in assembly.activity.marks]
    assert max(equities) < 11_000 and min(equities) > 9_000
