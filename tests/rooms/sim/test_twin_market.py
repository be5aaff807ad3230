"""A recorded market as it happens: bars end as recorded, however time is cut; a moved recording keeps its grid."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from binance_client import MINUTE_MS, START_MS, recording
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.sim.twins.market import DAY_MS, MarketSource, Tick

HOUR_MS = 60 * MINUTE_MS


def source(now_ms: int = START_MS, update_ms: int | None = None) -> MarketSource:
    return MarketSource(recording("spot", minutes=180), now_ms, update_ms=update_ms)


def told(ticks: list[Tick]) -> list[tuple[str, int, Decimal]]:
    return [(tick.symbol, tick.time_ms, tick.price) for tick in ticks]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4 * MINUTE_MS), min_size=1, max_size=20))
def test_the_same_things_happen_however_the_time_is_cut(steps: list[int]) -> None:
    whole, parts = source(update_ms=7000), source(update_ms=7000)
    end_ms = START_MS + sum(steps)
    pieces: list[Tick] = []
    now_ms = START_MS
    for step in steps:
        now_ms += step
        pieces += parts.advance(now_ms)
    assert told(pieces) == told(list(whole.advance(end_ms)))
    assert [tick.time_ms for tick in pieces] == sorted(tick.time_ms for tick in pieces)


def test_every_bar_closes_once_as_it_was_recorded() -> None:
    market = source()
    closed = [
        tick for tick in market.advance(START_MS + 10 * MINUTE_MS) if tick.bar.closed and tick.symbol == "BTCUSDT"
    ]
    assert [tick.time_ms for tick in closed] == [START_MS + n * MINUTE_MS for n in range(1, 11)]
    for number, tick in enumerate(closed):
        prices = (tick.bar.open, tick.bar.high, tick.bar.low, tick.bar.close, tick.bar.volume)
        assert prices == (1000 + number, 1005 + number, 995 + number, 1001 + number, Decimal("600.25"))


def test_a_forming_bar_knows_nothing_of_its_future() -> None:
    tape = source().tapes["BTCUSDT"]
    seen = [tape.bar(3, START_MS + 3 * MINUTE_MS + part * MINUTE_MS // 60) for part in range(61)]
    assert seen[0].open == seen[0].high == seen[0].low == seen[0].close
    for before, after in itertools.pairwise(seen):
        assert after.high >= before.high
        assert after.low <= before.low
        assert after.volume >= before.volume
    assert [bar.closed for bar in seen] == [False] * 60 + [True]


def test_an_hour_is_the_sum_of_its_minutes() -> None:
    market = source(START_MS + HOUR_MS)
    tape, end = market.tapes["ETHUSDT"], START_MS + HOUR_MS
    minutes = tape.bars(MINUTE_MS, first_ms=START_MS, last_ms=end - 1, now_ms=end, limit=1000)
    (hour,) = tape.bars(HOUR_MS, first_ms=START_MS, last_ms=START_MS, now_ms=end, limit=1)
    assert (hour.open, hour.close, hour.closed) == (minutes[0].open, minutes[-1].close, True)
    assert hour.volume == sum(bar.volume for bar in minutes)
    assert hour.high == max(bar.high for bar in minutes)
    half = tape.bars(HOUR_MS, first_ms=START_MS, last_ms=START_MS, now_ms=end - HOUR_MS // 2, limit=1)[0]
    assert (half.closed, half.close) == (False, minutes[29].close)


@pytest.mark.parametrize("later_ms", [400 * DAY_MS, 1000 * DAY_MS + 12_345_678])
def test_a_recording_of_another_time_is_moved_by_whole_days(later_ms: int) -> None:
    market = source(START_MS + later_ms)
    assert market.shift_ms % DAY_MS == 0
    assert source(START_MS + HOUR_MS).shift_ms == 0


def test_the_next_moment_is_the_one_at_which_something_happens() -> None:
    market = source(update_ms=None)
    for _ in range(50):
        due = market.next_ms()
        assert due is not None
        assert list(market.advance(due - 1)) == []
        assert {tick.time_ms for tick in market.advance(due)} == {due}
    list(market.advance(market.last_close_ms))
    assert market.next_ms() is None
