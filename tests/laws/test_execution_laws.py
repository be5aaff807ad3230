"""Laws of execution and of the paper venue: for any bars, any intents, any moment of death."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "plays"))

import msgspec
import numpy as np
from desk import ACCOUNT, BTC, ETH, FREE, MINUTE, SPOT, Crash, Desk, bars, d, intent, paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.execution import protocol as on
from holdfast.execution.book import Book, replay
from holdfast.execution.identity import client_order_id
from holdfast.execution.marks import request_for
from holdfast.model.base_bars import BaseBars
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.venues.paper_rules import PaperRules
from holdfast.venues.paper_store import MemoryPaperStore

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RULES = PaperRules(FREE.markets, Decimal("0.10"))
SPAN = 12

Row = tuple[float, float, float, float, float]
Shown = dict[Symbol, BaseBars]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """A walk of SPAN bars between 80 and 130, with bars without volume and of unknown volume."""
    price, walk = 100, []
    for _ in range(SPAN):
        opened = min(max(price + draw(st.integers(-8, 8)), 80), 130)
        high = opened + draw(st.integers(0, 15))
        low = opened - draw(st.integers(0, 15))
        price = draw(st.integers(low, high))
        volume = draw(st.sampled_from([0.0, 3.0, 9.0, 25.0, 1000.0, float("nan")]))
        walk.append((float(opened), float(high), float(low), float(price), volume))
    return walk


markets = st.fixed_dictionaries({BTC: rows(), ETH: rows(), SPOT: rows()})


@st.composite
def decisions(draw: st.DrawFn) -> dict[int, list[Intent]]:
    """By the bar after which they are decided: entries with brackets around 100, and closes. Some come twice."""
    found: dict[int, list[Intent]] = {}
    for number in range(draw(st.integers(1, 6))):
        at, symbol = draw(st.integers(0, SPAN - 2)), draw(st.sampled_from([BTC, ETH, SPOT]))
        side = Side.BUY if symbol == SPOT else draw(st.sampled_from(list(Side)))
        leg = draw(st.sampled_from([Leg.ENTRY, Leg.ENTRY, Leg.CLOSE]))
        near, far = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        stop, target = (100 - near, 100 + far) if side is Side.BUY else (100 + near, 100 - far)
        made = intent(
            f"s{number}",
            symbol=symbol,
            leg=leg,
            side=side.opposite if leg is Leg.CLOSE and symbol == SPOT else side,
            size=d(draw(st.integers(8, 300))) / 100,
            stop_price=d(stop) if leg is Leg.ENTRY else None,
            target_price=d(target) if leg is Leg.ENTRY else None,
            decided_at_ms=(at + 1) * MINUTE,
            expires_at_ms=(at + 1 + draw(st.integers(1, SPAN))) * MINUTE,
        )
        found.setdefault(at, []).extend([made] * draw(st.sampled_from([1, 1, 2])))
    return found


def parts(market: dict[Symbol, list[Row]], length: int, start: int = 0, stop: int = SPAN) -> list[Shown]:
    """The market from bar `start` on, `length` bars at a time, all symbols together."""
    whole = {symbol: bars(*found) for symbol, found in market.items()}
    return [
        {symbol: shown.part(first, min(first + length, stop)) for symbol, shown in whole.items()}
        for first in range(start, stop, length)
    ]


@given(markets, decisions(), st.integers(2, SPAN))
@QUICK
def test_bars_one_by_one_and_many_at_once_tell_the_same(
    market: dict[Symbol, list[Row]], decided: dict[int, list[Intent]], length: int
) -> None:
    entries = {made.signal_id: made for found in decided.values() for made in found if made.leg is Leg.ENTRY}
    told = []
    for size in (1, length, SPAN):
        venue = paper(MemoryPaperStore(), RULES)
        venue.advance(parts(market, 1)[0])
        for made in entries.values():
            placed = msgspec.structs.replace(made, decided_at_ms=MINUTE)
            venue.place(request_for(placed, attempt=1, placed_at_ms=MINUTE))
        words: list[Fill | OrderReport] = []
        for shown in parts(market, size, start=1):
            words += venue.advance(shown)
        told.append((words, venue.events_since(0), venue.open_orders(), venue.balances(), venue.positions()))
    assert told[0] == told[1] == told[2]


def play(desk: Desk, market: dict[Symbol, list[Row]], decided: dict[int, list[Intent]], start: int = 0) -> None:
    for number, shown in enumerate(parts(market, 1)[start:], start):
        desk.show(shown)
        for made in decided.get(number, []):
            desk.happen(on.IntentDecided(made))


@given(markets, decisions())
@QUICK
def test_whatever_happens_the_books_hold(market: dict[Symbol, list[Row]], decided: dict[int, list[Intent]]) -> None:
    desk = Desk(RULES)
    play(desk, market, decided)
    told = desk.venue.events_since(0)
    fills = [word for word in told if isinstance(word, Fill)]
    assert [fill.trade_id for fill in fills] == [str(number) for number in range(1, len(fills) + 1)]

    intents = {made.signal_id: made for found in decided.values() for made in reversed(found)}
    sizes = {
        client_order_id(ACCOUNT, made.id, leg, 1): made.size
        for made in intents.values()
        for leg in (made.leg, Leg.STOP, Leg.TARGET)
    }
    filled: dict[str, Decimal] = {}
    position: dict[Symbol, Decimal] = {}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, d(0)) + fill.size
        before = position.get(fill.symbol, d(0))
        after = before + (fill.size if fill.side is Side.BUY else -fill.size)
        if fill.leg is not Leg.ENTRY:
            assert abs(after) < abs(before), "an order that reduces made the position larger"
            assert after * before >= 0, "an order that reduces turned the position around"
        assert fill.symbol != SPOT or after >= 0
        position[fill.symbol] = after
    assert all(size <= sizes[order] for order, size in filled.items())
    assert desk.venue.positions() == {symbol: size for symbol, size in position.items() if size}
    assert desk.book.positions == desk.venue.positions()
    for made in intents.values():
        legs = [client_order_id(ACCOUNT, made.id, leg, 1) for leg in (Leg.ENTRY, Leg.STOP, Leg.TARGET)]
        entry, stop, target = (filled.get(order, d(0)) for order in legs)
        assert stop + target <= entry, "more was closed than was opened"
    # every intent became at most one order at the venue, and every order the venue has is one of ours
    assert len(desk.sent) == len(set(desk.sent)) <= len(intents)
    assert {word.client_order_id for word in told} <= set(sizes)
    # the venue and the book agree on what is open
    at_venue = {report.client_order_id: report.state for report in desk.venue.open_orders()}
    assert {order.id: order.state for order in desk.book.open_orders()} == at_venue


@given(markets, decisions())
@QUICK
def test_at_every_prefix_the_fold_of_the_journal_is_the_live_book(
    market: dict[Symbol, list[Row]], decided: dict[int, list[Intent]]
) -> None:
    books: list[tuple[int, Book]] = []

    class Watched(Desk):
        def happen(self, event: on.Event) -> None:
            before = len(self.record.entries)
            self.book, commands = on.step(self.book, event)
            books.append((before, self.book))
            self.carry_out(commands)

    desk = Watched(RULES)
    play(desk, market, decided)
    folds = [replay(desk.record.entries[:length], ACCOUNT) for length in range(len(desk.record.entries) + 1)]
    for length, book in books:
        assert folds[length] == book.restarted()
    assert folds[-1] == desk.book


@given(markets, decisions(), st.lists(st.integers(0, 40), min_size=1, max_size=4))
@QUICK
def test_killed_before_any_command_and_resumed_the_journal_ends_with_the_same_hash(
    market: dict[Symbol, list[Row]], decided: dict[int, list[Intent]], deaths: list[int]
) -> None:
    whole = Desk(RULES)
    play(whole, market, decided)
    desk = Desk(RULES)
    shown_parts = parts(market, 1)
    at = 0
    for death in [*deaths, None]:
        desk.crash_before = death
        try:
            while at < SPAN:
                desk.show(shown_parts[at])
                for made in decided.get(at, []):
                    desk.happen(on.IntentDecided(made))
                at += 1
        except Crash:
            desk.start(shown_parts[: at + 1])
    assert desk.journal.head() == whole.journal.head()
    assert desk.venue.events_since(0) == whole.venue.events_since(0)
    assert desk.book == whole.book


def mirrored(request: OrderRequest, centre: Decimal) -> OrderRequest:
    return msgspec.structs.replace(
        request,
        side=request.side.opposite,
        price=None if request.price is None else centre - request.price,
        protection=tuple(mirrored(leg, centre) for leg in request.protection),
    )


@given(rows(), st.integers(1, 15), st.integers(1, 15), st.sampled_from([OrderType.MARKET, OrderType.LIMIT]))
@QUICK
def test_mirrored_prices_give_mirrored_fills(found: list[Row], near: int, far: int, kind: OrderType) -> None:
    centre = 220
    request = request_for(
        intent("s", stop_price=d(100 - near), target_price=d(100 + far)), attempt=1, placed_at_ms=MINUTE
    )
    request = msgspec.structs.replace(request, type=kind, price=d(99) if kind is OrderType.LIMIT else None)
    seen = []
    for sign in (1, -1):
        venue = paper(MemoryPaperStore(), RULES)
        shown = (
            found if sign == 1 else [(centre - o, centre - lo, centre - h, centre - c, v) for o, h, lo, c, v in found]
        )
        venue.advance({BTC: bars(shown[0])})
        venue.place(request if sign == 1 else mirrored(request, d(centre)))
        told = venue.advance({BTC: bars(*shown[1:], first=1)})
        seen.append(
            [
                (word.leg, word.size, word.time_ms, word.maker, word.price if sign == 1 else centre - word.price)
                if isinstance(word, Fill)
                else word
                for word in told
            ]
        )
    assert seen[0] == seen[1]


@given(rows())
@QUICK
def test_no_entry_stays_open_without_protection(found: list[Row]) -> None:
    """Whenever a position is open only by one entry, its stop rests for all of it that is not closed yet."""
    venue = paper(MemoryPaperStore(), RULES)
    request = request_for(intent("s"), attempt=1, placed_at_ms=MINUTE)
    shown_parts = parts({BTC: found}, 1)
    venue.advance(shown_parts[0])
    venue.place(request)
    for shown in shown_parts[1:]:
        venue.advance(shown)
        held = venue.positions().get(BTC, d(0))
        stop = venue.query(request.protection[0].client_order_id)
        target = venue.query(request.protection[1].client_order_id)
        assert stop is not None
        assert target is not None
        if held:
            assert stop.state in (OrderState.WORKING, OrderState.PARTIAL)
            assert stop.size - stop.filled_size - target.filled_size == held


def test_a_venue_with_many_symbols_matches_only_those_with_orders() -> None:
    """Symbols without live orders are left alone: their bars may even be of a kind that cannot be matched."""
    venue = paper(MemoryPaperStore(), RULES)
    broken = BaseBars(*(np.array([0, MINUTE]) for _ in range(2)), *(np.array([1.0, 2.0]) for _ in range(4)), None)  # type: ignore[arg-type]
    assert venue.advance({ETH: broken}) == []
