"""The Binance twin's sockets: market streams, user streams of both markets, the WebSocket API, limits and ends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from binance_client import MINUTE_MS, Client, hear, nothing_comes, playing, run
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.sim.twins.binance import TwinAccount

FUTURES = "/fstream.binance.com"


async def ask(socket: aiohttp.ClientWebSocketResponse, **message: Any) -> Any:
    await socket.send_str(json.dumps({"id": 7} | message))
    (answer,) = await hear(socket)
    return answer


def test_a_candle_is_told_while_it_forms_and_once_when_it_is_closed() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws/btcusdt@kline_1m")
            opened = client.clock.now_ms()
            for _ in range(4):
                await client.pass_time(20_000)
            frames = [frame["k"] for frame in await hear(socket, 4)]
            assert [frame["x"] for frame in frames] == [False, False, True, False]
            assert [frame["t"] for frame in frames] == [opened, opened, opened, opened + MINUTE_MS]
            first = Decimal(frames[2]["o"])
            assert [Decimal(frames[2][key]) - first for key in "ohlc"] == [0, 5, -5, 1]
            rows = await client.get("/api/v3/klines", signed=False, symbol="BTCUSDT", interval="1m", startTime=opened)
            assert rows[0][1:6] == [frames[2][key] for key in "ohlcv"]

    run(work())


def test_longer_candles_close_with_the_last_of_their_parts() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/stream?streams=btcusdt@kline_5m/ethusdt@kline_5m")
            closed = []
            for _ in range(15):
                await client.pass_time(20_000)
            while len(closed) < 2:
                (frame,) = await hear(socket)
                if frame["data"]["k"]["x"]:
                    closed.append(frame)
            assert [frame["stream"] for frame in closed] == ["btcusdt@kline_5m", "ethusdt@kline_5m"]
            bar = closed[0]["data"]["k"]
            assert Decimal(bar["v"]) == 5 * Decimal("600.25")
            assert Decimal(bar["c"]) - Decimal(bar["o"]) == 5

    run(work())


def test_subscriptions_come_and_go_by_message() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws")
            names = ["btcusdt@bookTicker", "ethusdt@trade"]
            assert await ask(socket, method="SUBSCRIBE", params=names) == {"result": None, "id": 7}
            assert (await ask(socket, method="LIST_SUBSCRIPTIONS"))["result"] == names
            await client.pass_time(20_000)
            frames = await hear(socket, 2)
            assert frames[0].keys() == {"u", "s", "b", "B", "a", "A"}
            assert frames[1]["e"] == "trade"
            await ask(socket, method="UNSUBSCRIBE", params=names[:1])
            await client.pass_time(20_000)
            assert [frame.get("e") for frame in await hear(socket)] == ["trade"]
            assert await nothing_comes(socket)

    run(work())


def test_what_is_no_subscription_is_refused() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws")
            await socket.send_str("{")
            (answer,) = await hear(socket)
            assert answer["error"]["code"] == 3
            assert (await ask(socket, method="DANCE"))["error"]["code"] == 2
            assert (await ask(socket, method="SUBSCRIBE", params="btcusdt@trade"))["error"]["code"] == 2
            many = [f"s{number}@trade" for number in range(1025)]
            assert "1024" in (await ask(socket, method="SUBSCRIBE", params=many))["error"]["msg"]

    run(work())


def test_who_asks_too_often_is_cut_off() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws")
            for number in range(6):
                await socket.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            await hear(socket, 5)
            assert (await socket.receive()).data == 1008

    run(work())


@pytest.mark.parametrize(
    ("path", "stream", "heard"),
    [
        ("/market/ws", "btcusdt@markPrice@1s", True),
        ("/public/ws", "btcusdt@bookTicker", True),
        (f"{FUTURES}/market/ws", "btcusdt@kline_1m", True),
        ("/market/ws", "btcusdt@bookTicker", False),
        ("/public/ws", "btcusdt@kline_1m", False),
        (f"{FUTURES}/ws", "btcusdt@kline_1m", False),
    ],
)
def test_futures_streams_are_heard_under_their_root_only(path: str, stream: str, heard: bool) -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen(path)
            assert (await ask(socket, method="SUBSCRIBE", params=[stream]))["result"] is None
            await client.pass_time(20_000)
            assert (not await nothing_comes(socket)) is heard

    run(work())


def test_all_markets_come_in_one_frame() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/market/ws/!ticker@arr")
            await client.pass_time(20_000)
            (rows,) = await hear(socket)
            assert [(row["s"], row["e"]) for row in rows] == [("BTCUSDT", "24hrTicker"), ("ETHUSDT", "24hrTicker")]

    run(work())


def test_the_venue_pings_and_ends_who_does_not_answer() -> None:
    async def work() -> None:
        async with playing() as client:
            answering, dumb = await client.listen("/ws"), await client.listen("/ws")
            for _ in range(5):
                await client.pass_time(20_000)
                await asyncio.sleep(0.02)
                ping = await asyncio.wait_for(answering.receive(), 5)
                assert ping.type is aiohttp.WSMsgType.PING
                await answering.pong(ping.data)
            kinds = [(await asyncio.wait_for(dumb.receive(), 5)).type for _ in range(4)]
            assert kinds == [aiohttp.WSMsgType.PING] * 3 + [aiohttp.WSMsgType.CLOSE]
            assert not answering.closed

    run(work())


def test_a_connection_lives_for_a_day_and_its_end_is_announced() -> None:
    async def work() -> None:
        async with playing(stream_life_ms=10 * MINUTE_MS) as client:
            socket = await client.listen("/ws/btcusdt@miniTicker")
            await client.pass_time(9 * MINUTE_MS)
            later = await client.listen("/ws/btcusdt@miniTicker")
            await client.pass_time(MINUTE_MS)
            frames: list[Any] = []
            while (message := await asyncio.wait_for(socket.receive(), 5)).type is not aiohttp.WSMsgType.CLOSE:
                frames.append(message)
            texts = [json.loads(one.data)["e"] for one in frames if one.type is aiohttp.WSMsgType.TEXT]
            assert texts[-1] == "serverShutdown"
            assert not later.closed
            assert "serverShutdown" not in [frame["e"] for frame in await hear(later, 1)]

    run(work())


# ---- user streams


async def listening(client: Client) -> aiohttp.ClientWebSocketResponse:
    _, body, _ = await client.ask("POST", "/fapi/v1/listenKey", signed=False)
    return await client.listen(f"/private/ws/{body['listenKey']}")


def test_a_futures_stop_is_told_from_its_placing_to_its_end() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.place("/fapi/v1/order", type="MARKET", quantity="1")
            socket = await listening(client)
            await client.place(
                "/fapi/v1/algoOrder", algoType="CONDITIONAL", side="SELL", type="TAKE_PROFIT_MARKET", quantity="1",
                triggerPrice="1760", clientAlgoId="take",
            )  # fmt: skip
            await client.pass_time(30 * MINUTE_MS)
            frames = await hear(socket, 7)
            told = [(frame["e"], frame.get("o", {}).get("X")) for frame in frames]
            assert told == [
                ("ALGO_UPDATE", "NEW"),
                ("ALGO_UPDATE", "TRIGGERING"),
                ("ORDER_TRADE_UPDATE", "NEW"),
                ("ALGO_UPDATE", "TRIGGERED"),
                ("ACCOUNT_UPDATE", None),
                ("ORDER_TRADE_UPDATE", "FILLED"),
                ("ALGO_UPDATE", "FINISHED"),
            ]
            fill = frames[5]["o"]
            assert (fill["c"], fill["si"] - fill["i"]) == ("take", 2_000_000_000_000)
            assert Decimal(fill["rp"]) == Decimal(fill["L"]) - client.twin.usdm.exchange.trades[0].price

    run(work())


def test_a_listen_key_lives_an_hour_after_its_renewal() -> None:
    async def work() -> None:
        async with playing() as client:
            path = "/fapi/v1/listenKey"
            assert (await client.refused("PUT", path, signed=False))[1] == -1125
            socket = await listening(client)
            await client.pass_time(50 * MINUTE_MS)
            _, kept, _ = await client.ask("PUT", path, signed=False)
            _, same, _ = await client.ask("POST", path, signed=False)
            assert kept == same
            await client.pass_time(60 * MINUTE_MS)
            assert [frame["e"] for frame in await hear(socket)] == ["listenKeyExpired"]
            await client.place("/fapi/v1/order", type="MARKET", quantity="1")
            assert await nothing_comes(socket)

    run(work())


def signed(client: Client, **given: Any) -> dict[str, Any]:
    given = {"apiKey": client.key, "timestamp": client.clock.now_ms()} | given
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"signature": hmac.new(client.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}


def test_spot_orders_are_told_to_a_signed_subscription() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws-api/v3")
            answer = await ask(socket, method="userDataStream.subscribe.signature", params=signed(client))
            assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
            again = await ask(socket, method="userDataStream.subscribe.signature", params=signed(client))
            assert again["error"]["code"] == -2035
            placed = await client.place(quantity="1", price="1000", newClientOrderId="mine")
            await client.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"])
            frames = await hear(socket, 4)
            assert {frame["subscriptionId"] for frame in frames} == {0}
            first, balance, last, freed = [frame["event"] for frame in frames]
            assert (first["x"], first["X"], first["c"], first["C"]) == ("NEW", "NEW", "mine", "")
            assert (last["x"], last["C"]) == ("CANCELED", "mine")
            assert last["c"] not in ("", "mine")
            locked = [{row["a"]: row["l"] for row in one["B"]}["USDT"] for one in (balance, freed)]
            assert locked == ["1000.00000000", "0.00000000"]

    run(work())


def test_a_session_logs_on_with_an_ed25519_key_only() -> None:
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    accounts = (TwinAccount(), TwinAccount(name="ed", key="ed", public_key=public))

    async def work() -> None:
        async with playing(accounts=accounts) as client:
            socket = await client.listen("/ws-api/v3")
            assert (await ask(socket, method="session.logon", params=signed(client)))["error"]["code"] == -4056
            refused = await ask(socket, method="userDataStream.subscribe", params={})
            assert refused["error"]["code"] == -2015
            given: dict[str, Any] = {"apiKey": "ed", "timestamp": client.clock.now_ms()}
            payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
            given["signature"] = base64.b64encode(signer.sign(payload.encode())).decode()
            assert (await ask(socket, method="session.logon", params=given))["result"]["apiKey"] == "ed"
            assert (await ask(socket, method="userDataStream.subscribe"))["status"] == 200
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
            stamped = order | {"timestamp": client.clock.now_ms()}
            await socket.send_str(json.dumps({"id": 9, "method": "order.place", "params": stamped}))
            frames = await hear(socket, 5)
            (answer,) = [frame for frame in frames if "status" in frame]
            assert answer["result"]["status"] == "FILLED"
            assert [frame["event"]["e"] for frame in frames if "event" in frame] == [
                "executionReport",
                "outboundAccountPosition",
            ] * 2

    run(work())


def test_the_methods_that_were_removed_are_refused() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws-api/v3")
            for method in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop"):
                assert (await ask(socket, method=method, params={"apiKey": "twin-key"}))["status"] == 410
            assert (await ask(socket, method="order.dance"))["status"] == 404
            assert (await ask(socket, method="time"))["result"] == {"serverTime": client.clock.now_ms()}

    run(work())
