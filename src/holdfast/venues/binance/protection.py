"""Stops and targets in Binance's words: parameters of order lists and of conditional orders. Pure.

Spot knows no reduce-only. A limit entry carries its protection in one OTOCO (or OTO) request: Binance accepts all of
it or nothing, and arms the protection when the entry is filled whole. A market entry cannot be part of a list, so its
protection follows at once as an OCO over what was bought. On futures each leg is a conditional order that closes the
whole position (`closePosition`), so its size follows the position by itself.
"""

from __future__ import annotations

from decimal import Decimal

from holdfast.model.errors import Refused
from holdfast.model.order import OrderRequest, OrderType, Side
from holdfast.venues.binance.filters import SymbolRules
from holdfast.venues.binance.signing import Value

Fields = list[tuple[str, Value]]
# Where a symbol has no stop-market orders, the stop's limit is this far beyond its trigger.
SLIP = Decimal("0.02")


def list_path(protection: tuple[OrderRequest, ...]) -> str:
    """Of the list that an entry and its protection make."""
    return "/api/v3/orderList/otoco" if len(protection) == 2 else "/api/v3/orderList/oto"


def entry_with_protection(request: OrderRequest, held: Decimal, rules: SymbolRules | None) -> Fields:
    """OTOCO or OTO: the entry works, the protection is pending, over the `held` size that the entry will leave. Refused
    for an entry that is no limit order."""
    if request.type is not OrderType.LIMIT or request.price is None:
        raise Refused(f"On Binance spot a {request.type} entry cannot carry its protection in one request.")
    fields: Fields = [
        ("symbol", request.symbol.name),
        ("workingType", "LIMIT"),
        ("workingSide", request.side.upper()),
        ("workingPrice", request.price),
        ("workingQuantity", request.size),
        ("workingTimeInForce", "GTC"),
        ("workingClientOrderId", request.client_order_id),
        ("newOrderRespType", "RESULT"),
        ("pendingSide", request.protection[0].side.upper()),
        ("pendingQuantity", held),
    ]
    if len(request.protection) == 2:
        return fields + _both_legs(request.protection, rules, prefix="pending")
    return fields + _leg(request.protection[0], rules, prefix="pending")


def one_cancels_other(protection: tuple[OrderRequest, ...], size: Decimal, rules: SymbolRules | None) -> Fields:
    """An OCO of a stop and a target over `size`."""
    first = protection[0]
    return [
        ("symbol", first.symbol.name),
        ("side", first.side.upper()),
        ("quantity", size),
        ("newOrderRespType", "RESULT"),
        *_both_legs(protection, rules, prefix=""),
    ]


def spot_order(request: OrderRequest, size: Decimal, rules: SymbolRules | None) -> Fields:
    """A single order. By default Binance would acknowledge a stop without its state, and tell every fill of the others;
    the fills are of use only where protection has to follow them."""
    fields: Fields = [
        ("symbol", request.symbol.name),
        ("side", request.side.upper()),
        *_leg(request, rules, prefix=""),
        ("quantity", size),
        ("newOrderRespType", "FULL" if request.protection else "RESULT"),
    ]
    return fields


def futures_order(request: OrderRequest) -> Fields:
    """A market or limit order on futures, whose answer tells what was filled at once."""
    fields: Fields = [
        ("symbol", request.symbol.name),
        ("side", request.side.upper()),
        *_leg(request, None, prefix=""),
        ("quantity", request.size),
        ("newOrderRespType", "RESULT"),
    ]
    return [*fields, ("reduceOnly", "true")] if request.reduce_only else fields


def futures_conditional(request: OrderRequest, *, attached: bool) -> Fields:
    """A stop or target as a conditional order: `attached` ones close whatever the position is, others reduce by their
    size."""
    kind = "STOP_MARKET" if request.type is OrderType.STOP else "TAKE_PROFIT_MARKET"
    fields: Fields = [
        ("algoType", "CONDITIONAL"),
        ("symbol", request.symbol.name),
        ("side", request.side.upper()),
        ("type", kind),
        ("triggerPrice", _price(request)),
        ("clientAlgoId", request.client_order_id),
    ]
    if attached:
        return [*fields, ("closePosition", "true")]
    fields.append(("quantity", request.size))
    return [*fields, ("reduceOnly", "true")] if request.reduce_only else fields


def _both_legs(protection: tuple[OrderRequest, ...], rules: SymbolRules | None, *, prefix: str) -> Fields:
    """The leg at the higher price is `above`, the other `below`."""
    stop = next((leg for leg in protection if leg.type is OrderType.STOP), None)
    target = next((leg for leg in protection if leg.type is OrderType.LIMIT), None)
    if stop is None or target is None:
        raise Refused("A pair of protective orders is one stop and one limit order.")
    above, below = (target, stop) if stop.side is Side.SELL else (stop, target)
    return _leg(above, rules, prefix=f"{prefix}Above") + _leg(below, rules, prefix=f"{prefix}Below")


def _leg(request: OrderRequest, rules: SymbolRules | None, *, prefix: str) -> Fields:
    """Type, prices and id of one order; inside a list their names begin with `prefix`."""
    listed = bool(prefix) and prefix != "pending"

    def named(name: str) -> str:
        return prefix[0].lower() + prefix[1:] + name[0].upper() + name[1:] if prefix else name

    fields: Fields = []
    if request.type is OrderType.MARKET:
        fields.append((named("type"), "MARKET"))
    elif request.type is OrderType.LIMIT:
        # In an OCO the limit leg has to be a maker.
        fields += [(named("type"), "LIMIT_MAKER" if listed else "LIMIT"), (named("price"), _price(request))]
        if not listed:
            fields.append((named("timeInForce"), "GTC"))
    else:
        fields += _stop(request, rules, named("type"), named("stopPrice"), named("price"), named("timeInForce"))
    fields.append((named("clientOrderId") if prefix else "newClientOrderId", request.client_order_id))
    return fields


def _stop(request: OrderRequest, rules: SymbolRules | None, *names: str) -> Fields:
    kind, trigger, limit, in_force = names
    if rules is None or "STOP_LOSS" in rules.order_types:
        return [(kind, "STOP_LOSS"), (trigger, _price(request))]
    away = 1 - SLIP if request.side is Side.SELL else 1 + SLIP
    price = (_price(request) * away / rules.price_tick).to_integral_value() * rules.price_tick
    return [(kind, "STOP_LOSS_LIMIT"), (trigger, _price(request)), (limit, price), (in_force, "GTC")]


def _price(request: OrderRequest) -> Decimal:
    if request.price is None:
        raise Refused(f"A {request.type} order needs a price.")
    return request.price
