"""The OANDA twin's account: orders, trades, their protection, money; and the reasons it gives when it says no."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs
from oanda_market import MINUTE_MS, Trader, ms

from holdfast.sim.exchange.instrument import Trading
from holdfast.sim.twins.oanda.wire import Refusal

UP, DOWN = {"price": "1.30000"}, {"price": "1.10000"}


def test_a_stop_loss_closes_its_trade_and_takes_the_take_profit_with_it() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("MARKET", 1000, takeProfitOnFill=UP, stopLossOnFill=DOWN)
    trader.quote("EUR_USD", "1.09", "1.0902")
    assert trader.log(4) == [
        ("ORDER_FILL", "MARKET_ORDER"),
        ("TAKE_PROFIT_ORDER", "ON_FILL"),
        ("STOP_LOSS_ORDER", "ON_FILL"),
        ("ORDER_FILL", "STOP_LOSS_ORDER"),
        ("ORDER_CANCEL", "LINKED_TRADE_CLOSED"),
    ]
    assert trader.account.balance == Decimal("99890.0000")
    trader.check_the_books()


def test_a_take_profit_gives_a_better_price_when_the_market_jumps_over_it() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("MARKET", -1000, takeProfitOnFill=DOWN, stopLossOnFill=UP)
    trader.quote("EUR_USD", "1.0498", "1.05")
    fill = trader.account.log.get(8)
    assert fill is not None
    assert (fill["reason"], fill["price"], fill["pl"]) == ("TAKE_PROFIT_ORDER", "1.05000", "150.0000")
    trader.check_the_books()


def test_a_limit_order_waits_for_its_price_and_may_get_a_better_one() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("LIMIT", 1000, price="1.15", clientExtensions={"id": "mine"})
    trader.quote("EUR_USD", 1.16)
    assert trader.units() == 0
    trader.quote("EUR_USD", 1.14)
    order = trader.account.find_order("@mine")
    assert order is not None
    assert order.state == "FILLED"
    assert trader.account.open_trades()[0].price == Decimal("1.14")


@pytest.mark.parametrize(
    ("type_", "units", "price", "before", "after"),
    [
        ("STOP", 10, "1.25", 1.24, 1.26),
        ("STOP", -10, "1.15", 1.16, 1.14),
        ("MARKET_IF_TOUCHED", 10, "1.15", 1.16, 1.14),
        ("MARKET_IF_TOUCHED", 10, "1.25", 1.24, 1.26),
        ("MARKET_IF_TOUCHED", -10, "1.25", 1.24, 1.26),
        ("LIMIT", -10, "1.25", 1.24, 1.26),
    ],
)
def test_a_waiting_order_trades_when_its_price_is_reached(
    type_: str, units: int, price: str, before: float, after: float
) -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order(type_, units, price=price)
    trader.quote("EUR_USD", before)
    assert trader.units() == 0
    trader.quote("EUR_USD", after)
    assert trader.units() == units
    assert trader.log()[-1] == ("ORDER_FILL", f"{type_}_ORDER")


def test_a_stop_order_that_has_been_passed_trades_at_once() -> None:
    trader = Trader({"EUR_USD": 1.2})
    assert "orderFillTransaction" in trader.order("STOP", 10, price="1.19")
    assert "orderFillTransaction" in trader.order("LIMIT", 10, price="1.21")


def test_trades_close_first_in_first_out_and_a_larger_order_turns_the_position() -> None:
    trader = Trader({"EUR_USD": 1.2})
    first = trader.order("MARKET", 100)["orderFillTransaction"]["id"]
    second = trader.order("MARKET", 50)["orderFillTransaction"]["id"]
    trader.quote("EUR_USD", 1.21)
    reduced = trader.order("MARKET", -120)["orderFillTransaction"]
    assert [part["tradeID"] for part in reduced["tradesClosed"]] == [first]
    assert (reduced["tradeReduced"]["tradeID"], reduced["tradeReduced"]["units"]) == (second, Decimal(-20))
    turned = trader.order("MARKET", -100)["orderFillTransaction"]
    assert [part["tradeID"] for part in turned["tradesClosed"]] == [second]
    assert turned["tradeOpened"]["units"] == -70
    assert trader.units() == -70
    trader.check_the_books()


def test_a_trade_named_for_closing_closes_before_older_ones() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("MARKET", 100)
    younger = trader.order("MARKET", 50)["orderFillTransaction"]["id"]
    answer = trader.desk.close_trade(younger, {"units": "ALL"}, trader.now_ms, "2")[1]
    assert [part["tradeID"] for part in answer["orderFillTransaction"]["tradesClosed"]] == [younger]
    assert answer["orderFillTransaction"]["reason"] == "MARKET_ORDER_TRADE_CLOSE"
    trader.check_the_books()


def test_reduce_only_never_opens_and_open_only_never_reduces() -> None:
    trader = Trader({"EUR_USD": 1.2})
    assert trader.order("MARKET", -100, positionFill="REDUCE_ONLY")["orderCancelTransaction"]
    trader.order("MARKET", 100)
    closed = trader.order("MARKET", -300, positionFill="REDUCE_ONLY")["orderFillTransaction"]
    assert closed["units"] == -100
    assert trader.units() == 0
    trader.order("MARKET", 100)
    assert "orderCancelTransaction" in trader.order("MARKET", -100, positionFill="OPEN_ONLY")
    assert trader.units() == 100
    trader.check_the_books()


def test_profit_in_another_currency_is_turned_into_the_accounts() -> None:
    trader = Trader({"EUR_USD": 1.2, "EUR_GBP": 0.9, "GBP_USD": 1.3333, "USD_JPY": 110.0, "EUR_CHF": 1.1})
    trader.order("MARKET", 1000, instrument="EUR_GBP")
    trader.quote("EUR_GBP", 0.91)
    fill = trader.order("MARKET", -1000, instrument="EUR_GBP")["orderFillTransaction"]
    assert (fill["pl"], fill["gainQuoteHomeConversionFactor"]) == ("13.3330", Decimal("1.3333"))
    trader.order("MARKET", 1000, instrument="USD_JPY")
    trader.quote("USD_JPY", 111.0)
    fill = trader.order("MARKET", -1000, instrument="USD_JPY")["orderFillTransaction"]
    assert fill["pl"] == "9.0090"
    assert trader.refused("MARKET", 1, instrument="EUR_CHF") == "INSTRUMENT_NOT_TRADEABLE"
    trader.check_the_books()


def test_margin_is_judged_when_an_order_fills_and_not_when_it_waits() -> None:
    trader = Trader({"EUR_USD": 1.0}, balance=1000)
    trader.order("LIMIT", 40_000, price="0.99")
    trader.order("LIMIT", 40_000, price="0.98")
    trader.quote("EUR_USD", 0.97)
    assert trader.units() == 40_000
    assert trader.log()[-2:] == [("ORDER_CANCEL", "INSUFFICIENT_MARGIN"), ("ORDER_FILL", "LIMIT_ORDER")]
    assert trader.account.margin_used() == Decimal(776)
    trader.check_the_books()


def test_turning_a_position_needs_no_more_margin_than_the_new_one() -> None:
    trader = Trader({"EUR_USD": 1.0}, balance=1000)
    trader.order("MARKET", 49_000)
    assert "orderFillTransaction" in trader.order("MARKET", -98_000)
    assert trader.order("MARKET", -2_000)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_MARGIN"


def test_an_account_that_cannot_carry_its_positions_is_closed_out() -> None:
    trader = Trader({"EUR_USD": 1.0}, balance=1000)
    trader.order("MARKET", 40_000, takeProfitOnFill={"price": "1.30000"})
    trader.quote("EUR_USD", 0.985)
    assert trader.units() == 40_000
    trader.quote("EUR_USD", 0.984)
    assert trader.units() == 0
    assert trader.log()[-3:] == [
        ("MARKET_ORDER", "MARGIN_CLOSEOUT"),
        ("ORDER_FILL", "MARKET_ORDER_MARGIN_CLOSEOUT"),
        ("ORDER_CANCEL", "LINKED_TRADE_CLOSED"),
    ]
    assert trader.account.balance == Decimal("360.0000")
    trader.check_the_books()


def test_a_halt_keeps_orders_waiting_and_lets_them_be_cancelled() -> None:
    trader = Trader({"EUR_USD": 1.2})
    number = trader.order("LIMIT", 10, price="1.10")["orderCreateTransaction"]["id"]
    trader.order("LIMIT", 20, price="1.10")
    trader.account.exchange.set_trading("EUR_USD", Trading.HALTED)
    trader.quote("EUR_USD", 1.05)
    assert trader.units() == 0
    trader.desk.cancel_order(number, trader.now_ms, "2")
    trader.account.exchange.set_trading("EUR_USD", Trading.OPEN)
    trader.quote("EUR_USD", 1.05)
    assert trader.units() == 20
    trader.check_the_books()


def test_changed_filters_hold_for_new_orders_and_leave_waiting_ones() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("LIMIT", 15, price="1.12345")
    coarse = structs.replace(
        trader.account.book("EUR_USD").instrument,
        price_tick=Decimal("0.001"),
        size_step=Decimal(10),
        min_size=Decimal(20),
    )
    trader.account.exchange.list_instrument(coarse)
    trader.session.play()
    assert trader.refused("LIMIT", 20, price="1.12345") == "PRICE_PRECISION_EXCEEDED"
    assert trader.refused("LIMIT", 10, price="1.123") == "UNITS_MIMIMUM_NOT_MET"
    trader.quote("EUR_USD", 1.12)
    assert trader.units() == 15
    trader.check_the_books()


def test_an_order_takes_no_more_than_the_quote_gives() -> None:
    trader = Trader({"EUR_USD": 1.0}, balance=10_000_000)
    assert trader.order("MARKET", 10_000_001)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"
    part = trader.order("MARKET", 10_000_001, timeInForce="IOC")
    assert part["orderFillTransaction"]["units"] == 10_000_000
    assert trader.order("MARKET", 1)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"
    trader.quote("EUR_USD", 1.0)
    assert "orderFillTransaction" in trader.order("MARKET", 1)
    trader.check_the_books()


def test_a_trade_too_large_for_one_quote_keeps_its_stop_until_all_of_it_is_closed() -> None:
    trader = Trader({"EUR_USD": 1.0}, balance=10_000_000)
    trader.order("MARKET", 8_000_000, stopLossOnFill={"price": "0.95000"})
    trader.quote("EUR_USD", 1.0)
    trader.order("MARKET", 8_000_000, stopLossOnFill={"price": "0.94000"})
    trader.quote("EUR_USD", 0.93)
    assert trader.units() == 6_000_000
    assert len(trader.account.pending()) == 1
    trader.quote("EUR_USD", 0.93)
    assert trader.units() == 0
    assert trader.account.pending() == []
    trader.check_the_books()


def test_client_ids_are_unique_among_what_is_open_and_no_longer() -> None:
    trader = Trader({"EUR_USD": 1.2})
    named = {"clientExtensions": {"id": "order"}, "tradeClientExtensions": {"id": "trade"}}
    trader.order("MARKET", 10, **named)
    assert trader.refused("MARKET", 10, **named) == "CLIENT_TRADE_ID_ALREADY_EXISTS"
    trader.order("LIMIT", 10, price="1.10", **named)
    assert trader.refused("LIMIT", 10, price="1.10", **named) == "CLIENT_ORDER_ID_ALREADY_EXISTS"
    trader.quote("EUR_USD", 1.09)
    assert trader.log()[-1] == ("ORDER_CANCEL", "CLIENT_TRADE_ID_ALREADY_EXISTS")
    trader.order("MARKET", -10)
    assert trader.refused("MARKET", 10, **named) == "accepted"
    trader.check_the_books()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"stopLossOnFill": {"price": "1.25000"}}, "STOP_LOSS_ON_FILL_LOSS"),
        ({"takeProfitOnFill": {"price": "1.15000"}}, "TAKE_PROFIT_ON_FILL_LOSS"),
        ({"priceBound": "1.19000"}, "BOUNDS_VIOLATION"),
    ],
)
def test_an_order_that_would_lose_at_once_is_cancelled_at_its_fill(more: dict[str, object], reason: str) -> None:
    trader = Trader({"EUR_USD": 1.2})
    assert trader.order("MARKET", 10, **more)["orderCancelTransaction"]["reason"] == reason
    assert trader.units() == 0


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"instrument": ""}, "INSTRUMENT_MISSING"),
        ({"price": None}, "PRICE_MISSING"),
        ({"price": "-1"}, "PRICE_INVALID"),
        ({"price": "1.123456"}, "PRICE_PRECISION_EXCEEDED"),
        ({"timeInForce": "GTD"}, "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING"),
        ({"triggerCondition": "MID"}, "TRIGGER_CONDITION_INVALID"),
        ({"priceBound": "0"}, "PRICE_BOUND_INVALID"),
        ({"clientExtensions": {"id": ""}}, "CLIENT_ORDER_ID_INVALID"),
        ({"tradeClientExtensions": {"tag": "x" * 129}}, "CLIENT_TRADE_TAG_INVALID"),
        ({"takeProfitOnFill": {}}, "TAKE_PROFIT_ON_FILL_PRICE_MISSING"),
        ({"stopLossOnFill": {}}, "STOP_LOSS_ON_FILL_PRICE_AND_DISTANCE_BOTH_MISSING"),
        (
            {"stopLossOnFill": {"price": "1", "distance": "1"}},
            "STOP_LOSS_ON_FILL_PRICE_AND_DISTANCE_BOTH_SPECIFIED",
        ),
        ({"stopLossOnFill": {"price": "1.123456"}}, "STOP_LOSS_ON_FILL_PRICE_PRECISION_EXCEEDED"),
        ({"stopLossOnFill": {"price": "1", "guaranteed": True}}, "STOP_LOSS_ON_FILL_GUARANTEED_NOT_ALLOWED"),
        ({"stopLossOnFill": {"price": "1", "timeInForce": "FOK"}}, "STOP_LOSS_ON_FILL_TIME_IN_FORCE_INVALID"),
        (
            {"stopLossOnFill": {"price": "1", "clientExtensions": {"id": "a"}}, "clientExtensions": {"id": "a"}},
            "ORDERS_ON_FILL_DUPLICATE_CLIENT_ORDER_IDS",
        ),
        ({"type": "TRAILING_STOP_LOSS"}, "Invalid value specified for 'order.type'"),
        ({"units": "many"}, "Invalid value specified for 'order.units'"),
        ({"positionFill": "PERHAPS"}, "Invalid value specified for 'order.positionFill'"),
        ({"gtdTime": "tomorrow"}, "Invalid value specified for 'order.gtdTime'"),
        ({"clientExtensions": "mine"}, "Invalid value specified for 'order.clientExtensions'"),
    ],
)
def test_a_wrong_order_is_refused_with_its_reason(more: dict[str, object], reason: str) -> None:
    trader = Trader({"EUR_USD": 1.2})
    asked: dict[str, object] = {"price": "1.10"} | {"type": "LIMIT", "instrument": "EUR_USD", "units": "10"} | more
    before = trader.account.log.last_id
    with pytest.raises(Refusal) as refusal:
        trader.desk.create_order({"order": asked}, trader.now_ms, "1")
    assert refusal.value.status == 400
    body = refusal.value.body
    assert body.get("errorCode", body["errorMessage"]) == reason
    # What cannot be read leaves no trace; what can be read and is wrong is in the log.
    assert trader.account.log.last_id == before + ("errorCode" in body)


def test_a_market_order_is_for_now_and_a_stop_is_not() -> None:
    trader = Trader({"EUR_USD": 1.2})
    assert trader.refused("MARKET", 10, timeInForce="GTC") == "TIME_IN_FORCE_INVALID"
    assert trader.refused("STOP", 10, price="1.30", timeInForce="FOK") == "TIME_IN_FORCE_INVALID"
    killed = trader.order("LIMIT", 10, price="1.10", timeInForce="FOK")
    assert killed["orderCancelTransaction"]["reason"] == "TIME_IN_FORCE_EXPIRED"


def test_orders_end_on_their_date_and_with_new_yorks_day() -> None:
    trader = Trader({"EUR_USD": 1.2}, "2018-03-07 21:58")
    trader.order("LIMIT", 10, price="1.10", timeInForce="GTD", gtdTime="2018-03-07T21:59:00Z")
    trader.order("LIMIT", 10, price="1.10", timeInForce="GFD")
    trader.order("LIMIT", 10, price="1.10")
    trader.clock.advance_to(trader.now_ms + MINUTE_MS)
    trader.session.play()
    assert [order.asked.lasting for order in trader.account.pending()] == ["GTC", "GFD"]
    trader.clock.advance_to(trader.now_ms + MINUTE_MS)
    trader.session.play()
    assert [order.asked.lasting for order in trader.account.pending()] == ["GTC"]
    assert trader.log()[-2:] == [("ORDER_CANCEL", "TIME_IN_FORCE_EXPIRED")] * 2


def test_a_closed_market_cancels_market_orders_and_lets_others_wait_for_its_opening() -> None:
    trader = Trader({"EUR_USD": 1.2}, "2018-03-09 21:59")
    trader.clock.advance_to(ms("2018-03-09 22:00"))
    assert trader.order("MARKET", 10)["orderCancelTransaction"]["reason"] == "MARKET_HALTED"
    assert "orderFillTransaction" not in trader.order("LIMIT", 10, price="1.30")
    assert trader.units() == 0
    trader.clock.advance_to(ms("2018-03-11 21:00"))
    trader.quote("EUR_USD", 1.25)
    assert trader.account.open_trades()[0].price == Decimal("1.25")


def test_a_halted_instrument_cancels_every_new_order() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.account.exchange.set_trading("EUR_USD", Trading.CANCEL_ONLY)
    assert trader.order("MARKET", 10)["orderCancelTransaction"]["reason"] == "MARKET_HALTED"
    assert trader.order("LIMIT", 10, price="1.10")["orderCancelTransaction"]["reason"] == "MARKET_HALTED"


def test_a_take_profit_finds_its_trade_by_the_clients_id() -> None:
    trader = Trader({"EUR_USD": 1.2})
    trader.order("MARKET", 10, tradeClientExtensions={"id": "mine"})
    made = trader.order("TAKE_PROFIT", 0, clientTradeID="mine", price="1.30")["orderCreateTransaction"]
    assert (made["type"], made["tradeID"], made["reason"]) == ("TAKE_PROFIT_ORDER", "5", "CLIENT_ORDER")
    stop = trader.order("STOP_LOSS", 0, tradeID="5", distance="0.1")["orderCreateTransaction"]
    assert stop["price"] == Decimal("1.1")
    assert trader.refused("TAKE_PROFIT", 0, tradeID="5", price="1.31") == "TAKE_PROFIT_ORDER_ALREADY_EXISTS"
    assert trader.refused("STOP_LOSS", 0, tradeID="77", price="1.1") == "TRADE_DOESNT_EXIST"
    assert trader.refused("STOP_LOSS", 0, price="1.1") == "TRADE_ID_UNSPECIFIED"
    trader.quote("EUR_USD", 1.31)
    assert trader.units() == 0
    trader.check_the_books()


def test_a_replacement_must_be_of_the_same_kind() -> None:
    trader = Trader({"EUR_USD": 1.2})
    number = trader.order("LIMIT", 10, price="1.10")["orderCreateTransaction"]["id"]
    stop = {"type": "STOP", "instrument": "EUR_USD", "units": "10", "price": "1.30"}
    with pytest.raises(Refusal) as refusal:
        trader.desk.replace_order(number, {"order": stop}, trader.now_ms, "2")
    assert refusal.value.body["errorCode"] == "REPLACING_ORDER_INVALID"
    assert [order.number for order in trader.account.pending()] == [int(number)]
