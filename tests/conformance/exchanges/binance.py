"""Binance's answers, spot and futures, for the tests of every exchange."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

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
from holdfast.venues.binance.exchange import BinanceExchange, Doors
from holdfast.venues.binance.session import Credentials
from holdfast.venues.binance.signing import HmacSigner
from holdfast.venues.binance.spot import BinanceSpot
from holdfast.venues.binance.usdm import BinanceUsdm
from holdfast.world.clock import RecordedClock
from holdfast.world.websocket import WebSocketClient

_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
    {"filterType": "SOMETHING_NEW", "limit": 3},
]
_LISTED = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "contractType": "PERPETUAL",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "MARKET"],
    "filters": _FILTERS,
}
_ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "clientOrderId": OUR_ID,
    "transactTime": NOW_MS,
    "origQty": "0.1",
    "executedQty": "0.1",
    "status": "FILLED",
    "type": "MARKET",
    "side": "BUY",
    "somethingNew": True,
}
_TRADE = {
    "id": 5,
    "orderId": 28,
    "price": "100.0",
    "qty": "0.1",
    "commission": "0.01",
    "commissionAsset": "USDT",
    "time": NOW_MS,
    "isBuyer": True,
    "isMaker": False,
}


def _bar(open_ms: int) -> list[Any]:
    return [open_ms, "1", "2", "0.5", "1.5", "10", open_ms + MINUTE_MS - 1, "1", 1, "1", "1", "0"]


def _good(request: HttpRequest) -> Any:
    match request.path.rsplit("/", 1)[1]:
        case "exchangeInfo":
            return {"rateLimits": [], "symbols": [_LISTED, _LISTED | {"symbol": "GONE", "status": "NEVER_HEARD_OF"}]}
        case "klines":
            asked = dict(parse_qsl(request.query))
            times = [open_ms for open_ms in (OLDER_MS, CLOSED_MS, FORMING_MS) if open_ms >= int(asked["startTime"])]
            return [_bar(open_ms) for open_ms in times[: int(asked["limit"])]]
        case "order":
            return _ORDER
        case "account":
            return {"balances": [{"asset": "USDT", "free": "10", "locked": "0"}]}
        case "balance":
            return [{"asset": "USDT", "balance": "10"}]
        case "myTrades" | "userTrades":
            return [] if "fromId=6" in request.query else [_TRADE]
    raise AssertionError(request.path)


def _bad(situation: Situation, _: HttpRequest) -> HttpAnswer:
    match situation:
        case Situation.LIMITED:
            return HttpAnswer(429, {"retry-after": "3"}, b'{"code": -1003, "msg": "Too many requests."}')
        case Situation.REJECTED:
            return HttpAnswer(400, {}, b'{"code": -2010, "msg": "Account has insufficient balance."}')
    return HttpAnswer(400, {}, b'{"code": -2013, "msg": "Order does not exist."}')


def _specimen(kind: type[BinanceSpot] | type[BinanceUsdm]) -> Specimen:
    def open_exchange(situation: Situation, keys: bool) -> Opened:
        wire, clock = Wire(situation, _good, _bad), RecordedClock(NOW_MS)
        credentials = Credentials("a-key", HmacSigner(SECRET)) if keys else None
        exchange: BinanceExchange = kind(Doors(wire, WebSocketClient(), clock, clock.now_ms), credentials)
        return Opened(exchange, wire.requests, wire.writes)

    symbol = Symbol("binance", kind.market, "BTCUSDT")
    return Specimen(f"binance {kind.market}", symbol, GuaranteeTier.TIME_BOUNDED, "5", open_exchange)


SPECIMENS = [_specimen(BinanceSpot), _specimen(BinanceUsdm)]
