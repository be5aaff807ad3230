"""OANDA's answers for the tests of every exchange."""

from __future__ import annotations

from typing import Any

import msgspec
from exchange_specimen import (
    CLOSED_MS,
    FORMING_MS,
    MINUTE_MS,
    NOW_MS,
    OLDER_MS,
    OUR_ID,
    SECRET,
    Opened,
    Situation,
    Specimen,
    Wire,
)

from holdfast.model.symbol import Symbol
from holdfast.ports.transport import HttpAnswer, HttpRequest
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.oanda.exchange import Doors, OandaExchange
from holdfast.venues.oanda.session import Credentials
from holdfast.world.clock import RecordedClock
from holdfast.world.lines import LineClient

_TIME = f"{NOW_MS // 1000}.000000000"
_CREATED = {
    "id": "2",
    "type": "MARKET_ORDER",
    "time": _TIME,
    "instrument": "EUR_USD",
    "units": "100",
    "clientExtensions": {"id": OUR_ID},
}
_FILLED = {
    "id": "3",
    "type": "ORDER_FILL",
    "time": _TIME,
    "orderID": "2",
    "clientOrderID": OUR_ID,
    "instrument": "EUR_USD",
    "units": "100",
    "tradeOpened": {"tradeID": "3", "units": "100", "price": "1.1"},
}


def _bar(open_ms: int) -> dict[str, Any]:
    price = dict.fromkeys("ohlc", "1.1")
    return {"time": f"{open_ms // 1000}.0", "mid": price, "volume": 3, "complete": open_ms < FORMING_MS}


def _good(request: HttpRequest) -> Any:
    match request.path.rsplit("/", 1)[1]:
        case "instruments":
            listed = {"name": "EUR_USD", "type": "CURRENCY", "displayPrecision": 5, "tradeUnitsPrecision": 0}
            return {"instruments": [listed | {"minimumTradeSize": "1", "somethingNew": {}}]}
        case "candles":
            return {"candles": [_bar(open_ms) for open_ms in (OLDER_MS - MINUTE_MS, OLDER_MS, CLOSED_MS, FORMING_MS)]}
        case "orders":
            answer = {"orderCreateTransaction": _CREATED, "orderFillTransaction": _FILLED, "lastTransactionID": "3"}
            return answer | {"somethingNew": 1}
        case "summary":
            return {"account": {"id": "1", "currency": "USD", "balance": "10"}, "lastTransactionID": "3"}
        case "sinceid":
            new = [] if "id=3" in request.query else [_CREATED, _FILLED]
            return {"transactions": new, "lastTransactionID": "3"}
    raise AssertionError(request.path)


def _bad(situation: Situation, request: HttpRequest) -> HttpAnswer:
    if situation is Situation.LIMITED:
        return HttpAnswer(429, {}, b'{"errorMessage": "Too many requests."}')
    if situation is Situation.REJECTED:
        reject = _CREATED | {"type": "MARKET_ORDER_REJECT", "rejectReason": "INSUFFICIENT_MARGIN"}
        return HttpAnswer(400, {}, msgspec.json.encode({"orderRejectTransaction": reject, "errorMessage": "no"}))
    if "@" in request.path:
        return HttpAnswer(404, {}, b'{"errorCode": "NO_SUCH_ORDER", "errorMessage": "no such order"}')
    return HttpAnswer(200, {}, b'{"pages": [], "lastTransactionID": "3"}')


def _open(situation: Situation, keys: bool) -> Opened:
    wire, clock = Wire(situation, _good, _bad), RecordedClock(NOW_MS)
    credentials = Credentials(SECRET, "101-001") if keys else None
    exchange = OandaExchange(Doors(wire, LineClient(), clock, clock.now_ms), credentials)
    return Opened(exchange, wire.requests, wire.writes)


SPECIMENS = [
    Specimen("oanda", Symbol("oanda", "fx", "EUR_USD"), GuaranteeTier.LOG_PROVABLE, "3:3", _open),
]
