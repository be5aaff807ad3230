"""Carries out what the execution protocol asks for, and tells it what came of it.

The protocol says what must be stored before what; here its commands meet the journal and the venue, one after the
other, until it asks for nothing more. No decision is made here; an error of a door becomes the event of its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from holdfast.execution.book import Book
from holdfast.execution.marks import EntryKey, key_of
from holdfast.execution.protocol import (
    Cancel,
    Command,
    Event,
    FillSeen,
    MarkStored,
    NotFoundProven,
    Notice,
    Query,
    Send,
    StoreMark,
    VenueNotReached,
    VenueRefused,
    VenueReported,
    VenueUnknown,
    resume,
    step,
)
from holdfast.model.entry import Entry, StoredEntry
from holdfast.model.errors import Refused, Retryable, Unknown
from holdfast.model.fill import Fill
from holdfast.model.order import OrderReport
from holdfast.node.measures import Measures
from holdfast.ports.journal import Journal
from holdfast.ports.venue import Venue

OnStored = Callable[[StoredEntry], None]
OnNotice = Callable[[Notice], None]


class Executor:
    """The hands of one account's protocol. `book` is what execution knows; `on_stored` hears of every new entry."""

    def __init__(
        self,
        book: Book,
        journal: Journal,
        venue: Venue,
        *,
        epoch: int,
        measures: Measures,
        on_stored: OnStored,
        on_notice: OnNotice,
    ) -> None:
        self.book = book
        self.now_ms = 0
        self._journal = journal
        self._venue = venue
        self._epoch = epoch
        self._measures = measures
        self._on_stored = on_stored
        self._on_notice = on_notice

    def tell(self, events: Iterable[Event]) -> None:
        """Steps the protocol with each event and with everything that follows from it, until nothing is left to do."""
        for event in events:
            waiting: deque[Event] = deque([event])
            while waiting:
                self.book, commands = step(self.book, waiting.popleft())
                for command in commands:
                    waiting.extend(self._carry_out(command))

    def see(self, seen: Iterable[Fill | OrderReport]) -> None:
        """Passes on what the venue told by itself."""
        self.tell(FillSeen(word) if isinstance(word, Fill) else VenueReported(word) for word in seen)

    def hear_missed(self, *, fills_known: int) -> None:
        """After a restart: what the venue told meanwhile, in the order in which it told it. What was heard before
        changes nothing."""
        self.see(self._venue.events_since(fills_known))

    def settle(self) -> None:
        """After a restart, once the venue has seen the prices of now: asks about every order without a word."""
        for command in resume(self.book):
            self.tell(self._carry_out(command))

    def store(self, entry: Entry) -> None:
        """Writes an entry that is not the protocol's, in the same journal and under the same epoch."""
        self._append((entry,))

    def _carry_out(self, command: Command) -> list[Event]:
        match command:
            case StoreMark(entries):
                return [MarkStored(self._append(entries))]
            case Send(request):
                order_id, time_ms = request.client_order_id, request.placed_at_ms
                return [self._answer(order_id, time_ms, lambda: self._venue.place(request))]
            case Cancel(order_id, time_ms):
                return [self._answer(order_id, time_ms, lambda: self._venue.cancel(order_id, time_ms=time_ms))]
            case Query(order_id):
                return self._ask(order_id)
            case Notice():
                self._on_notice(command)
                return []

    def _append(self, entries: tuple[Entry, ...]) -> tuple[EntryKey, ...]:
        with self._measures.append():
            written = self._journal.append(self.book.account, self._epoch, entries)
        for stored in written:
            self._on_stored(stored)
        return tuple(key_of(entry) for entry in entries)

    def _answer(self, order_id: str, time_ms: int, ask: Callable[[], OrderReport]) -> Event:
        """`time_ms` is that of the command, so that a command carried out by a later process leaves the same record."""
        try:
            return VenueReported(ask())
        except Refused as error:
            return VenueRefused(order_id, str(error), time_ms)
        except Retryable:
            return VenueNotReached(order_id, time_ms)
        except Unknown:
            return VenueUnknown(order_id, time_ms)

    def _ask(self, order_id: str) -> list[Event]:
        try:
            report = self._venue.query(order_id)
        except (Retryable, Unknown):
            return []  # The transport gave no answer; the next Timer asks again.
        if report is not None:
            return [VenueReported(report)]
        return [NotFoundProven(order_id, self.now_ms)] if self._venue.absence_is_proof else []
