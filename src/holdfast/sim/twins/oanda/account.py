"""The account: its money, orders, trades and positions, and what they are worth in its own currency.

It changes nothing by itself; `execution.py` and `desk.py` do. Amounts are exact: a realised profit is rounded once, to
the four decimals in which it is written, so that the balance is the sum of what the transactions say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.model.errors import Refused
from holdfast.sim.exchange.book import Book
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.instrument import Instrument
from holdfast.sim.twins.oanda.instruments import Tradable, home_factor
from holdfast.sim.twins.oanda.log import TransactionLog
from holdfast.sim.twins.oanda.records import ZERO, OrderRecord, TradeRecord
from holdfast.sim.twins.oanda.wire import MONEY, Json, Moment, money

_SIDES = ("long", "short")
_CLOSEOUT_SHARE = Decimal("0.5")


@dataclass
class Account:
    """One v20 account on one exchange. `open` are the trades that are; `profit` is what was realised, by instrument
    and side ('long', 'short')."""

    id: str
    home: str
    user_id: int
    created_ms: int
    exchange: Exchange
    tradables: dict[str, Tradable]
    log: TransactionLog
    balance: Decimal = ZERO
    alias: str = "Primary"
    orders: dict[int, OrderRecord] = field(default_factory=dict)
    trades: dict[int, TradeRecord] = field(default_factory=dict)
    open: dict[int, TradeRecord] = field(default_factory=dict)
    profit: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    _filters: dict[str, Instrument] = field(default_factory=dict)

    # ---- prices

    def book(self, name: str) -> Book:
        return self.exchange.books[name]

    def mid(self, name: str) -> Decimal | None:
        book = self.book(name)
        return None if book.bid is None or book.ask is None else (book.bid + book.ask) / 2

    def factor(self, name: str) -> Decimal:
        """What one unit of the instrument's quote currency is worth in the account's; raises Refused without a
        price."""
        found = home_factor(self.tradables[name].quote, self.home, self.mid, self.tradables)
        if found is None:
            raise Refused(f"No price says what {self.tradables[name].quote} is worth in {self.home}.")
        return found

    def follow_filters(self) -> None:
        """Takes over the filters that have changed at the exchange since."""
        for name, book in self.exchange.books.items():
            if self._filters.get(name) is not book.instrument:
                self._filters[name] = book.instrument
                self.tradables[name] = self.tradables[name].with_filters(book.instrument)

    # ---- orders and trades

    def pending(self) -> list[OrderRecord]:
        """Pending orders, newest first, as v20 lists them."""
        waiting = self.exchange.open_orders(self.id)
        return sorted((self.orders[int(order.spec.client_id)] for order in waiting), key=lambda order: -order.number)

    def open_trades(self, name: str | None = None) -> list[TradeRecord]:
        """Open trades, newest first."""
        return [trade for trade in reversed(self.open.values()) if name in (None, trade.instrument)]

    def find_order(self, specifier: str) -> OrderRecord | None:
        """By number, or by `@` and the client's id: the pending one, else the newest."""
        if not specifier.startswith("@"):
            return self.orders.get(int(specifier)) if specifier.isdecimal() else None
        candidates = (*self.pending(), *reversed(self.orders.values()))
        return next((order for order in candidates if order.client_id == specifier[1:]), None)

    def find_trade(self, specifier: str) -> TradeRecord | None:
        """By number, or by `@` and the client's id: the open one, else the newest."""
        if not specifier.startswith("@"):
            return self.trades.get(int(specifier)) if specifier.isdecimal() else None
        candidates = (*self.open_trades(), *reversed(self.trades.values()))
        return next((trade for trade in candidates if trade.client_id == specifier[1:]), None)

    # ---- worth

    def unrealised(self, trade: TradeRecord) -> Decimal:
        """What closing the trade now would bring, in the account's currency."""
        book = self.book(trade.instrument)
        price = book.bid if trade.units > 0 else book.ask
        if price is None or not trade.is_open:
            return ZERO
        return ((price - trade.price) * trade.units * self.factor(trade.instrument)).quantize(MONEY)

    def margin_for(self, name: str, units: Decimal) -> Decimal:
        """The margin that so many units need at the price of now."""
        mid = self.mid(name)
        if mid is None or not units:
            return ZERO
        return abs(units) * mid * self.factor(name) * self.tradables[name].margin_rate

    def margin_used(self) -> Decimal:
        return sum((self.margin_for(name, self.net_units(name)) for name in self.open_instruments()), ZERO)

    def open_instruments(self) -> list[str]:
        return sorted({trade.instrument for trade in self.open.values()})

    def net_units(self, name: str) -> Decimal:
        return sum((trade.units for trade in self.open_trades(name)), ZERO)

    def net_worth(self) -> Decimal:
        return self.balance + sum((self.unrealised(trade) for trade in self.open_trades()), ZERO)

    def is_ruined(self) -> bool:
        """Whether what is left is worth less than half of the margin in use: the venue then closes everything."""
        return bool(self.open) and self.net_worth() < self.margin_used() * _CLOSEOUT_SHARE

    def margin_available(self) -> Decimal:
        return max(self.net_worth() - self.margin_used(), ZERO)

    # ---- JSON

    def state_json(self) -> Json:
        """The part of an account that moves with prices."""
        used, worth = self.margin_used(), self.net_worth()
        value = sum((abs(self.net_units(name)) * self._home_price(name) for name in self.open_instruments()), ZERO)
        share = (used * _CLOSEOUT_SHARE / worth if worth > 0 else ZERO).quantize(Decimal("0.00001"))
        unrealised = money(worth - self.balance)
        return {
            "unrealizedPL": unrealised,
            "NAV": money(worth),
            "marginUsed": money(used),
            "marginAvailable": money(max(worth - used, ZERO)),
            "positionValue": money(value),
            "marginCloseoutUnrealizedPL": unrealised,
            "marginCloseoutNAV": money(worth),
            "marginCloseoutMarginUsed": money(used),
            "marginCloseoutPercent": share,
            "marginCloseoutPositionValue": money(value),
            "withdrawalLimit": money(max(worth - used, ZERO)),
            "marginCallMarginUsed": money(used),
            "marginCallPercent": share * 2,
        }

    def summary_json(self) -> Json:
        realised = money(sum(self.profit.values(), ZERO))
        return {
            "id": self.id,
            "alias": self.alias,
            "currency": self.home,
            "balance": money(self.balance),
            "createdByUserID": self.user_id,
            "createdTime": Moment(self.created_ms),
            "guaranteedStopLossOrderMode": "DISABLED",
            "pl": realised,
            "resettablePL": realised,
            "financing": money(ZERO),
            "commission": money(ZERO),
            "guaranteedExecutionFees": money(ZERO),
            "marginRate": "0.02",
            "openTradeCount": len(self.open_trades()),
            "openPositionCount": len(self.open_instruments()),
            "pendingOrderCount": len(self.pending()),
            "hedgingEnabled": False,
            **self.state_json(),
            "lastTransactionID": str(self.log.last_id),
        }

    def details_json(self) -> Json:
        return {
            **self.summary_json(),
            "orders": [order.to_json() for order in self.pending()],
            "trades": [self.trade_json(trade, summary=True) for trade in self.open_trades()],
            "positions": [self.position_json(name) for name in self.traded_instruments()],
        }

    def trade_json(self, trade: TradeRecord, *, summary: bool = False) -> Json:
        margin = self.margin_for(trade.instrument, trade.units) if trade.is_open else ZERO
        return trade.to_json(self.unrealised(trade), margin, summary=summary)

    def traded_instruments(self) -> list[str]:
        """Every instrument that the account ever traded."""
        return sorted({name for name, _ in self.profit})

    def position_json(self, name: str) -> Json:
        sides = {side: list(self._of_side(name, side)) for side in _SIDES}
        realised = sum((self.profit.get((name, side), ZERO) for side in _SIDES), ZERO)
        unrealised = sum((self.unrealised(trade) for found in sides.values() for trade in found), ZERO)
        net = self.net_units(name)
        return {
            "instrument": name,
            "pl": money(realised),
            "unrealizedPL": money(unrealised),
            "marginUsed": money(self.margin_for(name, net)) if net else None,
            "resettablePL": money(realised),
            "financing": money(ZERO),
            "commission": money(ZERO),
            "guaranteedExecutionFees": money(ZERO),
            **{side: self._side_json(name, side, found) for side, found in sides.items()},
        }

    def _side_json(self, name: str, side: str, trades: list[TradeRecord]) -> Json:
        units = sum((trade.units for trade in trades), ZERO)
        realised = money(self.profit.get((name, side), ZERO))
        held: Json = {}
        if trades:
            average = sum((trade.units * trade.price for trade in trades), ZERO) / units
            held = {
                "averagePrice": self.tradables[name].price_text(average),
                "tradeIDs": [str(trade.number) for trade in trades],
            }
        return {
            "units": units,
            **held,
            "pl": realised,
            "unrealizedPL": money(sum((self.unrealised(trade) for trade in trades), ZERO)),
            "resettablePL": realised,
            "financing": money(ZERO),
            "guaranteedExecutionFees": money(ZERO),
        }

    def _of_side(self, name: str, side: str) -> Iterator[TradeRecord]:
        """Open trades of one side, oldest first."""
        return (trade for trade in reversed(self.open_trades(name)) if (trade.units > 0) == (side == "long"))

    def _home_price(self, name: str) -> Decimal:
        return (self.mid(name) or ZERO) * self.factor(name)
