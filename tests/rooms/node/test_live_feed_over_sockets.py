"""The live feed through the real adapters and real sockets, before the twin of the venue and through its faults."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from holdfast.market.stream_words import StreamPolicy
from holdfast.model.timeframe import Timeframe
from holdfast.node.feed.live import FeedSettings, FeedStatus, LiveFeed
from holdfast.node.feed.sources import BinanceDialect, LiveMarket
from holdfast.sim.twins.binance import BinanceTwin
from holdfast.sim.twins.faults import Fault
from holdfast.telemetry.log import Shape, build_log
from holdfast.venues.binance.endpoints import usdm_at
from holdfast.venues.binance.exchange import Doors
from holdfast.venues.binance.usdm import BinanceUsdm
from holdfast.world.clock import RecordedClock, SystemClock
from holdfast.world.http import HttpClient
from holdfast.world.recording import read_recording
from holdfast.world.websocket import WebSocketClient

RECORDED = Path(__file__).resolve().parents[3] / "data" / "binance_usdm_2025_typhonun" / "candles_1m.parquet"
M1 = Timeframe.M1
STEP_MS = 2000


def scenario(minutes: int, events: dict[int, Callable[[BinanceTwin], None]]) -> FeedStatus:
    """Follows every symbol of the recording for that long; `events` happen in their minute. At the end every candle is
    as the twin's own requests tell it."""

    async def play() -> FeedStatus:
        async with asyncio.timeout(60):
            return await _follow(minutes, events)

    return asyncio.run(play())


async def _follow(minutes: int, events: dict[int, Callable[[BinanceTwin], None]]) -> FeedStatus:
    clock = RecordedClock(SystemClock().now_ms() // M1.ms * M1.ms)
    twin = BinanceTwin([read_recording(RECORDED)], clock, update_ms=None)
    await twin.start()
    http = HttpClient()
    endpoints = usdm_at(twin.url, f"{twin.socket_url}/fstream.binance.com")
    exchange = BinanceUsdm(Doors(http, WebSocketClient(), clock, clock.now_ms), endpoints=endpoints)
    dialect = BinanceDialect(endpoints, M1, quotes=True, marks=True)
    policy = StreamPolicy(expected_ms=15_000, silence_factor=3)
    feed = LiveFeed(
        [LiveMarket(exchange, dialect, WebSocketClient())],
        M1,
        clock=clock,
        chance=lambda: 0.5,
        log=build_log(io.StringIO(), clock=clock, shape=Shape.JSON),
        settings=FeedSettings(grace_s=20.0, patience_s=40.0, streams=policy),  # ten steps: sockets take real time
    )
    start_ms, stop = clock.now_ms(), asyncio.Event()
    rows: dict[str, list[tuple[int, list[float]]]] = {}

    async def walk() -> None:
        async for _, block in feed.blocks(stop):
            for index, open_ms, values in zip(block.symbol_index, block.open_time_ms, block.values, strict=True):
                rows.setdefault(block.symbols[index].name, []).append((int(open_ms), values.tolist()))

    symbols = sorted(await exchange.read_instruments())
    feed.change(dict.fromkeys(symbols, start_ms), ready=True)
    await feed.start()
    walking = asyncio.create_task(walk())
    for step in range(minutes * 60_000 // STEP_MS):
        minute, within = divmod(step * STEP_MS, 60_000)
        if within == 0 and minute in events:
            events[minute](twin)
        clock.advance_to(clock.now_ms() + STEP_MS)
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.1)
    status = feed.status()
    stop.set()
    await feed.stop()
    await walking
    twin.faults.disarm()
    for symbol in symbols:
        truth = await exchange.read_candles(symbol, M1, after_ms=start_ms - M1.ms, limit=minutes - 1)
        told = rows[symbol.name][: minutes - 1]
        assert [open_ms for open_ms, _ in told] == truth.open_time_ms.tolist(), symbol
        np.testing.assert_array_equal([values for _, values in told], truth.values)
        assert symbol.name in dialect.reader.quotes and symbol.name in dialect.reader.marks
    await exchange.close()
    await http.close()
    await twin.stop()
    return status


def test_an_undisturbed_feed_over_sockets_needs_no_request() -> None:
    status = scenario(4, {})
    (market,) = status.markets
    assert market.streams is not None and not market.reasons
    assert len({row.group for row in market.streams.connections}) == 2  # quotes and klines live under two roots
    assert {row.tally.fetched for row in status.series} == {0} and status.late_blocks == 0


def test_a_storm_of_faults_leaves_every_candle_as_the_venue_has_it() -> None:
    def begin(twin: BinanceTwin) -> None:
        twin.faults.arm(Fault.DUPLICATE_FRAME, every=3)
        twin.faults.arm(Fault.SWAP_FRAMES, every=5)
        twin.faults.arm(Fault.LATE_PARTIAL)
        twin.faults.arm(Fault.REFUSE_BUSY, 503, every=2)

    status = scenario(
        16,
        {
            1: begin,
            3: lambda twin: twin.faults.arm(Fault.CUT_STREAMS, times=1),
            5: lambda twin: twin.faults.arm(Fault.SILENCE),
            7: lambda twin: twin.faults.disarm(Fault.SILENCE),
            9: lambda twin: twin.faults.arm(Fault.MAINTENANCE),
            10: lambda twin: (twin.announce_shutdown(), twin.faults.disarm(Fault.MAINTENANCE))[0],
        },
    )
    (market,) = status.markets
    assert market.streams is not None
    counts = market.streams.counts
    assert counts.losses >= 2 and counts.alarms > 0 and counts.rollovers >= 1, counts
    assert min(row.tally.fetched for row in status.series) > 0
    assert {row.tally.given_up for row in status.series} == {0}
