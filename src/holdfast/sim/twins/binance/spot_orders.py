"""Spot orders: what a request asks for, and an order as the venue writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from holdfast.sim.exchange.order import ZERO, Group, GroupKind, Kind, Lasting, Order, OrderSpec, State, Trade
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.errors import ApiError, missing, not_required
from holdfast.sim.twins.binance.figures import fixed, side_word
from holdfast.sim.twins.binance.parameters import Parameters

Json = dict[str, object]
KINDS = {
    "LIMIT": Kind.LIMIT,
    "MARKET": Kind.MARKET,
    "LIMIT_MAKER": Kind.LIMIT,
    "STOP_LOSS": Kind.STOP,
    "STOP_LOSS_LIMIT": Kind.STOP_LIMIT,
    "TAKE_PROFIT": Kind.TAKE,
    "TAKE_PROFIT_LIMIT": Kind.TAKE_LIMIT,
}
LASTINGS = {"GTC": Lasting.GTC, "IOC": Lasting.IOC, "FOK": Lasting.FOK}
STATES = {
    State.PENDING: "PENDING_NEW",
    State.OPEN: "NEW",
    State.PARTIAL: "PARTIALLY_FILLED",
    State.FILLED: "FILLED",
    State.CANCELLED: "CANCELED",
    State.EXPIRED: "EXPIRED",
}


class Leg:
    """The parameters of one order, which a list of orders gives under a prefix ('above', 'pendingBelow', …)."""

    def __init__(self, parameters: Parameters, prefix: str = "", *, shared: Mapping[str, str] | None = None) -> None:
        self._parameters = parameters
        self._prefix = prefix
        self._shared = shared or {}

    def name(self, name: str) -> str:
        if name in self._shared:
            return self._shared[name]
        return self._prefix + name[0].upper() + name[1:] if self._prefix else name

    def __contains__(self, name: str) -> bool:
        return self.name(name) in self._parameters

    def text(self, name: str) -> str:
        return self._parameters.text(self.name(name))

    def get(self, name: str, default: str = "") -> str:
        return self._parameters.get(self.name(name), default)

    def decimal(self, name: str) -> Decimal | None:
        return self._parameters.decimal(self.name(name))

    def required(self, name: str) -> Decimal:
        return self._parameters.required_decimal(self.name(name))


def read_spec(desk: Desk, parameters: Parameters, leg: Leg, *, id_name: str = "newClientOrderId") -> OrderSpec:
    """The order that a request asks for; raises ApiError in the venue's order: symbol, side, type, the rest."""
    symbol = desk.instrument(parameters.symbol()).name
    side = parameters.side(leg.name("side"))
    word = parameters.choice(leg.name("type"), KINDS, ApiError(-1116, "Invalid orderType."))
    kind = KINDS[word]
    lasting, price = _limit(leg, word, kind)
    trigger = None
    if kind.conditional:
        if "stopPrice" not in leg and "trailingDelta" not in leg:
            raise missing("stopPrice")
        trigger = leg.required("stopPrice")
    elif "stopPrice" in leg:
        raise not_required(leg.name("stopPrice"))
    quote_size = leg.decimal("quoteOrderQty")
    if quote_size is not None and (word != "MARKET" or "quantity" in leg):
        raise not_required("quoteOrderQty")
    size = ZERO if quote_size is not None else leg.required("quantity")
    given = parameters.client_id(leg.name(id_name))
    return OrderSpec(
        symbol=symbol,
        side=side,
        kind=kind,
        size=size,
        client_id=given or desk.new_client_id(),
        price=price,
        trigger_price=trigger,
        quote_size=quote_size,
        lasting=lasting,
        note=(word, leg.get("timeInForce", "GTC")),
    )


def _limit(leg: Leg, word: str, kind: Kind) -> tuple[Lasting, Decimal | None]:
    """Time in force and limit price, which some types need and the others must not have."""
    if word == "LIMIT_MAKER":
        return Lasting.POST, leg.required("price")
    if kind.priced:
        if (stated := leg.text("timeInForce")) not in LASTINGS:
            raise ApiError(-1115, "Invalid timeInForce.")
        return LASTINGS[stated], leg.required("price")
    for name in ("price", "timeInForce"):
        if name in leg:
            raise not_required(leg.name(name))
    return Lasting.GTC, None


def _type(order: Order) -> tuple[str, str]:
    note = order.spec.note
    assert isinstance(note, tuple)
    return str(note[0]), str(note[1])


def placed(order: Order) -> Json:
    """RESULT of a placed order."""
    word, lasting = _type(order)
    told: Json = {
        "symbol": order.spec.symbol,
        "orderId": order.id,
        "orderListId": order.group or -1,
        "clientOrderId": order.spec.client_id,
        "transactTime": order.changed_ms,
        "price": fixed(order.spec.price or ZERO),
        "origQty": fixed(order.size),
        "executedQty": fixed(order.filled),
        "origQuoteOrderQty": fixed(order.spec.quote_size or ZERO),
        "cummulativeQuoteQty": fixed(order.spent),
        "status": STATES[order.state],
        "timeInForce": lasting,
        "type": word,
        "side": side_word(order.spec.side),
        "workingTime": -1 if order.working_ms is None else order.working_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    if order.spec.trigger_price is not None:
        told["stopPrice"] = fixed(order.spec.trigger_price)
    return told


def acknowledged(order: Order) -> Json:
    """ACK of a placed order."""
    return {
        "symbol": order.spec.symbol,
        "orderId": order.id,
        "orderListId": order.group or -1,
        "clientOrderId": order.spec.client_id,
        "transactTime": order.changed_ms,
    }


def full(desk: Desk, order: Order) -> Json:
    """FULL: the result with its fills."""
    fills = [
        {
            "price": fixed(trade.price),
            "qty": fixed(trade.size),
            "commission": fixed(trade.fee),
            "commissionAsset": trade.fee_asset,
            "tradeId": trade.id,
        }
        for trade in desk.trades_of(order)
    ]
    return placed(order) | {"fills": fills}


def cancelled(order: Order, cause: str) -> Json:
    """The answer to a cancel: the request's id in front, the order's own as the original one."""
    told = placed(order)
    told = {"symbol": told.pop("symbol"), "origClientOrderId": told.pop("clientOrderId"), **told}
    return told | {"clientOrderId": cause}


def queried(order: Order) -> Json:
    """An order as queries tell it."""
    told = placed(order)
    del told["transactTime"]
    return told | {
        "stopPrice": fixed(order.spec.trigger_price or ZERO),
        "icebergQty": fixed(ZERO),
        "time": order.created_ms,
        "updateTime": order.changed_ms,
        "isWorking": order.working_ms is not None,
    }


def trade_row(trade: Trade, order: Order) -> Json:
    """A row of myTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": order.group or -1,
        "price": fixed(trade.price),
        "qty": fixed(trade.size),
        "quoteQty": fixed(trade.price * trade.size),
        "commission": fixed(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side.value == "buy",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def list_row(desk: Desk, group: Group, *, placed_now: bool = False) -> Json:
    """An order list, as queries tell it."""
    orders = [desk.exchange.orders[number] for number in group.orders]
    changed = group.created_ms if placed_now else max(order.changed_ms for order in orders)
    return {
        "orderListId": group.id,
        "contingencyType": "OCO" if group.kind is GroupKind.OCO else "OTO",
        "listStatusType": "ALL_DONE" if group.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if group.done else "EXECUTING",
        "listClientOrderId": group.client_id,
        "transactionTime": changed,
        "symbol": group.symbol,
        "orders": [
            {"symbol": order.spec.symbol, "orderId": order.id, "clientOrderId": order.spec.client_id}
            for order in orders
        ],
    }


def list_result(desk: Desk, group: Group, report: Callable[[Order], Json] = placed) -> Json:
    """An order list with the reports of its orders."""
    return list_row(desk, group) | {"orderReports": [report(desk.exchange.orders[number]) for number in group.orders]}


def find(desk: Desk, call: Call, *, absent: ApiError, open_only: bool = False) -> Order:
    """The order that `orderId` or `origClientOrderId` names (an open one before a past one); raises `absent`."""
    symbol = desk.instrument(call.parameters.symbol()).name
    number, client_id = call.parameters.integer("orderId"), call.parameters.get("origClientOrderId")
    if number is None and not client_id:
        raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    exchange = desk.exchange
    if number is not None:
        order = exchange.order(call.account, number)
    else:
        order = exchange.open_order_with(call.account, client_id, "")
        if order is None and not open_only:
            order = exchange.latest_order_with(call.account, client_id, "")
    if order is None or order.spec.symbol != symbol or (open_only and order.state.final):
        raise absent
    return order
