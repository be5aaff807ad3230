"""What may be asked of the exchange: accounts, orders, groups, prices, funding. Every refusal leaves all as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from holdfast.model.order import Side
from holdfast.sim.exchange.account import Account
from holdfast.sim.exchange.events import Event, EventKind
from holdfast.sim.exchange.instrument import Instrument, Reason, Rejected, Trading
from holdfast.sim.exchange.matching import arrive, end, reducible, sweep
from holdfast.sim.exchange.order import ZERO, Group, GroupKind, Kind, Lasting, Order, OrderSpec, State
from holdfast.sim.exchange.state import ExchangeState, hold_key


class Exchange(ExchangeState):
    """One market. `refuse_immediate_trigger`: a stop whose price has already been passed is refused (Binance) and not
    triggered at once (OANDA). Ids of orders, trades and groups count up together from `first_id`."""

    def __init__(
        self, instruments: Iterable[Instrument], *, refuse_immediate_trigger: bool = True, first_id: int = 1
    ) -> None:
        super().__init__(instruments, refuse_immediate_trigger=refuse_immediate_trigger, first_id=first_id)

    # ---- accounts and listings

    def open_account(self, name: str, balances: Mapping[str, Decimal], *, hedged: bool = False) -> Account:
        """A new account with these balances."""
        if name in self.accounts:
            raise ValueError(f"There is an account {name} already.")
        account = self.accounts[name] = Account(name, dict(balances), hedged=hedged)
        return account

    def transfer(self, account: str, asset: str, amount: Decimal, *, time_ms: int) -> None:
        """Money comes (or goes, below 0)."""
        owner = self.accounts[account]
        owner.add(asset, amount)
        self.emit(EventKind.TRANSFERRED, owner, time_ms, assets=(asset,), asset=asset, amount=amount)

    def configure(
        self, account: str, *, time_ms: int, symbol: str = "", leverage: int | None = None, hedged: bool | None = None
    ) -> None:
        """Changes leverage of a symbol, or the position mode; the mode only while nothing is open."""
        owner = self.accounts[account]
        if hedged is not None and hedged != owner.hedged:
            if any(position.lots for position in owner.positions.values()) or self.open_orders(account):
                raise Rejected(Reason.MAX_POSITION, "position mode changes only while nothing is open")
            owner.hedged = hedged
        if leverage is not None:
            owner.leverage[symbol] = leverage
            self.hold_again(account, symbol)
        self.emit(EventKind.CONFIGURED, owner, time_ms, symbol=symbol)

    def set_trading(self, symbol: str, trading: Trading) -> None:
        """Opens, restricts or halts a symbol."""
        self.book(symbol).trading = trading

    def list_instrument(self, instrument: Instrument) -> None:
        """Lists a symbol, or changes the filters of a listed one; open orders stay as they are."""
        if instrument.name in self.books:
            self.books[instrument.name].instrument = instrument
        else:
            self.books.update(Exchange((instrument,)).books)

    # ---- orders

    def place(self, account: str, spec: OrderSpec, *, time_ms: int) -> Order:
        """Accepts a request and lets it trade. Returns the order after that; raises Rejected."""
        self.check(account, spec)
        order = self._accept(account, spec, time_ms, group=0)
        return order if order.waiting else arrive(self, order, time_ms)

    def check(self, account: str, spec: OrderSpec, *, key: str = "", pending: bool = False) -> None:
        """Raises Rejected for what `place` would refuse; changes nothing. `key`: a hold to draw on."""
        owner, book = self.accounts[account], self.book(spec.symbol)
        if book.trading is not Trading.OPEN:
            raise Rejected(Reason.NOT_TRADING, spec.symbol)
        touch = book.touch(spec.side)
        book.instrument.check_spec(spec, book.last, touch)
        if self.open_order_with(account, spec.client_id, spec.id_space) is not None:
            raise Rejected(Reason.DUPLICATE_ID, spec.client_id)
        self._check_counts(account, book.instrument, conditional=spec.kind.conditional)
        if pending:
            return
        if spec.kind.conditional:
            if self.refuse_immediate_trigger and book.triggers(spec):
                raise Rejected(Reason.WOULD_TRIGGER, f"{spec.trigger_price} against {book.last}")
        elif touch is None and spec.kind is Kind.MARKET:
            raise Rejected(Reason.NO_PRICE, spec.symbol)
        elif spec.lasting is Lasting.POST and book.reaches(spec):
            raise Rejected(Reason.WOULD_TRADE, f"{spec.price} against {touch}")
        self._check_reduction(account, spec)
        price = spec.price if spec.kind.priced else spec.trigger_price if spec.kind.conditional else touch
        asset, amount = self.price_of(spec, account, spec.size, price or ZERO)
        self.require_funds(owner, asset, amount, key=key)
        self._check_position(owner, book.instrument, spec)

    def place_group(
        self,
        account: str,
        kind: GroupKind,
        specs: Sequence[OrderSpec],
        *,
        client_id: str,
        time_ms: int,
        cancel_together: bool = True,
    ) -> Group:
        """Places orders that know each other: all or none. An OTOCO's first is its working order. Raises Rejected."""
        number = self.new_id()
        key = f"group {number}"
        if kind is GroupKind.OCO:
            self._check_oco(specs)
        if len({spec.client_id for spec in specs}) < len(specs):
            raise Rejected(Reason.DUPLICATE_ID, "within the group")
        for place, spec in enumerate(specs):
            self.check(account, spec, key=key, pending=kind is GroupKind.OTOCO and place > 0)
        orders: list[Order] = []
        for place, spec in enumerate(specs):
            state = State.PENDING if kind is GroupKind.OTOCO and place else State.OPEN
            orders.append(self._accept(account, spec, time_ms, group=number, state=state, silent=True))
        group = self.groups[number] = Group(
            id=number,
            account=account,
            client_id=client_id,
            kind=kind,
            symbol=specs[0].symbol,
            orders=tuple(order.id for order in orders),
            created_ms=time_ms,
            cancel_together=cancel_together,
        )
        self.emit(EventKind.GROUP, self.accounts[account], time_ms, group=group)
        for order in orders:
            told = EventKind.PENDING if order.state is State.PENDING else EventKind.OPENED
            self.emit(told, self.accounts[account], time_ms, order=order, assets=self.assets_of(order.spec.symbol))
        for order in orders:
            now = self.orders[order.id]
            if now.state is State.OPEN and not now.waiting and now.filled == 0 and order.state is State.OPEN:
                arrive(self, now, time_ms)
        return self.groups[number]

    def cancel(self, account: str, order_id: int, *, time_ms: int, cause: str = "") -> Order:
        """Cancels an open order, and with it its group where the group says so; Rejected when it is not open."""
        order = self.orders.get(order_id)
        if order is None or order.account != account or order.state.final:
            raise Rejected(Reason.UNKNOWN_ORDER, str(order_id))
        if self.books[order.spec.symbol].trading is Trading.HALTED:
            raise Rejected(Reason.NOT_TRADING, order.spec.symbol)
        group = self.groups.get(order.group)
        if group is not None and group.cancel_together:
            for number in group.orders:
                if number != order_id and not self.orders[number].state.final:
                    end(self, self.orders[number], State.CANCELLED, time_ms, "its group was cancelled", cause=cause)
        if self.orders[order_id].state.final:
            return self.orders[order_id]
        return end(self, self.orders[order_id], State.CANCELLED, time_ms, "asked for", cause=cause)

    def order(self, account: str, order_id: int) -> Order | None:
        """An order of the account by its number."""
        order = self.orders.get(order_id)
        return order if order is not None and order.account == account else None

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Open, partly filled and pending orders, oldest first."""
        books = self.books.values() if symbol is None else [self.book(symbol)]
        found = [self.orders[number] for book in books for number in book.open]
        return sorted((order for order in found if order.account == account), key=lambda order: order.id)

    def events_after(self, number: int) -> list[Event]:
        """The log after its n-th event."""
        return self.events[number:]

    # ---- the market

    def on_price(
        self,
        symbol: str,
        bid: Decimal,
        ask: Decimal,
        *,
        time_ms: int,
        last: Decimal | None = None,
        available: Decimal | None = None,
    ) -> None:
        """A new quote, with `available` base units on each side (None: any amount). `last` is the price of the latest
        trade of the market; without it, the middle of the quote."""
        book = self.book(symbol)
        book.bid, book.ask, book.time_ms = bid, ask, time_ms
        book.bid_left = book.ask_left = available
        book.last = last if last is not None else (bid + ask) / 2
        if book.open:
            self.expire(time_ms, symbol)
            sweep(self, book, time_ms)

    def on_mark(self, symbol: str, mark: Decimal, *, time_ms: int) -> None:
        """A new mark price, which values positions and triggers the orders that watch it."""
        book = self.book(symbol)
        book.mark = mark
        if book.open:
            sweep(self, book, time_ms)

    def on_candle(
        self,
        symbol: str,
        prices: tuple[Decimal, Decimal, Decimal, Decimal],
        *,
        time_ms: int,
        half_spread: Decimal = ZERO,
        available: Decimal | None = None,
    ) -> None:
        """A whole bar (open, high, low, close) at once: the price visits the extreme against its direction first."""
        first, high, low, close = prices
        for price in (first, low, high, close) if close >= first else (first, high, low, close):
            bid, ask = price - half_spread, price + half_spread
            self.on_price(symbol, bid, ask, time_ms=time_ms, last=price, available=available)

    def expire(self, time_ms: int, symbol: str | None = None) -> None:
        """Ends the orders whose date has come."""
        for book in list(self.books.values()) if symbol is None else [self.book(symbol)]:
            for number in list(book.open):
                order = self.orders[number]
                due = order.spec.expires_ms
                if order.spec.lasting is Lasting.DATE and due is not None and due <= time_ms and not order.state.final:
                    end(self, order, State.EXPIRED, time_ms, "its date has come")

    def pay_funding(self, symbol: str, rate: Decimal, *, time_ms: int) -> None:
        """Longs pay shorts `rate` of the position's value at the mark (shorts pay longs when it is below 0)."""
        book = self.book(symbol)
        if book.worth is None:
            return
        for account in self.accounts.values():
            for (name, side), position in list(account.positions.items()):
                if name != symbol or not position.lots:
                    continue
                amount = -position.size * book.worth * rate
                quote = book.instrument.quote
                account.add(quote, amount)
                kind = EventKind.FUNDED
                self.emit(
                    kind, account, time_ms, symbol=symbol, position_side=side, assets=(quote,), asset=quote,
                    amount=amount,
                )  # fmt: skip

    # ---- checks

    def _accept(
        self, account: str, spec: OrderSpec, time_ms: int, *, group: int, state: State = State.OPEN,
        silent: bool = False,
    ) -> Order:  # fmt: skip
        order = Order(
            id=self.new_id(),
            account=account,
            spec=spec,
            state=state,
            created_ms=time_ms,
            changed_ms=time_ms,
            size=spec.size,
            group=group,
            working_ms=None if spec.kind.conditional or state is State.PENDING else time_ms,
        )
        if spec.close_position:
            order = msgspec.structs.replace(order, size=reducible(self, order))
        self.put(order)
        if not silent:
            assets = self.assets_of(spec.symbol)
            self.emit(EventKind.OPENED, self.accounts[account], time_ms, order=order, assets=assets)
        return order

    def _check_counts(self, account: str, instrument: Instrument, *, conditional: bool) -> None:
        most = instrument.max_conditional if conditional else None
        if most is None and instrument.max_orders is None:
            return
        orders = self.open_orders(account, instrument.name)
        if instrument.max_orders is not None and len(orders) >= instrument.max_orders:
            raise Rejected(Reason.MAX_ORDERS, str(instrument.max_orders))
        if most is not None and sum(order.waiting for order in orders) >= most:
            raise Rejected(Reason.MAX_CONDITIONAL, str(most))

    def _check_reduction(self, account: str, spec: OrderSpec) -> None:
        if not (spec.reduce_only and not spec.kind.conditional):
            return
        probe = Order(id=0, account=account, spec=spec, state=State.OPEN, created_ms=0, changed_ms=0, size=spec.size)
        if not reducible(self, probe):
            raise Rejected(Reason.REDUCE_ONLY, spec.symbol)

    def _check_position(self, account: Account, instrument: Instrument, spec: OrderSpec) -> None:
        if instrument.max_position is None or spec.side is Side.SELL:
            return
        held = account.total(instrument.base)
        if instrument.margined:
            held = account.position(instrument.name, spec.position).size
        resting = sum(
            (order.left for order in self.open_orders(account.name, instrument.name) if order.spec.side is Side.BUY),
            ZERO,
        )
        if held + resting + spec.size > instrument.max_position:
            raise Rejected(Reason.MAX_POSITION, str(instrument.max_position))

    def _check_oco(self, specs: Sequence[OrderSpec]) -> None:
        """The limit (or take) order waits on one side of the market, the stop on the other."""
        last = self.book(specs[0].symbol).last
        for spec in specs:
            watched = spec.trigger_price if spec.kind.conditional else spec.price
            if last is None or watched is None:
                continue
            above = (spec.side is Side.BUY) == (spec.kind in (Kind.STOP, Kind.STOP_LIMIT))
            if (watched <= last) if above else (watched >= last):
                raise Rejected(Reason.BAD_GROUP, f"{watched} against {last}")


__all__ = ["Exchange", "hold_key"]
