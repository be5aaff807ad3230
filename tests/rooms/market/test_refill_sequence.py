"""Bars in order: what waits, what is missing, what is asked for, and when it is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from holdfast.market.refill import Fetch, RefillDesk, told_until_ms
from holdfast.market.sequence import FOREVER_MS, Hole, Sequencer, Source, Urgency
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

A, B = Symbol("binance", "spot", "AUSDT"), Symbol("binance", "usdm", "AUSDT")
EURO = Symbol("oanda", "fx", "EUR_USD")
M1 = Timeframe.M1
MINUTE = M1.ms
START = 27_000_000  # minutes since 1970: a Monday in May 2021


def bars(symbol: Symbol, *numbers: int, price: float = 100.0) -> CandleBlock:
    """Minutes counted from START."""
    return CandleBlock(
        (symbol,),
        M1,
        np.zeros(len(numbers), dtype=np.int32),
        np.array([(START + number) * MINUTE for number in numbers], dtype=np.int64),
        np.array([[price, price + 1, price - 1, price, abs(float(number))] for number in numbers]).reshape(-1, 5),
    )


def at(number: float) -> int:
    return int((START + number) * MINUTE)


def sequencer(*symbols: Symbol, ready: bool = True, give_up_minutes: int = 10) -> Sequencer:
    made = Sequencer(M1, give_up_ms=give_up_minutes * MINUTE)
    for symbol in symbols or (A,):
        made.follow(symbol, from_ms=at(0), ready=ready)
    return made


def released(made: Sequencer, until: int, *, now: float | None = None, most: int = 10_000) -> list[int]:
    """Which minutes came out, as numbers from START."""
    block = made.release(until_ms=at(until), now_ms=at(until if now is None else now), most=most)
    assert (np.diff(block.open_time_ms) >= 0).all()
    return [int(open_ms) // MINUTE - START for open_ms in block.open_time_ms]


def test_bars_in_order_go_on_at_once() -> None:
    made = sequencer()
    made.take(bars(A, 0, 1), Source.STREAM, now_ms=at(2))
    assert released(made, 2) == [0, 1] and released(made, 2) == []
    assert made.complete_ms([A]).tolist() == [at(2)]


def test_a_bar_behind_a_hole_waits_until_the_hole_is_filled() -> None:
    made = sequencer()
    made.take(bars(A, 0), Source.STREAM, now_ms=at(1))
    made.take(bars(A, 2), Source.STREAM, now_ms=at(3))
    assert released(made, 3) == [0]
    (hole,) = made.holes(until_ms=at(3), now_ms=at(3))
    assert (hole.from_ms, hole.until_ms, hole.urgency) == (at(1), at(2), Urgency.NEWEST)
    assert made.complete_ms([A]).tolist() == [at(1)]
    made.take(bars(A, 1), Source.REST, now_ms=at(4))
    assert released(made, 4, now=4) == [1, 2]
    tally = made.status()[0].tally
    assert (tally.streamed, tally.fetched, tally.waited, tally.holes) == (2, 1, 1, 1)


def test_one_series_behind_a_hole_holds_up_no_other() -> None:
    made = sequencer(A, B)
    made.take(bars(B, 0, 1), Source.STREAM, now_ms=at(2))
    block = made.release(until_ms=at(2), now_ms=at(2), most=100)
    assert [block.symbols[index] for index in block.symbol_index] == [B, B]
    assert made.complete_ms([A, B, EURO]).tolist() == [at(0), at(2), FOREVER_MS]


def test_a_hole_is_given_up_only_when_later_bars_have_waited_for_it_too_long() -> None:
    made = sequencer(give_up_minutes=10)
    assert released(made, 5) == [] and released(made, 500) == []  # nothing came at all: nothing waits, nothing is lost
    made.take(bars(A, 500), Source.STREAM, now_ms=at(501))
    assert released(made, 501) == [] and released(made, 510) == []
    made.take(bars(A, *range(400)), Source.REST, now_ms=at(511))
    assert released(made, 511) == list(range(400))  # the hole is smaller now: its time begins anew
    assert released(made, 520) == [] and released(made, 521) == []
    assert released(made, 522) == [500]
    tally = made.status()[0].tally
    assert tally.given_up == 100
    made.take(bars(A, 450), Source.REST, now_ms=at(523))
    assert released(made, 523) == [] and made.status()[0].tally.late == 1


def test_the_past_of_a_series_that_was_never_complete_is_waited_for_without_end() -> None:
    made = sequencer(ready=False, give_up_minutes=1)
    made.take(bars(A, 300), Source.STREAM, now_ms=at(301))
    assert [released(made, until) for until in (301, 400, 5000)] == [[], [], []]
    assert made.holes(until_ms=at(301), now_ms=at(301))[0].urgency is Urgency.HISTORY
    assert not made.status()[0].ready
    made.take(bars(A, *range(300)), Source.REST, now_ms=at(5001))
    assert released(made, 301, now=5001) == list(range(301)) and made.status()[0].ready


def test_a_bar_that_the_venue_does_not_have_is_stepped_over() -> None:
    made = sequencer()
    made.take(bars(A, 0, 3), Source.STREAM, now_ms=at(4))
    assert released(made, 4) == [0]
    made.confirm(A, at(3))
    assert released(made, 4) == [3] and made.status()[0].tally.absent == 2


def test_silence_that_is_confirmed_up_to_the_end_is_no_hole() -> None:
    made = sequencer()
    made.confirm(A, at(7))
    assert made.holes(until_ms=at(7), now_ms=at(7)) == []
    assert released(made, 7) == [] and made.complete_ms([A]).tolist() == [at(7)]
    assert made.holes(until_ms=at(8), now_ms=at(8))[0].from_ms == at(7)


def test_a_weekend_is_no_hole_and_a_holiday_neither() -> None:
    friday = int(datetime(2018, 12, 21, 21, 59, tzinfo=UTC).timestamp()) // 60  # the last minute of the week
    monday_open = int(datetime(2018, 12, 23, 22, 0, tzinfo=UTC).timestamp()) // 60
    christmas_eve = int(datetime(2018, 12, 24, 21, 59, tzinfo=UTC).timestamp()) // 60
    made = Sequencer(M1, give_up_ms=10 * MINUTE)
    made.follow(EURO, from_ms=friday * MINUTE, ready=True)
    made.take(bars(EURO, friday - START, monday_open - START), Source.REST, now_ms=(monday_open + 1) * MINUTE)
    saturday_ms = (friday + 1000) * MINUTE
    assert len(made.release(until_ms=saturday_ms, now_ms=saturday_ms, most=9)) == 1
    assert made.holes(until_ms=saturday_ms, now_ms=saturday_ms) == []
    after_ms = (monday_open + 1) * MINUTE
    assert made.release(until_ms=after_ms, now_ms=after_ms, most=9).open_time_ms.tolist() == [monday_open * MINUTE]
    made.take(
        bars(EURO, *range(monday_open + 1 - START, christmas_eve + 1 - START)),
        Source.REST,
        now_ms=christmas_eve * MINUTE,
    )
    end_ms = (christmas_eve + 600) * MINUTE
    assert len(made.release(until_ms=end_ms, now_ms=end_ms, most=9999)) == christmas_eve - monday_open
    assert made.holes(until_ms=end_ms, now_ms=end_ms) == []


def test_the_same_bar_again_is_counted_and_a_different_one_is_a_conflict() -> None:
    made = sequencer()
    for price in (100.0, 100.0, 105.0):
        made.take(bars(A, 1, price=price), Source.STREAM, now_ms=at(2))
    made.take(bars(A, 1, price=107.0), Source.REST, now_ms=at(2))
    made.take(bars(A, 0), Source.STREAM, now_ms=at(2))
    block = made.release(until_ms=at(2), now_ms=at(2), most=9)
    assert block.values[1, 0] == 107.0  # the answer to a request is the settled word
    made.take(bars(A, 1, price=107.0), Source.STREAM, now_ms=at(2))
    made.take(bars(A, 1, price=106.0), Source.STREAM, now_ms=at(2))
    tally = made.status()[0].tally
    assert (tally.repeats, tally.conflicts) == (5, 3)


def test_impossible_bars_and_bars_of_the_future_never_wait() -> None:
    made = sequencer()
    bad = bars(A, 0)
    bad.values[0, 1] = 1.0  # a high below the low
    made.take(bad, Source.STREAM, now_ms=at(1))
    made.take(bars(A, 5), Source.STREAM, now_ms=at(3))
    assert made.status()[0].tally.refused == 2 and made.status()[0].waiting == 0


def test_a_bar_whose_end_the_clock_has_not_reached_waits_for_it() -> None:
    made = sequencer()
    made.take(bars(A, 0), Source.STREAM, now_ms=at(0.99))
    assert released(made, 0) == [] and released(made, 1) == [0]


def test_a_thousand_bars_come_out_in_parts_that_fit() -> None:
    made = sequencer()
    made.take(bars(A, *range(1000)), Source.REST, now_ms=at(1000))
    parts = [released(made, 1000, most=400) for _ in range(4)]
    assert [len(part) for part in parts] == [400, 400, 200, 0]
    assert [number for part in parts for number in part] == list(range(1000))


def test_what_is_not_followed_is_not_expected() -> None:
    made = sequencer(A)
    made.take(bars(B, 0), Source.STREAM, now_ms=at(1))
    made.leave(A)
    made.take(bars(A, 0), Source.STREAM, now_ms=at(1))
    made.confirm(A, at(3))
    assert released(made, 1) == [] and made.holes(until_ms=at(3), now_ms=at(3)) == []
    with pytest.raises(ValueError, match="opens"):
        made.follow(B, from_ms=at(0) + 1)


# ---- asking for what is missing


def desk(*, most_at_once: int = 3, most_bars: int = 1000) -> RefillDesk:
    return RefillDesk(M1, most_at_once=most_at_once, most_bars=most_bars, first_wait_ms=1000, longest_wait_ms=60_000)


def hole(name: str, first: int, last: int, urgency: Urgency) -> Hole:
    return Hole(Symbol("binance", "spot", name), at(first), at(last), at(last), urgency)


def named(fetches: Sequence[Fetch]) -> list[str]:
    return [fetch.symbol.name for fetch in fetches]


def test_the_newest_bars_are_asked_for_first_and_the_past_last() -> None:
    holes = [
        hole("PAST", 0, 900, Urgency.HISTORY),
        hole("LONG", 100, 900, Urgency.GAP),
        hole("SHORT", 800, 900, Urgency.GAP),
        hole("NEWEST", 899, 900, Urgency.NEWEST),
    ]
    asked = desk().next_fetches(holes, now_ms=at(900))
    assert named(asked) == ["NEWEST", "SHORT", "LONG"]
    assert (asked[0].after_ms, asked[0].limit) == (at(898), 2) and asked[2].limit == 801


def test_no_more_requests_are_under_way_than_allowed_and_one_a_series() -> None:
    plan, holes = desk(most_at_once=2), [hole(name, 0, 9, Urgency.GAP) for name in "ABC"]
    first = plan.next_fetches(holes, now_ms=at(9))
    assert named(first) == ["A", "B"] and plan.next_fetches(holes, now_ms=at(9)) == []
    plan.answered(first[0])
    assert named(plan.next_fetches(holes[1:], now_ms=at(9))) == ["C"]


def test_a_long_hole_is_asked_for_in_parts_the_venue_gives() -> None:
    (fetch,) = desk(most_bars=500).next_fetches([hole("A", 0, 2000, Urgency.GAP)], now_ms=at(2000))
    assert fetch.limit == 500


def test_a_request_that_fails_is_made_again_later_and_ever_later() -> None:
    plan, holes = desk(), [hole("A", 0, 9, Urgency.GAP)]
    now_ms, waits = at(9), []
    (fetch,) = plan.next_fetches(holes, now_ms=now_ms)
    for _ in range(8):
        plan.failed(fetch, now_ms=now_ms)
        waits.append(0)
        while not plan.next_fetches(holes, now_ms=now_ms):
            now_ms += 1000
            waits[-1] += 1
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60] and plan.failing == {fetch.symbol: 8}
    plan.answered(fetch)
    assert plan.failing == {} and named(plan.next_fetches(holes, now_ms=now_ms)) == ["A"]


def test_an_answer_has_told_everything_up_to_its_last_bar_or_to_what_had_settled() -> None:
    fetch = Fetch(A, at(-1), 3, Urgency.GAP)
    asked_ms = at(10) + 5000
    assert told_until_ms(fetch, bars(A, 0, 1, 4), asked_ms=asked_ms, settle_ms=10_000) == at(5)
    assert told_until_ms(fetch, bars(A, 0, 1), asked_ms=asked_ms, settle_ms=10_000) == at(9)
    assert told_until_ms(fetch, bars(A), asked_ms=asked_ms, settle_ms=4000) == at(10)
    assert told_until_ms(fetch, bars(A, 9), asked_ms=asked_ms, settle_ms=10_000) == at(10)
