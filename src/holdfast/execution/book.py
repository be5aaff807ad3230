"""What execution knows of one account: a fold of the journal, and what is on its way into the journal.

Here: the values `Book` and `Order`, and `apply`, the only way in which a journal entry changes them, live and after a
restart alike. Not here: what is asked of journal and venue (`protocol.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

import msgspec

from holdfast.execution.grown import GrownSet
from holdfast.execution.marks import EntryKey, decode_decision, decode_fill, decode_report, fill_key
from holdfast.execution.states import ImpossibleTransition, OrderEvent, next_state
from holdfast.model.entry import Entry, EntryKind, StoredEntry
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, Side
from holdfast.model.symbol import Symbol

_ZERO = Decimal(0)
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])


class Order(msgspec.Struct, frozen=True):
    """One order of one intent. `filled` is the sum of the fills counted, by the keys in `trades`; `word` is the newest
    thing the venue said, with `reported` its cumulative size. `entry` is the id of the order that a protective leg
    protects, None for an order that was sent by itself."""

    request: OrderRequest
    intent: Intent
    attempt: int
    state: OrderState
    entry: str | None = None
    filled: Decimal = _ZERO
    trades: frozenset[str] = frozenset()
    word: OrderState | None = None
    reported: Decimal = _ZERO

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def settled(self) -> bool:
        """Final, and every fill the venue speaks of has been counted: nothing more can come."""
        return self.state.final and self.filled == self.reported


@dataclass(frozen=True, slots=True)
class Book:
    """`orders` by client order id, in the order of their marks: those of every intent that still has one to settle;
    `settled` the ids of all others. `decided` are the signals with a stored decision. `positions` are the signed sizes
    that the counted fills add up to. `pending` was asked to be stored and is not confirmed: a restart forgets it."""

    account: str
    orders: Mapping[str, Order] = field(default_factory=dict)
    decided: GrownSet = field(default_factory=GrownSet)
    settled: GrownSet = field(default_factory=GrownSet)
    positions: Mapping[Symbol, Decimal] = field(default_factory=dict)
    pending: Mapping[EntryKey, Entry] = field(default_factory=dict)

    def knows(self, signal_id: str) -> bool:
        """Whether the signal has been decided, or its decision is on its way into the journal."""
        return signal_id in self.decided or (EntryKind.DECISION, signal_id) in self.pending

    def open_orders(self) -> list[Order]:
        """Every order without a final state, protective legs included."""
        return [order for order in self.orders.values() if not order.state.final]

    def working_entries(self) -> list[tuple[Intent, Decimal]]:
        """Entries that may still fill, with their unfilled size. One whose answer was lost, and one whose mark is being
        written, counts whole."""
        return self._unfilled(Leg.ENTRY)

    def working_closes(self) -> list[tuple[Intent, Decimal]]:
        """The same for orders that close."""
        return self._unfilled(Leg.CLOSE)

    def _unfilled(self, leg: Leg) -> list[tuple[Intent, Decimal]]:
        found = {
            order.intent.id: (order.intent, order.request.size - order.filled)
            for order in self.orders.values()
            if order.request.leg is leg and not order.state.final
        }
        for entry in self.pending.values():
            if entry.kind is EntryKind.DECISION:
                intent = decode_decision(entry).decision
                if isinstance(intent, Intent) and intent.leg is leg:
                    found[intent.id] = (intent, intent.size)
        return list(found.values())

    def group(self, order: Order) -> list[Order]:
        """The order that was sent, first, and its protective legs."""
        sent = self.orders[order.entry or order.id]
        return [sent, *(self.orders[leg.client_order_id] for leg in sent.request.protection)]

    def restarted(self) -> Book:
        """What a process that starts now finds in the journal: nothing that was not stored, and every marked order
        taken as sent, because only the process that died knew better."""
        orders = {
            order.id: _moved(order, OrderEvent.SEND) if order.state is OrderState.MARKED else order
            for order in self.orders.values()
        }
        return replace(self, orders=orders, pending={})

    def with_group(self, order: Order, event: OrderEvent) -> Book:
        """The order that was sent and its legs, all moved by `event`."""
        changed = {member.id: _moved(member, event) for member in self.group(order)}
        return replace(self, orders={**self.orders, **changed})


def replay(entries: Iterable[StoredEntry], account: str) -> Book:
    """The book after these journal entries, oldest first; entries of other accounts and kinds change nothing."""
    book = Book(account)
    for stored in entries:
        book = apply(book, stored.entry)
    return book


def apply(book: Book, entry: Entry) -> Book:
    """The book after one stored entry. Raises ImpossibleTransition when the entry contradicts those before it."""
    if entry.account != book.account:
        return book
    if entry.kind is EntryKind.DECISION:
        return _decided(book, entry)
    if entry.kind is EntryKind.ORDER:
        return _reported(book, decode_report(entry))
    if entry.kind is EntryKind.FILL:
        return _filled(book, decode_fill(entry))
    return book


def word_of(report: OrderReport) -> OrderEvent:
    """The event that a venue's report is to an order."""
    if report.state is OrderState.UNKNOWN:
        return OrderEvent.LOST
    return OrderEvent(report.state.value)


def _decided(book: Book, entry: Entry) -> Book:
    """A stored decision: its orders count as sent from here on, because Send leaves in the step that learns of it."""
    body = decode_decision(entry)
    book = replace(book, decided=book.decided.plus(body.decision.signal_id))
    if body.order is None or not isinstance(body.decision, Intent):
        return book
    sent = Order(body.order, body.decision, body.attempt, OrderState.MARKED)
    legs = [msgspec.structs.replace(sent, request=leg, entry=sent.id) for leg in body.order.protection]
    fresh = {order.id: _moved(order, OrderEvent.SEND) for order in (sent, *legs)}
    return replace(book, orders={**book.orders, **fresh})


def _known(book: Book, order_id: str) -> Order:
    order = book.orders.get(order_id)
    if order is None:
        raise ImpossibleTransition(f"order {order_id} has a word in the journal, but no mark, or it was settled before")
    return order


def _reported(book: Book, report: OrderReport) -> Book:
    order = _known(book, report.client_order_id)
    moved = msgspec.structs.replace(
        _moved(order, word_of(report)), word=report.state, reported=max(order.reported, report.filled_size)
    )
    return _settle(_legs_follow(book, moved), moved)


def _filled(book: Book, fill: Fill) -> Book:
    order = _known(book, fill.client_order_id)
    signed = fill.size if fill.side is Side.BUY else -fill.size
    with localcontext(_EXACT):
        filled = order.filled + fill.size
        position = book.positions.get(fill.symbol, _ZERO) + signed
    if filled > order.request.size:
        raise ImpossibleTransition(f"order {order.id} of {order.request.size} has fills of {filled}")
    # A leg's size follows its entry's fills, which may arrive later than its own, so only the venue calls it filled.
    whole = filled == order.request.size and order.entry is None
    moved = msgspec.structs.replace(
        _moved(order, OrderEvent.FILL_WHOLE if whole else OrderEvent.FILL_PART),
        filled=filled,
        trades=order.trades | {fill_key(fill)},
    )
    positions = {symbol: size for symbol, size in book.positions.items() if symbol != fill.symbol}
    if position:
        positions[fill.symbol] = position
    return _settle(_legs_follow(replace(book, positions=positions), moved), moved)


def _legs_follow(book: Book, order: Order) -> Book:
    """`order` put into the book; if it carries legs, they are taken by the venue with it, or end with it."""
    changed = {order.id: order}
    event = _fate_of_legs(order)
    for leg in order.request.protection:
        member = book.orders[leg.client_order_id]
        changed[member.id] = _moved(member, event) if event else member
    return replace(book, orders={**book.orders, **changed})


def _fate_of_legs(order: Order) -> OrderEvent | None:
    if order.state is OrderState.UNKNOWN:
        return OrderEvent.LOST
    if order.state.final and order.filled == order.reported == 0:
        return OrderEvent.ENTRY_ENDED
    at_venue = order.state in (OrderState.HELD, OrderState.WORKING, OrderState.PARTIAL) or order.state.final
    return OrderEvent.ENTRY_ACCEPTED if at_venue else None


def _settle(book: Book, order: Order) -> Book:
    """Lets an intent's orders go, all together, when none of them can change any more."""
    members = book.group(order)
    if not all(member.settled for member in members):
        return book
    ids = {member.id for member in members}
    orders = {key: kept for key, kept in book.orders.items() if key not in ids}
    return replace(book, orders=orders, settled=book.settled.plus(*sorted(ids)))


def _moved(order: Order, event: OrderEvent) -> Order:
    state = next_state(order.state, event, order=order.id)
    return order if state is order.state else msgspec.structs.replace(order, state=state)
