"""An OANDA twin and the adapter before it, on one clock: what the tests of the adapter are played on.

Recorded time runs fifty times as fast as the wall's, unless a test drives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

from holdfast.model.fill import Fill
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import PrivateEvent, Stamp, StreamNote, StreamState
from holdfast.sim.twins.oanda import OandaTwin
from holdfast.venues.oanda.endpoints import RATE_LIMITS, OandaEndpoints
from holdfast.venues.oanda.exchange import Doors, OandaExchange
from holdfast.venues.oanda.session import Credentials
from holdfast.world.clock import RecordedClock
from holdfast.world.http import HttpClient
from holdfast.world.lines import LineClient
from holdfast.world.rate_budget import BudgetedTransport, RateBudget
from holdfast.world.recording import Recording

EURUSD = Symbol("oanda", "fx", "EUR_USD")
HOUR_MS = 3_600_000


class Stage:
    """A twin and an adapter before it, on one clock that runs by itself or is driven."""

    def __init__(self, recording: Recording, *, token: str = "", driven: bool = False) -> None:
        # A Tuesday, so that the market is open for as long as a test takes.
        self.clock = RecordedClock(recording.first_open_ms + 203 * 24 * HOUR_MS, speed=50)
        self.twin = OandaTwin(recording, self.clock)
        self.heard: list[PrivateEvent] = []
        self._token = token
        self._driven = driven
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await self.twin.start()
        self.http = HttpClient()
        self.begin_anew()
        if not self._driven:
            self._begin(self._pace())

    def begin_anew(self) -> None:
        """An adapter that knows nothing of what was before."""
        transport = BudgetedTransport(self.http, {self.twin.url: RateBudget(RATE_LIMITS, self.clock)})
        doors = Doors(transport, LineClient(), self.clock, self.clock.now_ms)
        credentials = Credentials(self._token or self.twin.token, self.twin.session.account.id)
        endpoints = OandaEndpoints(self.twin.url, self.twin.url)
        self.oanda = OandaExchange(doors, credentials, endpoints=endpoints)

    async def close(self) -> None:
        await self.oanda.close()
        for task in reversed(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.http.close()
        await self.twin.stop()

    async def listen(self) -> None:
        """Keeps the private events in `heard`, from the first connection on."""

        async def keep() -> None:
            async for event in self.oanda.private_events():
                self.heard.append(event)

        self._begin(keep())
        await self.until(lambda: StreamNote(StreamState.CONNECTED) in self.heard)
        # One answer more, so that what the log held before the stream has been read.
        await self.oanda.read_positions()

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            if self._driven:
                self.clock.advance_to(self.clock.now_ms() + 4_000)
            await asyncio.sleep(0.001)

    def reports(self, client_id: str) -> list[OrderState]:
        return [one.state for one in self.heard if isinstance(one, OrderReport) and one.client_order_id == client_id]

    def fills(self) -> list[Fill]:
        return [one for one in self.heard if isinstance(one, Fill)]

    def stamp(self) -> Stamp:
        return Stamp(self.clock.now_ms(), 60_000)

    def order(
        self,
        name: str,
        size: str = "1000",
        side: Side = Side.BUY,
        *,
        price: str | None = None,
        kind: OrderType = OrderType.MARKET,
        leg: Leg = Leg.ENTRY,
        protection: tuple[OrderRequest, ...] = (),
    ) -> OrderRequest:
        return OrderRequest(
            client_order_id=name,
            symbol=EURUSD,
            side=side,
            type=kind,
            size=Decimal(size),
            price=None if price is None else Decimal(price),
            reduce_only=leg is not Leg.ENTRY,
            leg=leg,
            placed_at_ms=self.clock.now_ms(),
            protection=protection,
        )

    def protected(self, name: str, *, stop: str = "0.9", target: str = "1.9", **more: object) -> OrderRequest:
        legs = (
            self.order(f"{name}-stop", side=Side.SELL, price=stop, kind=OrderType.STOP, leg=Leg.STOP),
            self.order(f"{name}-target", side=Side.SELL, price=target, kind=OrderType.LIMIT, leg=Leg.TARGET),
        )
        return self.order(name, protection=legs, **more)  # type: ignore[arg-type]

    def _begin(self, work: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _pace(self) -> None:
        while True:
            await self.clock.pace_to(self.clock.now_ms() + 250)


@asynccontextmanager
async def staged(recording: Recording, *, token: str = "", driven: bool = False) -> AsyncIterator[Stage]:
    stage = Stage(recording, token=token, driven=driven)
    await stage.open()
    try:
        yield stage
    finally:
        await stage.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(15):
            await scene()

    asyncio.run(bounded())
