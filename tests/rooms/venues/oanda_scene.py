"""An OANDA adapter between transports that answer from tables and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Stamp
from holdfast.ports.transport import FrameSink, HttpAnswer, HttpRequest
from holdfast.venues.oanda.exchange import Doors, OandaExchange
from holdfast.venues.oanda.session import Credentials
from holdfast.world.clock import RecordedClock

NOW_MS = 1_700_000_000_000
EURUSD = Symbol("oanda", "fx", "EUR_USD")
STAMP = Stamp(NOW_MS - 7, 1500)
TOKEN, ACCOUNT = "the-token", "101-004-1-001"

Json = dict[str, Any]
Said = Json | bytes | HttpAnswer | Exception | Callable[[HttpRequest], Any]


class Wire:
    """Answers 'METHOD rest-of-path' from a table: a value for ever, or a tuple one after the other."""

    def __init__(self, **answers: Said | tuple[Said, ...]) -> None:
        self._answers: dict[str, list[Said]] = {}
        self.say(**answers)
        self.asked: list[HttpRequest] = []
        self.limits: list[object] = []

    def say(self, **answers: Said | tuple[Said, ...]) -> None:
        """A key is the method and the last part of the path: GET_sinceid, PUT_cancel."""
        for key, said in answers.items():
            self._answers[key] = list(said) if isinstance(said, tuple) else [said]

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        answers = self._answers[f"{request.method}_{request.path.rsplit('/', 1)[1]}"]
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(said):
            said = said(request)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, HttpAnswer):
            return said
        return HttpAnswer(200, {}, said if isinstance(said, bytes) else msgspec.json.encode(said))

    def learn_limits(self, origin: str, limits: object) -> None:
        self.limits.append(limits)

    async def close(self) -> None:
        return

    @property
    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" + (f"?{one.query}" if one.query else "") for one in self.asked]


class Line:
    """One opened stream as the other side sees it."""

    def __init__(self, request: HttpRequest, sink: FrameSink) -> None:
        self.request = request
        self.sink = sink
        self.open = True

    def say(self, *lines: Json | bytes) -> None:
        for line in lines:
            self.sink.frame(memoryview(line if isinstance(line, bytes) else msgspec.json.encode(line)))
        self.sink.batch_end()

    async def close(self) -> None:
        self.open = False


class Lines:
    """Opens streams; `refuse` holds what the next attempts get instead."""

    def __init__(self) -> None:
        self.opened: list[Line] = []
        self.refuse: list[Exception | HttpAnswer] = []

    async def open(self, request: HttpRequest, sink: FrameSink) -> Line | HttpAnswer:
        if self.refuse:
            said = self.refuse.pop(0)
            if isinstance(said, Exception):
                raise said
            return said
        self.opened.append(Line(request, sink))
        return self.opened[-1]


class Scene:
    """The adapter and everything around it."""

    def __init__(self, *, keys: bool = True, **answers: Said | tuple[Said, ...]) -> None:
        self.wire = Wire(**answers)
        self.lines = Lines()
        self.clock = RecordedClock(NOW_MS)
        doors = Doors(self.wire, self.lines, self.clock, self.clock.now_ms)
        self.oanda = OandaExchange(doors, Credentials(TOKEN, ACCOUNT) if keys else None)

    async def pass_s(self, seconds: float) -> None:
        """Lets the clock go on, and everybody have a turn."""
        self.clock.advance_to(self.clock.now_ms() + round(seconds * 1000))
        for _ in range(20):
            await asyncio.sleep(0)


def order(name: str = "hf-1", **more: Any) -> OrderRequest:
    given: dict[str, Any] = {
        "client_order_id": name,
        "symbol": EURUSD,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "size": Decimal(1000),
        "price": None,
        "reduce_only": False,
        "leg": Leg.ENTRY,
        "placed_at_ms": NOW_MS,
    }
    return OrderRequest(**(given | more))


def transaction(number: int, kind: str, **more: Any) -> Json:
    return {"id": str(number), "type": kind, "time": f"{NOW_MS // 1000}.{number:09d}", "accountID": ACCOUNT, **more}


def created(number: int, name: str = "hf-1", units: str = "1000", kind: str = "MARKET_ORDER", **more: Any) -> Json:
    return transaction(number, kind, instrument="EUR_USD", units=units, clientExtensions={"id": name}, **more)


def filled(number: int, of: int, name: str = "hf-1", units: str = "1000", **more: Any) -> Json:
    opened = {"tradeOpened": {"tradeID": str(number), "units": units, "price": "1.1"}}
    return transaction(
        number,
        "ORDER_FILL",
        instrument="EUR_USD",
        units=units,
        orderID=str(of),
        clientOrderID=name,
        reason="MARKET_ORDER",
        **(more or opened),
    )


def cancelled(number: int, of: int, reason: str = "CLIENT_REQUEST", **more: Any) -> Json:
    return transaction(number, "ORDER_CANCEL", orderID=str(of), reason=reason, **more)


def log_of(*transactions: Json) -> dict[str, Callable[[HttpRequest], Json]]:
    """The answers of a whole log: sinceid and idrange."""
    last = transactions[-1]["id"] if transactions else "1"

    def asked(request: HttpRequest) -> dict[str, int]:
        return {key: int(value) for key, value in (pair.split("=") for pair in request.query.split("&"))}

    def since(request: HttpRequest) -> Json:
        first = asked(request)["id"]
        return {"transactions": [one for one in transactions if int(one["id"]) > first], "lastTransactionID": last}

    def between(request: HttpRequest) -> Json:
        ends = asked(request)
        found = [one for one in transactions if ends["from"] <= int(one["id"]) <= ends["to"]]
        return {"transactions": found, "lastTransactionID": last}

    return {"GET_sinceid": since, "GET_idrange": between}


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene()

    asyncio.run(bounded())
