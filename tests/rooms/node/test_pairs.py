"""A pair is disabled and enabled while the node runs: what stops, what goes on, and what a restart remembers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from walking import HOUR, Blocks, Died, Fate, World, late_bars, long_blocks, made_up, quiet, set_up, single_bars, walk

from holdfast.api.views import PairView
from holdfast.execution.marks import decode_decision, decode_fill
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind, chain
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, OrderReport, OrderState
from holdfast.model.symbol import Symbol
from holdfast.node.compose import Assembly

HOURLY = set_up()
RECORDING = made_up(bars=260)
AAA, BBB = RECORDING.symbols


class Told:
    """What the journal holds about one symbol from a place on."""

    def __init__(self, world: World, symbol: Symbol, after: int = 0) -> None:
        entries = [stored.entry for stored in world.entries()[after:]]
        decisions = [decode_decision(entry).decision for entry in entries if entry.kind is EntryKind.DECISION]
        self.decisions: list[Intent | Refusal] = [one for one in decisions if one.symbol == symbol]
        fills = [decode_fill(entry) for entry in entries if entry.kind is EntryKind.FILL]
        self.fills: list[Fill] = [fill for fill in fills if fill.symbol == symbol]

    @property
    def entered(self) -> list[Intent]:
        return [one for one in self.decisions if isinstance(one, Intent) and one.leg is Leg.ENTRY]

    @property
    def codes(self) -> set[str]:
        return {one.code for one in self.decisions if isinstance(one, Refusal)}


def held_in(assembly: Assembly, symbol: Symbol) -> bool:
    return symbol in assembly.ledger.open_positions


def filling(assembly: Assembly, symbol: Symbol) -> bool:
    """A position whose entry the venue is still filling."""
    entries = [intent for intent, _ in assembly.executor.book.working_entries() if intent.symbol == symbol]
    return bool(entries) and held_in(assembly, symbol)


def resting(assembly: Assembly, symbol: Symbol) -> set[Leg]:
    orders = [order for order in assembly.executor.book.open_orders() if order.request.symbol == symbol]
    return {order.request.leg for order in orders if order.state in (OrderState.WORKING, OrderState.PARTIAL)}


def bars_from(assembly: Assembly) -> Blocks:
    """One by one, but for the first hundred, in which no head finds anything."""
    if not assembly.walk.done_ms:
        return late_bars(RECORDING, HOURLY, quiet_bars=100)
    return single_bars(RECORDING, HOURLY, assembly.walk.done_ms)


def walk_until(assembly: Assembly, ready: Callable[[], bool]) -> int:
    """Bar by bar until something is so; the market's time then."""
    for end_ms, block in bars_from(assembly):
        assembly.walk.take(block, end_ms)
        if ready():
            return end_ms
    raise AssertionError("it never came to that")


def walk_on(assembly: Assembly) -> None:
    walk(assembly, bars_from(assembly))


def disable(assembly: Assembly, symbol: Symbol, reason: str = "delisting") -> PairView:
    return assembly.commands.set_pair(symbol, enabled=False, by="ada", reason=reason)


def enable(assembly: Assembly, symbol: Symbol) -> PairView:
    return assembly.commands.set_pair(symbol, enabled=True, by="bob", reason="")


def pair_entries(world: World) -> list[tuple[str, int, dict[str, object]]]:
    entries = [stored.entry for stored in world.entries() if stored.entry.kind is EntryKind.PAIR]
    return [(entry.key, entry.time_ms, json.loads(entry.body)) for entry in entries]


def test_a_disabled_pair_is_not_entered_and_its_protection_rests_and_fills() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    walk_until(assembly, lambda: resting(assembly, AAA) == {Leg.STOP, Leg.TARGET})
    before = len(world.entries())
    disable(assembly, AAA)
    assert held_in(assembly, AAA) and resting(assembly, AAA) == {Leg.STOP, Leg.TARGET}
    walk_on(assembly)
    told, other = Told(world, AAA, before), Told(world, BBB, before)
    assert "pair_disabled" in told.codes and not told.entered
    refusal = next(one for one in told.decisions if isinstance(one, Refusal))
    assert (refusal.code, refusal.numbers) == ("pair_disabled", {"reason": "ada: delisting"})
    assert {fill.leg for fill in told.fills} & {Leg.STOP, Leg.TARGET} and not held_in(assembly, AAA)
    assert other.entered and "pair_disabled" not in other.codes


def test_an_enabled_pair_is_entered_again() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    disable(assembly, AAA)
    walk_until(assembly, lambda: "pair_disabled" in Told(world, AAA).codes)
    assert not Told(world, AAA).entered
    assert enable(assembly, AAA).enabled
    walk_on(assembly)
    assert Told(world, AAA).entered and Told(world, AAA).fills


def test_an_entry_that_is_still_filling_is_cancelled_and_what_was_filled_stays_protected() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    walk_until(assembly, lambda: filling(assembly, AAA))
    size = assembly.ledger.open_positions[AAA].size
    disable(assembly, AAA)
    assert not filling(assembly, AAA) and assembly.ledger.open_positions[AAA].size == size
    assert resting(assembly, AAA) == {Leg.STOP, Leg.TARGET}
    before = len(world.entries())
    walk_on(assembly)
    fills = Told(world, AAA, before).fills
    assert fills and Leg.ENTRY not in {fill.leg for fill in fills}
    assert sum((fill.size for fill in fills), Decimal(0)) <= abs(size)


def test_a_process_that_dies_before_it_cancels_leaves_that_to_the_next_one() -> None:
    """The journal has the command, the venue has not heard of it: when the next process begins, it does."""
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    walk_until(assembly, lambda: filling(assembly, AAA))
    fate = Fate()
    dying = world.start(RECORDING, HOURLY, fate)
    fate.dies_at = fate.done + 2  # the journal keeps the command, and then the venue
    with pytest.raises(Died, match="venue"):
        disable(dying, AAA)
    assert filling(dying, AAA)
    after = world.start(RECORDING, HOURLY)
    assert AAA in after.pairs.disabled
    assert held_in(after, AAA) and not filling(after, AAA) and resting(after, AAA) == {Leg.STOP, Leg.TARGET}


def test_a_cancel_that_did_not_arrive_is_asked_for_again_when_the_next_bar_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def unreachable(client_order_id: str, *, time_ms: int) -> OrderReport:
        asked.append(client_order_id)
        raise Retryable("no answer")

    patient = set_up(limits={"intent_ttl_ms": 24 * HOUR}, paper={"participation": "0.0001"})
    assembly = World().start(RECORDING, patient)
    walk_until(assembly, lambda: filling(assembly, AAA))
    with monkeypatch.context() as away:
        away.setattr(assembly.venue, "cancel", unreachable)
        disable(assembly, AAA)
    assert len(asked) == 1 and filling(assembly, AAA)
    moments = len(assembly.activity.marks)
    walk_until(assembly, lambda: len(assembly.activity.marks) > moments)
    states = {order.client_order_id: order.state for order in assembly.activity.orders(limit=1000)}
    assert states[asked[0]] == "cancelled" and not filling(assembly, AAA)


def test_a_restart_remembers_who_disabled_what_and_why_and_when() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    at_ms = walk_until(assembly, lambda: bool(Told(world, AAA).decisions))
    shown = disable(assembly, AAA)
    assert (shown.symbol, shown.enabled, shown.changed_at_ms) == ("AAAUSDT", False, at_ms)
    restarted = world.start(RECORDING, HOURLY)
    assert restarted.pairs.show(AAA) == shown and restarted.pairs.show(BBB).enabled
    before = len(world.entries())
    walk_on(restarted)
    assert not Told(world, AAA, before).entered and Told(world, BBB, before).entered
    enable(restarted, AAA)
    assert world.start(RECORDING, HOURLY).pairs.show(AAA).by == "bob"


def test_a_restart_in_the_middle_changes_nothing_in_the_journal() -> None:
    def journal_of(*, restarts: bool) -> list[tuple[str, bytes]]:
        world = World()
        assembly = world.start(RECORDING, HOURLY)
        walk_until(assembly, lambda: resting(assembly, AAA) == {Leg.STOP, Leg.TARGET})
        disable(assembly, AAA)
        if restarts:
            assembly = world.start(RECORDING, HOURLY)
        walk_on(assembly)
        return [(stored.chain_hash, stored.entry.body) for stored in world.entries()]

    assert journal_of(restarts=True) == journal_of(restarts=False)


def test_every_change_is_one_entry_in_the_chain_and_what_is_so_already_is_none() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    assert enable(assembly, AAA).changed_at_ms is None  # it was never disabled
    first = disable(assembly, AAA)
    assert disable(assembly, AAA, "another reason") == first
    enable(assembly, AAA)
    disable(assembly, AAA)
    start_ms = RECORDING.first_open_ms
    named = ["binance", "usdm", "AAAUSDT"]
    (one, two, three) = pair_entries(world)
    assert [one[:2], two[:2], three[:2]] == [(f"{AAA}:{n}", start_ms) for n in (1, 2, 3)]
    assert one[2] == {
        "symbol": {"venue": named[0], "market": named[1], "name": named[2]},
        "enabled": False,
        "by": "ada",
        "reason": "delisting",
    }
    assert (two[2]["enabled"], two[2]["by"], three[2]["enabled"]) == (True, "bob", False)
    previous = GENESIS_HASH
    for stored in world.entries():
        assert stored.chain_hash == (previous := chain(previous, stored.entry))


def test_the_view_shows_what_is_disabled_and_the_log_says_who_did_it() -> None:
    stream = io.StringIO()
    assembly = World().start(RECORDING, HOURLY, log=quiet(stream))
    disable(assembly, BBB)
    assert [assembly.pairs.show(symbol).enabled for symbol in assembly.book.symbols] == [True, False]
    (line,) = [
        line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "operator.commanded"
    ]
    assert (line["command"], line["by"]) == (f"disable {BBB}", "ada")


def test_a_pair_entry_that_is_none_is_named() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    assembly.executor._journal.append(
        "paper", assembly.epoch, [Entry(EntryKind.PAIR, "x:1", "paper", 1, b'{"by":"a"}')]
    )
    with pytest.raises(BadInput, match="The pair entry x:1 is unreadable"):
        world.start(RECORDING, HOURLY)


def test_a_long_block_after_the_command_enters_nothing_either() -> None:
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    disable(assembly, AAA)
    walk(assembly, long_blocks(RECORDING, HOURLY))
    assert Told(world, AAA).codes == {"pair_disabled"} and Told(world, BBB).entered
