"""What an account may do on futures: place, cancel and query orders and conditional orders; its trades."""

from __future__ import annotations

from holdfast.sim.exchange.order import Order
from holdfast.sim.twins.binance.desk import FIRST_ALGO_ID, Call, Desk
from holdfast.sim.twins.binance.errors import ApiError, missing, no_such_order, unknown_order
from holdfast.sim.twins.binance.usdm_orders import (
    ALGO,
    acknowledged,
    algo_status,
    algo_told,
    read_algo_spec,
    read_spec,
    told,
    trade_row,
)

_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place_order(desk: Desk, call: Call) -> object:
    order = desk.place(call, read_spec(desk, call))
    if call.parameters.get("newOrderRespType", "ACK") == "RESULT":
        return told(desk, order)
    return acknowledged(desk, order)


def try_order(desk: Desk, call: Call) -> object:
    desk.check(call, read_spec(desk, call))
    return {}


def query_order(desk: Desk, call: Call) -> object:
    return told(desk, _find(desk, call, absent=no_such_order()))


def query_open_order(desk: Desk, call: Call) -> object:
    return told(desk, _find(desk, call, absent=no_such_order(), open_only=True))


def cancel_order(desk: Desk, call: Call) -> object:
    order = _find(desk, call, absent=unknown_order(), open_only=True)
    return told(desk, desk.cancel(call, order, cause=order.spec.client_id))


def _find(desk: Desk, call: Call, *, absent: ApiError, open_only: bool = False) -> Order:
    """An order in the book by its number or client id: a conditional one is there once it was triggered."""
    symbol = desk.instrument(call.parameters.symbol()).name
    number, client_id = call.parameters.integer("orderId"), call.parameters.get("origClientOrderId")
    if number is None and not client_id:
        raise missing("orderId")
    exchange = desk.exchange
    spaces = ("", ALGO)
    found = [exchange.open_order_with(call.account, client_id, space) for space in spaces]
    found += [exchange.latest_order_with(call.account, client_id, space) for space in spaces]
    if number is not None:
        found = [exchange.order(call.account, number)]
    for order in found:
        if order is None or order.waiting or order.spec.symbol != symbol:
            continue
        if not (open_only and order.state.final):
            return order
    raise absent


def open_orders(desk: Desk, call: Call) -> object:
    return [told(desk, order) for order in _open(desk, call) if not order.waiting]


def _open(desk: Desk, call: Call) -> list[Order]:
    symbol = desk.instrument(call.parameters.symbol()).name if "symbol" in call.parameters else None
    return desk.exchange.open_orders(call.account, symbol)


def all_orders(desk: Desk, call: Call) -> object:
    symbol, first = desk.instrument(call.parameters.symbol()).name, call.parameters.integer("orderId", 0) or 0
    orders = [order for order in _of_symbol(desk, call, symbol) if order.id >= first and not order.waiting]
    return [told(desk, order) for order in orders[-call.parameters.limit(500, 1000) :]]


def _of_symbol(desk: Desk, call: Call, symbol: str) -> list[Order]:
    orders = desk.exchange.orders.values()
    return [order for order in orders if order.account == call.account and order.spec.symbol == symbol]


def cancel_open_orders(desk: Desk, call: Call) -> object:
    """All orders of a symbol in the book; conditional ones stay."""
    call.parameters.symbol()
    for order in _open(desk, call):
        if not order.waiting:
            desk.cancel(call, order, cause=order.spec.client_id)
    return _DONE


def user_trades(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    number, from_id = call.parameters.integer("orderId"), call.parameters.integer("fromId")
    first, last = call.parameters.time("startTime"), call.parameters.time("endTime")
    if first is not None and last is not None and last - first > 7 * 86_400_000:
        raise ApiError(-4165, "Maximum time interval is 7 days.")
    rows = [
        trade
        for trade in desk.exchange.trades
        if trade.account == call.account
        and trade.symbol == symbol
        and number in (None, trade.order_id)
        and trade.id >= (from_id or 0)
        and (first or 0) <= trade.time_ms
        and (last is None or trade.time_ms <= last)
    ]
    limit = call.parameters.limit(500, 1000)
    return [trade_row(trade) for trade in (rows[:limit] if from_id is not None or first is not None else rows[-limit:])]


# ---- conditional orders


def place_algo(desk: Desk, call: Call) -> object:
    return algo_told(desk, desk.place(call, read_algo_spec(desk, call)))


def query_algo(desk: Desk, call: Call) -> object:
    return algo_told(desk, _find_algo(desk, call, absent=no_such_order()))


def cancel_algo(desk: Desk, call: Call) -> object:
    order = _find_algo(desk, call, absent=unknown_order())
    if not order.waiting or order.state.final:
        raise unknown_order()
    done = desk.cancel(call, order, cause=order.spec.client_id)
    return {"algoId": FIRST_ALGO_ID + done.id, "clientAlgoId": done.spec.client_id, "code": "200", "msg": "success"}


def _find_algo(desk: Desk, call: Call, *, absent: ApiError) -> Order:
    number, client_id = call.parameters.integer("algoId"), call.parameters.get("clientAlgoId")
    if number is None and not client_id:
        raise missing("algoId")
    if number is not None:
        order = desk.exchange.order(call.account, number - FIRST_ALGO_ID)
    else:
        order = desk.exchange.latest_order_with(call.account, client_id, ALGO)
    if order is None or order.spec.id_space != ALGO:
        raise absent
    return order


def open_algos(desk: Desk, call: Call) -> object:
    return [algo_told(desk, order) for order in _open(desk, call) if order.waiting]


def all_algos(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    return [algo_told(desk, order) for order in _of_symbol(desk, call, symbol) if order.spec.id_space == ALGO]


def cancel_open_algos(desk: Desk, call: Call) -> object:
    call.parameters.symbol()
    for order in _open(desk, call):
        if order.waiting and algo_status(order) == "NEW":
            desk.cancel(call, order, cause=order.spec.client_id)
    return _DONE
