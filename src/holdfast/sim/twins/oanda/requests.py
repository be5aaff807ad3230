"""Order requests: read from JSON into exact values, and judged as far as that needs no account.

A value that cannot be read at all is a Refusal (HTTP 400 without a transaction); one that can be read and is not
acceptable is a reject reason, which the desk turns into a reject transaction that repeats the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from holdfast.sim.twins.oanda.instruments import Tradable
from holdfast.sim.twins.oanda.wire import Json, Moment, invalid, read_decimal, read_moment

ENTRY_TYPES = ("MARKET", "LIMIT", "STOP", "MARKET_IF_TOUCHED")
TRADE_TYPES = ("TAKE_PROFIT", "STOP_LOSS")
_LASTING = ("GTC", "GTD", "GFD", "FOK", "IOC")
_FILLS = ("OPEN_ONLY", "REDUCE_FIRST", "REDUCE_ONLY", "DEFAULT")
_TRIGGERS = ("DEFAULT", "INVERSE", "BID", "ASK", "MID")
_EXTENSION_MOST = 128


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """A take profit or stop loss that is to be made when a trade opens."""

    price: Decimal | None = None
    distance: Decimal | None = None
    lasting: str = "GTC"
    gtd_ms: int | None = None
    trigger: str = "DEFAULT"
    guaranteed: bool = False
    extensions: Json | None = None

    def to_json(self) -> Json:
        return {
            "price": self.price,
            "distance": self.distance,
            "timeInForce": self.lasting,
            "gtdTime": None if self.gtd_ms is None else Moment(self.gtd_ms),
            "clientExtensions": self.extensions,
        }


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was asked for. `units` are signed; a TAKE_PROFIT or STOP_LOSS names a trade instead."""

    type: str
    instrument: str = ""
    units: Decimal | None = None
    price: Decimal | None = None
    distance: Decimal | None = None
    price_bound: Decimal | None = None
    lasting: str = "GTC"
    gtd_ms: int | None = None
    position_fill: str = "DEFAULT"
    trigger: str = "DEFAULT"
    guaranteed: bool = False
    trade_id: str = ""
    client_trade_id: str = ""
    extensions: Json | None = None
    trade_extensions: Json | None = None
    take_profit: Protection | None = None
    stop_loss: Protection | None = None
    trailing: bool = False
    closes: Json = {}  # tradeClose, longPositionCloseout or shortPositionCloseout of an order that the desk makes

    @property
    def client_id(self) -> str:
        return str((self.extensions or {}).get("id", ""))

    @property
    def client_trade(self) -> str:
        """The id that the trade is to have which this order opens."""
        return str((self.trade_extensions or {}).get("id", ""))

    def to_json(self) -> Json:
        """The fields that the order and its transaction share."""
        of_trade = self.type in TRADE_TYPES
        return {
            "instrument": None if of_trade else self.instrument or None,
            "units": self.units,
            "tradeID": self.trade_id if of_trade else None,
            "clientTradeID": (self.client_trade_id or None) if of_trade else None,
            "price": self.price,
            "distance": self.distance,
            "priceBound": self.price_bound,
            "timeInForce": self.lasting,
            "gtdTime": None if self.gtd_ms is None else Moment(self.gtd_ms),
            "triggerCondition": None if self.type == "MARKET" else self.trigger,
            "positionFill": None if of_trade else self.position_fill,
            "guaranteed": self.guaranteed if self.type == "STOP_LOSS" else None,
            "clientExtensions": self.extensions,
            "tradeClientExtensions": self.trade_extensions,
            "takeProfitOnFill": self.take_profit and self.take_profit.to_json(),
            "stopLossOnFill": self.stop_loss and self.stop_loss.to_json(),
            **self.closes,
        }


def read_order(body: Json, listed: Mapping[str, Tradable]) -> Asked:
    """The `order` of a request body."""
    order = _object(body.get("order"), "order")
    kind = order.get("type")
    if kind not in ENTRY_TYPES + TRADE_TYPES:
        raise invalid("order.type")
    name = order.get("instrument", "")
    if kind in ENTRY_TYPES and name and name not in listed:
        raise invalid("order.instrument")
    return Asked(
        type=kind,
        instrument=name if kind in ENTRY_TYPES else "",
        units=_number(order, "order.units") if kind in ENTRY_TYPES else None,
        price=_number(order, "order.price") if kind != "MARKET" else None,
        distance=_number(order, "order.distance") if kind == "STOP_LOSS" else None,
        price_bound=_number(order, "order.priceBound"),
        lasting=_one_of(order, "order.timeInForce", _LASTING, "FOK" if kind == "MARKET" else "GTC"),
        gtd_ms=_moment(order, "order.gtdTime"),
        position_fill=_one_of(order, "order.positionFill", _FILLS, "DEFAULT"),
        trigger=_one_of(order, "order.triggerCondition", _TRIGGERS, "DEFAULT"),
        guaranteed=order.get("guaranteed") is True,
        trade_id=_text(order, "order.tradeID"),
        client_trade_id=_text(order, "order.clientTradeID"),
        extensions=read_extensions(order, "order.clientExtensions"),
        trade_extensions=read_extensions(order, "order.tradeClientExtensions"),
        take_profit=read_protection(order, "order.takeProfitOnFill"),
        stop_loss=read_protection(order, "order.stopLossOnFill"),
        trailing=order.get("trailingStopLossOnFill") is not None,
    )


def read_extensions(parent: Json, field: str) -> Json | None:
    """Client extensions, by the last part of the field's name; None where there are none."""
    value = parent.get(field.rsplit(".", 1)[-1])
    if value is None:
        return None
    found = {key: item for key, item in _object(value, field).items() if key in ("id", "tag", "comment")}
    for key, item in found.items():
        if not isinstance(item, str):
            raise invalid(f"{field}.{key}")
    return found


def read_protection(parent: Json, field: str) -> Protection | None:
    """A take profit or stop loss on fill; None where there is none."""
    value = parent.get(field.rsplit(".", 1)[-1])
    if value is None:
        return None
    found = _object(value, field)
    return Protection(
        price=_number(found, f"{field}.price"),
        distance=_number(found, f"{field}.distance"),
        lasting=_one_of(found, f"{field}.timeInForce", _LASTING, "GTC"),
        gtd_ms=_moment(found, f"{field}.gtdTime"),
        trigger=_one_of(found, f"{field}.triggerCondition", _TRIGGERS, "DEFAULT"),
        guaranteed=found.get("guaranteed") is True,
        extensions=read_extensions(found, f"{field}.clientExtensions"),
    )


def fault_of(asked: Asked, tradable: Tradable | None, now_ms: int) -> str | None:
    """The first reject reason of a request, or None. `tradable` is what it is about; None if it does not say."""
    if tradable is None:
        return "INSTRUMENT_MISSING"
    if not tradable.available:
        return "INSTRUMENT_NOT_TRADEABLE"
    checks = (
        _fault_of_units(asked, tradable),
        _fault_of_prices(asked, tradable),
        _fault_of_lasting(asked, now_ms),
        fault_of_extensions(asked.extensions, "ORDER"),
        fault_of_extensions(asked.trade_extensions, "TRADE"),
        "TRAILING_STOP_LOSS_ORDERS_NOT_SUPPORTED" if asked.trailing else None,
        asked.take_profit and fault_of_protection(asked.take_profit, tradable, now_ms, "TAKE_PROFIT_ON_FILL"),
        asked.stop_loss and fault_of_protection(asked.stop_loss, tradable, now_ms, "STOP_LOSS_ON_FILL"),
        _fault_of_ids(asked),
    )
    return next((reason for reason in checks if reason), None)


def fault_of_extensions(extensions: Json | None, of: str) -> str | None:
    """`of` is ORDER or TRADE."""
    for key, value in (extensions or {}).items():
        if len(value) > _EXTENSION_MOST or (key == "id" and not value):
            return f"CLIENT_{of}_{key.upper()}_INVALID"
    return None


def fault_of_protection(asked: Protection, tradable: Tradable, now_ms: int, on_fill: str) -> str | None:
    """`on_fill` is TAKE_PROFIT_ON_FILL or STOP_LOSS_ON_FILL."""
    if on_fill == "TAKE_PROFIT_ON_FILL" and asked.price is None:
        return "TAKE_PROFIT_ON_FILL_PRICE_MISSING"
    if on_fill == "STOP_LOSS_ON_FILL" and (asked.price is None) == (asked.distance is None):
        return f"{on_fill}_PRICE_AND_DISTANCE_BOTH_{'MISSING' if asked.price is None else 'SPECIFIED'}"
    for name, value in (("PRICE", asked.price), ("DISTANCE", asked.distance)):
        if value is not None and value <= 0:
            return f"{on_fill}_{name}_INVALID"
        if value is not None and value % tradable.tick:
            return f"{on_fill}_{name}_PRECISION_EXCEEDED"
    if asked.lasting not in ("GTC", "GTD", "GFD"):
        return f"{on_fill}_TIME_IN_FORCE_INVALID"
    if asked.lasting == "GTD" and (asked.gtd_ms is None or asked.gtd_ms <= now_ms):
        return f"{on_fill}_GTD_TIMESTAMP_{'MISSING' if asked.gtd_ms is None else 'IN_PAST'}"
    if asked.trigger != "DEFAULT":
        return f"{on_fill}_TRIGGER_CONDITION_INVALID"
    if asked.guaranteed:
        return "STOP_LOSS_ON_FILL_GUARANTEED_NOT_ALLOWED"
    return f"{on_fill}_CLIENT_ORDER_ID_INVALID" if fault_of_extensions(asked.extensions, "ORDER") else None


def _fault_of_units(asked: Asked, tradable: Tradable) -> str | None:
    if asked.type in TRADE_TYPES:
        return None
    if asked.units is None:
        return "UNITS_MISSING"
    if asked.units == 0:
        return "UNITS_INVALID"
    if asked.units % tradable.unit_step:
        return "UNITS_PRECISION_EXCEEDED"
    if abs(asked.units) < tradable.min_units:
        return "UNITS_MIMIMUM_NOT_MET"
    return "UNITS_LIMIT_EXCEEDED" if abs(asked.units) > tradable.max_units else None


def _fault_of_prices(asked: Asked, tradable: Tradable) -> str | None:
    if asked.type == "STOP_LOSS":
        if (asked.price is None) == (asked.distance is None):
            return f"STOP_LOSS_ORDER_PRICE_AND_DISTANCE_BOTH_{'MISSING' if asked.price is None else 'SPECIFIED'}"
        if asked.guaranteed:
            return "STOP_LOSS_ORDER_GUARANTEED_NOT_ALLOWED"
    elif asked.type != "MARKET" and asked.price is None:
        return "PRICE_MISSING"
    named = (("PRICE", asked.price), ("PRICE_DISTANCE", asked.distance), ("PRICE_BOUND", asked.price_bound))
    for name, value in named:
        if value is not None and value <= 0:
            return f"{name}_INVALID"
        if value is not None and value % tradable.tick:
            return f"{name}_PRECISION_EXCEEDED"
    # The exchange behind the twin watches the price that an order would trade at, and no other.
    return "TRIGGER_CONDITION_INVALID" if asked.trigger != "DEFAULT" else None


def _fault_of_lasting(asked: Asked, now_ms: int) -> str | None:
    at_once = asked.lasting in ("FOK", "IOC")
    if at_once != (asked.type == "MARKET") and not (at_once and asked.type == "LIMIT"):
        return "TIME_IN_FORCE_INVALID"
    if asked.lasting != "GTD":
        return None
    if asked.gtd_ms is None:
        return "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING"
    return "TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST" if asked.gtd_ms <= now_ms else None


def _fault_of_ids(asked: Asked) -> str | None:
    of = [asked.extensions, *(part.extensions for part in (asked.take_profit, asked.stop_loss) if part)]
    ids = [found["id"] for found in of if found and "id" in found]
    return "ORDERS_ON_FILL_DUPLICATE_CLIENT_ORDER_IDS" if len(ids) != len(set(ids)) else None


def _object(value: object, field: str) -> Json:
    if not isinstance(value, dict):
        raise invalid(field)
    return value


def _last(field: str) -> str:
    return field.rsplit(".", 1)[-1]


def _number(parent: Json, field: str) -> Decimal | None:
    value = parent.get(_last(field))
    return None if value is None else read_decimal(value, field)


def _moment(parent: Json, field: str) -> int | None:
    value = parent.get(_last(field))
    return None if value is None else read_moment(str(value), field)


def _text(parent: Json, field: str) -> str:
    value = parent.get(_last(field), "")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise invalid(field)
    return str(value)


def _one_of(parent: Json, field: str, known: tuple[str, ...], otherwise: str) -> str:
    value = parent.get(_last(field), otherwise)
    if value not in known:
        raise invalid(field)
    return str(value)
