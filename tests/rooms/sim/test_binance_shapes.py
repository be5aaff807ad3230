"""The twin's frames and rows have the keys, and the kinds of values, of those that were recorded from the venue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from binance_client import Client, hear, playing, run
from test_binance_streams import ask, listening, signed


@pytest.fixture(scope="session")
def payloads(shared_data: Path) -> Path:
    folder = shared_data / "payloads"
    if not folder.is_dir():
        pytest.skip("the recorded payloads (../shared/data/payloads) are not here")
    return folder


def recorded(payloads: Path, name: str) -> list[Any]:
    """The frames of a recorded file, unwrapped."""
    text = (payloads / name).read_text()
    values = [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else [json.loads(text)]
    return [value.get("event", value.get("data", value)) if isinstance(value, dict) else value for value in values]


def kinds(value: Any) -> Any:
    """The keys of a value and the kind of each: numbers as text stay apart from numbers."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value[:1]]
    return "number" if type(value) in (int, float) else type(value).__name__


# Keys that the venue sends only at times, or has sent only since the recording.
AT_TIMES = {"W", "bep", "bc", "st", "er", "ss", "si", "gtd", "pm", "V", "ap", "aq", "act", "n", "N", "P", "B"}


def expect_same(ours: Any, theirs: Any, where: str) -> None:
    for key in sorted((set(ours) | set(theirs)) - AT_TIMES):
        assert key in ours, f"{where}: {key} is missing"
        assert key in theirs, f"{where}: {key} is not the venue's"
        if isinstance(theirs[key], dict):
            expect_same(ours[key], theirs[key], f"{where}.{key}")
        elif not isinstance(theirs[key], list):
            assert kinds(ours[key]) == kinds(theirs[key]), f"{where}: {key}"


async def spot_told(client: Client) -> list[Any]:
    socket = await client.listen("/ws-api/v3")
    await ask(socket, method="userDataStream.subscribe.signature", params=signed(client))
    await client.place(quantity="1", price="2000")
    return [frame["event"] for frame in await hear(socket, 4)]


def test_spot_orders_are_told_in_the_recorded_shape(payloads: Path) -> None:
    async def work() -> None:
        async with playing() as client:
            opened, _, filled, _ = await spot_told(client)
            theirs = recorded(payloads, "binance_spot/rec_ws_userdata_limit_submitted_filled.jsonl")
            expect_same(opened, theirs[0], "NEW")
            expect_same(filled, theirs[1], "TRADE")

    run(work())


def test_futures_orders_are_told_in_the_recorded_shape(payloads: Path) -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await listening(client)
            await client.place("/fapi/v1/order", quantity="1", price="2000")
            opened, account, filled = await hear(socket, 3)
            theirs = recorded(payloads, "binance_futures/rec_ws_userdata_limit_submitted_filled.jsonl")
            expect_same(opened, theirs[0], "NEW")
            expect_same(filled, theirs[1], "TRADE")
            (recorded_account,) = recorded(payloads, "binance_futures/rec_ws_frame_account_update_futures.json")
            expect_same(account["a"]["P"][0], recorded_account["a"]["P"][0], "position")
            await client.place(
                "/fapi/v1/algoOrder", algoType="CONDITIONAL", type="STOP_MARKET", triggerPrice="1900", quantity="1"
            )
            theirs = recorded(payloads, "binance_futures/rec_ws_userdata_stop_market_submitted_canceled.jsonl")
            expect_same((await hear(socket))[0], theirs[0], "ALGO_UPDATE")

    run(work())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/ws/btcusdt@kline_1m", "binance_spot/rec_ws_frame_kline_1m.json"),
        ("/ws/btcusdt@miniTicker", "binance_spot/rec_ws_frame_mini_ticker_single.json"),
        ("/ws/btcusdt@ticker", "binance_spot/rec_ws_frame_ticker_single.json"),
        ("/market/ws/btcusdt@kline_1m", "binance_futures/rec_ws_frame_kline.json"),
        ("/market/ws/btcusdt@ticker", "binance_futures/rec_ws_frame_ticker_single.json"),
        ("/market/ws/btcusdt@markPrice", "binance_futures/rec_ws_frame_mark_price_single.json"),
        ("/public/ws/btcusdt@bookTicker", "binance_futures/rec_ws_frame_book_ticker_single.json"),
    ],
)
def test_the_market_is_told_in_the_recorded_shape(payloads: Path, path: str, name: str) -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen(path)
            await client.pass_time(20_000)
            (frame,) = await hear(socket)
            (theirs,) = recorded(payloads, name)
            expect_same(frame, theirs, name)

    run(work())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v3/ticker/24hr", "binance_spot/doc_rest_get_ticker.json"),
        ("/fapi/v1/ticker/24hr", "binance_futures/doc_rest_get_ticker.json"),
        ("/fapi/v1/premiumIndex", "binance_futures/doc_rest_get_mark_price.json"),
    ],
)
def test_statistics_have_the_documented_shape(payloads: Path, path: str, name: str) -> None:
    async def work() -> None:
        async with playing() as client:
            row = await client.get(path, signed=False, symbol="BTCUSDT")
            (theirs,) = recorded(payloads, name)
            expect_same(row, theirs, name)

    run(work())


def test_orders_and_positions_have_the_documented_shape(payloads: Path) -> None:
    async def work() -> None:
        async with playing() as client:
            placed = await client.place(type="MARKET", quantity="1")
            expect_same(
                placed,
                recorded(payloads, "binance_spot/doc_rest_place_order.json")[0] | {"origQuoteOrderQty": "0"},
                "order",
            )
            resting = await client.place(quantity="1", price="1000")
            (row,) = await client.get("/api/v3/openOrders", symbol="BTCUSDT")
            assert row["orderId"] == resting["orderId"]
            expect_same(row, recorded(payloads, "binance_spot/doc_rest_get_open_orders.json")[0][0], "open order")
            (trade,) = await client.get("/api/v3/myTrades", symbol="BTCUSDT")
            expect_same(trade, recorded(payloads, "binance_spot/doc_rest_get_user_trades.json")[0][0], "trade")
            await client.place("/fapi/v1/order", type="MARKET", quantity="1")
            (trade,) = await client.get("/fapi/v1/userTrades", symbol="BTCUSDT")
            expect_same(trade, recorded(payloads, "binance_futures/doc_rest_get_user_trades.json")[0][0], "trade")
            algo = await client.place(
                "/fapi/v1/algoOrder", algoType="CONDITIONAL", type="STOP_MARKET", triggerPrice="1900", quantity="1"
            )
            theirs = recorded(payloads, "binance_futures/doc_rest_get_conditional_order.json")[0]
            expect_same(await client.get("/fapi/v1/algoOrder", algoId=algo["algoId"]), theirs, "algo order")

    run(work())
