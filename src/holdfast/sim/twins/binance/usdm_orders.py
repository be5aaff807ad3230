"""Futures orders and conditional (algo) orders: what a request asks for, and how the venue writes them."""

from __future__ import annotations

from decimal import Decimal

from holdfast.sim.exchange.order import ZERO, Kind, Lasting, Order, OrderSpec, State, Trade
from holdfast.sim.twins.binance.desk import FIRST_ALGO_ID, Call, Desk
from holdfast.sim.twins.binance.errors import ApiError, missing, not_required
from holdfast.sim.twins.binance.figures import average, plain, side_word
from holdfast.sim.twins.binance.parameters import Parameters
from holdfast.sim.twins.binance.spot_orders import STATES

Json = dict[str, object]
ALGO = "algo"
PLAIN = {"LIMIT": Kind.LIMIT, "MARKET": Kind.MARKET}
CONDITIONAL = {
    "STOP": Kind.STOP_LIMIT,
    "STOP_MARKET": Kind.STOP,
    "TAKE_PROFIT": Kind.TAKE_LIMIT,
    "TAKE_PROFIT_MARKET": Kind.TAKE,
}
_ELSEWHERE = frozenset({*CONDITIONAL, "TRAILING_STOP_MARKET"})
LASTINGS = {
    "GTC": Lasting.GTC,
    "IOC": Lasting.IOC,
    "FOK": Lasting.FOK,
    "GTX": Lasting.POST,
    "GTD": Lasting.DATE,
}
_GTD_LEAST_MS = 600_000


def read_spec(desk: Desk, call: Call) -> OrderSpec:
    """The order that POST /fapi/v1/order asks for; conditional types belong elsewhere since 2025-12-09."""
    parameters = call.parameters
    word = parameters.get("type")
    if word in _ELSEWHERE:
        msg = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise ApiError(-4120, msg)
    parameters.choice("type", PLAIN, ApiError(-1116, "Invalid orderType."))
    if parameters.boolean("closePosition"):
        raise ApiError(-4136, f"Target strategy invalid for orderType {word},closePosition true")
    return _read(desk, call, word, PLAIN[word], id_name="newClientOrderId")


def read_algo_spec(desk: Desk, call: Call) -> OrderSpec:
    """The order that POST /fapi/v1/algoOrder asks for."""
    parameters = call.parameters
    parameters.choice("algoType", frozenset({"CONDITIONAL"}), ApiError(-4000, "Invalid algoType."))
    word = parameters.choice("type", CONDITIONAL, ApiError(-1116, "Invalid orderType."))
    return _read(desk, call, word, CONDITIONAL[word], id_name="clientAlgoId")


def _read(desk: Desk, call: Call, word: str, kind: Kind, *, id_name: str) -> OrderSpec:
    parameters = call.parameters
    instrument = desk.instrument(parameters.symbol())
    tape = desk.tapes[instrument.name]
    side, position = parameters.side(), _position_side(desk, call)
    closing = parameters.boolean("closePosition")
    reduce_only = parameters.boolean("reduceOnly")
    if reduce_only and (closing or position):
        raise not_required("reduceonly")
    if closing and "quantity" in parameters:
        raise ApiError(-4137, "Quantity must be zero with closePosition equals true")
    if position:
        reduce_only = (position == "LONG") == (side.value == "sell")
    price, lasting = _limit(parameters, kind, tape.price_digits)
    lasts_until = parameters.integer("goodTillDate")
    if lasting is Lasting.DATE and (lasts_until is None or lasts_until < call.now_ms + _GTD_LEAST_MS):
        raise ApiError(-5040, "GTD goodTillDate must be greater than the current time plus 600 seconds.")
    given = parameters.client_id(id_name)
    return OrderSpec(
        symbol=instrument.name,
        side=side,
        kind=kind,
        size=ZERO if closing else _size(parameters, tape.size_digits),
        client_id=given or desk.new_client_id(),
        price=price,
        trigger_price=_figure(parameters, "triggerPrice", tape.price_digits) if kind.conditional else None,
        lasting=lasting,
        expires_ms=lasts_until,
        reduce_only=reduce_only,
        close_position=closing,
        position=position,
        id_space=ALGO if kind.conditional else "",
        on_mark=parameters.get("workingType") == "MARK_PRICE",
        note=(word, parameters.get("timeInForce", "GTC"), parameters.get("workingType", "CONTRACT_PRICE")),
    )


def _position_side(desk: Desk, call: Call) -> str:
    """'' in one-way mode, LONG or SHORT in hedge mode; the venue's refusal where request and mode disagree."""
    word, hedged = call.parameters.get("positionSide", "BOTH"), desk.exchange.accounts[call.account].hedged
    if (word in ("LONG", "SHORT")) != hedged:
        raise ApiError(-4061, "Order's position side does not match user's setting.")
    return word if hedged else ""


def _limit(parameters: Parameters, kind: Kind, digits: int) -> tuple[Decimal | None, Lasting]:
    stated = parameters.get("timeInForce")
    if stated and stated not in LASTINGS:
        raise ApiError(-1115, "Invalid timeInForce.")
    if not kind.priced:
        if "price" in parameters and not kind.conditional:
            raise not_required("price")
        return None, Lasting.GTC
    if not stated and not kind.conditional:
        raise missing("timeInForce")
    return _figure(parameters, "price", digits), LASTINGS[stated or "GTC"]


def _figure(parameters: Parameters, name: str, digits: int) -> Decimal:
    number = parameters.required_decimal(name, digits=20)
    if number != number.quantize(Decimal(10) ** -digits):
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    return number


def _size(parameters: Parameters, digits: int) -> Decimal:
    size = _figure(parameters, "quantity", digits)
    if size <= 0:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    return size


def words(order: Order) -> tuple[str, str, str]:
    """(type, time in force, working type) as the client wrote them."""
    note = order.spec.note
    assert isinstance(note, tuple)
    return str(note[0]), str(note[1]), str(note[2])


def live_type(order: Order) -> str:
    """The type of an order in the book: what a triggered one has become."""
    word = words(order)[0]
    return word if word in PLAIN else "LIMIT" if order.spec.kind.priced else "MARKET"


def told(desk: Desk, order: Order) -> Json:
    """An order as /fapi/v1/order writes it."""
    spec, kind = order.spec, live_type(order)
    _, lasting, working = words(order)
    price = average(order.spent, order.filled, desk.instrument(spec.symbol).price_tick)
    return {
        "orderId": order.id,
        "symbol": spec.symbol,
        "status": STATES[order.state],
        "clientOrderId": spec.client_id,
        "price": plain(spec.price or ZERO),
        "avgPrice": plain(price),
        "origQty": plain(order.size),
        "executedQty": plain(order.filled),
        "cumQty": plain(order.filled),
        "cumQuote": plain(order.spent),
        "timeInForce": lasting,
        "type": kind,
        "reduceOnly": spec.reduce_only and not spec.position,
        "closePosition": spec.close_position,
        "side": side_word(spec.side),
        "positionSide": spec.position or "BOTH",
        "stopPrice": "0",
        "workingType": working,
        "priceProtect": False,
        "origType": kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": spec.expires_ms or 0,
        "time": order.created_ms if order.triggered_ms is None else order.triggered_ms,
        "updateTime": order.changed_ms,
    }


def acknowledged(desk: Desk, order: Order) -> Json:
    """ACK, which is the default: an order as it was before it traded."""
    row = told(desk, order)
    del row["time"]
    nothing: Json = {"status": "NEW", "avgPrice": "0.00", "executedQty": "0", "cumQty": "0", "cumQuote": "0"}
    return row | nothing


def algo_status(order: Order) -> str:
    if order.waiting:
        return {State.OPEN: "NEW", State.CANCELLED: "CANCELED"}.get(order.state, "EXPIRED")
    return "FINISHED" if order.state.final else "TRIGGERED"


def algo_told(desk: Desk, order: Order) -> Json:
    """A conditional order as /fapi/v1/algoOrder writes it."""
    spec = order.spec
    word, lasting, working = words(order)
    live = not order.waiting
    price = average(order.spent, order.filled, desk.instrument(spec.symbol).price_tick)
    return {
        "algoId": FIRST_ALGO_ID + order.id,
        "clientAlgoId": spec.client_id,
        "algoType": "CONDITIONAL",
        "orderType": word,
        "symbol": spec.symbol,
        "side": side_word(spec.side),
        "positionSide": spec.position or "BOTH",
        "timeInForce": lasting,
        "quantity": plain(spec.size),
        "algoStatus": algo_status(order),
        "actualOrderId": str(order.id) if live else "",
        "actualPrice": plain(price),
        "actualQty": plain(order.filled),
        "actualType": live_type(order) if live else "",
        "triggerPrice": plain(spec.trigger_price or ZERO),
        "price": plain(spec.price or ZERO),
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": working,
        "priceMatch": "NONE",
        "closePosition": spec.close_position,
        "priceProtect": False,
        "reduceOnly": spec.reduce_only and not spec.position,
        "createTime": order.created_ms,
        "updateTime": order.changed_ms,
        "triggerTime": order.triggered_ms or 0,
        "goodTillDate": spec.expires_ms or 0,
    }


def trade_row(trade: Trade) -> Json:
    """A row of userTrades."""
    return {
        "buyer": trade.side.value == "buy",
        "commission": plain(trade.fee),
        "commissionAsset": trade.fee_asset,
        "id": trade.id,
        "maker": trade.maker,
        "orderId": trade.order_id,
        "price": plain(trade.price),
        "qty": plain(trade.size),
        "quoteQty": plain(trade.price * trade.size),
        "realizedPnl": plain(trade.realised),
        "side": side_word(trade.side),
        "positionSide": trade.position or "BOTH",
        "symbol": trade.symbol,
        "time": trade.time_ms,
    }
