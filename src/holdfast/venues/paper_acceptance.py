"""What the paper venue accepts: the filters of an exchange, and what an order must have behind it.

Here: the refusals and their codes. Not here: what becomes of an accepted order.
"""

from __future__ import annotations

from decimal import Decimal

from holdfast.model.errors import Refused
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderRequest, OrderType, Side
from holdfast.venues.paper_matching import reduces
from holdfast.venues.paper_rules import Ground
from holdfast.venues.paper_state import PaperState

_ZERO = Decimal(0)
_BPS = Decimal(10_000)

# Why an order is refused. The error's text is the code alone.
REFUSALS: dict[str, str] = {
    "unknown_symbol": "The venue does not trade this symbol.",
    "duplicate_client_id": "An order with this client order id was accepted before.",
    "bad_price": "A limit or stop without a price, or a market order with one, or a price not above zero.",
    "bad_protection": "A protective order is not a reduce-only stop or limit of the other side.",
    "price_tick": "A price is off the tick.",
    "size_step": "The size is not above zero, or off the step.",
    "min_size": "The size is below the smallest.",
    "min_notional": "The value is below the smallest.",
    "no_price": "The venue has seen no bar of this symbol yet.",
    "short_not_allowed": "The symbol cannot be sold short, and less than this is held.",
    "nothing_to_reduce": "A reduce-only order, but no position that it would make smaller.",
    "insufficient_balance": "Not enough free balance for the value, or the margin, and the fee.",
}


def accept(request: OrderRequest, ground: Ground | None, state: PaperState, last_price: Decimal | None) -> Decimal:
    """What to reserve for each base unit of the order, in quote currency; raises Refused with a code of REFUSALS.

    `ground` is None for a symbol that is not listed, `last_price` before its first bar.
    """
    if ground is None:
        raise Refused("unknown_symbol")
    instrument = ground.instrument
    for order in (request, *request.protection):
        if state.knows(order.client_order_id):
            raise Refused("duplicate_client_id")
        _check_prices(order, instrument)
        _check_size(order, instrument)
    if not all(_protects(leg, request) for leg in request.protection):
        raise Refused("bad_protection")
    price = request.price if request.price is not None else last_price
    if price is None:
        raise Refused("no_price")
    if reduces(request, instrument):
        _check_reducing(request, state.account.position(request.symbol))
        return _ZERO
    if request.size * price < instrument.min_notional:
        raise Refused("min_notional")
    worst = price * (1 + (ground.rules.half_spread_bps + ground.rules.slippage_bps) / _BPS)
    reserve = worst * (1 / ground.rules.max_leverage + instrument.taker_fee)
    if request.size * reserve > state.free(instrument.quote):
        raise Refused("insufficient_balance")
    return reserve


def _check_prices(order: OrderRequest, instrument: Instrument) -> None:
    if (order.price is None) != (order.type is OrderType.MARKET):
        raise Refused("bad_price")
    if order.price is not None and (not order.price.is_finite() or order.price <= 0):
        raise Refused("bad_price")
    if order.price is not None and order.price % instrument.price_tick:
        raise Refused("price_tick")


def _check_size(order: OrderRequest, instrument: Instrument) -> None:
    if not order.size.is_finite() or order.size <= 0 or order.size % instrument.size_step:
        raise Refused("size_step")
    if order.size < instrument.min_size:
        raise Refused("min_size")


def _protects(leg: OrderRequest, request: OrderRequest) -> bool:
    return (
        leg.reduce_only
        and leg.symbol == request.symbol
        and leg.side is request.side.opposite
        and leg.size == request.size
        and leg.type is not OrderType.MARKET
        and not leg.protection
        and not request.reduce_only
    )


def _check_reducing(request: OrderRequest, position: Decimal) -> None:
    held = position if request.side is Side.SELL else -position
    if not request.reduce_only and request.size > held:
        raise Refused("short_not_allowed")
    if held <= 0:
        raise Refused("nothing_to_reduce")
