"""Orders in OANDA's words: the bodies of requests. Pure.

A market or limit entry carries its stop and target in the same request (`stopLossOnFill`, `takeProfitOnFill`): OANDA
takes all of it or nothing, and arms them in the instant of the fill, for the trade that the fill opened. What closes is
`REDUCE_ONLY`. Our id is the order's client id, and that of the trade it opens: OANDA refuses a second order of an id
only while the first is pending, and a second trade of an id only while the first is open.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from holdfast.model.errors import Refused
from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.venues.oanda.wire import time_text

Json = dict[str, Any]

_TYPES = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP"}


def order_body(request: OrderRequest) -> Json:
    """The body of POST /orders, and of PUT /orders/… for replacing. Refused for what OANDA cannot express."""
    body: Json = {
        "type": _TYPES[request.type],
        "instrument": request.symbol.name,
        "units": _units(request),
        "positionFill": "REDUCE_ONLY" if request.reduce_only else "DEFAULT",
        "clientExtensions": _extensions(request),
        **_time_in_force(request),
    }
    if request.type is not OrderType.MARKET:
        body["price"] = _price(request)
    if not request.reduce_only:
        body["tradeClientExtensions"] = _extensions(request)
    for leg in request.protection:
        body[_protecting(leg)] = {
            "price": _price(leg),
            "timeInForce": "GTC",
            "clientExtensions": _extensions(leg),
        }
    if len(request.protection) != sum(name in body for name in ("stopLossOnFill", "takeProfitOnFill")):
        raise Refused("At OANDA an order carries at most one stop and one target.")
    return {"order": body}


def _extensions(request: OrderRequest) -> Json:
    """The tag says what the order is for, so that the log alone tells it."""
    return {"id": request.client_order_id, "tag": request.leg.value}


def _protecting(leg: OrderRequest) -> str:
    if leg.leg is Leg.STOP:
        return "stopLossOnFill"
    if leg.leg is Leg.TARGET:
        return "takeProfitOnFill"
    raise Refused(f"At OANDA an order cannot carry a {leg.leg} order.")


def _time_in_force(request: OrderRequest) -> Json:
    if request.type is OrderType.MARKET:
        return {"timeInForce": "FOK"}
    if request.expires_at_ms is None:
        return {"timeInForce": "GTC"}
    return {"timeInForce": "GTD", "gtdTime": time_text(request.expires_at_ms)}


def _units(request: OrderRequest) -> str:
    return plain(request.size if request.side is Side.BUY else -request.size)


def _price(request: OrderRequest) -> str:
    if request.price is None:
        raise Refused(f"A {request.type} order needs a price.")
    return plain(request.price)


def plain(number: Decimal) -> str:
    """Never with an exponent, which OANDA does not read."""
    return f"{number:f}"
