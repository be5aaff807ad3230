"""The Binance twin's REST side: what everybody may ask, signatures, time, and limits."""

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
