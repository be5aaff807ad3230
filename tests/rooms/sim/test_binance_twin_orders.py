"""Orders on the Binance twin: refusals in the venue's words, groups, conditional orders, positions, funding."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from binance_client import MINUTE_MS, playing, run

ORDER = "/api/v3/order"
FUTURE = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"


def test_a_client_id_may_come_again_once_its_order_is_filled() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place(quantity="1", price="900", newClientOrderId="one")
            again = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": "one"}
            assert await client.refused("POST", ORDER, **again) == (400, -2010, "Duplicate order sent.")
            status, body, _ = await client.ask("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="one")
            assert (status, body["status"], body["origClientOrderId"]) == (200, "CANCELED", "one")
            first = await client.place(type="MARKET", quantity="1", newClientOrderId="one")
            second = await client.place(type="MARKET", quantity="1", newClientOrderId="one")
            assert (first["status"], second["status"]) == ("FILLED", "FILLED")
            assert first["orderId"] != second["orderId"]

    run(work())


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"quantity": "0.001", "price": "1000"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.015", "price": "1000"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "1", "price": "1000.5"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"quantity": "0.01", "price": "400"}, -1013, "Filter failure: NOTIONAL"),
    ({"quantity": "1", "price": "100"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "1000", "price": "1000"}, -2010, "Account has insufficient balance for requested action."),
    ({"quantity": "1"}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    ({"price": "1000"}, -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
    ({"quantity": "1e3", "price": "1000"}, -1100, "Illegal characters found in parameter 'quantity'"),
    ({"quantity": "1.123456789", "price": "1000"}, -1111, "Parameter 'quantity' has too much precision."),
    ({"quantity": "1", "price": "1000", "side": "HOLD"}, -1117, "Invalid side."),
    ({"quantity": "1", "price": "1000", "type": "ICEBERG"}, -1116, "Invalid orderType."),
    ({"quantity": "1", "price": "1000", "timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    ({"quantity": "1", "price": "1000", "type": "MARKET"}, -1106, "Parameter 'price' sent when not required."),
    ({"quantity": "1", "price": "2000", "type": "LIMIT_MAKER"}, -2010, "Order would immediately match and take."),
    ({"quantity": "1", "price": "1000", "symbol": "NOSUCH"}, -1121, "Invalid symbol."),
    ({"quantity": "1", "price": "1000", "newClientOrderId": "no spaces"}, -1100, "Illegal characters found"),
    ({"quantity": "1", "type": "STOP_LOSS", "stopPrice": "1000"}, -2010, "Stop price would trigger immediately."),
]


@pytest.mark.parametrize(("given", "code", "words"), WRONG)
def test_a_wrong_spot_order_is_refused_in_the_venues_words(given: dict[str, Any], code: int, words: str) -> None:
    async def work() -> None:
        async with playing() as client:
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"} | given
            if order["type"] == "LIMIT":
                order.setdefault("timeInForce", "GTC")
            refusal = await client.refused("POST", ORDER, **order)
            assert refusal[:2] == (400, code)
            assert words in refusal[2]
            assert (await client.refused("POST", f"{ORDER}/test", **order))[1] == code
            assert not client.twin.spot.exchange.orders

    run(work())


WRONG_FUTURES: list[tuple[dict[str, Any], int]] = [
    ({"quantity": "0.001", "price": "1000"}, -1111),
    ({"quantity": "0", "price": "1000"}, -4003),
    ({"quantity": "1", "price": "1000.5"}, -1111),
    ({"quantity": "0.01", "price": "400"}, -4164),
    ({"quantity": "1", "price": "2500"}, -4016),
    ({"quantity": "1", "price": "1200", "side": "SELL"}, -4024),
    ({"quantity": "2000", "price": "1750"}, -2019),
    ({"quantity": "1", "price": "1750", "reduceOnly": "true"}, -2022),
    ({"quantity": "1", "price": "1750", "positionSide": "LONG"}, -4061),
    ({"quantity": "1", "price": "1900", "timeInForce": "GTX"}, -5022),
    ({"quantity": "1", "type": "STOP_MARKET", "stopPrice": "2000"}, -4120),
    ({"quantity": "1", "type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4120),
    ({"quantity": "1", "type": "MARKET", "price": "1000"}, -1106),
]


@pytest.mark.parametrize(("given", "code"), WRONG_FUTURES)
def test_a_wrong_futures_order_is_refused_by_its_code(given: dict[str, Any], code: int) -> None:
    async def work() -> None:
        async with playing() as client:
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"} | given
            if order["type"] == "LIMIT":
                order.setdefault("timeInForce", "GTC")
            assert (await client.refused("POST", FUTURE, **order))[:2] == (400, code)
            assert not client.twin.usdm.exchange.orders

    run(work())


def test_an_otoco_protects_what_its_entry_bought() -> None:
    async def work() -> None:
        async with playing() as client:
            price = int(client.twin.spot.exchange.books["BTCUSDT"].last or 0)
            placed = await client.place(
                "/api/v3/orderList/otoco",
                side=None,
                type=None,
                workingType="LIMIT",
                workingSide="BUY",
                workingQuantity="1",
                workingPrice=price + 5,
                workingTimeInForce="GTC",
                pendingSide="SELL",
                pendingQuantity="0.99",
                pendingAboveType="LIMIT_MAKER",
                pendingAbovePrice=price + 20,
                pendingBelowType="STOP_LOSS",
                pendingBelowStopPrice=price - 40,
            )
            assert placed["contingencyType"] == "OTO"
            assert [one["status"] for one in placed["orderReports"]] == ["FILLED", "NEW", "NEW"]
            await client.pass_time(30 * MINUTE_MS)
            one = await client.get("/api/v3/orderList", orderListId=placed["orderListId"])
            assert (one["listOrderStatus"], len(one["orders"])) == ("ALL_DONE", 3)
            rows = [await client.get(ORDER, symbol="BTCUSDT", orderId=row["orderId"]) for row in placed["orders"]]
            assert [row["status"] for row in rows] == ["FILLED", "FILLED", "EXPIRED"]
            assert len(await client.get("/api/v3/myTrades", symbol="BTCUSDT")) == 2

    run(work())


def test_cancelling_one_order_of_an_oco_answers_with_the_list() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place(type="MARKET", quantity="1")
            oco = await client.place(
                "/api/v3/orderList/oco",
                type=None,
                side="SELL",
                quantity="0.9",
                aboveType="LIMIT_MAKER",
                abovePrice="1900",
                belowType="STOP_LOSS_LIMIT",
                belowStopPrice="1600",
                belowPrice="1590",
                belowTimeInForce="GTC",
                aboveClientOrderId="target",
            )
            assert len(await client.get("/api/v3/openOrderList")) == 1
            status, body, _ = await client.ask("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="target")
            assert (status, body["listOrderStatus"], body["orderListId"]) == (200, "ALL_DONE", oco["orderListId"])
            assert [one["status"] for one in body["orderReports"]] == ["CANCELED"] * 2
            assert await client.get("/api/v3/openOrders") == []

    run(work())


def test_a_failed_replacement_says_which_half_failed() -> None:
    async def work() -> None:
        async with playing() as client:
            first = await client.place(quantity="1", price="1500")
            given = {
                "symbol": "BTCUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "price": "1500",
                "cancelReplaceMode": "STOP_ON_FAILURE",
                "cancelOrderId": first["orderId"],
            }
            path = "/api/v3/order/cancelReplace"
            status, body, _ = await client.ask("POST", path, **given, quantity="1000")
            assert (status, body["code"]) == (409, -2021)
            assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("SUCCESS", "FAILURE")
            status, body, _ = await client.ask("POST", path, **given, quantity="1")
            assert (status, body["code"], body["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")

    run(work())


def test_a_conditional_futures_order_lives_beside_the_book_until_it_triggers() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place(FUTURE, type="MARKET", quantity="2")
            stop = await client.place(
                ALGO, algoType="CONDITIONAL", side="SELL", type="STOP_MARKET", triggerPrice="1600", closePosition="true"
            )
            take = await client.place(
                ALGO, algoType="CONDITIONAL", side="SELL", type="TAKE_PROFIT_MARKET", triggerPrice="1790", quantity="1",
                reduceOnly="true", clientAlgoId="take",
            )  # fmt: skip
            assert await client.get("/fapi/v1/openOrders") == []
            assert len(await client.get("/fapi/v1/openAlgoOrders")) == 2
            assert (await client.refused("GET", FUTURE, symbol="BTCUSDT", origClientOrderId="take"))[1] == -2013
            await client.ask("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
            assert len(await client.get("/fapi/v1/openAlgoOrders")) == 2
            await client.pass_time(60 * MINUTE_MS)
            done = await client.get(ALGO, algoId=take["algoId"])
            assert (done["algoStatus"], done["actualType"], done["actualQty"]) == ("FINISHED", "MARKET", "1")
            order = await client.get(FUTURE, symbol="BTCUSDT", orderId=done["actualOrderId"])
            assert (order["status"], order["clientOrderId"]) == ("FILLED", "take")
            (position,) = await client.get("/fapi/v3/positionRisk")
            assert Decimal(position["positionAmt"]) == 1
            status, body, _ = await client.ask("DELETE", ALGO, algoId=stop["algoId"])
            assert (status, body["code"]) == (200, "200")
            assert (await client.refused("DELETE", ALGO, algoId=stop["algoId"]))[1] == -2011

    run(work())


def test_hedged_positions_are_two() -> None:
    async def work() -> None:
        async with playing() as client:
            path = "/fapi/v1/positionSide/dual"
            assert (await client.ask("POST", path, dualSidePosition="true"))[0] == 200
            assert (await client.refused("POST", path, dualSidePosition="true"))[1] == -4059
            await client.place(FUTURE, type="MARKET", quantity="2", positionSide="LONG")
            await client.place(FUTURE, type="MARKET", quantity="1", side="SELL", positionSide="SHORT")
            sizes = {row["positionSide"]: row["positionAmt"] for row in await client.get("/fapi/v3/positionRisk")}
            assert sizes == {"LONG": "2", "SHORT": "-1"}
            assert (await client.refused("POST", path, dualSidePosition="false"))[1] == -4068

    run(work())


def test_the_dead_mans_timer_cancels_what_rests_and_leaves_the_stops() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place(FUTURE, quantity="1", price="1500")
            await client.place(
                ALGO, algoType="CONDITIONAL", side="SELL", type="STOP_MARKET", triggerPrice="1500", quantity="1"
            )
            for _ in range(2):
                await client.ask("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=30_000)
                await client.pass_time(20_000)
                assert len(await client.get("/fapi/v1/openOrders")) == 1
            await client.pass_time(10_000)
            assert await client.get("/fapi/v1/openOrders") == []
            assert len(await client.get("/fapi/v1/openAlgoOrders")) == 1

    run(work())


def test_funding_is_paid_every_eight_hours() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place(FUTURE, type="MARKET", quantity="10")
            before = client.twin.usdm.exchange.accounts["owner"].total("USDT")
            told = await client.get("/fapi/v1/premiumIndex", signed=False, symbol="BTCUSDT")
            await client.pass_time(told["nextFundingTime"] - client.clock.now_ms())
            (paid,) = await client.get("/fapi/v1/fundingRate", signed=False, symbol="BTCUSDT")
            after = client.twin.usdm.exchange.accounts["owner"].total("USDT")
            assert before - after == 10 * Decimal(paid["markPrice"]) * Decimal("0.0001")

    run(work())
