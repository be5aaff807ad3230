"""The Binance twin as one object: recordings in, a port that speaks the venue's protocol out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
from aiohttp import web

from holdfast.model.errors import BadInput
from holdfast.ports.clock import Clock
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.events import Event
from holdfast.sim.twins.binance.desk import Desk, listed
from holdfast.sim.twins.binance.gate import Gate
from holdfast.sim.twins.binance.limits import SPOT, USDM, Meter
from holdfast.sim.twins.binance.security import ApiKey, Keys
from holdfast.sim.twins.binance.server import Server
from holdfast.sim.twins.binance.socket_api import SocketApi
from holdfast.sim.twins.binance.streams import LIFE_MS, Streams
from holdfast.sim.twins.binance.usdm_positions import fire_dead_man
from holdfast.sim.twins.control import Control
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.sim.twins.market import FUNDING_MS, MarketSource, Tick
from holdfast.world.clock import RecordedClock, SystemClock
from holdfast.world.port import listen
from holdfast.world.recording import Recording, read_recording

_STEP_MOST_S = 0.5
_STEP_LEAST_S = 0.001


class TwinAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the twin, and the key to it: `secret` signs by HMAC, or `public_key` (PEM) by Ed25519."""

    name: str = "owner"
    key: str = "twin-key"
    secret: str = "twin-secret"
    public_key: str = ""
    spot: Mapping[str, Decimal] = msgspec.field(default_factory=lambda: {"USDT": Decimal(100_000)})
    usdm: Mapping[str, Decimal] = msgspec.field(default_factory=lambda: {"USDT": Decimal(100_000)})


class BinanceTwin:
    """Recordings whose symbols are of market `spot` and `usdm`, each in its own timeframe. Intervals shorter than a
    recording's timeframe are refused. `update_ms`: how often a price moves within a bar (None: four times a bar).

    `spot` and `usdm` are the two markets; their `exchange` holds the truth that tests compare with.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        clock: Clock,
        *,
        accounts: Sequence[TwinAccount] = (TwinAccount(),),
        update_ms: int | None = 1000,
        begin_share: float = 0.5,
        stream_life_ms: int = LIFE_MS,
    ) -> None:
        self.clock = clock
        self.faults = Faults()
        self.port = 0
        self.host = ""
        sources = _by_market(recordings, clock.now_ms(), update_ms, begin_share)
        self.spot = _desk(sources["spot"], spot=True)
        self.usdm = _desk(sources["usdm"], spot=False)
        for account in accounts:
            self.spot.exchange.open_account(account.name, account.spot)
            self.usdm.exchange.open_account(account.name, account.usdm)
        keys = Keys(
            [ApiKey(key=one.key, account=one.name, secret=one.secret, public_key=one.public_key) for one in accounts]
        )
        self.gate = Gate(clock, self.faults, keys, self._move_markets)
        self.spot_streams = Streams(self.spot, self.faults, life_ms=stream_life_ms)
        self.usdm_streams = Streams(self.usdm, self.faults, life_ms=stream_life_ms)
        self.socket_api = SocketApi(self.spot, self.gate, keys)
        self._server = Server(
            clock,
            self.faults,
            self.gate,
            spot=self.spot_streams,
            usdm=self.usdm_streams,
            socket_api=self.socket_api,
        )
        self.spot.exchange.listeners.append(self._tell_spot)
        self.usdm.exchange.listeners.append(self._tell_usdm)
        self._runner: web.ServerRunner | None = None
        self._playing: asyncio.Task[None] | None = None
        self.control = Control(self.faults, clock, {"spot": self.spot.exchange, "usdm": self.usdm.exchange})
        for desk in (self.spot, self.usdm):
            for source in desk.sources:
                for tick in source.now_ticks():
                    _move(desk, tick)

    @property
    def url(self) -> str:
        """What replaces https://api.binance.com; url/<host> stands for any host of the venue."""
        return f"http://{self.host}:{self.port}"

    @property
    def socket_url(self) -> str:
        """What replaces wss://stream.binance.com:9443; socket_url/<host> stands for any host, and without the host
        name fstream.binance.com the roots switched off in 2026 cannot be told from spot."""
        return f"ws://{self.host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens (port 0: any free one) and begins to play. Raises BadInput when the port is taken."""
        listening = listen(host, port)
        self.host, self.port = host, listening.getsockname()[1]
        self._runner = web.ServerRunner(web.Server(self._server.handle, access_log=None), shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self._playing = asyncio.create_task(self._play())

    async def stop(self) -> None:
        """Ends every connection and the listening."""
        await self.control.stop()
        if self._playing is not None:
            self._playing.cancel()
            with suppress(asyncio.CancelledError):
                await self._playing
        for connection in self._server.connections():
            await connection.stop()
            connection.cut(1006)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _play(self) -> None:
        while True:
            self.refresh()
            await self.clock.wait_s(self._until_next_s())

    def _until_next_s(self) -> float:
        now_ms = self.clock.now_ms()
        due = [source.next_ms() for desk in (self.spot, self.usdm) for source in desk.sources]
        waits = [(moment - now_ms) / 1000 for moment in due if moment is not None]
        return min([_STEP_MOST_S, *(max(wait, _STEP_LEAST_S) for wait in waits)])

    def refresh(self) -> None:
        """Brings all up to the clock: prices, trades, frames, funding, timers, ends of life."""
        self._move_markets()
        now_ms, venue_ms = self.clock.now_ms(), self.gate.venue_ms()
        for desk, streams in ((self.spot, self.spot_streams), (self.usdm, self.usdm_streams)):
            streams.tell_all_markets(now_ms, venue_ms)
            streams.end_old(now_ms, venue_ms)
            desk.exchange.expire(now_ms)
        fire_dead_man(self.usdm, venue_ms)
        self._end_listen_keys(venue_ms)
        if (cut := self.faults.take(Fault.CUT_STREAMS)) is not None:
            for connection in self._server.connections():
                connection.cut(int(cut.value) or 1006)

    def _move_markets(self) -> None:
        now_ms, venue_ms = self.clock.now_ms(), self.gate.venue_ms()
        for desk, streams in ((self.spot, self.spot_streams), (self.usdm, self.usdm_streams)):
            for source in desk.sources:
                before = source.done_ms
                for tick in source.advance(now_ms):
                    _move(desk, tick)
                    streams.tell(tick, venue_ms)
                if not desk.spot:
                    _fund(desk, source, before, now_ms)

    def announce_shutdown(self) -> None:
        """The venue's word to all stream connections that they will be closed."""
        for streams in (self.spot_streams, self.usdm_streams):
            streams.announce_shutdown(streams.connections, self.gate.venue_ms())

    def _end_listen_keys(self, venue_ms: int) -> None:
        for account, key in self.usdm.listen_keys.expired(venue_ms):
            told = [one for one, owner in self.usdm_streams.users.items() if owner == account]
            frame = {"e": "listenKeyExpired", "E": venue_ms, "listenKey": key}
            self.usdm_streams.send_user(told, frame)
            for connection in told:
                del self.usdm_streams.users[connection]

    def _tell_spot(self, event: Event) -> None:
        if event.trade is not None and event.trade.maker:
            # A resting order that fills gives back its place in the count of unfilled orders.
            self.spot.meter.count_orders(event.account, -1, self.clock.now_ms())
        self.socket_api.tell(event, self.gate.venue_ms())

    def _tell_usdm(self, event: Event) -> None:
        self.usdm_streams.tell_user(event, self.gate.venue_ms())


def _by_market(
    recordings: Sequence[Recording], now_ms: int, update_ms: int | None, begin_share: float
) -> dict[str, list[MarketSource]]:
    found: dict[str, list[MarketSource]] = {"spot": [], "usdm": []}
    for recording in recordings:
        markets = {symbol.market for symbol in recording.symbols}
        if len(markets) != 1 or not markets <= set(found):
            raise BadInput(
                f"A recording of {', '.join(sorted(markets))} cannot be played by the Binance twin.",
                "Give recordings of spot or of usdm, each in its own file.",
            )
        found[markets.pop()].append(MarketSource(recording, now_ms, update_ms=update_ms, begin_share=begin_share))
    return found


def _desk(sources: list[MarketSource], *, spot: bool) -> Desk:
    tapes = [tape for source in sources for tape in source.tapes.values()]
    return Desk(spot, Exchange(listed(tapes, spot=spot)), sources, Meter(SPOT if spot else USDM))


def _move(desk: Desk, tick: Tick) -> None:
    exchange = desk.exchange
    exchange.on_price(tick.symbol, tick.bid, tick.ask, time_ms=tick.time_ms, last=tick.price, available=tick.quoted)
    if not desk.spot:
        exchange.on_mark(tick.symbol, tick.price, time_ms=tick.time_ms)


def _fund(desk: Desk, source: MarketSource, after_ms: int, now_ms: int) -> None:
    """Funding of every eighth hour that has passed, at the mark of now."""
    for moment in range((after_ms // FUNDING_MS + 1) * FUNDING_MS, now_ms + 1, FUNDING_MS):
        for symbol in source.tapes:
            rate, mark = desk.funding(symbol, moment), desk.exchange.books[symbol].worth
            if mark is not None:
                desk.exchange.pay_funding(symbol, rate, time_ms=moment)
                desk.paid.append((symbol, moment, rate, mark))


async def run_twin(
    recordings: Sequence[Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    speed: float = 1.0,
    accounts: Sequence[TwinAccount] = (TwinAccount(),),
    started: asyncio.Future[BinanceTwin] | None = None,
) -> None:
    """Plays recorded files until cancelled. `started` is told the twin once it listens. At a speed other than 1 the
    twin's clock runs that much faster from now on, so that only clients who ask it for its time can sign for it."""
    clock: SystemClock | RecordedClock = SystemClock()
    if speed != 1.0:
        clock = RecordedClock(clock.now_ms(), speed=speed)
    twin = BinanceTwin([read_recording(path) for path in recordings], clock, accounts=accounts)
    try:
        await twin.start(host, port)
        await twin.control.start(host, control_port)
        if started is not None:
            started.set_result(twin)
        while True:
            if isinstance(clock, RecordedClock):
                await clock.pace_to(clock.now_ms() + max(round(10 * speed), 1))
            else:
                await clock.wait_s(3600)
    finally:
        await twin.stop()
