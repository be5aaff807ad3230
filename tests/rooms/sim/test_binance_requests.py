"""The Binance twin's REST side: signatures, time, limits, refusals in the venue's words, and the account's truth."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from binance_client import MINUTE_MS, START_MS, Client, playing, run
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from holdfast.sim.twins.binance import TwinAccount
from holdfast.sim.twins.faults import Fault

ORDER = "/api/v3/order"
FUTURE = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"


def test_time_and_listings_are_told_to_everybody() -> None:
    async def work() -> None:
        async with playing() as client:
            assert await client.get("/api/v3/ping", signed=False) == {}
            assert await client.get("/fapi/v1/time", signed=False) == {"serverTime": client.clock.now_ms()}
            info = await client.get("/api/v3/exchangeInfo", signed=False, symbol="BTCUSDT")
            (symbol,) = info["symbols"]
            filters = {one["filterType"]: one for one in symbol["filters"]}
            assert filters["PRICE_FILTER"]["tickSize"] == "1.00000000"
            assert filters["LOT_SIZE"]["stepSize"] == "0.01000000"
            futures = await client.get("/fapi/v1/exchangeInfo", signed=False)
            assert [one["contractType"] for one in futures["symbols"]] == ["PERPETUAL"] * 2
            assert (await client.refused("GET", "/api/v3/exchangeInfo", symbol="NO"))[:2] == (400, -1121)

    run(work())


def test_candles_are_the_recordings_and_the_last_one_is_unfinished() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.pass_time(MINUTE_MS // 2)
            now_ms = client.clock.now_ms()
            rows = await client.get("/api/v3/klines", signed=False, symbol="BTCUSDT", interval="1m", limit=3)
            assert [row[0] for row in rows] == [now_ms - MINUTE_MS // 2 - n * MINUTE_MS for n in (2, 1, 0)]
            number = (rows[0][0] - START_MS) // MINUTE_MS
            assert [Decimal(text) for text in rows[0][1:6]] == [
                *(1000 + number, 1005 + number, 995 + number, 1001 + number),
                Decimal("600.25"),
            ]
            assert rows[-1][6] > now_ms
            hours = await client.get(
                "/fapi/v1/klines", signed=False, symbol="BTCUSDT", interval="1h", startTime=START_MS, limit=2
            )
            assert [(row[0], row[1], row[4]) for row in hours] == [
                (START_MS, "1000", "1060"),
                (START_MS + 60 * MINUTE_MS, "1060", "1120"),
            ]
            assert Decimal(hours[0][5]) == 60 * Decimal("600.25")
            assert (await client.refused("GET", "/api/v3/klines", symbol="BTCUSDT", interval="7m"))[1] == -1120

    run(work())


def test_tickers_sum_up_the_last_day() -> None:
    async def work() -> None:
        async with playing(minutes=4000) as client:
            row = await client.get("/api/v3/ticker/24hr", signed=False, symbol="ETHUSDT")
            assert Decimal(row["priceChange"]) == 1440
            assert Decimal(row["volume"]) == 1440 * Decimal("600.25")
            assert len(await client.get("/fapi/v1/ticker/24hr", signed=False)) == 2
            quote = await client.get("/api/v3/ticker/bookTicker", signed=False, symbol="ETHUSDT")
            assert Decimal(quote["bidPrice"]) < Decimal(row["lastPrice"]) < Decimal(quote["askPrice"])

    run(work())


def test_a_signature_counts_only_for_what_was_sent() -> None:
    async def work() -> None:
        async with playing() as client:
            assert (await client.refused("GET", "/api/v3/account", signed=False))[:2] == (400, -1102)
            client.secret = "wrong"
            assert (await client.refused("GET", "/api/v3/account"))[:2] == (400, -1022)
            client.key = "nobody"
            assert (await client.refused("GET", "/api/v3/account"))[:2] == (401, -2015)
            client.key = ""
            assert (await client.refused("GET", "/api/v3/account"))[:2] == (401, -2014)

    run(work())


def test_what_was_signed_before_it_was_encoded_is_refused() -> None:
    async def work() -> None:
        async with playing() as client:
            plain = f"symbol=BTCUSDT&origClientOrderId=a:b&timestamp={client.clock.now_ms()}"
            signature = hmac.new(b"twin-secret", plain.encode(), hashlib.sha256).hexdigest()
            sent = plain.replace(":", "%3A") + f"&signature={signature}"
            headers = {"X-MBX-APIKEY": "twin-key"}
            url = URL(f"{client.twin.url}{ORDER}?{sent}", encoded=True)
            async with client.session.get(url, headers=headers) as answer:
                assert (answer.status, (await answer.json())["code"]) == (400, -1022)
            status, code, _ = await client.refused("GET", ORDER, symbol="BTCUSDT", origClientOrderId="a:b")
            assert (status, code) == (400, -2013)

    run(work())


def test_an_ed25519_key_signs_too() -> None:
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def work() -> None:
        async with playing(accounts=(TwinAccount(key="ed", public_key=public),)) as client:
            payload = f"timestamp={client.clock.now_ms()}"
            signature = quote(base64.b64encode(signer.sign(payload.encode())).decode(), safe="")
            url = f"{client.twin.url}/api/v3/account?{payload}&signature="
            headers = {"X-MBX-APIKEY": "ed"}
            async with client.session.get(URL(url + signature, encoded=True), headers=headers) as answer:
                assert answer.status == 200
            forged = "A" + signature[1:] if signature[0] != "A" else "B" + signature[1:]
            async with client.session.get(URL(url + forged, encoded=True), headers=headers) as answer:
                assert (await answer.json())["code"] == -1022

    run(work())


@pytest.mark.parametrize(
    ("shift_ms", "window", "words"),
    [
        (1000, None, "Timestamp for this request was 1000ms ahead of the server's time."),
        (999, None, None),
        (-5000, None, None),
        (-5001, None, "Timestamp for this request is outside of the recvWindow."),
        (-5001, 6000, None),
        (-1, "0.5", "Timestamp for this request is outside of the recvWindow."),
    ],
)
def test_a_request_must_be_of_now(shift_ms: int, window: Any, words: str | None) -> None:
    async def work() -> None:
        async with playing() as client:
            stamp = client.clock.now_ms() + shift_ms
            status, body, _ = await client.ask("GET", "/api/v3/account", timestamp=stamp, recvWindow=window)
            if words is None:
                assert status == 200
            else:
                assert (status, body) == (400, {"code": -1021, "msg": words})

    run(work())


def test_spot_checks_the_time_again_before_the_engine_and_futures_do_not() -> None:
    async def work() -> None:
        async with playing() as client:
            client.twin.faults.arm(Fault.DELAY, 2000)
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "recvWindow": 1500}
            for path, status in ((ORDER, 400), (FUTURE, 200)):
                asking = asyncio.create_task(client.ask("POST", path, **order))
                while client.twin.faults.bitten[Fault.DELAY] != (1 if path == ORDER else 2):
                    await asyncio.sleep(0.01)
                await client.pass_time(2000)
                answer = await asking
                assert answer[0] == status
            assert not client.twin.spot.exchange.orders
            assert len(client.twin.usdm.exchange.trades) == 1

    run(work())


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


async def spend(client: Client, path: str, times: int) -> list[int]:
    return [(await client.ask("GET", path, signed=False))[0] for _ in range(times)]


def test_too_much_weight_is_warned_of_and_then_banned() -> None:
    async def work() -> None:
        async with playing() as client:
            _, _, headers = await client.ask("GET", "/api/v3/ticker/24hr", signed=False)
            assert headers["X-MBX-USED-WEIGHT-1M"] == "80"
            assert await spend(client, "/api/v3/ticker/24hr", 74) == [200] * 74
            status, body, headers = await client.ask("GET", "/api/v3/ticker/24hr", signed=False)
            assert (status, body["code"], headers["Retry-After"]) == (429, -1003, "60")
            assert (await spend(client, "/api/v3/ping", 5))[-1] == 418
            await client.pass_time(MINUTE_MS)
            status, body, _ = await client.ask("GET", "/api/v3/ping", signed=False)
            assert (status, "IP banned until" in body["msg"]) == (418, True)
            assert (await client.ask("GET", "/fapi/v1/ping", signed=False))[0] == 200
            await client.pass_time(MINUTE_MS)
            assert await spend(client, "/api/v3/ping", 1) == [200]

    run(work())


def test_orders_are_counted_and_successful_spot_orders_weigh_nothing() -> None:
    async def work() -> None:
        async with playing() as client:
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "900"}
            status, _, headers = await client.ask("POST", ORDER, **order, quantity="0.01")
            assert (status, headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1", "0")
            _, _, headers = await client.ask("POST", ORDER, **order, quantity="99999")
            assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-USED-WEIGHT-1M"]) == ("1", "1")
            for _ in range(99):
                await client.place(price="900", quantity="0.01")
            status, body, headers = await client.ask("POST", ORDER, **order, quantity="0.01")
            assert (status, body["code"], headers["Retry-After"]) == (429, -1015, "10")

    run(work())


def test_what_is_gone_answers_so() -> None:
    async def work() -> None:
        async with playing() as client:
            for method in ("POST", "PUT", "DELETE"):
                assert (await client.refused(method, "/api/v3/userDataStream", signed=False))[0] == 410
            assert (await client.refused("GET", "/fapi/v1/nothing"))[:2] == (404, -5000)

    run(work())
