"""The exchange's memory: books, accounts, orders, trades, the log, and the small steps that every change is made of.

What may be asked from outside is in `engine.py`; when orders trade is in `matching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from holdfast.model.order import Side
from holdfast.sim.exchange.account import Account
from holdfast.sim.exchange.book import Book
from holdfast.sim.exchange.events import Balance, Event, EventKind
from holdfast.sim.exchange.instrument import Instrument, Reason, Rejected
from holdfast.sim.exchange.order import ZERO, Group, Order, OrderSpec, State, Trade

ClientKey = tuple[str, str, str]


class ExchangeState:
    """`listeners` hear every event as it happens, in order; they must not call back into the exchange."""

    def __init__(self, instruments: Iterable[Instrument], *, refuse_immediate_trigger: bool, first_id: int) -> None:
        self.books = {instrument.name: Book(instrument) for instrument in instruments}
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.groups: dict[int, Group] = {}
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.refuse_immediate_trigger = refuse_immediate_trigger
        self._open_client_ids: dict[ClientKey, int] = {}
        self._latest_client_ids: dict[ClientKey, int] = {}
        self._next_id = first_id

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def book(self, symbol: str) -> Book:
        """The book of a symbol; raises Rejected for one that is not listed."""
        if (book := self.books.get(symbol)) is None:
            raise Rejected(Reason.UNKNOWN_SYMBOL, symbol)
        return book

    # ---- the log

    def emit(
        self,
        kind: EventKind,
        account: Account,
        time_ms: int,
        *,
        order: Order | None = None,
        trade: Trade | None = None,
        group: Group | None = None,
        symbol: str = "",
        position_side: str = "",
        assets: Iterable[str] = (),
        asset: str = "",
        amount: Decimal = ZERO,
        cause: str = "",
    ) -> Event:
        """Writes one event, with the touched balances and position as they are now, and tells the listeners."""
        symbol = symbol or (order.spec.symbol if order else group.symbol if group else "")
        side = position_side or (order.spec.position if order else "")
        event = Event(
            number=len(self.events) + 1,
            time_ms=time_ms,
            kind=kind,
            account=account.name,
            symbol=symbol,
            order=order,
            trade=trade,
            group=group,
            position=account.positions.get((symbol, side)),
            position_side=side,
            balances=tuple(Balance(name, account.total(name), account.locked(name)) for name in dict.fromkeys(assets)),
            asset=asset,
            amount=amount,
            cause=cause,
        )
        self.events.append(event)
        account.changed_ms = time_ms
        for listener in self.listeners:
            listener(event)
        return event

    # ---- orders

    def put(self, order: Order) -> None:
        """Stores an order's newest value, and keeps the index of open ones and what it holds true."""
        spec, account = order.spec, self.accounts[order.account]
        self.orders[order.id] = order
        key = (order.account, spec.id_space, spec.client_id)
        if order.state.final:
            self.books[spec.symbol].open.pop(order.id, None)
            if self._open_client_ids.get(key) == order.id:
                del self._open_client_ids[key]
            account.release(hold_key(order), order.id)
            return
        self.books[spec.symbol].open[order.id] = None
        self._open_client_ids[key] = self._latest_client_ids[key] = order.id
        asset, amount = self.needed(order)
        account.hold(hold_key(order), order.id, asset, amount)

    def hold_again(self, account: str, symbol: str) -> None:
        """Sets anew what the open orders of a margined symbol hold: a new position or leverage changes that."""
        owner = self.accounts[account]
        for order in [self.orders[number] for number in self.books[symbol].open]:
            if order.account == account:
                asset, amount = self.needed(order)
                owner.hold(hold_key(order), order.id, asset, amount)

    def change(self, order: Order, kind: EventKind, time_ms: int, *, cause: str = "", **fields: object) -> Order:
        """A new value of an order, stored and told."""
        changed = msgspec.structs.replace(order, changed_ms=time_ms, **fields)
        self.put(changed)
        account = self.accounts[order.account]
        self.emit(kind, account, time_ms, order=changed, assets=self.assets_of(order.spec.symbol), cause=cause)
        return changed

    def assets_of(self, symbol: str) -> tuple[str, ...]:
        """The assets that a trade of the symbol moves."""
        instrument = self.books[symbol].instrument
        return (instrument.quote,) if instrument.margined else (instrument.base, instrument.quote)

    def open_order_with(self, account: str, client_id: str, id_space: str) -> Order | None:
        number = self._open_client_ids.get((account, id_space, client_id))
        return None if number is None else self.orders[number]

    def latest_order_with(self, account: str, client_id: str, id_space: str) -> Order | None:
        """The newest order of that client id, open or not."""
        number = self._latest_client_ids.get((account, id_space, client_id))
        return None if number is None else self.orders[number]

    # ---- what orders hold

    def needed(self, order: Order) -> tuple[str, Decimal]:
        """(asset, amount) that an open order holds: nothing while it waits for another, or only reduces."""
        spec, instrument = order.spec, self.books[order.spec.symbol].instrument
        if order.state is State.PENDING:
            return instrument.quote, ZERO
        price = spec.price if spec.kind.priced else spec.trigger_price
        return self.price_of(spec, order.account, order.left, price if price is not None else ZERO)

    def price_of(self, spec: OrderSpec, account: str, size: Decimal, price: Decimal) -> tuple[str, Decimal]:
        """(asset, amount) that `size` of a request costs at `price`."""
        instrument = self.books[spec.symbol].instrument
        if instrument.margined:
            owner = self.accounts[account]
            if spec.reduce_only or spec.close_position:
                return instrument.quote, ZERO
            held = owner.position(spec.symbol, spec.position).size
            against = held < 0 if spec.side is Side.BUY else held > 0
            opening = max(size - abs(held), ZERO) if against else size
            return instrument.quote, opening * price / owner.leverage_of(spec.symbol)
        if spec.side is Side.BUY:
            return instrument.quote, spec.quote_size if spec.quote_size is not None else price * size
        return instrument.base, size

    def require_funds(self, account: Account, asset: str, amount: Decimal, *, key: str) -> None:
        """Raises Rejected unless the account can hold that much more under the key."""
        extra = max(amount - account.held_under(key, asset), ZERO)
        if any(book.instrument.margined for book in self.books.values()):
            if extra and self.available_margin(account, asset) < extra:
                raise Rejected(Reason.MARGIN, f"{extra} {asset} needed")
        elif extra > account.free(asset):
            raise Rejected(Reason.BALANCE, f"{extra} {asset} needed, {account.free(asset)} free")

    def available_margin(self, account: Account, asset: str) -> Decimal:
        """What a margined account may still put behind new orders, in its collateral."""
        marks = self.marks()
        return account.free(asset) + account.unrealised(marks) - account.margin_in_use(marks)

    def marks(self) -> dict[str, Decimal]:
        """The price at which each symbol's positions are valued now."""
        return {name: worth for name, book in self.books.items() if (worth := book.worth) is not None}


def hold_key(order: Order) -> str:
    """Orders of one group share a hold; a group's working order has its own, because the others wait for it."""
    return f"group {order.group}" if order.group else f"order {order.id}"
