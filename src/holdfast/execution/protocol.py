"""The execution protocol of one account: `step(book, event) → (book, commands)`. Time is an argument, nothing waits.

Here: the events, the commands, and what follows from what. Not here: the journal, the venue, the loop that carries
commands out and brings answers back as events (the node's executor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from holdfast.execution.book import Book, Order, apply, word_of
from holdfast.execution.identity import ours
from holdfast.execution.marks import (
    Decision,
    EntryKey,
    decision_entry,
    decode_decision,
    decode_report,
    fill_entry,
    fill_key,
    key_of,
    order_entry,
    request_for,
)
from holdfast.execution.states import OrderEvent, next_state
from holdfast.model.entry import Entry, EntryKind
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import OrderReport, OrderRequest, OrderState

# With this reason a venue refuses an order because it has one of that id: the first sending did arrive.
DUPLICATE_ID = "duplicate_client_id"


# ---- events: what happened


class IntentDecided(msgspec.Struct, frozen=True):
    """Risk has decided to trade. A signal decided before changes nothing."""

    intent: Intent


class RefusalDecided(msgspec.Struct, frozen=True):
    """Risk has decided not to. Stored like an intent, so that the signal is not decided again."""

    refusal: Refusal


class MarkStored(msgspec.Struct, frozen=True):
    """The journal holds these entries of a StoreMark, durably. Keys of several StoreMarks may come together."""

    keys: tuple[EntryKey, ...]


class VenueReported(msgspec.Struct, frozen=True):
    """The venue's word on an order: the answer to Send, Cancel or Query, or a change it tells by itself."""

    report: OrderReport


class VenueRefused(msgspec.Struct, frozen=True):
    """The venue refused an order for good (the error Refused)."""

    client_order_id: str
    reason: str
    time_ms: int


class VenueNotReached(msgspec.Struct, frozen=True):
    """The order certainly did not arrive (the error Retryable)."""

    client_order_id: str
    time_ms: int


class VenueUnknown(msgspec.Struct, frozen=True):
    """The answer was lost (the error Unknown): the order may be there or not."""

    client_order_id: str
    time_ms: int


class NotFoundProven(msgspec.Struct, frozen=True):
    """The venue does not have the order and never will. Only where that is proof, by the venue's guarantee tier: not
    after a transport error, and not after one 'not found' where the venue's books may lag."""

    client_order_id: str
    time_ms: int


class FillSeen(msgspec.Struct, frozen=True):
    """A fill was seen, in a stream or by polling, for the first time or again."""

    fill: Fill


class CancelAsked(msgspec.Struct, frozen=True):
    """Somebody entitled to it wants the order gone."""

    client_order_id: str
    time_ms: int


class Timer(msgspec.Struct, frozen=True):
    """The market's clock has come to `time_ms`."""

    time_ms: int


Event = (
    IntentDecided
    | RefusalDecided
    | MarkStored
    | VenueReported
    | VenueRefused
    | VenueNotReached
    | VenueUnknown
    | NotFoundProven
    | FillSeen
    | CancelAsked
    | Timer
)


# ---- commands: what to do


class StoreMark(msgspec.Struct, frozen=True):
    """Write `entries` in one durable journal transaction, then say MarkStored with their keys.

    The order of persistence, which is the whole safety of the protocol:
    1. a decision, with every byte of the order it leads to, is stored before that order leaves (Send comes only out of
       the step that receives MarkStored), so that no order is at the venue that the journal does not know;
    2. the venue's word on an order, and that its answer was lost, is stored before anything is concluded from it;
    3. a fill is stored before it is counted, under the venue's own trade id, so that it is counted once.
    Entries are stored in the order in which they were asked for. Several StoreMarks may share one transaction.
    """

    entries: tuple[Entry, ...]


class Send(msgspec.Struct, frozen=True):
    """Place the order at the venue, once. Any error is told as the event of its name."""

    request: OrderRequest


class Cancel(msgspec.Struct, frozen=True):
    """Cancel the order at the venue; safe to repeat."""

    client_order_id: str
    time_ms: int


class Query(msgspec.Struct, frozen=True):
    """Ask the venue for its word on the order; safe to repeat. An error of the transport is not an answer."""

    client_order_id: str


class Notice(msgspec.Struct, frozen=True):
    """Tell the operator: the venue speaks of an order that this book does not have. Nothing is done about it."""

    code: str
    client_order_id: str


Command = StoreMark | Send | Cancel | Query | Notice
Outcome = tuple[Book, list[Command]]


def step(book: Book, event: Event) -> Outcome:
    """The book after `event`, and what to do now, in order. Raises ImpossibleTransition when the event contradicts
    what is known; the book is then as before."""
    return _HANDLERS[type(event)](book, event)


def resume(book: Book) -> list[Command]:
    """What to do first with a replayed book: ask about every order whose fate at the venue is not in the journal.
    Never a blind Send: a Send follows only from NotFoundProven, while the intent is fresh."""
    return [Query(order.id) for order in book.open_orders() if order.entry is None and order.state in _UNANSWERED]


_UNANSWERED = (OrderState.SENT, OrderState.UNKNOWN)


def _intent_decided(book: Book, event: IntentDecided) -> Outcome:
    intent = event.intent
    if book.knows(intent.signal_id):
        return book, []
    request = request_for(intent, attempt=1, placed_at_ms=intent.decided_at_ms)
    return _store(book, decision_entry(Decision(intent, request, 1), time_ms=intent.decided_at_ms))


def _refusal_decided(book: Book, event: RefusalDecided) -> Outcome:
    refusal = event.refusal
    if book.knows(refusal.signal_id):
        return book, []
    return _store(book, decision_entry(Decision(refusal, None, 1), time_ms=refusal.decided_at_ms))


def _mark_stored(book: Book, event: MarkStored) -> Outcome:
    commands: list[Command] = []
    for key in event.keys:
        entry = book.pending.get(key)
        if entry is not None:
            rest = {other: kept for other, kept in book.pending.items() if other != key}
            book = apply(replace(book, pending=rest), entry)
            commands += _after(entry)
    return book, commands


def _after(entry: Entry) -> list[Command]:
    """What a stored entry allows."""
    if entry.kind is EntryKind.DECISION:
        order = decode_decision(entry).order
        return [Send(order)] if order is not None else []
    if entry.kind is EntryKind.ORDER:
        report = decode_report(entry)
        return [Query(report.client_order_id)] if report.state is OrderState.UNKNOWN else []
    return []


def _venue_reported(book: Book, event: VenueReported) -> Outcome:
    report = event.report
    order = _expected(book).orders.get(report.client_order_id)
    if order is None:
        return _stranger(book, report.client_order_id)
    state = next_state(order.state, word_of(report), order=order.id)
    if order.word is not None and state is order.state and report.filled_size <= order.reported:
        return book, []  # it says nothing new
    return _store(book, order_entry(book.account, report))


def _venue_refused(book: Book, event: VenueRefused) -> Outcome:
    order = book.orders.get(event.client_order_id)
    if order is None or order.state not in _UNANSWERED:
        return book, []
    if event.reason == DUPLICATE_ID:
        return book, [Query(order.id)]
    return _store(book, _own_word(book, order, OrderState.REJECTED, event.reason, event.time_ms))


def _venue_not_reached(book: Book, event: VenueNotReached) -> Outcome:
    """It is marked and certainly not at the venue; the next Timer sends it again, or lets it go."""
    order = book.orders.get(event.client_order_id)
    if order is None or order.state is not OrderState.SENT:
        return book, []
    return book.with_group(order, OrderEvent.ABSENT), []


def _venue_unknown(book: Book, event: VenueUnknown) -> Outcome:
    order = book.orders.get(event.client_order_id)
    if order is None or order.state is not OrderState.SENT:
        return book, []
    return _store(book, _own_word(book, order, OrderState.UNKNOWN, "answer_lost", event.time_ms))


def _not_found_proven(book: Book, event: NotFoundProven) -> Outcome:
    """A mark that never arrived is sent while it is fresh. An order whose answer was lost stays what it is, ended by
    proof; while the intent is fresh it gets a new attempt under a new id, marked in the same transaction."""
    order = book.orders.get(event.client_order_id)
    if order is None or order.state not in _UNANSWERED:
        return book, []
    if order.state is OrderState.SENT:
        return _send_or_let_go(book.with_group(order, OrderEvent.ABSENT), order.id, event.time_ms)
    ended = _own_word(book, order, OrderState.EXPIRED, "absence_proven", event.time_ms)
    if event.time_ms >= order.intent.expires_at_ms:
        return _store(book, ended)
    attempt = order.attempt + 1
    request = request_for(order.intent, attempt=attempt, placed_at_ms=event.time_ms)
    return _store(book, ended, decision_entry(Decision(order.intent, request, attempt), time_ms=event.time_ms))


def _send_or_let_go(book: Book, order_id: str, time_ms: int) -> Outcome:
    """For an order that is marked and certainly not at the venue."""
    order = book.orders[order_id]
    if time_ms < order.intent.expires_at_ms:
        return book.with_group(order, OrderEvent.SEND), [Send(order.request)]
    return _store(book, _own_word(book, order, OrderState.EXPIRED, "stale", time_ms))


def _fill_seen(book: Book, event: FillSeen) -> Outcome:
    fill = event.fill
    order = _expected(book).orders.get(fill.client_order_id)
    if order is None:
        return _stranger(book, fill.client_order_id)
    if fill_key(fill) in order.trades:
        return book, []
    return _store(book, fill_entry(book.account, fill))


def _stranger(book: Book, order_id: str) -> Outcome:
    """An order not in the book: settled (then nothing can be new), or never marked here."""
    if order_id in _expected(book).settled:
        return book, []
    return book, [Notice("unmarked_order" if ours(order_id) else "foreign_order", order_id)]


def _cancel_asked(book: Book, event: CancelAsked) -> Outcome:
    order = book.orders.get(event.client_order_id)
    if order is None or order.state.final:
        return book, []
    return book, [Cancel(order.id, event.time_ms)]


def _timer(book: Book, event: Timer) -> Outcome:
    """Unsent orders are sent again or let go, lost answers asked for, and protection that protects nothing cancelled
    (a venue does that itself where it can, and then there is none)."""
    commands: list[Command] = []
    for order in book.open_orders():
        if order.entry is None and order.state is OrderState.MARKED:
            book, more = _send_or_let_go(book, order.id, event.time_ms)
            commands += more
        elif order.entry is None and order.state is OrderState.UNKNOWN:
            commands.append(Query(order.id))
        elif order.entry is not None and _protects_nothing(book, order):
            commands.append(Cancel(order.id, event.time_ms))
    return book, commands


def _protects_nothing(book: Book, leg: Order) -> bool:
    """Whether a leg rests at the venue although its entry is over and the symbol's position is flat."""
    resting = leg.state in (OrderState.WORKING, OrderState.PARTIAL)
    entry_settled = leg.entry is not None and book.orders[leg.entry].settled
    return resting and entry_settled and leg.request.symbol not in book.positions


def _own_word(book: Book, order: Order, state: OrderState, reason: str, time_ms: int) -> Entry:
    """What we conclude about an order, written like the venue's word but without its order id."""
    report = OrderReport(
        client_order_id=order.id,
        venue_order_id="",
        state=state,
        size=order.request.size,
        filled_size=order.filled,
        time_ms=time_ms,
        reason=reason,
    )
    return order_entry(book.account, report)


def _expected(book: Book) -> Book:
    """The book as it will be when everything on its way into the journal is stored."""
    for entry in book.pending.values():
        book = apply(book, entry)
    return book


def _store(book: Book, *entries: Entry) -> Outcome:
    """Asks for what is not being stored already; first tries that it can be applied, so that nothing gets into the
    journal that a restart could not read."""
    fresh = {key_of(entry): entry for entry in entries if key_of(entry) not in book.pending}
    if not fresh:
        return book, []
    if any(entry.kind is not EntryKind.DECISION for entry in fresh.values()):
        trial = _expected(book)
        for entry in fresh.values():
            trial = apply(trial, entry)
    return replace(book, pending={**book.pending, **fresh}), [StoreMark(tuple(fresh.values()))]


_HANDLERS: dict[type, Callable[[Book, Any], Outcome]] = {
    IntentDecided: _intent_decided,
    RefusalDecided: _refusal_decided,
    MarkStored: _mark_stored,
    VenueReported: _venue_reported,
    VenueRefused: _venue_refused,
    VenueNotReached: _venue_not_reached,
    VenueUnknown: _venue_unknown,
    NotFoundProven: _not_found_proven,
    FillSeen: _fill_seen,
    CancelAsked: _cancel_asked,
    Timer: _timer,
}
