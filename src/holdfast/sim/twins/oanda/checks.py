"""What v20 judges only when an order is about to fill: margin in the account's currency, price bounds, client trade
ids, protection that would lose at once, liquidity, and what a position fill allows. Each answer is a cancel reason."""

from __future__ import annotations

from decimal import Decimal

from holdfast.model.order import Side
from holdfast.sim.exchange.book import Book
from holdfast.sim.twins.oanda.account import Account
from holdfast.sim.twins.oanda.records import ZERO, OrderRecord
from holdfast.sim.twins.oanda.requests import TRADE_TYPES, Asked


class Planned:
    """What one quote has to serve, added up over the orders that it fills."""

    def __init__(self) -> None:
        self.margin = ZERO
        self.taken = {Side.BUY: ZERO, Side.SELL: ZERO}


def fault_at_fill(account: Account, order: OrderRecord, book: Book, planned: Planned) -> str | None:
    """Why an entry order may not fill at this quote; None where it may, and then `planned` counts it."""
    asked = order.asked
    if asked.units is None or asked.type in TRADE_TYPES:
        return None
    side = Side.BUY if asked.units > 0 else Side.SELL
    price = book.touch(side)
    assert price is not None
    held = account.net_units(order.instrument)
    against = held * asked.units < 0
    only_reduces = asked.position_fill == "REDUCE_ONLY"
    if only_reduces and not against:
        return "POSITION_CLOSEOUT_FAILED"
    if asked.position_fill == "OPEN_ONLY" and against:
        return "FIFO_VIOLATION"
    if asked.price_bound is not None and (price - asked.price_bound) * asked.units > 0:
        return "BOUNDS_VIOLATION"
    size = min(abs(asked.units), abs(held)) if only_reduces else abs(asked.units)
    all_of_it = size + planned.taken[side]
    if asked.lasting != "IOC" and book.left(side, all_of_it) < all_of_it:
        return "INSUFFICIENT_LIQUIDITY"
    closing = min(size, abs(held)) if against else ZERO
    if size > closing:
        fault = _fault_of_protection(asked, price) or _fault_of_trade_id(account, asked)
        needed = account.margin_for(order.instrument, size - closing)
        freed = account.margin_for(order.instrument, closing)
        if fault is None and planned.margin + needed > account.margin_available() + freed:
            fault = "INSUFFICIENT_MARGIN"
        if fault is not None:
            return fault
        planned.margin += needed
    planned.taken[side] = all_of_it
    return None


def _fault_of_protection(asked: Asked, price: Decimal) -> str | None:
    """A take profit or stop loss on the wrong side of the fill."""
    direction = 1 if (asked.units or ZERO) > 0 else -1
    profit, loss = asked.take_profit, asked.stop_loss
    if profit is not None and profit.price is not None and (profit.price - price) * direction <= 0:
        return "TAKE_PROFIT_ON_FILL_LOSS"
    if loss is not None and loss.price is not None and (price - loss.price) * direction <= 0:
        return "STOP_LOSS_ON_FILL_LOSS"
    return None


def _fault_of_trade_id(account: Account, asked: Asked) -> str | None:
    taken = asked.client_trade and any(trade.client_id == asked.client_trade for trade in account.open_trades())
    return "CLIENT_TRADE_ID_ALREADY_EXISTS" if taken else None
