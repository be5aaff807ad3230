"""Orders at Binance: what is sent, what its answers mean, and what the three kinds of failure are told as."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal

import pytest
from binance_scene import (
    NOW_MS,
    SPOT,
    STAMP,
    USDM,
    Scene,
    order,
    play,
    protected,
    refusal,
    said,
)

from holdfast.model.errors import HoldfastError, Refused, Retryable, Unknown
from holdfast.model.order import Leg, OrderReport, OrderState, OrderType, Side
from holdfast.ports.transport import HttpAnswer, Priority
from holdfast.venues.binance.errors import RefusedByBinance, TooMany


def test_a_limit_order_is_stamped_by_its_caller_and_signed_over_what_is_sent() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said(status="NEW")})
        report = await s.spot.place(order(), STAMP)
        query = s.wire.asked[0].query
        payload, _, signature = query.rpartition("&signature=")
        assert signature == hmac.new(b"the-secret", payload.encode(), hashlib.sha256).hexdigest()
        assert s.wire.sent() == {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "price": "100.10",
            "timeInForce": "GTC",
            "newClientOrderId": "hfentry",
            "quantity": "0.5",
            "newOrderRespType": "RESULT",
            "recvWindow": "1500",
            "timestamp": str(NOW_MS - 7),
            "signature": signature,
        }
        assert s.wire.asked[0].headers == {"X-MBX-APIKEY": "the-key"}
        assert (s.wire.asked[0].orders, s.wire.asked[0].priority) == (1, Priority.ENTRY)
        assert report == OrderReport(
            client_order_id="hfentry",
            venue_order_id="28",
            state=OrderState.WORKING,
            size=Decimal("0.500"),
            filled_size=Decimal("0.000"),
            time_ms=NOW_MS,
        )

    play(scene)


def test_an_exponent_never_reaches_the_venue() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said()})
        await s.spot.place(order(size="1E-7", price="1E+2"), STAMP)
        assert (s.wire.sent()["quantity"], s.wire.sent()["price"]) == ("0.0000001", "100")

    play(scene)


def test_what_lessens_risk_goes_before_entries() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said(), "DELETE order": said(status="CANCELED", origClientOrderId="hfentry")})
        await s.usdm.place(order(OrderType.MARKET, symbol=USDM, side=Side.SELL, leg=Leg.CLOSE), STAMP)
        assert s.wire.sent()["reduceOnly"] == "true"
        await s.spot.cancel(order(), STAMP)
        assert [request.priority for request in s.wire.asked] == [Priority.CLOSE, Priority.CLOSE]

    play(scene)


ANSWERS: list[tuple[str, object, type[HoldfastError]]] = [
    ("no money", refusal(-2010), RefusedByBinance),
    ("a filter", refusal(-1013), RefusedByBinance),
    ("a stale stamp", refusal(-1021), RefusedByBinance),
    ("a bad signature", refusal(-1022), RefusedByBinance),
    ("timeout of the engine", refusal(-1007, 408), Unknown),
    ("unexpected answer of the engine", refusal(-1006, 400), Unknown),
    ("internal error", refusal(-1000, 400), Unknown),
    ("server error in words", HttpAnswer(502, {}, b"<html>Bad Gateway</html>"), Unknown),
    ("server error", refusal(-1001, 503), Unknown),
    ("busy, not taken", refusal(-1008, 503), Retryable),
    ("too much weight", refusal(-1003, 429, **{"retry-after": "17"}), TooMany),
    ("banned", refusal(-1003, 418, **{"retry-after": "900"}), TooMany),
    ("too many orders", refusal(-1015, 400), TooMany),
    ("the firewall", HttpAnswer(403, {}, b"<html>"), TooMany),
    ("accepted in words nobody knows", HttpAnswer(200, {}, b'{"hello": 1}'), Unknown),
    ("cut off before it was sent", Retryable("cut off"), Retryable),
    ("cut off after it was sent", Unknown("cut off"), Unknown),
]


@pytest.mark.parametrize(("case", "answer", "error"), ANSWERS, ids=[case for case, _, _ in ANSWERS])
def test_a_failed_order_says_what_to_do_next(case: str, answer: object, error: type[HoldfastError]) -> None:
    async def scene() -> None:
        for market, symbol in (("spot", SPOT), ("usdm", USDM)):
            s = Scene({"POST order": answer})  # type: ignore[dict-item]
            with pytest.raises(HoldfastError) as caught:
                await getattr(s, market).place(order(symbol=symbol), STAMP)
            assert isinstance(caught.value, error), case
            assert len(s.wire.asked) == 1, "nothing is sent again by itself"

    play(scene)


def test_every_order_asks_to_be_told_its_state_and_fills_only_where_they_are_needed() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said(executedQty="0")})
        await s.spot.place(order(OrderType.STOP, side=Side.SELL, leg=Leg.STOP), STAMP)
        assert s.wire.sent()["newOrderRespType"] == "RESULT"
        await s.spot.place(protected(OrderType.MARKET, SPOT), STAMP)
        assert s.wire.sent(1)["newOrderRespType"] == "FULL"

    play(scene)


def test_how_long_to_wait_is_kept() -> None:
    async def scene() -> None:
        s = Scene({"GET openOrders": refusal(-1003, 429, **{"retry-after": "17"})})
        with pytest.raises(TooMany) as caught:
            await s.spot.read_open_orders()
        assert caught.value.retry_after_s == 17.0

    play(scene)


def test_reading_fails_as_retryable_where_writing_would_be_unknown() -> None:
    async def scene() -> None:
        for answer in (refusal(-1007, 408), HttpAnswer(502, {}, b""), HttpAnswer(200, {}, b"[1]")):
            s = Scene({"GET order": answer})
            with pytest.raises(Retryable):
                await s.spot.query(order())

    play(scene)


def test_no_such_order_is_none_and_no_other_refusal_is() -> None:
    async def scene() -> None:
        s = Scene({"GET order": (refusal(-2013), refusal(-2015, 401)), "GET algoOrder": refusal(-2013)})  # type: ignore[dict-item]
        assert await s.spot.query(order()) is None
        with pytest.raises(Refused, match="-2015"):
            await s.spot.query(order())
        assert await s.usdm.query(order(OrderType.STOP, symbol=USDM, leg=Leg.STOP)) is None

    play(scene)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", OrderState.WORKING),
        ("PENDING_NEW", OrderState.HELD),
        ("PARTIALLY_FILLED", OrderState.PARTIAL),
        ("FILLED", OrderState.FILLED),
        ("CANCELED", OrderState.CANCELLED),
        ("EXPIRED", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderState.EXPIRED),
        ("REJECTED", OrderState.REJECTED),
        ("SOMETHING_NEW", OrderState.UNKNOWN),
    ],
)
def test_every_status_has_its_state_and_an_unknown_one_is_counted(status: str, state: OrderState) -> None:
    async def scene() -> None:
        s = Scene({"GET order": said(status=status)})
        report = await s.spot.query(order())
        assert report is not None
        assert report.state is state
        assert dict(s.spot.odd) == ({"order status SOMETHING_NEW": 1} if state is OrderState.UNKNOWN else {})

    play(scene)


def test_a_protected_limit_entry_on_spot_is_one_request() -> None:
    async def scene() -> None:
        legs = [said("hftarget", status="PENDING_NEW"), said("hfstop", status="PENDING_NEW"), said()]
        s = Scene({"POST orderList/otoco": {"orderListId": 1, "orderReports": legs}})
        report = await s.spot.place(protected(OrderType.LIMIT, SPOT), STAMP)
        sent = s.wire.sent()
        assert (report.client_order_id, report.state) == ("hfentry", OrderState.WORKING)
        assert {name: sent[name] for name in sent if name.startswith(("working", "pending"))} == {
            "workingType": "LIMIT",
            "workingSide": "BUY",
            "workingPrice": "100.10",
            "workingQuantity": "0.5",
            "workingTimeInForce": "GTC",
            "workingClientOrderId": "hfentry",
            "pendingSide": "SELL",
            "pendingQuantity": "0.499",
            "pendingAboveType": "LIMIT_MAKER",
            "pendingAbovePrice": "120.00",
            "pendingAboveClientOrderId": "hftarget",
            "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": "90.00",
            "pendingBelowClientOrderId": "hfstop",
        }
        assert s.wire.asked[-1].orders == 3
        told = s.spot.private_events()
        await anext(told)
        assert [(await anext(told)).client_order_id for _ in range(2)] == ["hftarget", "hfstop"]  # type: ignore[union-attr]

    play(scene)


def test_an_entry_with_a_stop_alone_is_a_list_of_two() -> None:
    async def scene() -> None:
        s = Scene({"POST orderList/oto": {"orderListId": 1, "orderReports": [said(), said("hfstop")]}})
        await s.spot.place(protected(OrderType.LIMIT, SPOT, target=False), STAMP)
        sent = s.wire.sent()
        assert (sent["pendingType"], sent["pendingStopPrice"]) == ("STOP_LOSS", "90.00")
        assert sent["pendingClientOrderId"] == "hfstop"

    play(scene)


def test_a_market_entry_on_spot_is_protected_by_what_it_bought_after_the_fee() -> None:
    async def scene() -> None:
        fill = {"price": "100", "qty": "0.5", "commission": "0.0005", "commissionAsset": "BTC", "tradeId": 1}
        legs = [said("hfstop", orderId=30), said("hftarget", orderId=31)]
        s = Scene(
            {
                "POST order": said(status="FILLED", executedQty="0.500", fills=[fill]),
                "POST orderList/oco": {"orderListId": 1, "orderReports": legs},
            }
        )
        await s.spot.read_instruments()
        report = await s.spot.place(protected(OrderType.MARKET, SPOT), STAMP)
        assert (report.state, report.filled_size) == (OrderState.FILLED, Decimal("0.500"))
        sent = s.wire.sent()
        assert (sent["side"], sent["quantity"]) == ("SELL", "0.499"), "0.4995 in steps of 0.001"
        assert (sent["aboveType"], sent["abovePrice"]) == ("LIMIT_MAKER", "120.00")
        assert (sent["belowType"], sent["belowStopPrice"]) == ("STOP_LOSS", "90.00")
        assert sent["timestamp"] == str(STAMP.time_ms)

    play(scene)


def test_where_there_is_no_stop_market_order_the_stop_has_a_limit_beyond_its_trigger() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said()})
        await s.spot.read_instruments()
        (rules,) = s.spot.rules.values()
        s.spot.rules = {SPOT: __import__("msgspec").structs.replace(rules, order_types=frozenset({"STOP_LOSS_LIMIT"}))}
        stop = order(OrderType.STOP, side=Side.SELL, leg=Leg.STOP, price="90.05", name="hfstop")
        await s.spot.place(stop, STAMP)
        sent = s.wire.sent()
        assert (sent["type"], sent["stopPrice"], sent["price"]) == ("STOP_LOSS_LIMIT", "90.05", "88.25")

    play(scene)


def test_an_entry_stands_when_its_protection_is_refused_and_the_refusal_is_told() -> None:
    async def scene() -> None:
        s = Scene(
            {
                "POST order": said(status="FILLED", executedQty="0.500"),
                "POST algoOrder": (refusal(-2021, 400, "would trigger at once"), Unknown("cut off")),  # type: ignore[dict-item]
                "POST listenKey": {"listenKey": "k"},
            }
        )
        report = await s.usdm.place(protected(OrderType.MARKET, USDM), STAMP)
        assert report.state is OrderState.FILLED
        told = s.usdm.private_events()
        await anext(told)
        stop, target = [await anext(told) for _ in range(2)]
        assert isinstance(stop, OrderReport)
        assert isinstance(target, OrderReport)
        assert (stop.client_order_id, stop.state) == ("hfstop", OrderState.REJECTED)
        assert "-2021" in stop.reason
        assert (target.client_order_id, target.state) == ("hftarget", OrderState.UNKNOWN)

    play(scene)


def test_protection_on_futures_closes_whatever_the_position_is() -> None:
    async def scene() -> None:
        s = Scene(
            {
                "POST order": said(status="FILLED", executedQty="0.500"),
                "POST algoOrder": {"algoId": 5, "clientAlgoId": "hfstop", "algoStatus": "NEW"},
            }
        )
        await s.usdm.place(protected(OrderType.MARKET, USDM), STAMP)
        stop, target = s.wire.sent(1), s.wire.sent(2)
        assert (stop["type"], stop["triggerPrice"], stop["clientAlgoId"]) == ("STOP_MARKET", "90.00", "hfstop")
        assert (target["type"], target["triggerPrice"]) == ("TAKE_PROFIT_MARKET", "120.00")
        for leg in (stop, target):
            assert (leg["side"], leg["closePosition"], leg["algoType"]) == ("SELL", "true", "CONDITIONAL")
            assert "quantity" not in leg

    play(scene)


def test_an_entry_that_came_to_nothing_is_not_protected() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said(status="EXPIRED")})
        report = await s.usdm.place(protected(OrderType.MARKET, USDM), STAMP)
        assert report.state is OrderState.EXPIRED
        assert s.wire.paths == ["POST /fapi/v1/order"]

    play(scene)


def test_a_stop_of_its_own_on_futures_reduces_by_its_size() -> None:
    async def scene() -> None:
        answer = {"algoId": 5, "clientAlgoId": "hfstop", "algoStatus": "NEW", "quantity": "0.5", "updateTime": 9}
        s = Scene(
            {"POST algoOrder": answer, "DELETE algoOrder": {"algoId": 5, "clientAlgoId": "hfstop", "code": "200"}}
        )
        stop = order(OrderType.STOP, symbol=USDM, side=Side.SELL, leg=Leg.STOP, price="90", name="hfstop")
        report = await s.usdm.place(stop, STAMP)
        assert (report.venue_order_id, report.state, report.size) == ("5", OrderState.WORKING, Decimal("0.5"))
        assert (s.wire.sent()["quantity"], s.wire.sent()["reduceOnly"]) == ("0.5", "true")
        assert (await s.usdm.cancel(stop, STAMP)).state is OrderState.CANCELLED
        assert s.wire.sent()["clientAlgoId"] == "hfstop"

    play(scene)


def test_a_triggered_stop_is_told_by_the_order_that_came_of_it() -> None:
    async def scene() -> None:
        asked = {
            "algoId": 5,
            "clientAlgoId": "hfstop",
            "algoStatus": "TRIGGERED",
            "actualOrderId": "77",
            "quantity": "1",
        }
        s = Scene({"GET algoOrder": asked, "GET order": said("hfstop", status="PARTIALLY_FILLED", executedQty="0.2")})
        report = await s.usdm.query(order(OrderType.STOP, symbol=USDM, leg=Leg.STOP, name="hfstop"))
        assert report is not None
        assert (report.state, report.filled_size) == (OrderState.PARTIAL, Decimal("0.2"))

    play(scene)


def test_open_orders_are_those_of_both_kinds() -> None:
    async def scene() -> None:
        s = Scene(
            {
                "GET openOrders": [said(time=3, transactTime=0)],
                "GET openAlgoOrders": [{"algoId": 5, "clientAlgoId": "hfstop", "algoStatus": "NEW"}],
            }
        )
        assert [report.client_order_id for report in await s.usdm.read_open_orders()] == ["hfentry", "hfstop"]

    play(scene)


def test_a_cancelled_leg_is_found_in_the_answer_of_its_whole_list() -> None:
    async def scene() -> None:
        legs = [
            said("x1", origClientOrderId="hfstop", orderId=1, status="CANCELED"),
            said("x2", origClientOrderId="hftarget", orderId=2, status="CANCELED"),
        ]
        s = Scene({"DELETE order": {"orderListId": 4, "orderReports": legs}})
        report = await s.spot.cancel(order(leg=Leg.TARGET, name="hftarget"), STAMP)
        assert (report.client_order_id, report.venue_order_id) == ("hftarget", "2")
        assert report.state is OrderState.CANCELLED

    play(scene)


def test_the_timer_is_armed_on_futures_and_refused_on_spot() -> None:
    async def scene() -> None:
        s = Scene({"POST countdownCancelAll": {"symbol": "BTCUSDT", "countdownTime": "120000"}})
        await s.usdm.arm_dead_man(USDM, 120_000)
        assert s.wire.sent()["countdownTime"] == "120000"
        assert s.wire.asked[0].weight == 10
        with pytest.raises(Refused):
            await s.spot.arm_dead_man(SPOT, 120_000)
        assert (s.spot.capabilities.dead_man_timer, s.usdm.capabilities.dead_man_timer) == (False, True)

    play(scene)
