"""A process dies at a door, before or after the door has kept what it was given; the next one goes on from there."""

from __future__ import annotations

import pytest
from walking import (
    HOUR,
    Died,
    Fate,
    World,
    long_blocks,
    made_up,
    recorded,
    set_up,
    single_bars,
    walk,
    walked,
)
from walking import PERPETUAL_MINUTES as PERPETUALS

from holdfast.execution.marks import decode_fill, decode_report
from holdfast.model.entry import EntryKind
from holdfast.node.settings import Settings
from holdfast.venues.paper_store import Placed, Traded
from holdfast.world.recording import Recording

HOURLY = set_up()


def check_nothing_happened(world: World, undisturbed: World) -> None:
    """The same journal to the last byte, the same history, and the venue has seen each order and each trade once."""
    first = next((p for p in zip(world.entries(), undisturbed.entries(), strict=False) if p[0] != p[1]), None)
    assert first is None
    assert world.entries() == undisturbed.entries()
    assert world.kept() == undisturbed.kept()
    trades = [record.fill for record in world.venue if isinstance(record, Traded)]
    fills = [decode_fill(stored.entry) for stored in world.entries() if stored.entry.kind is EntryKind.FILL]
    assert fills == trades
    placed = [record.request.client_order_id for record in world.venue if isinstance(record, Placed)]
    assert len(placed) == len(set(placed))


def go_on(world: World, recording: Recording, settings: Settings, fate: Fate) -> str | None:
    """One process, from where the one before it was; the door it died at, None when it came to the end."""
    try:
        assembly = world.start(recording, settings, fate)
        walk(assembly, single_bars(recording, settings, assembly.walk.done_ms or None))
    except Died as death:
        return str(death)
    return None


@pytest.mark.parametrize("stride", [1, 4])
def test_whoever_dies_at_any_door_leaves_what_nobody_dying_leaves(stride: int) -> None:
    """Every `stride`-th call of a door kills, once before it is kept and once after: with 1, each call does both."""
    recording = made_up(bars=226)
    undisturbed = walked(recording, HOURLY, long_blocks(recording, HOURLY))
    assert undisturbed.kinds()[EntryKind.FILL] > 20
    world, deaths = World(), set()
    quiet_ms = recording.first_open_ms + (218 - 4 * (stride > 1)) * HOUR
    assembly = world.start(recording, HOURLY)
    walk(assembly, (pair for pair in single_bars(recording, HOURLY) if pair[0] <= quiet_ms), flush=False)
    died, further, reached = "", 0, 0
    while died is not None:
        for after in (False, True):
            died = go_on(world, recording, HOURLY, Fate(stride + further, after))
            deaths.add((died, after))
        # A history that is stored again and again is no step forward: then the next one dies a call later.
        further, reached = (further + 1 if len(world.entries()) == reached else 0), len(world.entries())
    for door in ("journal", "venue", "history"):
        assert (door, True) in deaths and (door, False) in deaths
    check_nothing_happened(world, undisturbed)


def test_a_minute_market_survives_deaths_too() -> None:
    """Between two decisions the venue lives on minute by minute: a death there is one between its store and ours."""
    every_5m = set_up(market={"timeframe": "5m"})
    recording = recorded(PERPETUALS, ("BTCUSDT", "ETHUSDT"), bars=1260)
    undisturbed = walked(recording, every_5m, long_blocks(recording, every_5m))
    assert undisturbed.kinds()[EntryKind.FILL] > 10
    world = World()
    for death in range(12):
        fate = Fate(260 if death == 0 else 23 + death, after=death % 3 == 0)
        try:
            assembly = world.start(recording, every_5m, fate)
            walk(assembly, long_blocks(recording, every_5m, assembly.walk.done_ms or None))
        except Died:
            continue
        break
    go_on(world, recording, every_5m, Fate())
    check_nothing_happened(world, undisturbed)


def test_an_order_marked_by_a_dead_process_is_sent_by_the_next_one() -> None:
    """It is sent at the price and the time of its moment, and never again."""
    recording = made_up(bars=226)
    sent, seen = 0, Fate()
    walk(World().start(recording, HOURLY, seen), long_blocks(recording, HOURLY))
    marks = [at for at, place in enumerate(seen.places, 1) if place == "venue" and seen.places[at - 2] == "journal"]
    for at in marks[-12:]:
        world = World()
        assert go_on_long(world, recording, Fate(at)) == "venue"
        marked = world.entries()[-1].entry
        if marked.kind is not EntryKind.DECISION:
            continue  # the venue kept a trade there, not an order
        assert go_on_long(world, recording, Fate()) is None
        following = world.entries()[[stored.entry for stored in world.entries()].index(marked) + 1].entry
        assert following.kind is EntryKind.ORDER and following.time_ms == marked.time_ms
        assert decode_report(following).state.value == "working"
        sent += 1
    assert sent >= 3


def go_on_long(world: World, recording: Recording, fate: Fate) -> str | None:
    try:
        assembly = world.start(recording, HOURLY, fate)
        walk(assembly, long_blocks(recording, HOURLY, assembly.walk.done_ms or None))
    except Died as death:
        return str(death)
    return None


def test_going_on_at_the_end_of_a_recording_changes_nothing() -> None:
    recording = made_up(bars=216)
    world = walked(recording, HOURLY, long_blocks(recording, HOURLY))
    before, kept = list(world.entries()), world.kept()
    assembly = world.start(recording, HOURLY)
    assert list(long_blocks(recording, HOURLY, assembly.walk.done_ms)) == []
    walk(assembly, long_blocks(recording, HOURLY, assembly.walk.done_ms))
    assert world.entries() == before and world.kept() == kept
    assert assembly.epoch == 2
