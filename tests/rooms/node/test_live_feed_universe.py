"""The watch over the universe: when it chooses, and what it does when a venue does not answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from live_venue import START, LiveVenue, following, names

from holdfast.market.universe import Choice, Reason, UniverseRules
from holdfast.model.errors import Retryable
from holdfast.model.symbol import Symbol
from holdfast.node.feed.universe_watch import UniverseSettings, UniverseWatch
from holdfast.world.clock import RecordedClock

HOUR = 3600


def watched(
    venue: LiveVenue, clock: RecordedClock, rules: UniverseRules, held: frozenset[Symbol] = frozenset()
) -> tuple[UniverseWatch, list[Choice], list[tuple[str, str, str]]]:
    heard: list[Choice] = []
    failures: list[tuple[str, str, str]] = []
    watch = UniverseWatch(
        [venue],  # type: ignore[list-item]
        UniverseSettings(markets={"usdm": rules}, refresh_s=24 * HOUR, retry_s=300),
        clock=clock,
        held=lambda: held,
        on_choice=lambda choice, _: heard.append(choice),
        on_failure=lambda *failure: failures.append(failure),
    )
    return watch, heard, failures


async def let_pass(clock: RecordedClock, seconds: int) -> None:
    for _ in range(seconds // 60):
        clock.advance_to(clock.now_ms() + 60_000)
        for _ in range(5):
            await asyncio.sleep(0)


def test_the_universe_is_chosen_at_the_start_and_once_a_day() -> None:
    async def play() -> list[Choice]:
        scene = following(names(20), 1)
        watch, heard, _ = watched(scene.venue, scene.clock, UniverseRules(size=5))
        running = asyncio.create_task(watch.run())
        await let_pass(scene.clock, 49 * HOUR)
        running.cancel()
        return heard

    heard = asyncio.run(play())
    assert [round((choice.time_ms - START) / 3_600_000) for choice in heard] == [0, 24, 48]
    assert [len(choice.added) for choice in heard] == [5, 0, 0]


def test_a_venue_that_does_not_answer_keeps_its_universe_and_is_asked_again_soon() -> None:
    async def play() -> None:
        scene = following(names(20), 1)
        watch, heard, failures = watched(scene.venue, scene.clock, UniverseRules(size=5))
        assert await watch.refresh()
        running = asyncio.create_task(watch.run())
        answer = scene.venue.read_liquidity

        async def away() -> None:
            raise Retryable("No answer.")

        scene.venue.read_liquidity = away  # type: ignore[method-assign,assignment]
        await let_pass(scene.clock, 25 * HOUR)
        place = ("binance", "usdm")
        assert len(heard) == 1 and watch.problems == {place: "No answer."}
        assert failures and set(failures) == {(*place, "No answer.")}
        assert len(watch.choices[place].symbols) == 5
        scene.venue.read_liquidity = answer  # type: ignore[method-assign]
        await let_pass(scene.clock, 300)
        running.cancel()
        assert len(heard) == 2 and watch.problems == {}

    asyncio.run(play())


def test_symbols_named_by_the_owner_need_no_volumes_and_held_ones_stay() -> None:
    async def play() -> Choice:
        symbols = names(20)
        scene = following(symbols, 1)
        rules = UniverseRules(size=0, named=(symbols[4].name,), min_quote_volume=Decimal(0))
        watch, heard, _ = watched(scene.venue, scene.clock, rules, frozenset({symbols[9]}))
        assert await watch.refresh()
        return heard[0]

    choice = asyncio.run(play())
    assert {member.symbol.name: member.reason for member in choice.members} == {
        "C004USDT": Reason.NAMED,
        "C009USDT": Reason.HELD,
    }
