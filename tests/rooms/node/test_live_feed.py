"""The live feed over an imagined venue on a driven clock: whatever happens, the candles end as the venue has them."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from live_venue import MINUTE, START, Following, following, names

from holdfast.market.stream_words import ConnectionPhase, LegPhase, Level, StreamPolicy
from holdfast.market.universe import UniverseRules
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.feed.live import FeedSettings
from holdfast.node.feed.universe_watch import UniverseSettings, UniverseWatch

# For plays in long steps: a frame comes every step, and eight steps without one are silence.
SLOW = StreamPolicy(expected_ms=15_000, silence_factor=8, verify_ms=60_000, connect_ms=60_000)


def at(minutes: float) -> int:
    return int(START + minutes * MINUTE)


def test_a_hundred_symbols_flow_into_one_block_a_minute_without_a_request() -> None:
    symbols = names(100)

    async def play() -> Following:
        scene = following(symbols, 20)
        await scene.start(symbols)
        await scene.play(10 * 60 + 5)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(10))
    assert [until for until, candles, _ in scene.blocks if candles] == [at(minute) for minute in range(1, 11)]
    assert all(
        came - until <= 1000 for until, candles, came in scene.blocks if candles
    )  # the close is told 250 ms later
    assert (scene.venue.requests, scene.venue.connects, len(scene.venue.messages)) == (0, 1, 1)
    assert scene.venue.wires == []


def test_a_day_passes_over_the_cut_of_the_venue_without_a_gap_or_a_request() -> None:
    symbols = names(3)

    async def play() -> Following:
        scene = following(symbols, 1700, policy=SLOW, grace_s=20.0, patience_s=30.0)
        await scene.start(symbols)
        await scene.play(26 * 3600, step_s=15.0)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(26 * 60 - 1))
    assert scene.venue.connects == 2 and scene.venue.requests == 0 and scene.status.late_blocks == 0
    (market,) = scene.status.markets
    assert market.streams is not None and market.streams.counts.rollovers == 1
    assert (market.streams.counts.losses, market.streams.counts.alarms) == (0, 0)


def test_a_minute_of_silence_on_a_socket_that_is_up_raises_the_alarm_and_heals() -> None:
    symbols = names(20)

    async def play() -> Following:
        scene = following(symbols, 30)
        await scene.start(symbols)
        await scene.play(3 * 60 + 20)
        scene.venue.silent = True
        await scene.play(60)
        assert scene.venue.connects == 2  # the socket was up, and was replaced
        scene.venue.silent = False
        await scene.play(5 * 60)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(9))
    alarms = [line for line in map(json.loads, scene.log.getvalue().splitlines()) if line["event"] == "feed.silent"]
    assert {line["stream"] for line in alarms} == {f"{symbol.name.lower()}@kline_1m" for symbol in symbols}
    assert {line["measure"] for line in alarms} == {Level.ASKED_AGAIN.value, Level.MOVED.value}
    assert min(line["silent_s"] for line in alarms if line["measure"] == "asked_again") > 30
    (market,) = scene.status.markets
    assert market.streams is not None
    assert {row.phase for row in market.streams.streams} == {LegPhase.FLOWING}
    assert {row.level for row in market.streams.streams} == {Level.NONE}
    assert scene.venue.requests == 20  # one bar of each symbol was told by nobody but the answer to a request


def test_one_stream_that_stays_silent_is_fed_by_requests() -> None:
    symbols = names(5)

    async def play() -> Following:
        scene = following(symbols, 30)
        await scene.start(symbols)
        await scene.play(60)
        scene.venue.mute = {symbols[2]}
        await scene.play(9 * 60 + 10)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(10))
    rows = {row.symbol: row.tally for row in scene.status.series}
    assert rows[symbols[2]].fetched >= 8 and all(rows[s].fetched == 0 for s in symbols if s != symbols[2])


def test_a_lost_connection_is_opened_again_and_the_bars_of_the_meantime_are_fetched() -> None:
    symbols = names(20)

    async def play() -> Following:
        scene = following(symbols, 30)
        await scene.start(symbols)
        await scene.play(2 * 60 + 50)
        for wire in list(scene.venue.wires):
            wire.break_off(1006)
        scene.venue.away = True
        await scene.play(75)
        assert scene.feed.status().failed_requests > 0
        (market,) = scene.feed.status().markets
        assert market.streams is not None
        assert [row.phase for row in market.streams.connections] == [ConnectionPhase.RETRYING]
        scene.venue.away = False
        await scene.play(6 * 60)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(10))
    (market,) = scene.status.markets
    assert market.reasons["closed with 1006"] == 1 and scene.venue.connects == 2


def test_a_gap_of_a_thousand_bars_heals_by_itself_and_the_longer_bars_with_it() -> None:
    symbols = names(4)

    async def play() -> Following:
        scene = following(symbols, 1300, policy=SLOW, grace_s=20.0, patience_s=30.0)
        await scene.start(symbols)
        await scene.play(61 * 60, step_s=15.0)
        for wire in list(scene.venue.wires):
            wire.break_off(1006)
        scene.venue.away = True
        await scene.play(1000 * 60, step_s=60.0)
        scene.venue.away = False
        await scene.play(150 * 60, step_s=15.0)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(1210))
    assert max(row.tally.fetched for row in scene.status.series) >= 1000
    assert {row.tally.given_up for row in scene.status.series} == {0}
    undisturbed = following(symbols, 1300)
    block = [scene.venue.values[symbol][:1210] for symbol in symbols]
    assert len(block[0]) == 1210
    for row in scene.book.status(at(1210)):
        assert set(row.gaps.values()) == {0} and set(row.incomplete.values()) == {0}, row
    hours = scene.book.window(Timeframe.H1, 20)
    for index, symbol in enumerate(symbols):
        minutes = undisturbed.venue.values[symbol][:1200].reshape(20, 60, 5)
        assert hours.open[index].tolist() == minutes[:, 0, 0].tolist()
        assert hours.high[index].tolist() == minutes[:, :, 1].max(axis=1).tolist()
        assert hours.close[index].tolist() == minutes[:, -1, 3].tolist()


def test_a_refreshed_universe_changes_ten_of_a_hundred_without_reconnecting_or_a_gap() -> None:
    listed = names(110)

    async def play() -> Following:
        scene = following(listed, 30)
        watch = UniverseWatch(
            [scene.venue],  # type: ignore[list-item]
            UniverseSettings(markets={"usdm": UniverseRules(size=100, leave_factor=Decimal(1))}, refresh_s=300.0),
            clock=scene.clock,
            held=lambda: {listed[3]},
            on_choice=lambda choice, _: scene.feed.change(
                dict.fromkeys(choice.added, scene.clock.now_ms() // MINUTE * MINUTE), choice.removed, ready=True
            ),
            on_failure=lambda *failure: pytest.fail(str(failure)),
        )
        assert await watch.refresh()
        assert set(scene.feed.symbols) == set(listed[:100])
        await scene.start([])
        running = asyncio.create_task(watch.run())
        await scene.play(299)
        # Ten new ones rise to the top; the first eleven fall to the end, one of which is held.
        scene.venue.order_by_volume(
            [*listed[100:], *listed[11:100], listed[3], *[s for s in listed[:11] if s != listed[3]]]
        )
        scene.venue.messages.clear()
        await scene.play(301)
        running.cancel()
        await scene.end()
        return scene

    scene = asyncio.run(play())
    left = [symbol for symbol in listed[:11] if symbol != listed[3]]
    assert set(scene.feed.symbols) == set(listed) - set(left)
    scene.expect_all([*listed[11:100], listed[3]], at(9))
    scene.expect_all(listed[100:], at(9), from_ms=at(5))
    assert [(said["method"], len(said["params"])) for said in scene.venue.messages] == [
        ("UNSUBSCRIBE", 10),
        ("SUBSCRIBE", 10),
    ]
    assert scene.venue.connects == 1 and scene.venue.requests == 0


def test_the_same_name_on_two_markets_is_two_series_and_a_stranger_is_refused() -> None:
    async def play() -> None:
        symbols = names(2)
        scene = following(symbols, 10)
        with pytest.raises(BadInput, match="no market that this node follows"):
            scene.feed.change({Symbol("binance", "spot", symbols[0].name): START})
        assert scene.feed.symbols == ()

    asyncio.run(play())


def test_the_past_of_a_new_symbol_is_fetched_while_the_others_flow() -> None:
    symbols = names(3)

    async def play() -> Following:
        scene = following(symbols, 600)
        scene.clock.advance_to(at(500))
        await scene.start(symbols[:2], from_ms=at(500))
        await scene.play(5 * 60 + 5)
        scene.feed.change({symbols[2]: START})
        assert [row.ready for row in scene.feed.status().series] == [True, True, False]
        await scene.play(5 * 60)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols[:2], at(510), from_ms=at(500))
    scene.expect_all(symbols[2:], at(510))
    assert all(row.ready for row in scene.status.series)
    times = {
        until: min(came for at_until, _, came in scene.blocks if at_until == until) for until, _, _ in scene.blocks
    }
    assert all(came - until <= 1000 for until, came in times.items() if until > at(500))


def test_without_streams_every_bar_is_fetched_when_it_is_over() -> None:
    symbols = names(10)

    async def play() -> Following:
        scene = following(symbols, 20, streams=False)
        await scene.start(symbols)
        await scene.play(10 * 60 + 10)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(10))
    assert all(came - until <= 5000 for until, candles, came in scene.blocks if candles)
    assert scene.status.markets[0].streams is None and scene.venue.requests == 100


def test_a_halted_symbol_holds_up_the_others_for_one_block_only() -> None:
    symbols = names(5)

    async def play() -> Following:
        scene = following(symbols, 20)
        await scene.start(symbols)
        await scene.play(2 * 60 + 30)
        scene.venue.halted = {symbols[0]}
        await scene.play(6 * 60)
        scene.venue.halted = set()
        await scene.play(3 * 60)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols[1:], at(11))
    late = [came - until for until, candles, came in scene.blocks if candles >= 4 and came - until > 1000]
    assert len(late) == 1 and late[0] <= 11_000 and scene.status.late_blocks == 1


def test_a_bar_that_is_told_unfinished_after_its_end_changes_nothing() -> None:
    symbols = names(3)

    async def play() -> Following:
        scene = following(symbols, 10)
        scene.venue.late_partial = True
        await scene.start(symbols)
        await scene.play(5 * 60 + 5)
        await scene.end()
        return scene

    asyncio.run(play()).expect_all(symbols, at(5))


def test_a_machine_that_slept_takes_up_again_with_one_block() -> None:
    symbols = names(3)

    async def play() -> Following:
        scene = following(symbols, 400)
        await scene.start(symbols)
        await scene.play(60)
        scene.clock.advance_to(at(301) + 30_000)
        for wire in list(scene.venue.wires):
            wire.break_off(1006)
        scene.venue._pushed_ms = scene.clock.now_ms()
        await scene.play(3 * 60)
        await scene.end()
        return scene

    scene = asyncio.run(play())
    scene.expect_all(symbols, at(304))
    assert len(scene.blocks) < 20


def test_what_a_request_may_not_raise_ends_the_feed_where_its_blocks_are_read() -> None:
    symbols = names(2)

    async def play() -> None:
        scene = following(symbols, 10, streams=False)
        scene.venue.broken = ZeroDivisionError("an adapter that is wrong")
        await scene.start(symbols)
        try:
            with pytest.raises(ZeroDivisionError):
                await scene.play(120)
        finally:
            await scene.feed.stop()

    asyncio.run(play())


@pytest.mark.parametrize(
    "wrong",
    [
        {"grace_s": 11.0},
        {"patience_s": 1000.0},
        {"requests_at_once": 0},
        {"retry_first_s": 0.0},
        {"retry_longest_s": 0.5},
    ],
)
def test_patience_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        FeedSettings(**wrong)  # type: ignore[arg-type]
