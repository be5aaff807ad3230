"""A Binance twin with both adapters before it, over real sockets, on a clock that runs or is driven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import PrivateEvent, Stamp, StreamNote, StreamState
from holdfast.ports.transport import Limited, RateLimit
from holdfast.sim.twins.binance import BinanceTwin, TwinAccount
from holdfast.venues.binance.endpoints import SpotEndpoints, usdm_at
from holdfast.venues.binance.exchange import BinanceExchange, Doors
from holdfast.venues.binance.session import Credentials
from holdfast.venues.binance.signing import signer_of
from holdfast.venues.binance.spot import BinanceSpot
from holdfast.venues.binance.usdm import BinanceUsdm
from holdfast.world.clock import RecordedClock, SystemClock
from holdfast.world.http import HttpClient
from holdfast.world.rate_budget import BudgetedTransport, RateBudget
from holdfast.world.recording import read_recording
from holdfast.world.websocket import WebSocketClient

DATA = Path(__file__).resolve().parents[2] / "data"
SPOT, USDM = (Symbol("binance", market, "BTCUSDT") for market in ("spot", "usdm"))
MARKETS = {"spot": SPOT, "usdm": USDM}
MINUTE_MS = 60_000


class Stage:
    """A twin, both adapters before it, and a clock that runs or is driven."""

    def __init__(
        self, *, driven: bool = False, secret: str = "twin-secret", key: str = "twin-key", pem: str = ""
    ) -> None:
        self.real = SystemClock()
        self.clock = RecordedClock(self.real.now_ms()) if driven else self.real
        folders = ("binance_spot_2021_wanderindev/candles_1h", "binance_usdm_2025_typhonun/candles_1m")
        recordings = [read_recording(DATA / f"{folder}.parquet") for folder in folders]
        self.twin = BinanceTwin(recordings, self.clock, accounts=[TwinAccount(public_key=pem)])
        self._credentials = Credentials(key, signer_of(secret))

    async def open(self) -> None:
        await self.twin.start()
        self.http = HttpClient()
        self.budget = RateBudget([RateLimit(Limited.WEIGHT, MINUTE_MS, 1200)], self.clock)
        transport = BudgetedTransport(self.http, {self.twin.url: self.budget})
        doors = Doors(transport, WebSocketClient(), self.real, self.clock.now_ms)
        url, sockets = self.twin.url, self.twin.socket_url
        self.spot = BinanceSpot(doors, self._credentials, endpoints=SpotEndpoints(url, sockets, f"{sockets}/ws-api/v3"))
        self.usdm = BinanceUsdm(doors, self._credentials, endpoints=usdm_at(url, f"{sockets}/fstream"))

    async def close(self) -> None:
        await self.spot.close()
        await self.usdm.close()
        await self.http.close()
        await self.twin.stop()

    def market(self, name: str) -> BinanceExchange:
        return self.spot if name == "spot" else self.usdm

    def stamp(self) -> Stamp:
        return Stamp(self.clock.now_ms(), 5000)

    async def price(self, market: str) -> Decimal:
        rows = await self.market(market).read_liquidity()
        return next(row.last_price for row in rows if row.symbol == MARKETS[market])

    async def drive(self, minutes: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets the recorded minutes pass, second by second, as fast as the twin follows."""
        assert isinstance(self.clock, RecordedClock)
        for _ in range(int(minutes * 60)):
            self.clock.advance_to(self.clock.now_ms() + 1000)
            await asyncio.sleep(0)
            if until():
                return
        await asyncio.sleep(0.02)


@asynccontextmanager
async def staged(**more: object) -> AsyncIterator[Stage]:
    stage = Stage(**more)  # type: ignore[arg-type]
    await stage.open()
    try:
        yield stage
    finally:
        await stage.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())


async def order(
    stage: Stage,
    market: str,
    name: str,
    kind: OrderType = OrderType.MARKET,
    *,
    at: str = "1",
    side: Side = Side.BUY,
    leg: Leg = Leg.ENTRY,
    protection: tuple[OrderRequest, ...] = (),
) -> OrderRequest:
    """An order over 0.05, at a multiple of the present price."""
    instrument = (await stage.market(market).read_instruments())[MARKETS[market]]
    price = instrument.round_price(await stage.price(market) * Decimal(at), up=False)
    return OrderRequest(
        client_order_id=f"hf{market}{name}",
        symbol=MARKETS[market],
        side=side,
        type=kind,
        size=Decimal("0.05"),
        price=None if kind is OrderType.MARKET else price,
        reduce_only=leg is not Leg.ENTRY,
        leg=leg,
        placed_at_ms=stage.clock.now_ms(),
        protection=protection,
    )


async def protected(stage: Stage, market: str, name: str, kind: OrderType, *, at: str = "1") -> OrderRequest:
    stop = await order(stage, market, f"{name}stop", OrderType.STOP, at="0.9", side=Side.SELL, leg=Leg.STOP)
    aim = await order(stage, market, f"{name}aim", OrderType.LIMIT, at="1.1", side=Side.SELL, leg=Leg.TARGET)
    return await order(stage, market, name, kind, at=at, protection=(stop, aim))


async def until(told: AsyncIterator[PrivateEvent], wanted: Callable[[PrivateEvent], bool]) -> PrivateEvent:
    async with asyncio.timeout(30):
        while not wanted(event := await anext(told)):
            pass
    return event


def is_note(state: StreamState) -> Callable[[PrivateEvent], bool]:
    return lambda event: isinstance(event, StreamNote) and event.state is state
