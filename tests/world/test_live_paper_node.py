"""A node on live public data: real adapters and sockets before the Binance twin, fills on paper, a driven clock."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.history.sqlite import SqliteHistory
from holdfast.journal.sqlite import SqliteJournal
from holdfast.market.trust import Trust
from holdfast.market.universe import Choice
from holdfast.model.entry import EntryKind
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.live_node import LiveNode
from holdfast.node.node import Market
from holdfast.node.settings import Settings, read_settings
from holdfast.sim.exchange.instrument import Trading
from holdfast.sim.twins.binance import BinanceTwin
from holdfast.telemetry.log import Shape, build_log
from holdfast.world.clock import RecordedClock, SystemClock
from holdfast.world.recording import read_recording

RECORDED = Path(__file__).resolve().parents[2] / "data" / "binance_usdm_2025_typhonun" / "candles_1m.parquet"
BTC = Symbol("binance", "usdm", "BTCUSDT")
STEP_MS = 2000
COSTS = {"maker_fee": "0.0001", "taker_fee": "0.0007", "half_spread_bps": "0.5", "slippage_bps": "2"}


def settings_for(twin: BinanceTwin, agreeing: int) -> Settings:
    place = {
        "venue": "binance",
        "market": "usdm",
        "rest": twin.url,
        "streams": f"{twin.socket_url}/fstream.binance.com",
    }
    return read_settings(
        None,
        {
            "market": {"timeframe": "5m", "frames": ["15m", "1h"]},
            "quorum": {"min_agreeing": agreeing, "min_consensus": 0.6},
            "paper": {"markets": {"usdm": COSTS}},
            "live": {
                "markets": [place],
                "universe": {"markets": {"usdm": {"size": 6, "min_quote_volume": "0"}}, "refresh_s": 600},
                "feed": {"grace_s": 20.0, "patience_s": 40.0},
            },
        },
    )


async def follow(
    twin: BinanceTwin, clock: RecordedClock, data_dir: Path, minutes: int, *, halted: str = ""
) -> LiveNode:
    """Runs a node for so many minutes of the driven clock, and stops it in order. `halted` is, half-way; such a node
    trades nothing, because what is held stays in the universe."""
    log = build_log(io.StringIO(), clock=clock, shape=Shape.JSON)
    node = LiveNode(settings_for(twin, 9 if halted else 2), Market(candles=()), data_dir, clock, log, "paper")
    running = asyncio.create_task(node.run())
    while not node.startup.ready and not running.done():
        await asyncio.sleep(0.01)
    steps = minutes * 60_000 // STEP_MS
    for step in range(steps):
        if halted and step == steps // 2:
            twin.usdm.exchange.set_trading(halted, Trading.HALTED)
        clock.advance_to(clock.now_ms() + STEP_MS)
        await asyncio.sleep(0.003)
    status = node.feed_status()
    assert not status.failing and status.markets[0].streams is not None
    node.stop.set()
    clock.advance_to(clock.now_ms() + 60_000)
    await running
    return node


def test_it_fills_its_past_trades_on_paper_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        clock = RecordedClock(SystemClock().now_ms() // 300_000 * 300_000)
        twin = BinanceTwin([read_recording(RECORDED)], clock, update_ms=None)
        await twin.start()
        start_ms = clock.now_ms()
        try:
            async with asyncio.timeout(120):
                first = await follow(twin, clock, tmp_path, 41)
                assert first.assembly.epoch == 1 and len(first.assembly.book.symbols) == 6
                live = first.settings.live
                assert first.feed._settings is live.feed and first.feed.base is live.base is first.assembly.book.base
                traded_as = first.assembly.ground.instruments[BTC]
                assert (traded_as.maker_fee, traded_as.taker_fee) == (Decimal("0.0001"), Decimal("0.0007"))
                second = await follow(twin, clock, tmp_path, 21)
                assert second.assembly.epoch == 2
        finally:
            await twin.stop()
        history = SqliteHistory(tmp_path / "history.sqlite")
        minutes = history.read_candles(BTC, Timeframe.M1, limit=2000)
        opened = [candle.open_time_ms for candle in minutes]
        assert opened == list(range(opened[0], opened[-1] + 1, 60_000)), "a candle is missing, or there twice"
        assert opened[0] < start_ms - 1000 * 60_000 and opened[-1] >= start_ms + 59 * 60_000
        history.close()
        journal = SqliteJournal(tmp_path / "journal.sqlite")
        journal.verify()
        entries = [stored.entry for stored in journal.read()]
        journal.close()
        decided = [entry.time_ms for entry in entries if entry.kind is EntryKind.DECISION]
        assert decided, "the heads of these hours agree on nothing"
        assert min(decided) > start_ms, "the past was decided on"
        marks = [entry.time_ms for entry in entries if entry.kind is EntryKind.EQUITY]
        assert marks == sorted(set(marks)) and len(marks) >= 10

    asyncio.run(play())


def test_the_universe_changes_by_the_difference(tmp_path: Path) -> None:
    async def play() -> None:
        clock = RecordedClock(SystemClock().now_ms() // 300_000 * 300_000)
        twin = BinanceTwin([read_recording(RECORDED)], clock, update_ms=None)
        await twin.start()
        try:
            async with asyncio.timeout(120):
                node = await follow(twin, clock, tmp_path, 30, halted="ETHUSDT")
        finally:
            await twin.stop()
        gone = Symbol("binance", "usdm", "ETHUSDT")
        (new,) = set(node.assembly.book.symbols[6:])
        assert gone not in node.feed.symbols and new in node.feed.symbols and len(node.feed.symbols) == 6
        market = node.feed_status().markets[0]
        assert not market.reasons, "a connection was lost"
        history = SqliteHistory(tmp_path / "history.sqlite")
        kept = [candle.open_time_ms for candle in history.read_candles(BTC, Timeframe.M1, limit=2000)]
        joined = [candle.open_time_ms for candle in history.read_candles(new, Timeframe.M1, limit=2000)]
        history.close()
        assert kept == list(range(kept[0], kept[-1] + 1, 60_000)), "a series that stayed has a hole"
        assert joined == list(range(joined[0], joined[-1] + 1, 60_000)) and len(joined) >= 1000, (
            "its past is there, too"
        )
        assert node.assembly.book.trust_now(Timeframe.M5, clock.now_ms())[node.assembly.book.index(new)] == Trust.READY

    asyncio.run(play())


Scene = Callable[[BinanceTwin, LiveNode, Callable[[int], Awaitable[list[str]]]], Awaitable[None]]


def told_while(tmp_path: Path, scene: Scene) -> str:
    """The log of a node on a twin, during which `scene` is played; it is given the twin, the node, and a wait for so
    many problems in its health."""

    async def play() -> str:
        clock, told = RecordedClock(SystemClock().now_ms() // 300_000 * 300_000), io.StringIO()
        twin = BinanceTwin([read_recording(RECORDED)], clock, update_ms=None)
        await twin.start()
        log = build_log(told, clock=clock, shape=Shape.JSON)
        node = LiveNode(settings_for(twin, 9), Market(candles=()), tmp_path, clock, log, "paper")
        running = asyncio.create_task(node.run())

        async def until(problems: int) -> list[str]:
            while not node.startup.ready or len(node.view.health().problems) != problems:
                assert not running.done()
                clock.advance_to(clock.now_ms() + STEP_MS)
                await asyncio.sleep(0.003)
            return node.view.health().problems

        try:
            async with asyncio.timeout(120):
                await scene(twin, node, until)
        finally:
            await twin.stop()
            node.stop.set()
            clock.advance_to(clock.now_ms() + 60_000)
            await running
        return told.getvalue()

    return asyncio.run(play())


def test_a_node_that_is_cut_off_says_so_and_keeps_its_universe(tmp_path: Path) -> None:
    async def cut_off(twin: BinanceTwin, node: LiveNode, until: Callable[[int], Awaitable[list[str]]]) -> None:
        assert not await until(0) and node.view.health().status == "ready"
        followed = node.feed.symbols
        await twin.stop()
        assert await until(1) == ["No connection to the streams of binance usdm is open."]
        assert "universe of binance usdm could not be chosen anew" in (await until(2))[0]
        assert node.view.health().status == "degraded" and node.feed.symbols == followed

    assert '"event":"universe.kept"' in told_while(tmp_path, cut_off)


def test_a_watch_over_the_universe_that_fails_is_no_secret(tmp_path: Path) -> None:
    async def fail(_: BinanceTwin, node: LiveNode, until: Callable[[int], Awaitable[list[str]]]) -> None:
        def cannot(choice: Choice, tradable: object) -> None:
            raise BadInput(f"Nobody can follow {choice.market}.")

        await until(0)
        node._watch._on_choice = cannot
        assert await until(1) == ["The universe is no longer chosen anew: Nobody can follow usdm."]

    assert '"loop":"universe"' in told_while(tmp_path, fail)


def test_venues_that_do_not_answer_are_named(tmp_path: Path) -> None:
    async def play() -> None:
        clock = SystemClock()
        place = {"venue": "binance", "market": "spot", "rest": "http://127.0.0.1:9", "streams": "ws://127.0.0.1:9"}
        settings = read_settings(None, {"live": {"markets": [place]}})
        log = build_log(io.StringIO(), clock=clock, shape=Shape.JSON)
        await LiveNode(settings, Market(candles=()), tmp_path, clock, log, "paper").run()

    with pytest.raises(BadInput, match="The venues did not answer"):
        asyncio.run(play())


def test_a_live_market_that_is_not_known_is_refused() -> None:
    with pytest.raises(BadInput, match="no live market 'binance moon'"):
        read_settings(None, {"live": {"markets": [{"venue": "binance", "market": "moon"}]}})
    with pytest.raises(BadInput, match="only one of rest and streams"):
        read_settings(None, {"live": {"markets": [{"market": "spot", "rest": "http://127.0.0.1:1"}]}})
