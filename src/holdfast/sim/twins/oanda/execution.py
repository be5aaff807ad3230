"""Between the account and the exchange: orders go in, events come out and become transactions, trades and money."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from holdfast.model.order import Side
from holdfast.sim.exchange.book import Book
from holdfast.sim.exchange.events import Event, EventKind
from holdfast.sim.exchange.instrument import Reason, Rejected, Trading
from holdfast.sim.exchange.order import Lasting, LotChange, Order, Trade
from holdfast.sim.twins.oanda.account import Account
from holdfast.sim.twins.oanda.checks import Planned, fault_at_fill
from holdfast.sim.twins.oanda.forms import exchange_form
from holdfast.sim.twins.oanda.hours import is_open
from holdfast.sim.twins.oanda.prices import LIQUIDITY, price_json
from holdfast.sim.twins.oanda.records import ZERO, OrderRecord, TradeRecord
from holdfast.sim.twins.oanda.requests import TRADE_TYPES, Asked, Protection
from holdfast.sim.twins.oanda.wire import MONEY, Json, money

_CLOSE_REASONS = {
    "tradeClose": "MARKET_ORDER_TRADE_CLOSE",
    "longPositionCloseout": "MARKET_ORDER_POSITION_CLOSEOUT",
    "shortPositionCloseout": "MARKET_ORDER_POSITION_CLOSEOUT",
    "marginCloseout": "MARKET_ORDER_MARGIN_CLOSEOUT",
}


class Execution:
    """Moves one account. `account.exchange` has an account of the same id, with collateral enough for anything:
    margin is v20's own affair, in one currency over all instruments, and is judged here."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._by_engine_id: dict[int, OrderRecord] = {}
        self._by_lot: dict[int, TradeRecord] = {}
        self._heard: list[Event] = []
        account.exchange.listeners.append(self._heard.append)

    # ---- orders in

    def accept(self, asked: Asked, now_ms: int, *, reason: str, **more: object) -> tuple[OrderRecord, Json]:
        """Writes the transaction that makes an order, and records it; `send` is the next step."""
        if asked.distance is not None:
            trade = self.account.trades[int(asked.trade_id)]
            asked = msgspec.structs.replace(asked, price=trade.price - asked.distance.copy_sign(trade.units))
        transaction = self.account.log.write(
            f"{asked.type}_ORDER", now_ms, **asked.to_json(), partialFill=None if asked.type == "MARKET" else "DEFAULT",
            reason=reason, **more,
        )  # fmt: skip
        number = int(transaction["id"])
        name = asked.instrument or self.account.trades[int(asked.trade_id)].instrument
        order = self.account.orders[number] = OrderRecord(number, asked, name, now_ms)
        if asked.type in TRADE_TYPES:
            trade = self.account.trades[int(asked.trade_id)]
            if asked.type == "STOP_LOSS":
                trade.stop_loss = order
            else:
                trade.take_profit = order
        return order, transaction

    def send(self, order: OrderRecord, now_ms: int) -> None:
        """Lets an accepted order trade, rest, or be cancelled by what the venue checks at the fill."""
        book = self.account.book(order.instrument)
        halted = book.trading is not Trading.OPEN
        if halted or (order.asked.type == "MARKET" and not self.tradeable(order.instrument, now_ms)):
            self.cancel(order, now_ms, "MARKET_HALTED")
            return
        self._place(order, book if is_open(now_ms) else Book(book.instrument), now_ms)

    def _place(self, order: OrderRecord, seen: Book, now_ms: int) -> None:
        """Hands an order to the exchange, as it is at the quote that is `seen` (none: it waits for one)."""
        account, name = self.account, order.instrument
        spec = exchange_form(order, seen, account.trades, account.net_units(name), now_ms)
        at_once = not spec.kind.conditional and account.book(name).reaches(spec)
        if at_once and (fault := fault_at_fill(account, order, account.book(name), Planned())):
            self.cancel(order, now_ms, fault)
            return
        try:
            placed = account.exchange.place(account.id, spec, time_ms=now_ms)
        except Rejected:
            # All that v20 judges was judged before: the filters have changed under the order.
            self.cancel(order, now_ms, "INTERNAL_SERVER_ERROR")
            return
        order.engine_id = placed.id
        self._by_engine_id[placed.id] = order
        self.settle(now_ms)

    def cancel(self, order: OrderRecord, now_ms: int, reason: str, *, replaced_by: int | None = None) -> Json:
        """Ends a pending order. Returns the transaction."""
        if order.engine_id is not None:
            self._by_engine_id.pop(order.engine_id, None)
            self._withdraw(order.instrument, order.engine_id, now_ms)
        order.state, order.ended_ms, order.replaced_by = "CANCELLED", now_ms, replaced_by
        transaction = self.account.log.write(
            "ORDER_CANCEL",
            now_ms,
            orderID=str(order.number),
            clientOrderID=order.client_id or None,
            reason=reason,
            replacedByOrderID=None if replaced_by is None else str(replaced_by),
        )
        order.ended_by = int(transaction["id"])
        return transaction

    def _withdraw(self, name: str, engine_id: int, now_ms: int) -> None:
        """Takes an order back from the exchange; v20 lets a client do that in a halt as well."""
        if self.account.exchange.orders[engine_id].state.final:
            return
        book = self.account.book(name)
        before = book.trading
        if before is Trading.HALTED:
            book.trading = Trading.CANCEL_ONLY
        self.account.exchange.cancel(self.account.id, engine_id, time_ms=now_ms)
        book.trading = before

    # ---- prices in

    def tradeable(self, name: str, now_ms: int) -> bool:
        """Whether the instrument can be traded now: the week is open, nothing halts it, and it has a price."""
        book = self.account.book(name)
        return is_open(now_ms) and book.trading is Trading.OPEN and book.bid is not None

    def on_quote(self, name: str, bid: Decimal, ask: Decimal, *, now_ms: int) -> None:
        """A new price: first the orders that it would fill and that may not be filled end, then the others trade."""
        coming = Book(self.account.book(name).instrument, bid=bid, ask=ask, bid_left=LIQUIDITY, ask_left=LIQUIDITY)
        planned = Planned()
        for number in list(self.account.book(name).open) if self.tradeable(name, now_ms) else ():
            order, waiting = self._by_engine_id[number], self.account.exchange.orders[number]
            if coming.triggers(waiting.spec) and (fault := fault_at_fill(self.account, order, coming, planned)):
                self.cancel(order, now_ms, fault)
        self.account.exchange.on_price(name, bid, ask, time_ms=now_ms, available=LIQUIDITY)
        self.settle(now_ms)
        if self.account.is_ruined():
            self._close_out(now_ms)

    def _close_out(self, now_ms: int) -> None:
        """Closes every position that can be traded now, because the account can no longer carry them."""
        for name in self.account.open_instruments():
            if self.tradeable(name, now_ms):
                asked = Asked(
                    type="MARKET",
                    instrument=name,
                    units=-self.account.net_units(name),
                    lasting="IOC",
                    position_fill="REDUCE_ONLY",
                    closes={"marginCloseout": {"reason": "MARGIN_CHECK_VIOLATION"}},
                )
                with self.account.log.batch():
                    self.send(self.accept(asked, now_ms, reason="MARGIN_CLOSEOUT")[0], now_ms)

    def on_time(self, now_ms: int) -> None:
        """Ends the orders whose date has come."""
        self.account.exchange.expire(now_ms)
        self.settle(now_ms)

    # ---- events out

    def settle(self, now_ms: int) -> None:
        """Turns what the exchange has said into transactions, until it has no more to say."""
        while self._heard:
            heard = self._heard[:]
            self._heard.clear()
            for event in heard:
                order = self._by_engine_id.get(event.order.id) if event.order is not None else None
                if order is None or event.order is None:
                    continue
                if event.kind is EventKind.TRADED and event.trade is not None:
                    self._fill(order, event.trade, now_ms)
                    order.state = "FILLED" if event.order.state.final else "PENDING"
                elif event.kind in (EventKind.EXPIRED, EventKind.CANCELLED):
                    self._ended(order, event.order, now_ms)

    def _ended(self, order: OrderRecord, ended: Order, now_ms: int) -> None:
        """The exchange ended an order without (all of) its fill."""
        asked = order.asked
        trade = self.account.trades[int(asked.trade_id)] if asked.type in TRADE_TYPES else None
        expired = ended.spec.lasting is Lasting.DATE and (ended.spec.expires_ms or 0) <= now_ms
        if trade is not None and trade.is_open and not expired:
            # The quote had too little for it: a trade does not lose its protection, it waits for the next quote.
            order.state = "PENDING"
            self._place(order, Book(self.account.book(order.instrument).instrument), now_ms)
        elif ended.filled:
            order.state = "FILLED"
        elif trade is not None and not trade.is_open:
            self.cancel(order, now_ms, "LINKED_TRADE_CLOSED")
        elif ended.reason == Reason.REDUCE_ONLY.value:
            self.cancel(order, now_ms, "POSITION_CLOSEOUT_FAILED")
        else:
            self.cancel(order, now_ms, "INSUFFICIENT_LIQUIDITY" if asked.type == "MARKET" else "TIME_IN_FORCE_EXPIRED")

    def _fill(self, order: OrderRecord, done: Trade, now_ms: int) -> None:
        """One match becomes an ORDER_FILL, and with it trades, profit, and the orders that hang on them."""
        account, name = self.account, order.instrument
        factor, tradable, book = account.factor(name), account.tradables[name], account.book(name)
        half_spread = ((book.ask or ZERO) - (book.bid or ZERO)) / 2 * factor
        number = account.log.last_id + 1
        units = done.size if done.side is Side.BUY else -done.size
        changes = [self._reduce(change, done, factor, number, now_ms) for change in done.lots if not change.opened]
        reduced = [(trade, part) for trade, part in changes if trade.is_open]
        closed = [(trade, part) for trade, part in changes if not trade.is_open]
        opened = next((self._open(order, change, number, now_ms) for change in done.lots if change.opened), None)
        profit = sum((Decimal(part["realizedPL"]) for _, part in changes), ZERO)
        account.balance += profit
        text = tradable.price_text(done.price)
        account.log.write(
            "ORDER_FILL",
            now_ms,
            orderID=str(order.number),
            clientOrderID=order.client_id or None,
            instrument=name,
            units=units,
            gainQuoteHomeConversionFactor=factor,
            lossQuoteHomeConversionFactor=factor,
            price=text,
            fullVWAP=text,
            fullPrice=price_json(tradable, book, tradeable=True),
            reason=_fill_reason(order.asked),
            pl=money(profit),
            financing=money(ZERO),
            commission=money(ZERO),
            guaranteedExecutionFee=money(ZERO),
            accountBalance=money(account.balance),
            tradeOpened=opened and self._opened_json(opened, half_spread),
            tradesClosed=[part | _spread_cost(part, half_spread) for _, part in closed] or None,
            tradeReduced=reduced[0][1] | _spread_cost(reduced[0][1], half_spread) if reduced else None,
            halfSpreadCost=money(half_spread * done.size),
        )
        order.ended_by, order.ended_ms = number, now_ms
        order.opened = opened.number if opened else order.opened
        order.reduced = reduced[0][0].number if reduced else order.reduced
        order.closed += [trade.number for trade, _ in closed]
        for trade, _ in closed:
            for linked in trade.protections():
                if linked is not order:
                    self.cancel(linked, now_ms, "LINKED_TRADE_CLOSED")
        if opened is not None:
            self._protect(order.asked, opened, number, now_ms)

    def _reduce(
        self, change: LotChange, done: Trade, factor: Decimal, number: int, now_ms: int
    ) -> tuple[TradeRecord, Json]:
        trade = self._by_lot[change.lot]
        realised = (change.realised * factor).quantize(MONEY)
        side = (trade.instrument, "long" if trade.units > 0 else "short")
        self.account.profit[side] = self.account.profit.get(side, ZERO) + realised
        trade.units -= change.size
        trade.realised += realised
        trade.closed_value += abs(change.size) * done.price
        trade.closing.append(number)
        closed_units = abs(trade.initial_units - trade.units)
        tradable = self.account.tradables[trade.instrument]
        trade.average_close = tradable.price_text(trade.closed_value / closed_units)
        if not trade.units:
            trade.closed_ms = now_ms
            del self.account.open[trade.number]
        part: Json = {
            "tradeID": str(trade.number),
            "clientTradeID": trade.client_id or None,
            "units": -change.size,
            "price": tradable.price_text(done.price),
            "realizedPL": money(realised),
            "financing": money(ZERO),
            "guaranteedExecutionFee": money(ZERO),
        }
        return trade, part

    def _open(self, order: OrderRecord, change: LotChange, number: int, now_ms: int) -> TradeRecord:
        text = self.account.tradables[order.instrument].price_text(change.price)
        trade = TradeRecord(
            number=number,
            lot=change.lot,
            instrument=order.instrument,
            price=change.price,
            price_text=text,
            opened_ms=now_ms,
            initial_units=change.size,
            units=change.size,
            margin=self.account.margin_for(order.instrument, change.size),
            extensions=order.asked.trade_extensions,
        )
        self.account.trades[number] = self.account.open[number] = self._by_lot[change.lot] = trade
        self.account.profit.setdefault((trade.instrument, "long" if trade.units > 0 else "short"), ZERO)
        return trade

    def _opened_json(self, trade: TradeRecord, half_spread: Decimal) -> Json:
        return {
            "tradeID": str(trade.number),
            "units": trade.units,
            "price": trade.price_text,
            "guaranteedExecutionFee": money(ZERO),
            "clientExtensions": trade.extensions,
            "halfSpreadCost": money(half_spread * abs(trade.units)),
            "initialMarginRequired": money(trade.margin),
        }

    def _protect(self, asked: Asked, trade: TradeRecord, fill: int, now_ms: int) -> None:
        """The take profit and the stop loss that were asked for with the order."""
        for kind, wanted in (("TAKE_PROFIT", asked.take_profit), ("STOP_LOSS", asked.stop_loss)):
            if wanted is not None:
                self.protect(trade, kind, wanted, now_ms, reason="ON_FILL", orderFillTransactionID=str(fill))

    def protect(
        self, trade: TradeRecord, kind: str, wanted: Protection, now_ms: int, *, reason: str, **more: object
    ) -> Json:
        """Makes a trade's take profit or stop loss. Returns the transaction that made it."""
        asked = Asked(
            type=kind,
            trade_id=str(trade.number),
            client_trade_id=trade.client_id,
            price=wanted.price,
            distance=wanted.distance,
            lasting=wanted.lasting,
            gtd_ms=wanted.gtd_ms,
            extensions=wanted.extensions,
        )
        order, transaction = self.accept(asked, now_ms, reason=reason, **more)
        self.send(order, now_ms)
        return transaction


def _fill_reason(asked: Asked) -> str:
    special = next((reason for key, reason in _CLOSE_REASONS.items() if key in asked.closes), None)
    return special or f"{asked.type}_ORDER"


def _spread_cost(part: Json, half_spread: Decimal) -> Json:
    return {"halfSpreadCost": money(half_spread * abs(part["units"]))}
