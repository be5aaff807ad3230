"""How bars fill orders at the paper venue: every rule of docs/decisions/0003-paper-fills.md, to the last digit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from desk import BTC, FREE, MINUTE, SPOT, bars, d, flat, intent, paper

from holdfast.execution.marks import request_for
from holdfast.model.base_bars import BaseBars
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, OrderType, Side
from holdfast.venues.paper import PaperVenue
from holdfast.venues.paper_rules import MarketRules, PaperRules
from holdfast.venues.paper_store import MemoryPaperStore

S = OrderState
COSTLY = PaperRules({"usdm": MarketRules(d(5), d(15), d(5)), "spot": MarketRules(d(5), d(15))}, Decimal("0.10"))


def open_venue(rules: PaperRules = FREE) -> PaperVenue:
    """A venue that has seen BTC close at 100 when minute 1 begins."""
    venue = paper(MemoryPaperStore(), rules)
    venue.advance({BTC: bars(flat(100)), SPOT: bars(flat(100))})
    return venue


def bracket(signal: str = "s1", **changes: object) -> OrderRequest:
    return request_for(intent(signal, **changes), attempt=1, placed_at_ms=MINUTE)


def order(name: str, side: Side, kind: OrderType, price: str | None = None, **changes: object) -> OrderRequest:
    values = {"size": d(1), "reduce_only": False, "leg": Leg.ENTRY, "placed_at_ms": MINUTE, "symbol": BTC}
    limit = d(price) if price else None
    return OrderRequest(client_order_id=name, side=side, type=kind, price=limit, **{**values, **changes})


def limit_bracket(price: str) -> OrderRequest:
    return msgspec.structs.replace(bracket(), type=OrderType.LIMIT, price=d(price))


def brief(told: Sequence[Fill | OrderReport], names: dict[str, str] | None = None) -> list[str]:
    """'entry 1@100.0 taker' for a fill, 'stop working 1/0' for a word, with its reason."""
    lines = []
    for word in told:
        if isinstance(word, Fill):
            kind = "maker" if word.maker else "taker"
            lines.append(f"{word.leg.value} {word.size}@{word.price} {kind} t{word.time_ms}")
        else:
            name = (names or {}).get(word.client_order_id, word.client_order_id)
            lines.append(f"{name} {word.state.value} {word.filled_size}/{word.size} {word.reason}".strip())
    return lines


def play(venue: PaperVenue, request: OrderRequest, rows: BaseBars) -> list[str]:
    venue.place(request)
    names = {leg.client_order_id: leg.leg.value for leg in (request, *request.protection)}
    return brief(venue.advance({request.symbol: rows}), names)


def test_a_market_order_fills_at_the_next_open_and_the_target_at_its_price() -> None:
    venue = open_venue()
    assert play(venue, bracket(), bars((101, 121, 99, 120), first=1)) == [
        "entry 1@101.0 taker t60000",
        "entry filled 1/1",
        "stop working 0/1",
        "target working 0/1",
        "target 1@120 maker t119999",
        "target filled 1/1",
        "stop cancelled 0/1 sibling_filled",
    ]
    assert venue.positions() == {}
    fees = d(101) * d("0.0004") + d(120) * d("0.0002")
    assert venue.balances() == {"USDT": d(100_000) + d(19) - fees}


def test_an_order_is_not_matched_with_a_bar_that_opened_before_it() -> None:
    venue = open_venue()
    assert play(venue, bracket(), bars(flat(100))) == []
    assert brief(venue.advance({BTC: bars(flat(100), flat(102))}))[0] == "entry 1@102.0 taker t60000"


def test_a_taker_pays_half_the_spread_and_slippage_to_the_tick_against_him() -> None:
    # 100.03 ± 20 basis points = 100.23006 and 99.82994; the tick is 0.1
    bought = play(open_venue(COSTLY), order("hf1", Side.BUY, OrderType.MARKET), bars(flat(100.03), first=1))
    sold = play(open_venue(COSTLY), order("hf1", Side.SELL, OrderType.MARKET), bars(flat(100.03), first=1))
    assert (bought[0], sold[0]) == ("entry 1@100.3 taker t60000", "entry 1@99.8 taker t60000")


def test_the_fee_is_exact_in_the_quote_currency() -> None:
    venue = open_venue(COSTLY)
    venue.place(order("hf1", Side.BUY, OrderType.MARKET, size=d("1.23")))
    (fill, _) = venue.advance({BTC: bars(flat(100.03), first=1)})
    assert isinstance(fill, Fill)
    assert (fill.fee, fill.quote, fill.trade_id) == (d("100.3") * d("1.23") * d("0.0004"), "USDT", "1")


def test_a_bar_gives_a_tenth_of_its_volume_rounded_down_and_nothing_without_volume() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    rows = bars((100, 100, 100, 100, 4.09), (101, 101, 101, 101, 0), (102, 102, 102, 102, 1000), first=1)
    assert play(open_venue(rules), order("hf1", Side.BUY, OrderType.MARKET), rows) == [
        "entry 0.40@100.0 taker t60000",
        "entry partial 0.40/1",
        "entry 0.60@102.0 taker t180000",
        "entry filled 1.00/1",
    ]


def test_a_market_without_reported_volume_fills_whole() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    rows = bars((100, 100, 100, 100, math.nan), first=1)
    assert play(open_venue(rules), order("hf1", Side.BUY, OrderType.MARKET), rows)[1] == "entry filled 1/1"


def test_a_stop_fills_at_its_price_moved_against_us() -> None:
    told = play(open_venue(COSTLY), bracket(), bars((100, 101, 89, 95), first=1))
    assert told[4:] == [
        "stop 1@89.8 taker t119999",  # 90 less 20 basis points is 89.82
        "stop filled 1/1",
        "target cancelled 0/1 sibling_filled",
    ]


def test_a_stop_that_the_market_jumps_over_fills_at_the_open() -> None:
    told = play(open_venue(), bracket(), bars(flat(100), (85, 86, 84, 85), first=1))
    assert told[4] == "stop 1@85.0 taker t120000"


def test_a_target_that_the_market_jumps_over_fills_at_the_better_open() -> None:
    told = play(open_venue(), bracket(), bars(flat(100), (125, 126, 124, 125), first=1))
    assert told[4] == "target 1@125.0 maker t120000"


def test_when_a_bar_touches_both_the_stop_is_taken() -> None:
    told = play(open_venue(), bracket(), bars((100, 125, 85, 100), first=1))
    assert told[4:] == ["stop 1@90.0 taker t119999", "stop filled 1/1", "target cancelled 0/1 sibling_filled"]


def test_an_entry_that_opens_beyond_its_stop_is_out_at_once() -> None:
    told = play(open_venue(), bracket(), bars(flat(88), first=1))
    assert told[0] == "entry 1@88.0 taker t60000"
    assert told[4] == "stop 1@88.0 taker t60000"


def test_a_touch_is_a_touch_at_the_very_price() -> None:
    assert play(open_venue(), bracket(), bars((100, 100, 90, 100), first=1))[4] == "stop 1@90.0 taker t119999"
    assert play(open_venue(), bracket(), bars((100, 120, 100, 100), first=1))[4] == "target 1@120 maker t119999"
    assert len(play(open_venue(), bracket(), bars((100, 119.9, 90.1, 100), first=1))) == 4


def test_protection_grows_with_the_entry_and_a_stop_ends_what_is_unfilled() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    rows = bars((100, 101, 99, 100, 3), (100, 101, 99, 100, 4), (100, 101, 89, 90, 2), (91, 92, 90.5, 91, 10), first=1)
    venue = open_venue(rules)
    request = bracket()
    assert play(venue, request, rows.part(0, 2)) == [
        "entry 0.30@100.0 taker t60000",
        "entry partial 0.30/1",
        "stop working 0/0.30",
        "target working 0/0.30",
        "entry 0.40@100.0 taker t120000",
        "entry partial 0.70/1",
    ]
    stop = venue.query(request.protection[0].client_order_id)
    assert stop is not None
    assert (stop.state, stop.size) == (S.WORKING, d("0.70"))
    names = {leg.client_order_id: leg.leg.value for leg in (request, *request.protection)}
    assert brief(venue.advance({BTC: rows.part(2, 4)}), names) == [
        "entry 0.20@100.0 taker t180000",
        "entry partial 0.90/1",
        "stop 0.20@90.0 taker t239999",
        "stop partial 0.20/0.90",
        "entry 0.10@91.0 taker t240000",
        "entry filled 1.00/1",
        "stop 0.80@91.0 taker t240000",
        "stop filled 1.00/1.00",
        "target cancelled 0/1.00 sibling_filled",
    ]


def test_a_stop_ends_the_rest_of_a_partly_filled_entry() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    told = play(open_venue(rules), bracket(), bars((100, 101, 89, 90, 3), first=1))
    assert told[4:] == [
        "stop 0.30@90.0 taker t119999",
        "stop filled 0.30/0.30",
        "target cancelled 0/0.30 sibling_filled",
        "entry cancelled 0.30/1 exit_filled",
    ]


def test_a_target_filled_in_part_leaves_the_rest_to_the_stop() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    rows = bars((100, 101, 99, 100, 10), (110, 121, 109, 110, 4), (100, 101, 89, 90, 10), first=1)
    assert play(open_venue(rules), bracket(), rows)[4:] == [
        "target 0.40@120 maker t179999",
        "target partial 0.40/1",
        "stop 0.60@90.0 taker t239999",
        "stop filled 0.60/1",
        "target cancelled 0.40/1 sibling_filled",
    ]


def test_a_limit_entry_fills_when_the_range_crosses_it_and_its_target_not_in_that_bar() -> None:
    rows = bars((100, 101, 99, 100), (100, 121, 98, 100), (100, 121, 99, 100), first=1)
    assert play(open_venue(), limit_bracket("98"), rows) == [
        "entry 1@98 maker t179999",
        "entry filled 1/1",
        "stop working 0/1",
        "target working 0/1",
        "target 1@120 maker t239999",
        "target filled 1/1",
        "stop cancelled 0/1 sibling_filled",
    ]


def test_a_limit_entry_is_stopped_in_the_bar_that_falls_through_both() -> None:
    told = play(open_venue(), limit_bracket("98"), bars((100, 125, 89, 90), first=1))
    assert (told[0], told[4]) == ("entry 1@98 maker t119999", "stop 1@90.0 taker t119999")


def test_a_limit_entry_passed_by_the_open_fills_at_the_better_open() -> None:
    told = play(open_venue(), order("hf1", Side.BUY, OrderType.LIMIT, "98"), bars(flat(97), first=1))
    assert told[0] == "entry 1@97.0 maker t60000"


def test_a_close_takes_what_is_there_and_the_protection_goes_with_the_position() -> None:
    venue = open_venue()
    request = bracket()
    play(venue, request, bars(flat(100), first=1))
    close = order("hfclose", Side.SELL, OrderType.MARKET, size=d(3), reduce_only=True, leg=Leg.CLOSE)
    venue.place(close)
    names = {leg.client_order_id: leg.leg.value for leg in (*request.protection, close)}
    assert brief(venue.advance({BTC: bars(flat(105), first=2)}), names) == [
        "close 1@105.0 taker t120000",
        "close partial 1/3",
        "stop cancelled 0/1 position_closed",
        "target cancelled 0/1 position_closed",
        "close cancelled 1/3 position_closed",
    ]
    assert venue.positions() == {}
    assert venue.open_orders() == []


def test_a_close_that_empties_the_position_ends_an_entry_that_would_go_on_unprotected() -> None:
    venue = open_venue(PaperRules(FREE.markets, Decimal("0.10")))
    request = limit_bracket("98")
    play(venue, request, bars((100, 101, 97, 100, 3), first=1))
    close = order("hfclose", Side.SELL, OrderType.MARKET, size=d("0.3"), reduce_only=True, leg=Leg.CLOSE)
    venue.place(close)
    names = {leg.client_order_id: leg.leg.value for leg in (request, *request.protection, close)}
    assert brief(venue.advance({BTC: bars(flat(105), flat(97), first=2)}), names) == [
        "close 0.3@105.0 taker t120000",
        "close filled 0.3/0.3",
        "stop cancelled 0/0.30 position_closed",
        "entry cancelled 0.30/1 position_closed",
        "target cancelled 0/0.30 position_closed",
    ]
    assert venue.open_orders() == []


def test_an_order_expires_at_the_first_bar_that_opens_then() -> None:
    request = order("hf1", Side.BUY, OrderType.LIMIT, "90", expires_at_ms=3 * MINUTE)
    venue = open_venue()
    assert play(venue, request, bars(flat(100), flat(100), flat(89), first=1)) == ["entry expired 0/1 expired"]
    report = venue.query("hf1")
    assert report is not None
    assert report.time_ms == 3 * MINUTE


def test_a_touch_in_the_bar_in_which_an_order_expires_may_be_too_late_and_does_not_fill() -> None:
    request = order("hf1", Side.BUY, OrderType.LIMIT, "90", expires_at_ms=2 * MINUTE - 1)
    assert play(open_venue(), request, bars((100, 100, 89, 95), flat(95), first=1)) == ["entry expired 0/1 expired"]


def test_the_legs_of_an_entry_that_expired_unfilled_never_wake() -> None:
    venue = open_venue()
    request = bracket(expires_at_ms=2 * MINUTE)
    rows = bars((100, 100, 100, 100, 0), flat(80), flat(130), first=1)
    assert play(venue, request, rows) == ["entry expired 0/1 expired"]
    stop = venue.query(request.protection[0].client_order_id)
    assert stop is not None
    assert (stop.state, stop.reason) == (S.CANCELLED, "entry_ended")
    assert venue.open_orders() == []


def test_a_cancelled_order_fills_no_more_and_a_final_one_keeps_its_end() -> None:
    venue = open_venue()
    venue.place(order("hf1", Side.BUY, OrderType.LIMIT, "90"))
    report = venue.cancel("hf1", time_ms=90_000)
    assert (report.state, report.reason, report.time_ms) == (S.CANCELLED, "cancelled", 90_000)
    assert venue.cancel("hf1", time_ms=95_000) == report
    assert venue.advance({BTC: bars(flat(80), first=2)}) == []


def test_profit_is_booked_first_in_first_out_and_a_short_gains_when_prices_fall() -> None:
    venue = open_venue(PaperRules(FREE.markets))
    venue.place(order("a", Side.SELL, OrderType.MARKET))
    venue.advance({BTC: bars(flat(100), first=1)})
    venue.place(order("b", Side.SELL, OrderType.MARKET, placed_at_ms=2 * MINUTE))
    venue.advance({BTC: bars(flat(110), first=2)})
    assert venue.positions() == {BTC: d(-2)}
    venue.place(order("c", Side.BUY, OrderType.MARKET, size=d(1), placed_at_ms=3 * MINUTE))
    venue.advance({BTC: bars(flat(90), first=3)})
    fees = sum((fill.fee for fill in venue.fills_since(0)), Decimal(0))
    assert venue.balances() == {"USDT": d(100_000) + d(10) - fees}
    assert fees == d("0.0004") * 300


def test_spot_trades_exchange_one_currency_for_the_other() -> None:
    venue = open_venue()
    venue.place(order("a", Side.BUY, OrderType.MARKET, symbol=SPOT, size=d(2)))
    venue.advance({SPOT: bars(flat(100), first=1)})
    assert venue.balances() == {"USDT": d(100_000) - 200 - d("0.08"), "BTC": d(2)}
    assert venue.positions() == {SPOT: d(2)}


def test_two_exits_on_one_position_never_turn_it_around() -> None:
    venue = open_venue()
    venue.place(bracket("s1"))
    venue.advance({BTC: bars(flat(100), first=1)})
    venue.place(order("x", Side.SELL, OrderType.STOP, "95", reduce_only=True, leg=Leg.STOP))
    venue.advance({BTC: bars((100, 100, 80, 80), flat(80), first=2)})
    assert venue.positions() == {}
    assert venue.open_orders() == []
    report = venue.query("x")
    assert report is not None
    assert (report.state, report.reason) == (S.CANCELLED, "position_closed")


@pytest.mark.parametrize("target", [Side.BUY, Side.SELL])
def test_events_of_several_symbols_come_in_order_of_time(target: Side) -> None:
    venue = open_venue()
    venue.advance({SPOT: bars(flat(100))})
    for name, symbol in (("u", BTC), ("s", SPOT)):
        side = target if symbol is BTC else Side.BUY
        venue.place(order(name, side, OrderType.MARKET, symbol=symbol, placed_at_ms=MINUTE))
    told = venue.advance({BTC: bars(flat(100), first=1), SPOT: bars(flat(100), first=1)})
    fills = [word for word in told if isinstance(word, Fill)]
    assert [(fill.symbol, fill.trade_id) for fill in fills] == [(SPOT, "1"), (BTC, "2")]


def test_while_a_touched_stop_has_a_rest_the_target_does_not_fill() -> None:
    venue = open_venue(PaperRules(FREE.markets, Decimal("0.10")))
    rows = bars((100, 100, 100, 100, 10), (100, 125, 89, 100, 4), (110, 125, 109, 110, 4), flat(110), first=1)
    assert play(venue, bracket(), rows)[4:] == [
        "stop 0.40@90.0 taker t179999",
        "stop partial 0.40/1",
        "stop 0.40@110.0 taker t180000",
        "stop partial 0.80/1",
        "stop 0.20@110.0 taker t240000",
        "stop filled 1.00/1",
        "target cancelled 0/1 sibling_filled",
    ]


def test_a_stop_touched_in_a_bar_too_thin_to_fill_it_trades_at_the_next_open() -> None:
    store = MemoryPaperStore()
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    venue = paper(store, rules)
    venue.advance({BTC: bars(flat(100))})
    assert len(play(venue, bracket(), bars(flat(100), (100, 100, 89, 100, 0.05), first=1))) == 4
    again = paper(store, rules)
    assert brief(again.advance({BTC: bars(flat(99), first=3)}))[0] == "stop 1@99.0 taker t180000"


def test_bars_the_venue_had_seen_before_an_order_came_never_fill_it() -> None:
    venue = open_venue()
    seen = bars(flat(85), flat(130), first=1)
    venue.advance({BTC: seen})
    assert play(venue, bracket(), seen) == []
    assert brief(venue.advance({BTC: bars(flat(100), first=3)}))[0] == "entry 1@100.0 taker t180000"


def test_an_order_trades_once_in_a_bar() -> None:
    rules = PaperRules(FREE.markets, Decimal("0.10"))
    rows = bars((97, 99, 96, 97, 4), first=1)
    assert play(open_venue(rules), order("a", Side.BUY, OrderType.LIMIT, "98"), rows) == [
        "entry 0.40@97.0 maker t60000",
        "entry partial 0.40/1",
    ]
