"""OANDA orders: what is asked, which error a failure is, and how an order is found again."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from oanda_scene import ACCOUNT, NOW_MS, STAMP, TOKEN, Json, Scene, cancelled, created, filled, log_of, order, play
from oanda_scene import transaction as said

from holdfast.model.errors import BadInput, HoldfastError, Refused, Retryable, Unknown
from holdfast.model.order import Leg, OrderReport, OrderState, OrderType
from holdfast.ports.exchange import Stamp
from holdfast.ports.transport import HttpAnswer, Priority
from holdfast.venues.oanda.errors import RefusedByOanda
from holdfast.venues.oanda.fills import fills_of
from holdfast.venues.oanda.session import Credentials
from holdfast.venues.oanda.tale import Tale
from holdfast.venues.oanda.wire import Transaction, read_line
from holdfast.world.secrets import read_keys


def answer(status: int, body: object = None) -> HttpAnswer:
    return HttpAnswer(status, {}, b"<html>" if body is None else json.dumps(body).encode())


def one(value: Json) -> Transaction:
    return read_line(json.dumps(value).encode())


def test_an_order_is_sent_once_with_its_token_and_its_place_in_the_queue() -> None:
    async def scene() -> None:
        stage = Scene(POST_orders={"orderCreateTransaction": created(4), "orderFillTransaction": filled(5, of=4)})
        report = await stage.oanda.place(order(), STAMP)
        assert (report.state, report.venue_order_id, report.filled_size) == (OrderState.FILLED, "4", Decimal(1000))
        (request,) = stage.wire.asked
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert (request.path, request.priority) == (f"/v3/accounts/{ACCOUNT}/orders", Priority.ENTRY)
        assert TOKEN not in repr(request)
        await stage.oanda.place(order(leg=Leg.CLOSE, reduce_only=True), STAMP)
        assert stage.wire.asked[-1].priority is Priority.CLOSE
        assert stage.wire.limits

    play(scene)


FAILURES: dict[str, tuple[HttpAnswer | Exception, type[HoldfastError]]] = {
    "a bad gateway": (answer(502), Unknown),
    "a time-out there": (answer(408), Unknown),
    "an answer that cannot be read": (HttpAnswer(201, {}, b"{"), Unknown),
    "an answer without a word on the order": (answer(201, {"lastTransactionID": "9"}), Unknown),
    "a lost connection": (Unknown("after it was sent"), Unknown),
    "no connection": (Retryable("never sent"), Retryable),
    "too many requests": (answer(429, {"errorMessage": "slow down"}), Retryable),
    "a wall before it": (answer(403), Retryable),
    "a wrong token": (answer(401, {"errorMessage": "Insufficient authorization to perform request."}), Refused),
    "a wrong order": (answer(400, {"errorMessage": "Invalid value specified for 'order.units'"}), Refused),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_order_is_named_by_what_to_do_next_and_never_repeated(name: str) -> None:
    failure, expected = FAILURES[name]

    async def scene() -> None:
        stage = Scene(POST_orders=failure)
        with pytest.raises(expected):
            await stage.oanda.place(order(), STAMP)
        assert len(stage.wire.asked) == 1

    play(scene)


def test_a_rejected_order_says_oandas_reason() -> None:
    async def scene() -> None:
        reject = created(4, kind="MARKET_ORDER_REJECT", rejectReason="INSUFFICIENT_MARGIN")
        stage = Scene(POST_orders=answer(400, {"orderRejectTransaction": reject, "errorMessage": "too poor"}))
        with pytest.raises(RefusedByOanda, match="INSUFFICIENT_MARGIN: too poor") as refusal:
            await stage.oanda.place(order(), STAMP)
        assert refusal.value.code == "INSUFFICIENT_MARGIN"

    play(scene)


def test_what_is_past_its_stamp_is_not_sent() -> None:
    async def scene() -> None:
        stage = Scene()
        with pytest.raises(Retryable):
            await stage.oanda.place(order(), Stamp(NOW_MS - 1501, 1500))
        with pytest.raises(Retryable):
            await stage.oanda.replace(order(), Stamp(NOW_MS - 1501, 1500))
        assert not stage.wire.asked

    play(scene)


def test_account_and_token_come_under_oandas_names_and_print_as_nothing() -> None:
    given = {"HOLDFAST_OANDA_ACCOUNT": ACCOUNT, "HOLDFAST_OANDA_TOKEN": TOKEN}
    keys = read_keys("oanda", given, kinds=("ACCOUNT", "TOKEN"))
    assert keys is not None
    assert (keys.key, keys.secret) == (ACCOUNT, TOKEN)
    assert TOKEN not in repr(Credentials(keys.secret, keys.key))
    del given["HOLDFAST_OANDA_TOKEN"]
    with pytest.raises(BadInput, match="HOLDFAST_OANDA_TOKEN is missing"):
        read_keys("oanda", given, kinds=("ACCOUNT", "TOKEN"))


def test_without_a_token_nothing_is_asked() -> None:
    async def scene() -> None:
        stage = Scene(keys=False)
        for ask in (stage.oanda.place(order(), STAMP), stage.oanda.read_balances(), stage.oanda.query(order())):
            with pytest.raises(BadInput, match="connect-oanda"):
                await ask
        assert not stage.wire.asked

    play(scene)


def test_an_order_that_oanda_no_longer_finds_is_found_in_its_log() -> None:
    async def scene() -> None:
        pages = {"pages": ["https://elsewhere/v3/accounts/x/transactions/idrange?from=4&to=9"]}
        history = log_of(created(4), filled(5, of=4), said(6, "DAILY_FINANCING"))
        stage = Scene(
            **{"GET_@hf-1": answer(404, {"errorCode": "NO_SUCH_ORDER"}), "GET_transactions": pages}, **history
        )
        report = await stage.oanda.query(order())
        assert report is not None
        assert report.state is OrderState.FILLED
        assert f"from={(NOW_MS - 300_000) // 1000}.000" in stage.wire.asked[1].query
        stage.wire.say(**{"GET_@hf-2": answer(404)})
        assert await stage.oanda.query(order("hf-2")) is None

    play(scene)


def test_a_failed_question_is_never_an_answer() -> None:
    async def scene() -> None:
        for failure in (answer(500), answer(401, {"errorMessage": "no"}), Retryable("lost")):
            with pytest.raises(HoldfastError):
                await Scene(**{"GET_@hf-1": failure}).oanda.query(order())
        with pytest.raises(Retryable):
            stage = Scene(**{"GET_@hf-1": answer(404)}, GET_transactions=answer(500))
            await stage.oanda.query(order())

    play(scene)


def test_a_log_with_missing_numbers_is_asked_again_and_the_rest_is_counted() -> None:
    async def scene() -> None:
        whole = [created(4), filled(5, of=4), created(6, "hf-2"), filled(7, of=6, name="hf-2")]
        torn = {"transactions": [whole[0], whole[3]], "lastTransactionID": "7"}
        stage = Scene(**log_of(*whole))
        stage.wire.say(GET_sinceid=torn)
        fills, cursor = await stage.oanda.read_fills(order().symbol, since="3")
        assert [fill.trade_id for fill in fills] == ["5:5", "7:7"]
        assert cursor == "7"
        assert not stage.oanda.odd["transactions missing in the log"]
        stage.wire.say(GET_idrange={"transactions": [whole[2]], "lastTransactionID": "7"})
        fills, _ = await stage.oanda.read_fills(order().symbol, since="3")
        assert [fill.trade_id for fill in fills] == ["7:7"]
        assert stage.oanda.odd["transactions missing in the log"] == 1

    play(scene)


# ---- what transactions mean


def told(*transactions: Json) -> list[OrderReport]:
    tale = Tale(Counter())
    return [report for value in transactions for report in tale.tell(one(value))]


def test_a_second_order_of_a_living_id_changes_nothing_of_the_first() -> None:
    first = (created(4), filled(5, of=4))
    again = (created(6), cancelled(7, of=6, reason="CLIENT_TRADE_ID_ALREADY_EXISTS"))
    reject = created(8, kind="LIMIT_ORDER_REJECT", rejectReason="CLIENT_ORDER_ID_ALREADY_EXISTS")
    assert told(*first, *again, reject) == told(*first)


def test_a_reduce_only_order_that_found_less_is_over() -> None:
    closed = {"tradesClosed": [{"tradeID": "2", "units": "-600", "price": "1.2"}]}
    (report,) = told(created(4, units="-1000", positionFill="REDUCE_ONLY"), filled(5, of=4, units="-600", **closed))
    assert (report.state, report.size, report.filled_size) == (OrderState.CANCELLED, Decimal(1000), Decimal(600))


def test_what_is_left_of_a_limit_order_goes_on_under_its_id() -> None:
    reports = told(
        created(4, kind="LIMIT_ORDER"),
        filled(5, of=4, units="400"),
        created(6, units="600", kind="LIMIT_ORDER"),
        filled(7, of=6, units="600"),
    )
    assert [(report.state, report.filled_size) for report in reports] == [
        (OrderState.WORKING, Decimal(0)),
        (OrderState.PARTIAL, Decimal(400)),
        (OrderState.WORKING, Decimal(400)),
        (OrderState.FILLED, Decimal(1000)),
    ]


def test_an_entry_that_only_closed_something_leaves_no_protection() -> None:
    reduced = {"tradeReduced": {"tradeID": "2", "units": "1000", "price": "1.2"}}
    stop = {"stopLossOnFill": {"price": "1.0", "clientExtensions": {"id": "hf-stop"}}}
    reports = told(created(4, **stop), filled(5, of=4, **reduced))
    assert [(report.client_order_id, report.state) for report in reports] == [
        ("hf-1", OrderState.FILLED),
        ("hf-stop", OrderState.CANCELLED),
    ]


def test_an_expired_order_is_told_apart_from_a_cancelled_one() -> None:
    states = [
        told(created(4, kind="STOP_ORDER"), cancelled(5, of=4, reason=reason))[-1]
        for reason in ("A_REASON", "TIME_IN_FORCE_EXPIRED")
    ]
    assert [(report.state, report.reason) for report in states] == [
        (OrderState.CANCELLED, "a_reason"),
        (OrderState.EXPIRED, "time_in_force_expired"),
    ]


def test_a_fill_has_one_piece_for_each_trade_and_bears_its_fee_once() -> None:
    odd: Counter[str] = Counter()
    raw: dict[str, Any] = {
        "tradesClosed": [
            {"tradeID": "1", "units": "-300", "price": "1.1"},
            {"tradeID": "2", "units": "-200", "price": "1.1"},
        ],
        "tradeOpened": {"tradeID": "9", "units": "-500", "price": "1.2"},
        "commission": "3",
        "guaranteedExecutionFee": "0.3",
    }
    fill = filled(9, of=8, units="-1000", lossQuoteHomeConversionFactor="3", **raw)
    fills = fills_of(one(fill), lambda _: None, odd)
    assert [(each.trade_id, each.size, each.price, each.fee) for each in fills] == [
        ("9:1", Decimal(300), Decimal("1.1"), Decimal("1.1")),
        ("9:2", Decimal(200), Decimal("1.1"), Decimal(0)),
        ("9:9", Decimal(500), Decimal("1.2"), Decimal(0)),
    ]
    assert {each.leg for each in fills} == {Leg.ENTRY}
    newer = filled(9, of=8, units="-1000", homeConversionFactors={"lossQuoteHome": {"factor": "7"}}, **raw)
    assert fills_of(one(newer), lambda _: None, odd)[0].fee == Decimal("0.4714285714")
    assert not odd
    assert fills_of(one(filled(9, of=8, units="-1000", **raw)), lambda _: Leg.STOP, odd)[0].fee == 0
    assert odd == {"fee without a conversion factor": 1}


def test_a_price_never_leaves_with_an_exponent() -> None:
    async def scene() -> None:
        stage = Scene(POST_orders={"orderCreateTransaction": created(4, kind="LIMIT_ORDER")})
        request = order(type=OrderType.LIMIT, price=Decimal("1E-5"), size=Decimal("1E+6"))
        await stage.oanda.place(request, STAMP)
        body = json.loads(stage.wire.asked[0].body)["order"]
        assert (body["price"], body["units"], body["timeInForce"]) == ("0.00001", "1000000", "GTC")

    play(scene)
