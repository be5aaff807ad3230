"""The protocol, step by step, with events made by hand: what is stored before what, and what is never sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from desk import ACCOUNT, BTC, MINUTE, d, intent

from holdfast.execution.book import Book, replay
from holdfast.execution.identity import client_order_id
from holdfast.execution.marks import Decision, decode_decision, fill_entry, key_of, request_for
from holdfast.execution.protocol import (
    DUPLICATE_ID,
    Cancel,
    CancelAsked,
    Command,
    Event,
    FillSeen,
    IntentDecided,
    MarkStored,
    NotFoundProven,
    Notice,
    Query,
    RefusalDecided,
    Send,
    StoreMark,
    Timer,
    VenueNotReached,
    VenueRefused,
    VenueReported,
    VenueUnknown,
    resume,
    step,
)
from holdfast.execution.states import ImpossibleTransition
from holdfast.model.entry import Entry, EntryKind, StoredEntry
from holdfast.model.fill import Fill
from holdfast.model.intent import Refusal
from holdfast.model.order import Leg, OrderReport, OrderState, OrderType, Side
from holdfast.model.timeframe import Timeframe

S = OrderState
FIRST = intent("s1")
ENTRY, STOP, TARGET = (client_order_id(ACCOUNT, FIRST.id, leg, 1) for leg in (Leg.ENTRY, Leg.STOP, Leg.TARGET))


class Paper:
    """A book, and a journal that stores at once; venue and time stay in the test's hands."""

    def __init__(self) -> None:
        self.book = Book(ACCOUNT)
        self.entries: list[Entry] = []

    def tell(self, event: Event) -> list[Command]:
        """The commands that are left when everything asked for has been stored."""
        self.book, commands = step(self.book, event)
        left: list[Command] = []
        for command in commands:
            if isinstance(command, StoreMark):
                self.entries += command.entries
                left += self.tell(MarkStored(tuple(map(key_of, command.entries))))
            else:
                left.append(command)
        return left

    def restart(self) -> list[Command]:
        self.book = replay((StoredEntry(n, "", entry) for n, entry in enumerate(self.entries, 1)), ACCOUNT)
        return resume(self.book)

    def state(self, order: str) -> OrderState:
        return self.book.orders[order].state


def word(order: str, state: OrderState, filled: int | str = 0, at: int = 2 * MINUTE) -> VenueReported:
    return VenueReported(OrderReport(order, "7", state, d(1), d(filled), at))


def fill(order: str, size: str, trade: str, leg: Leg = Leg.ENTRY, price: int = 100) -> FillSeen:
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    return FillSeen(Fill(trade, order, BTC, side, leg, d(price), d(size), d("0.01"), "USDT", False, 2 * MINUTE))


@pytest.fixture
def working() -> Paper:
    """A paper whose first intent's entry rests at the venue."""
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    paper.tell(word(ENTRY, S.WORKING))
    return paper


def test_nothing_is_sent_before_its_mark_is_stored() -> None:
    book, commands = step(Book(ACCOUNT), IntentDecided(FIRST))
    (mark,) = commands
    assert isinstance(mark, StoreMark)
    assert book.orders == {}
    book, commands = step(book, MarkStored(tuple(map(key_of, mark.entries))))
    assert commands == [Send(request_for(FIRST, attempt=1, placed_at_ms=MINUTE))]
    assert book.orders[ENTRY].state is S.SENT


def test_mark_one_holds_the_decision_and_the_whole_order() -> None:
    paper = Paper()
    (send,) = paper.tell(IntentDecided(FIRST))
    (entry,) = paper.entries
    assert (entry.kind, entry.key, entry.time_ms) == (EntryKind.DECISION, "s1", MINUTE)
    assert isinstance(send, Send)
    assert decode_decision(entry) == Decision(FIRST, send.request, 1)


def test_an_entry_carries_its_stop_and_its_target() -> None:
    request = request_for(FIRST, attempt=1, placed_at_ms=MINUTE)
    assert (request.type, request.reduce_only, request.expires_at_ms) == (OrderType.MARKET, False, 61 * MINUTE)
    stop, target = request.protection
    assert (stop.client_order_id, target.client_order_id) == (STOP, TARGET)
    assert (stop.type, stop.price, stop.side, stop.reduce_only) == (OrderType.STOP, d(90), Side.SELL, True)
    assert (target.type, target.price, target.side, target.reduce_only) == (OrderType.LIMIT, d(120), Side.SELL, True)


def test_a_close_is_reduce_only_and_unprotected() -> None:
    request = request_for(intent("s2", leg=Leg.CLOSE, side=Side.SELL), attempt=1, placed_at_ms=MINUTE)
    assert (request.type, request.reduce_only, request.protection) == (OrderType.MARKET, True, ())


def test_a_signal_is_decided_once() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    before = paper.book
    assert paper.tell(IntentDecided(FIRST)) == []
    assert paper.tell(IntentDecided(intent("s1", size=d(2)))) == []
    assert paper.book == before


def test_a_decision_on_its_way_into_the_journal_counts_already() -> None:
    book, _ = step(Book(ACCOUNT), IntentDecided(FIRST))
    assert book.knows("s1")
    assert book.working_entries() == [(FIRST, d(1))]
    assert step(book, IntentDecided(FIRST)) == (book, [])


def test_a_refusal_is_stored_and_leads_to_nothing() -> None:
    refusal = Refusal("max_positions", ACCOUNT, "s1", BTC, Timeframe.M1, Side.BUY, MINUTE, {"positions": "5"})
    paper = Paper()
    assert paper.tell(RefusalDecided(refusal)) == []
    assert decode_decision(paper.entries[0]) == Decision(refusal, None, 1)
    assert paper.book.knows("s1")
    assert paper.tell(IntentDecided(FIRST)) == []


def test_the_legs_are_held_once_the_venue_has_the_entry(working: Paper) -> None:
    assert [working.state(order) for order in (ENTRY, STOP, TARGET)] == [S.WORKING, S.HELD, S.HELD]


def test_a_fill_is_stored_before_it_is_counted(working: Paper) -> None:
    book, (mark,) = step(working.book, fill(ENTRY, "0.4", "11"))
    assert isinstance(mark, StoreMark)
    assert mark.entries == (fill_entry(ACCOUNT, fill(ENTRY, "0.4", "11").fill),)
    assert mark.entries[0].key == "binance:usdm:BTCUSDT:11"
    assert book.orders[ENTRY].filled == 0
    book, _ = step(book, MarkStored((key_of(mark.entries[0]),)))
    assert (book.orders[ENTRY].filled, book.orders[ENTRY].state) == (d("0.4"), S.PARTIAL)
    assert book.positions == {BTC: d("0.4")}
    assert book.working_entries() == [(FIRST, d("0.6"))]


def test_a_fill_seen_twice_is_counted_once(working: Paper) -> None:
    working.tell(fill(ENTRY, "0.4", "11"))
    before = working.book
    assert working.tell(fill(ENTRY, "0.4", "11")) == []
    assert working.book == before


def test_a_fill_seen_again_before_it_is_stored_is_stored_once(working: Paper) -> None:
    book, commands = step(working.book, fill(ENTRY, "0.4", "11"))
    assert len(commands) == 1
    assert step(book, fill(ENTRY, "0.4", "11")) == (book, [])


def test_more_fills_than_the_order_are_impossible_and_not_stored(working: Paper) -> None:
    working.tell(fill(ENTRY, "0.4", "11"))
    with pytest.raises(ImpossibleTransition, match="fills of"):
        step(working.book, fill(ENTRY, "0.7", "12"))


def test_a_word_that_says_nothing_new_is_not_stored(working: Paper) -> None:
    entries = list(working.entries)
    assert working.tell(word(ENTRY, S.WORKING, at=5 * MINUTE)) == []
    working.tell(word(ENTRY, S.PARTIAL, "0.4"))
    working.tell(word(ENTRY, S.WORKING))
    assert len(working.entries) == len(entries) + 1


def test_a_word_overtaken_by_a_later_one_takes_nothing_back(working: Paper) -> None:
    working.tell(fill(ENTRY, "1", "11"))
    book, (first,) = step(working.book, word(ENTRY, S.FILLED, 1))
    book, commands = step(book, word(ENTRY, S.PARTIAL, "0.4"))
    assert commands == []
    assert isinstance(first, StoreMark)
    assert step(book, MarkStored((key_of(first.entries[0]),)))[0].orders[ENTRY].settled


def test_a_filled_size_never_shrinks(working: Paper) -> None:
    working.tell(word(ENTRY, S.PARTIAL, "0.4"))
    working.tell(word(ENTRY, S.CANCELLED, "0.3"))
    assert working.book.orders[ENTRY].reported == d("0.4")


def test_a_word_that_contradicts_the_book_is_not_stored(working: Paper) -> None:
    working.tell(word(ENTRY, S.FILLED, 1))
    entries = list(working.entries)
    with pytest.raises(ImpossibleTransition):
        working.tell(word(ENTRY, S.CANCELLED))
    assert working.entries == entries


def test_a_refused_order_ends_with_its_legs() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    assert paper.tell(VenueRefused(ENTRY, "insufficient_balance", MINUTE)) == []
    assert b"insufficient_balance" in paper.entries[-1].body
    assert paper.book.orders == {}
    assert all(order in paper.book.settled for order in (ENTRY, STOP, TARGET))


def test_an_order_refused_as_a_duplicate_is_asked_for_not_given_up() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    assert paper.tell(VenueRefused(ENTRY, DUPLICATE_ID, MINUTE)) == [Query(ENTRY)]
    assert paper.state(ENTRY) is S.SENT


def test_an_order_that_did_not_arrive_is_sent_again_by_the_clock_while_it_is_fresh() -> None:
    paper = Paper()
    (send,) = paper.tell(IntentDecided(FIRST))
    assert paper.tell(VenueNotReached(ENTRY, MINUTE)) == []
    assert paper.state(ENTRY) is S.MARKED
    assert paper.tell(Timer(2 * MINUTE)) == [send]
    assert [paper.state(order) for order in (ENTRY, STOP, TARGET)] == [S.SENT] * 3


def test_an_order_that_did_not_arrive_is_let_go_when_it_is_stale() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    paper.tell(VenueNotReached(ENTRY, MINUTE))
    assert paper.tell(Timer(61 * MINUTE)) == []
    assert paper.entries[-1].key == f"{ENTRY}:expired:0"
    assert ENTRY in paper.book.settled


def test_a_lost_answer_is_stored_then_asked_for_and_never_sent_again() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    assert paper.tell(VenueUnknown(ENTRY, MINUTE)) == [Query(ENTRY)]
    assert paper.entries[-1].key == f"{ENTRY}:unknown:0"
    assert [paper.state(order) for order in (ENTRY, STOP, TARGET)] == [S.UNKNOWN] * 3
    assert paper.book.working_entries() == [(FIRST, d(1))]
    assert paper.tell(Timer(2 * MINUTE)) == [Query(ENTRY)]
    assert paper.restart() == [Query(ENTRY)]
    paper.tell(word(ENTRY, S.WORKING))
    assert [paper.state(order) for order in (ENTRY, STOP, TARGET)] == [S.WORKING, S.HELD, S.HELD]


def test_after_proof_of_absence_a_lost_order_gets_a_new_attempt_under_a_new_id() -> None:
    paper = Paper()
    paper.tell(IntentDecided(FIRST))
    paper.tell(VenueUnknown(ENTRY, MINUTE))
    (send,) = paper.tell(NotFoundProven(ENTRY, 3 * MINUTE))
    assert isinstance(send, Send)
    assert send.request == request_for(FIRST, attempt=2, placed_at_ms=3 * MINUTE)
    assert [entry.key for entry in paper.entries[-2:]] == [f"{ENTRY}:expired:0", "s1:attempt:2"]
    assert ENTRY in paper.book.settled
    assert paper.book.working_entries() == [(FIRST, d(1))]
    assert paper.restart() == [Query(send.request.client_order_id)]


def test_after_proof_of_absence_a_stale_order_is_let_go() -> None:
    for lost in (False, True):
        paper = Paper()
        paper.tell(IntentDecided(FIRST))
        if lost:
            paper.tell(VenueUnknown(ENTRY, MINUTE))
        assert paper.tell(NotFoundProven(ENTRY, 61 * MINUTE)) == []
        assert paper.book.orders == {}
        assert paper.entries[-1].key == f"{ENTRY}:expired:0"


def test_a_restarted_executor_asks_before_it_sends_a_mark_without_a_word() -> None:
    paper = Paper()
    (send,) = paper.tell(IntentDecided(FIRST))
    assert paper.restart() == [Query(ENTRY)]
    assert paper.tell(NotFoundProven(ENTRY, 2 * MINUTE)) == [send]
    assert len(paper.entries) == 1


def test_a_restarted_executor_asks_nothing_about_orders_with_a_word(working: Paper) -> None:
    assert working.restart() == []


def test_a_leg_is_filled_only_by_the_venues_word(working: Paper) -> None:
    working.tell(fill(ENTRY, "1", "11"))
    working.tell(word(ENTRY, S.FILLED, 1))
    working.tell(word(STOP, S.WORKING))
    working.tell(fill(STOP, "1", "12", Leg.STOP, 90))
    assert working.state(STOP) is S.PARTIAL
    working.tell(word(STOP, S.FILLED, 1))
    assert working.state(STOP) is S.FILLED


def test_an_intents_orders_are_let_go_together_when_every_fill_is_counted(working: Paper) -> None:
    working.tell(word(ENTRY, S.FILLED, 1))
    working.tell(word(STOP, S.FILLED, 1))
    working.tell(word(TARGET, S.CANCELLED))
    assert set(working.book.orders) == {ENTRY, STOP, TARGET}
    assert working.book.open_orders() == []
    working.tell(fill(STOP, "1", "12", Leg.STOP, 90))
    assert working.book.positions == {BTC: d(-1)}
    working.tell(fill(ENTRY, "1", "11"))
    assert working.book.orders == working.book.positions == {}
    before = working.book
    assert working.tell(fill(ENTRY, "1", "11")) == []
    assert working.tell(word(TARGET, S.CANCELLED)) == []
    assert working.book == before


def test_protection_that_a_venue_left_behind_is_cancelled_by_the_clock(working: Paper) -> None:
    working.tell(fill(ENTRY, "1", "11"))
    working.tell(word(ENTRY, S.FILLED, 1))
    working.tell(word(STOP, S.WORKING))
    working.tell(word(TARGET, S.WORKING))
    assert working.tell(Timer(3 * MINUTE)) == []
    close = intent("s2", leg=Leg.CLOSE, side=Side.SELL)
    (send,) = working.tell(IntentDecided(close))
    assert isinstance(send, Send)
    assert working.book.working_closes() == [(close, d(1))]
    working.tell(fill(send.request.client_order_id, "1", "12", Leg.CLOSE))
    assert working.tell(Timer(4 * MINUTE)) == [Cancel(STOP, 4 * MINUTE), Cancel(TARGET, 4 * MINUTE)]
    working.tell(word(STOP, S.CANCELLED))
    assert working.tell(Timer(5 * MINUTE)) == [Cancel(TARGET, 5 * MINUTE)]


def test_an_order_is_cancelled_on_request_unless_it_has_ended(working: Paper) -> None:
    assert working.tell(CancelAsked(ENTRY, MINUTE)) == [Cancel(ENTRY, MINUTE)]
    working.tell(word(ENTRY, S.CANCELLED))
    assert working.tell(CancelAsked(ENTRY, MINUTE)) == []


def test_orders_without_our_mark_are_told_and_left_alone(working: Paper) -> None:
    before = working.book
    stray = client_order_id(ACCOUNT, "nobody", Leg.ENTRY, 1)
    assert working.tell(word("web_1", S.WORKING)) == [Notice("foreign_order", "web_1")]
    assert working.tell(fill(stray, "1", "5")) == [Notice("unmarked_order", stray)]
    assert working.book == before


def test_entries_of_other_accounts_and_kinds_change_nothing(working: Paper) -> None:
    stored = [StoredEntry(n, "", entry) for n, entry in enumerate(working.entries, 1)]
    equity = StoredEntry(9, "", Entry(EntryKind.EQUITY, "e", ACCOUNT, 5, b"{}"))
    assert replay([*stored, equity], ACCOUNT) == working.book
    assert replay(stored, "other") == Book("other")


def test_a_close_that_filled_needs_no_legs(working: Paper) -> None:
    close = intent("s2", leg=Leg.CLOSE, side=Side.SELL, size=Decimal("0.5"))
    (send,) = working.tell(IntentDecided(close))
    assert isinstance(send, Send)
    order = send.request.client_order_id
    working.tell(VenueReported(OrderReport(order, "9", S.FILLED, d("0.5"), d("0.5"), 3 * MINUTE)))
    assert order in working.book.orders
    working.tell(fill(order, "0.5", "13", Leg.CLOSE))
    assert order in working.book.settled
