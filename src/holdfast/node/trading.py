"""The trading side of a moment: what risk is shown, what it decides, and what the account is worth afterwards.

Everything known here is heard from the journal, entry by entry, live and after a restart alike; nothing here writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from holdfast.execution.book import Book
from holdfast.execution.identity import intent_id
from holdfast.execution.protocol import CancelAsked, Event, IntentDecided, RefusalDecided
from holdfast.market.book import CandleBook
from holdfast.market.correlations import correlate_returns
from holdfast.model.base_bars import BaseBars
from holdfast.model.entry import Entry
from holdfast.model.instrument import Instrument
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, OrderState, Side
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.window import Window
from holdfast.node.desk import Panorama, trust_of
from holdfast.node.executor import Executor
from holdfast.portfolio.equity import make_equity_entry
from holdfast.portfolio.ledger import Ledger
from holdfast.risk.decide import decide
from holdfast.risk.limits import Limits
from holdfast.risk.views import AccountView, Exposure, Funds, MarketView
from holdfast.venues.paper_rules import PaperRules

_BPS = Decimal(10_000)


class Trading:
    """One account's side of the walk."""

    def __init__(
        self,
        book: CandleBook,
        ledger: Ledger,
        executor: Executor,
        *,
        instruments: Mapping[Symbol, Instrument],
        limits: Limits,
        rules: PaperRules,
        disabled: Mapping[Symbol, str],
    ) -> None:
        self.ledger = ledger
        self.instruments = instruments
        self._book = book
        self._executor = executor
        self._limits = limits
        self._rules = rules
        self._disabled = disabled
        self._marks: dict[Symbol, Decimal] = {}
        self._now_ms = 0

    def begin(self, moment_ms: int) -> None:
        """Sets the clock of the decisions, and marks every open position at its newest close of that time."""
        self._now_ms = moment_ms
        if held := self.ledger.open_positions:
            closes = self._book.closes_at(self._book.base, moment_ms)
            for symbol in held:
                close = float(closes[self._book.index(symbol)])
                if np.isfinite(close):
                    self._marks[symbol] = Decimal(repr(close))

    def decide(self, signal: Signal, panorama: Panorama) -> Intent | Refusal | None:
        """Risk's answer to a signal."""
        account = self._view_account()
        close = Decimal(repr(signal.close))
        half_spread = close * self._rules.of(signal.symbol.market).half_spread_bps / _BPS
        market = MarketView(
            close=close,
            atr=None if signal.atr is None else Decimal(repr(signal.atr)),
            half_spread=half_spread,
            trust=trust_of(panorama, self._book.index(signal.symbol), signal.bar_open_ms),
            correlations=self._correlations(signal.symbol, account, panorama.window),
        )
        instrument = self.instruments[signal.symbol]
        return decide(signal, instrument, account, market, self._limits, intent_id=intent_id)

    @staticmethod
    def events(decision: Intent | Refusal | None) -> list[Event]:
        """The same for the execution protocol."""
        if isinstance(decision, Intent):
            return [IntentDecided(decision)]
        return [RefusalDecided(decision)] if decision is not None else []

    def withdrawals(self, moment_ms: int) -> list[Event]:
        """What ends the entries in disabled symbols that the venue is still filling. The protection of what was filled
        is not touched. An entry without the venue's word is waited for: it may be anywhere."""
        working = (OrderState.WORKING, OrderState.PARTIAL)
        return [
            CancelAsked(order.id, moment_ms)
            for order in self._executor.book.open_orders()
            if order.request.leg is Leg.ENTRY and order.request.symbol in self._disabled and order.state in working
        ]

    def involved(self) -> set[Symbol]:
        """The symbols with a position or an open order."""
        return {*self.ledger.open_positions, *(order.request.symbol for order in self._executor.book.open_orders())}

    def leaving(self, symbol: Symbol, moment_ms: int) -> list[Event]:
        """What ends everything in a symbol: its orders are cancelled, its position is closed."""
        orders = [order for order in self._executor.book.open_orders() if order.request.symbol == symbol]
        events: list[Event] = [CancelAsked(order.id, moment_ms) for order in orders if order.entry is None]
        position = self.ledger.open_positions.get(symbol)
        if position is not None:
            account, cause = self.ledger.account, f"redenominated:{symbol}:{moment_ms}"
            close = Intent(
                id=intent_id(account, cause, Leg.CLOSE),
                account=account,
                signal_id=cause,
                symbol=symbol,
                timeframe=self._book.base,
                leg=Leg.CLOSE,
                side=Side.SELL if position.size > 0 else Side.BUY,
                size=abs(position.size),
                reference_price=self._last_close(symbol),
                stop_price=None,
                target_price=None,
                risk_amount=Decimal(0),
                decided_at_ms=moment_ms,
                expires_at_ms=moment_ms + self._limits.intent_ttl_ms,
            )
            events.append(IntentDecided(close))
        return events

    def last_price(self, symbol: Symbol, moment_ms: int) -> dict[Symbol, BaseBars]:
        """A bar of a moment's length at the symbol's last close, for what must be traded although no bar follows."""
        price = np.array([float(self._last_close(symbol))])
        opened, none = np.array([moment_ms], dtype=np.int64), np.array([np.nan])
        return {symbol: BaseBars(opened, opened + 1, price, price, price, price, none)}

    def _last_close(self, symbol: Symbol) -> Decimal:
        close = self._book.last_close(symbol)
        assert close is not None, "a symbol that was traded has a price"
        return Decimal(repr(close))

    def equity_entry(self) -> Entry:
        """What the account is worth at the moment. It is the last entry of a moment: a restart begins after it."""
        return make_equity_entry(self.ledger, self._marks, self._now_ms)

    def bars_to_match(self, after_ms: int, until_ms: int) -> dict[Symbol, BaseBars]:
        """The base bars of every symbol with an open order that close in (after, until]."""
        symbols = {order.request.symbol for order in self._executor.book.open_orders()}
        return {symbol: self._bars_of(symbol, after_ms, until_ms) for symbol in sorted(symbols)}

    def bar_of(self, signal: Signal) -> dict[Symbol, BaseBars]:
        """The base bars of the bar that a signal was made on."""
        return {signal.symbol: self._bars_of(signal.symbol, signal.bar_open_ms, signal.bar_close_ms)}

    def _bars_of(self, symbol: Symbol, after_ms: int, until_ms: int) -> BaseBars:
        """The symbol's base bars that close in (after, until]."""
        bars = self._book.base_bars(self._book.index(symbol), after_ms, until_ms)
        return BaseBars(bars.open_time_ms, bars.open_time_ms + self._book.base.ms, *bars[1:])

    def marks(self) -> Mapping[Symbol, Decimal]:
        """The price that each open position was last worth."""
        return self._marks

    def _view_account(self) -> AccountView:
        standing = self.ledger.standing(self._marks, self._now_ms)
        orders = self._executor.book
        return AccountView(
            account=self.ledger.account,
            now_ms=self._now_ms,
            # Only a currency the account was opened with may be spent, not one that fills happened to bring in.
            funds={
                currency: Funds(equity=line.equity, peak=line.peak, day_start=line.day_start)
                for currency, line in standing.items()
                if currency in self.ledger.opening
            },
            positions=tuple(
                self._exposure(symbol, position.size, self._marks[symbol])
                for symbol, position in self.ledger.open_positions.items()
            ),
            pending=tuple(
                self._exposure(intent.symbol, size if intent.side is Side.BUY else -size, intent.reference_price)
                for intent, size in orders.working_entries()
                if size > 0
            ),
            closing=frozenset(intent.symbol for intent, _ in orders.working_closes()),
            consecutive_losses=self.ledger.consecutive_losses,
            last_loss_time_ms=self.ledger.last_loss_time_ms,
            intents_this_bar=self._entries_decided_now(orders),
            disabled=self._disabled,
        )

    def _entries_decided_now(self, orders: Book) -> int:
        """Counted in the book of orders, which a restart finds again, and not in a variable, which it would not."""
        entries = (order.intent for order in orders.orders.values() if order.request.leg is Leg.ENTRY)
        return sum(intent.decided_at_ms == self._now_ms for intent in entries)

    def _exposure(self, symbol: Symbol, size: Decimal, price: Decimal) -> Exposure:
        instrument = self.instruments[symbol]
        return Exposure(symbol=symbol, base=instrument.base, quote=instrument.quote, size=size, price=price)

    def _correlations(self, symbol: Symbol, account: AccountView, window: Window) -> dict[Symbol, float]:
        own = self._book.index(symbol)
        others = {held.symbol for held in (*account.positions, *account.pending)} - {symbol}
        found = {
            other: correlate_returns(window, own, self._book.index(other), moment_ms=self._now_ms)
            for other in sorted(others)
        }
        return {other: value for other, value in found.items() if np.isfinite(value)}
