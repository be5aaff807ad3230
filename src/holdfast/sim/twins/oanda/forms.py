"""An order of the account in the exchange's form: what kind it is there, its side and size, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from holdfast.model.order import Side
from holdfast.sim.exchange.book import Book
from holdfast.sim.exchange.order import Kind, Lasting, OrderSpec
from holdfast.sim.twins.oanda.hours import end_of_day_ms
from holdfast.sim.twins.oanda.records import OrderRecord, TradeRecord
from holdfast.sim.twins.oanda.requests import Asked

_LASTING = {
    "GTC": Lasting.GTC,
    "GTD": Lasting.DATE,
    "GFD": Lasting.DATE,
    "FOK": Lasting.FOK,
    "IOC": Lasting.IOC,
}


def exchange_form(
    order: OrderRecord, book: Book, trades: Mapping[int, TradeRecord], net_units: Decimal, now_ms: int
) -> OrderSpec:
    """The request to the exchange. One whose moment has come at the book's quote trades at once; without a quote it
    waits. `net_units` is what the account holds of the instrument."""
    asked = order.asked
    trade = trades[int(asked.trade_id)] if asked.trade_id else None
    units = asked.units if asked.units is not None else -trade.units if trade else Decimal(0)
    reduces = trade is not None or asked.position_fill == "REDUCE_ONLY"
    size = abs(units)
    if reduces and trade is None and net_units * units < 0:
        size = min(size, abs(net_units))
    return OrderSpec(
        symbol=order.instrument,
        side=Side.BUY if units > 0 else Side.SELL,
        kind=_kind(asked, units, book),
        size=size,
        client_id=str(order.number),
        price=asked.price,
        trigger_price=asked.price,
        lasting=_LASTING[asked.lasting],
        expires_ms=end_of_day_ms(now_ms) if asked.lasting == "GFD" else asked.gtd_ms,
        reduce_only=reduces,
        closes_lot=None if trade is None else trade.lot,
    )


def _kind(asked: Asked, units: Decimal, book: Book) -> Kind:
    """A limit order waits with its own price as trigger, so that it gets a better price than asked for where there is
    one."""
    if asked.type == "MARKET":
        return Kind.MARKET
    if asked.type == "LIMIT" and asked.lasting in ("IOC", "FOK"):
        return Kind.LIMIT
    touch = book.touch(Side.BUY if units > 0 else Side.SELL)
    assert asked.price is not None
    favourable = touch is None or (asked.price - touch) * units < 0
    match asked.type:
        case "LIMIT":
            return Kind.TAKE_LIMIT if favourable else Kind.LIMIT
        case "MARKET_IF_TOUCHED":
            return Kind.TAKE if favourable else Kind.STOP
        case "TAKE_PROFIT":
            return Kind.TAKE if favourable else Kind.MARKET
    passed = touch is not None and (touch - asked.price) * units >= 0
    return Kind.MARKET if passed else Kind.STOP
