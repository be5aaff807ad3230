"""A universe changes, a journal does not: a start over symbols that are not followed any more."""

from __future__ import annotations

import pytest
from walking import HEADS, Fate, FatedJournal, FatedStore, World, made_up, quiet, set_up, single_bars

from holdfast.market.inputs import Inputs
from holdfast.model.errors import BadInput
from holdfast.node.compose import Assembly, Doors, Ground, build_book
from holdfast.node.market_record import list_instruments
from holdfast.world.clock import SystemClock

HOURLY = set_up()
RECORDING = made_up(market="spot", bars=260)  # on spot the venue keeps a balance of every base
AAA, BBB = RECORDING.symbols
LISTED = list_instruments(RECORDING, HOURLY.paper)
FOLLOWS_BBB = Ground({BBB: LISTED[BBB]}, RECORDING.timeframe)
AAA_LEFT = Ground({BBB: LISTED[BBB]}, RECORDING.timeframe, {AAA: LISTED[AAA]})


def start(world: World, ground: Ground) -> Assembly:
    """A process that has not seen any candle yet."""
    fate = Fate()
    doors = Doors(
        SystemClock(), FatedJournal(world.journal, fate), world.history, FatedStore(world.venue, fate), quiet()
    )
    return Assembly(HOURLY, ground, doors, book=build_book(HOURLY, ground), inputs=Inputs(ground.symbols), heads=HEADS)


def walked_until(flat: bool) -> World:
    """A world that has traded AAA, and holds nothing in it any more, or does."""
    world = World()
    assembly = world.start(RECORDING, HOURLY)
    for end_ms, block in single_bars(RECORDING, HOURLY):
        assembly.walk.take(block, end_ms)
        traded = any(request.symbol == AAA for request in assembly.activity.requests.values())
        if traded and (AAA not in assembly.trading.involved()) == flat:
            return world
    raise AssertionError("it never came to that")


def test_a_symbol_that_left_the_universe_keeps_no_node_from_starting_again() -> None:
    world = walked_until(flat=True)
    before, after = start(world, Ground(LISTED, RECORDING.timeframe)), start(world, AAA_LEFT)
    assert after.book.symbols == (BBB,)
    assert after.venue.balances() == before.venue.balances()
    assert after.venue.positions() == before.venue.positions()


def test_what_is_held_must_be_followed() -> None:
    with pytest.raises(BadInput, match="The account holds binance:spot:AAAUSDT"):
        start(walked_until(flat=False), AAA_LEFT)


def test_another_recording_than_the_one_traded_is_refused() -> None:
    with pytest.raises(BadInput, match="has traded binance:spot:AAAUSDT"):
        start(walked_until(flat=True), FOLLOWS_BBB)
