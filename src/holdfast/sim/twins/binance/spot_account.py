"""What an account may do on spot: place, cancel and query orders and lists of them, trades, balances."""

from __future__ import annotations

from decimal import Decimal

from holdfast.sim.exchange.instrument import Rejected
from holdfast.sim.exchange.order import Group, GroupKind, Order, OrderSpec
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.errors import ApiError, no_such_order, unknown_order
from holdfast.sim.twins.binance.figures import fixed
from holdfast.sim.twins.binance.spot_orders import (
    Json,
    Leg,
    acknowledged,
    cancelled,
    find,
    full,
    list_result,
    list_row,
    placed,
    queried,
    read_spec,
    trade_row,
)


def place_order(desk: Desk, call: Call) -> object:
    spec = read_spec(desk, call.parameters, Leg(call.parameters))
    default = "FULL" if call.parameters.get("type") in ("LIMIT", "MARKET") else "ACK"
    answer = call.parameters.get("newOrderRespType", default)
    order = desk.place(call, spec)
    if answer == "ACK":
        return acknowledged(order)
    return full(desk, order) if answer == "FULL" else placed(order)


def try_order(desk: Desk, call: Call) -> object:
    desk.check(call, read_spec(desk, call.parameters, Leg(call.parameters)))
    return {}


def query_order(desk: Desk, call: Call) -> object:
    return queried(find(desk, call, absent=no_such_order()))


def cancel_order(desk: Desk, call: Call) -> object:
    order = find(desk, call, absent=unknown_order(), open_only=True)
    cause = call.parameters.client_id("newClientOrderId") or desk.new_client_id()
    done = desk.cancel(call, order, cause=cause)
    if order.group:
        return list_result(desk, desk.exchange.groups[order.group], lambda one: cancelled(one, cause))
    return cancelled(done, cause)


def cancel_open_orders(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    orders = desk.exchange.open_orders(call.account, symbol)
    if not orders:
        raise unknown_order()
    cause, told, lists = desk.new_client_id(), [], set[int]()
    for order in orders:
        if desk.exchange.orders[order.id].state.final:
            continue
        done = desk.cancel(call, order, cause=cause)
        if not order.group:
            told.append(cancelled(done, cause))
        elif order.group not in lists:
            lists.add(order.group)
            told.append(list_result(desk, desk.exchange.groups[order.group], lambda one: cancelled(one, cause)))
    return told


def cancel_replace(desk: Desk, call: Call) -> object:
    """Cancel, then place; 409 when only one of the two succeeded, 400 when neither did."""
    stop_on_failure = call.parameters.text("cancelReplaceMode") == "STOP_ON_FAILURE"
    names = {"orderId": "cancelOrderId", "origClientOrderId": "cancelOrigClientOrderId"}
    values = {"symbol": call.parameters.symbol()}
    values |= {plain: call.parameters.get(sent) for plain, sent in names.items() if sent in call.parameters}
    spec = read_spec(desk, call.parameters, Leg(call.parameters))
    parts: Json = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
    parts |= {"cancelResponse": None, "newOrderResponse": None}
    try:
        parts["cancelResponse"] = cancel_order(desk, Call(type(call.parameters)(values), call.account, call.now_ms))
    except ApiError as refusal:
        parts |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body}
        if stop_on_failure:
            raise ApiError(-2022, "Order cancel-replace failed.", data=parts) from refusal
    try:
        parts |= {"newOrderResult": "SUCCESS", "newOrderResponse": full(desk, desk.place(call, spec))}
    except ApiError as refusal:
        parts |= {"newOrderResult": "FAILURE", "newOrderResponse": refusal.body}
    failed = [name for name in ("cancelResult", "newOrderResult") if parts[name] == "FAILURE"]
    if len(failed) == 2:
        raise ApiError(-2022, "Order cancel-replace failed.", data=parts)
    if failed:
        raise ApiError(-2021, "Order cancel-replace partially failed.", status=409, data=parts)
    return parts


def open_orders(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name if "symbol" in call.parameters else None
    return [queried(order) for order in desk.exchange.open_orders(call.account, symbol)]


def all_orders(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    first = call.parameters.integer("orderId", 0) or 0
    rows = [order for order in _orders(desk, call, symbol) if order.id >= first]
    limit = call.parameters.limit(500, 1000)
    return [queried(order) for order in (rows[:limit] if first else rows[-limit:])]


def _orders(desk: Desk, call: Call, symbol: str) -> list[Order]:
    first, last = call.parameters.time("startTime") or 0, call.parameters.time("endTime")
    return [
        order
        for order in desk.exchange.orders.values()
        if order.account == call.account
        and order.spec.symbol == symbol
        and first <= order.created_ms
        and (last is None or order.created_ms <= last)
    ]


def my_trades(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    number, from_id = call.parameters.integer("orderId"), call.parameters.integer("fromId")
    first, last = call.parameters.time("startTime") or 0, call.parameters.time("endTime")
    rows = [
        trade
        for trade in desk.exchange.trades
        if trade.account == call.account
        and trade.symbol == symbol
        and number in (None, trade.order_id)
        and trade.id >= (from_id or 0)
        and first <= trade.time_ms
        and (last is None or trade.time_ms <= last)
    ]
    limit = call.parameters.limit(500, 1000)
    rows = rows[:limit] if from_id is not None else rows[-limit:]
    return [trade_row(trade, desk.exchange.orders[trade.order_id]) for trade in rows]


def account(desk: Desk, call: Call) -> object:
    owner = desk.exchange.accounts[call.account]
    instruments = [book.instrument for book in desk.exchange.books.values()]
    assets = {one.base for one in instruments} | {one.quote for one in instruments} | set(owner.totals)
    if call.parameters.boolean("omitZeroBalances"):
        assets = {asset for asset in assets if owner.total(asset)}
    maker, taker = (instruments[0].maker_fee, instruments[0].taker_fee) if instruments else (Decimal(0), Decimal(0))
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": fixed(maker),
            "taker": fixed(taker),
            "buyer": fixed(Decimal(0)),
            "seller": fixed(Decimal(0)),
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": owner.changed_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": fixed(owner.free(asset)), "locked": fixed(owner.locked(asset))}
            for asset in sorted(assets)
        ],
        "permissions": ["SPOT"],
        "uid": sum(call.account.encode()),
    }


def account_commission(desk: Desk, call: Call) -> object:
    one = desk.instrument(call.parameters.symbol())
    none = {"maker": fixed(Decimal(0)), "taker": fixed(Decimal(0)), "buyer": fixed(Decimal(0)), "seller": "0.00000000"}
    standard = none | {"maker": fixed(one.maker_fee), "taker": fixed(one.taker_fee)}
    discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000"}
    return {"symbol": one.name, "standardCommission": standard, "taxCommission": none, "discount": discount}


def order_rate_limits(desk: Desk, call: Call) -> object:
    rows = []
    for told, (name, window_ms, _) in zip(desk.meter.rate_limits()[1:], desk.meter.limits.orders, strict=True):
        rows.append(told | {"count": desk.meter.orders(call.account, name, window_ms, call.now_ms)})
    return rows


def restrictions(desk: Desk, call: Call) -> object:
    """What the key may do: everything but withdraw."""
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": False,
    }


def system_status(desk: Desk, call: Call) -> object:
    return {"status": 0, "msg": "normal"}


def coins(desk: Desk, call: Call) -> object:
    """Every asset of the venue; none can be moved in or out of a twin."""
    instruments = [book.instrument for book in desk.exchange.books.values()]
    owner = desk.exchange.accounts[call.account]
    return [
        {
            "coin": asset,
            "name": asset,
            "free": fixed(owner.free(asset)),
            "locked": fixed(owner.locked(asset)),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "networkList": [],
        }
        for asset in sorted({one.base for one in instruments} | {one.quote for one in instruments})
    ]


def nothing(desk: Desk, call: Call) -> object:
    """An empty list: the twin has none of what was asked for."""
    return []


# ---- lists of orders


def place_oco(desk: Desk, call: Call) -> object:
    """`above…` and `below…`: one limit (maker) or take order, and one stop."""
    shared = {"side": "side", "quantity": "quantity"}
    legs = [
        read_spec(desk, call.parameters, Leg(call.parameters, prefix, shared=shared), id_name="clientOrderId")
        for prefix in ("above", "below")
    ]
    return _place_list(desk, call, GroupKind.OCO, legs)


def place_oto(desk: Desk, call: Call) -> object:
    return _place_list(desk, call, GroupKind.OTOCO, [_working(desk, call), _pending(desk, call, "pending")])


def place_otoco(desk: Desk, call: Call) -> object:
    legs = [_pending(desk, call, prefix) for prefix in ("pendingAbove", "pendingBelow")]
    return _place_list(desk, call, GroupKind.OTOCO, [_working(desk, call), *legs])


def _working(desk: Desk, call: Call) -> OrderSpec:
    if call.parameters.get("workingType") not in ("LIMIT", "LIMIT_MAKER"):
        raise ApiError(-1116, "Invalid orderType.")
    return read_spec(desk, call.parameters, Leg(call.parameters, "working"), id_name="clientOrderId")


def _pending(desk: Desk, call: Call, prefix: str) -> OrderSpec:
    shared = {"side": "pendingSide", "quantity": "pendingQuantity"}
    return read_spec(desk, call.parameters, Leg(call.parameters, prefix, shared=shared), id_name="clientOrderId")


def _place_list(desk: Desk, call: Call, kind: GroupKind, specs: list[OrderSpec]) -> object:
    client_id = call.parameters.client_id("listClientOrderId") or desk.new_client_id()
    if any(group.client_id == client_id and not group.done for group in desk.exchange.groups.values()):
        raise ApiError(-2010, "Duplicate order sent.")
    try:
        group = desk.exchange.place_group(call.account, kind, specs, client_id=client_id, time_ms=call.now_ms)
    except Rejected as rejected:
        raise desk.refusal(rejected, specs[0]) from rejected
    return list_result(desk, group)


def _find_list(desk: Desk, call: Call, *, absent: ApiError) -> Group:
    number = call.parameters.integer("orderListId")
    client_id = call.parameters.get("origClientOrderId") or call.parameters.get("listClientOrderId")
    for group in reversed(desk.exchange.groups.values()):
        if group.account == call.account and (
            group.id == number if number is not None else group.client_id == client_id
        ):
            return group
    raise absent


def query_list(desk: Desk, call: Call) -> object:
    return list_row(desk, _find_list(desk, call, absent=ApiError(-2018, "Order list does not exist.")))


def cancel_list(desk: Desk, call: Call) -> object:
    group = _find_list(desk, call, absent=unknown_order())
    cause = call.parameters.client_id("newClientOrderId") or desk.new_client_id()
    still = [order for number in group.orders if not (order := desk.exchange.orders[number]).state.final]
    if not still:
        raise unknown_order()
    desk.cancel(call, still[0], cause=cause)
    return list_result(desk, desk.exchange.groups[group.id], lambda one: cancelled(one, cause))


def open_lists(desk: Desk, call: Call) -> object:
    groups = desk.exchange.groups.values()
    return [list_row(desk, group) for group in groups if group.account == call.account and not group.done]


def all_lists(desk: Desk, call: Call) -> object:
    return [list_row(desk, group) for group in desk.exchange.groups.values() if group.account == call.account]


def listen_key_removed(desk: Desk, call: Call) -> object:
    """POST, PUT and DELETE /api/v3/userDataStream: gone since 2026-02-20."""
    raise ApiError(-1000, "This endpoint has been removed. Please use the WebSocket API instead.", status=410)
