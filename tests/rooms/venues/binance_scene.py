"""A Binance adapter between a transport that answers from a list and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Stamp
from holdfast.ports.transport import FrameSink, HttpAnswer, HttpRequest
from holdfast.venues.binance.exchange import Doors
from holdfast.venues.binance.session import Credentials
from holdfast.venues.binance.signing import HmacSigner
from holdfast.venues.binance.spot import BinanceSpot
from holdfast.venues.binance.usdm import BinanceUsdm
from holdfast.world.clock import RecordedClock

NOW_MS = 1_700_000_000_000
SPOT = Symbol("binance", "spot", "BTCUSDT")
USDM = Symbol("binance", "usdm", "BTCUSDT")
STAMP = Stamp(NOW_MS - 7, 1500)
CREDENTIALS = Credentials("the-key", HmacSigner("the-secret"))

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
    {"filterType": "NOTIONAL", "minNotional": "5", "notional": "5"},
]
INFO = {
    "serverTime": NOW_MS,
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "contractType": "PERPETUAL",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "ocoAllowed": True,
            "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
            "filters": FILTERS,
        }
    ],
}

Said = dict[str, Any] | list[Any] | HttpAnswer | Exception


class Wire:
    """Answers (method, path) from a list a request, or the last one for ever; keeps what was asked."""

    def __init__(self, answers: dict[str, Said | list[Said]]) -> None:
        self._answers = {key: list(said) if isinstance(said, tuple) else [said] for key, said in answers.items()}
        self._answers.setdefault("GET exchangeInfo", [INFO])
        self.asked: list[HttpRequest] = []
        self.limits: list[object] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        answers = self._answers[f"{request.method} {request.path.split('/', 3)[3]}"]
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, HttpAnswer) else HttpAnswer(200, {}, msgspec.json.encode(said))

    def learn_limits(self, origin: str, limits: object) -> None:
        self.limits.append(limits)

    async def close(self) -> None:
        return

    def sent(self, number: int = -1) -> dict[str, str]:
        return dict(parse_qsl(self.asked[number].query))

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.asked]


class Line:
    """One opened WebSocket as the other side sees it."""

    def __init__(self, url: str, sink: FrameSink) -> None:
        self.url = url
        self.sink = sink
        self.heard: list[dict[str, Any]] = []
        self.open = True

    def say(self, *frames: object) -> None:
        for frame in frames:
            text = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
            self.sink.frame(memoryview(text))
        self.sink.batch_end()

    def send(self, text: bytes) -> None:
        self.heard.append(msgspec.json.decode(text))
        if self.heard[-1].get("method", "").startswith("userDataStream"):
            self.say({"id": "private", "status": 200, "result": {"subscriptionId": 0}})

    async def close(self) -> None:
        self.open = False


class Lines:
    """Opens lines; `refuse` holds the errors of the next attempts."""

    def __init__(self) -> None:
        self.opened: list[Line] = []
        self.refuse: list[Exception] = []

    async def connect(self, url: str, sink: FrameSink, *, timeout_s: float = 10.0) -> Line:
        if self.refuse:
            raise self.refuse.pop(0)
        self.opened.append(Line(url, sink))
        return self.opened[-1]


class Scene:
    def __init__(self, answers: dict[str, Said | list[Said]] | None = None, **more: Any) -> None:
        self.wire = Wire(answers or {})
        self.lines = Lines()
        self.clock = RecordedClock(NOW_MS)
        self.now_ms = NOW_MS
        self.doors = Doors(self.wire, self.lines, self.clock, lambda: self.now_ms, **more)
        self.spot = BinanceSpot(self.doors, CREDENTIALS)
        self.usdm = BinanceUsdm(self.doors, CREDENTIALS)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_run(scene), 10))


async def _run(scene: Callable[[], Awaitable[None]]) -> None:
    await scene()


def order(
    kind: OrderType = OrderType.LIMIT,
    *,
    symbol: Symbol = SPOT,
    side: Side = Side.BUY,
    leg: Leg = Leg.ENTRY,
    size: str = "0.5",
    price: str | None = "100.10",
    name: str = "hfentry",
    protection: tuple[OrderRequest, ...] = (),
) -> OrderRequest:
    return OrderRequest(
        client_order_id=name,
        symbol=symbol,
        side=side,
        type=kind,
        size=Decimal(size),
        price=None if kind is OrderType.MARKET or price is None else Decimal(price),
        reduce_only=leg is not Leg.ENTRY,
        leg=leg,
        placed_at_ms=NOW_MS,
        protection=protection,
    )


def protected(kind: OrderType, symbol: Symbol, *, target: bool = True) -> OrderRequest:
    """A buy with a stop at 90 and, if asked, a target at 120."""
    stop = order(OrderType.STOP, symbol=symbol, side=Side.SELL, leg=Leg.STOP, price="90.00", name="hfstop")
    aim = order(OrderType.LIMIT, symbol=symbol, side=Side.SELL, leg=Leg.TARGET, price="120.00", name="hftarget")
    return order(kind, symbol=symbol, protection=(stop, aim) if target else (stop,))


def said(client_id: str = "hfentry", **more: Any) -> dict[str, Any]:
    """An order as Binance answers with it."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "clientOrderId": client_id,
        "transactTime": NOW_MS,
        "origQty": "0.500",
        "executedQty": "0.000",
        "status": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        **more,
    }


def refusal(code: int, status: int = 400, message: str = "no", **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, msgspec.json.encode({"code": code, "msg": message}))
