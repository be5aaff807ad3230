"""Other people's Binance clients against the twin, with nothing changed but their base addresses.

ccxt (REST and its WebSocket client), python-binance and the venue's own connector each place, query, cancel and
stream, and get the right error for a wrong order.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import warnings
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.sim.twins.binance import BinanceTwin, TwinAccount
from holdfast.world.clock import SystemClock
from holdfast.world.recording import Recording, read_recording

PATIENCE_S = 20
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ACCOUNTS = (
    TwinAccount(),
    TwinAccount(
        name="signer",
        key="twin-ed25519",
        public_key=SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    ),
)


def stranger(name: str) -> ModuleType:
    """Somebody else's package: a must where everything is checked, an offer elsewhere."""
    with warnings.catch_warnings():
        # What a stranger's import warns of is the stranger's business.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module")
def recordings(project_data: Path) -> list[Recording]:
    spot = read_recording(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet")
    usdm = read_recording(project_data / "binance_usdm_2025_typhonun" / "candles_1m.parquet")
    return [spot.only(["BTCUSDT", "ETHUSDT"]), usdm.only(["BTCUSDT", "ETHUSDT"])]


@asynccontextmanager
async def playing(recordings: list[Recording]) -> AsyncIterator[BinanceTwin]:
    twin = BinanceTwin(recordings, SystemClock(), accounts=ACCOUNTS, update_ms=500)
    await twin.start()
    try:
        yield twin
    finally:
        await twin.stop()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE_S))


def moved(addresses: Any, twin: BinanceTwin) -> Any:
    """The same table of addresses, with the twin in the place of the venue."""
    if isinstance(addresses, dict):
        return {name: moved(address, twin) for name, address in addresses.items()}
    addresses = addresses.replace("https://", f"{twin.url}/")
    return addresses.replace("wss://", f"{twin.socket_url}/")


def ccxt_client(module: ModuleType, twin: BinanceTwin, key: str = "twin-key", secret: str = "twin-secret") -> Any:
    client = module.binance({"apiKey": key, "secret": secret, "enableRateLimit": False})
    client.urls["api"] = moved(client.urls["api"], twin)
    return client


# ---- ccxt


def test_ccxt_trades_on_spot(recordings: list[Recording]) -> None:
    ccxt, errors = stranger("ccxt.async_support"), stranger("ccxt")

    async def work() -> None:
        async with playing(recordings) as twin:
            client = ccxt_client(ccxt, twin)
            try:
                markets = await client.load_markets()
                assert {"BTC/USDT", "ETH/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT"} <= set(markets)
                bars = await client.fetch_ohlcv("BTC/USDT", "1h", limit=50)
                assert len(bars) == 50
                bought = await client.create_order("BTC/USDT", "market", "buy", 0.01)
                assert (bought["status"], bought["filled"]) == ("closed", 0.01)
                price = client.price_to_precision("BTC/USDT", bought["average"] * 1.2)
                resting = await client.create_order("BTC/USDT", "limit", "sell", 0.005, price)
                assert (await client.fetch_order(resting["id"], "BTC/USDT"))["status"] == "open"
                assert [order["id"] for order in await client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
                assert (await client.fetch_balance())["BTC"]["used"] == 0.005
                assert (await client.cancel_order(resting["id"], "BTC/USDT"))["status"] == "canceled"
                (trade,) = await client.fetch_my_trades("BTC/USDT")
                assert (trade["order"], trade["fee"]["currency"]) == (bought["id"], "BTC")
                assert (await client.fetch_balance())["BTC"]["free"] == 0.00999
                with pytest.raises(errors.InsufficientFunds):
                    await client.create_order("BTC/USDT", "market", "sell", 5)
                with pytest.raises(errors.BadRequest, match="NOTIONAL"):
                    await client.create_order("BTC/USDT", "limit", "buy", 0.0001, 10_000)
                with pytest.raises(errors.OrderNotFound):
                    await client.cancel_order("999999", "BTC/USDT")
                with pytest.raises(errors.BadSymbol):
                    await client.public_get_ticker_24hr({"symbol": "NOSUCH"})
                client.secret = "wrong"
                with pytest.raises(errors.AuthenticationError):
                    await client.fetch_balance()
            finally:
                await client.close()

    run(work())


def test_ccxt_trades_on_futures(recordings: list[Recording]) -> None:
    ccxt, errors = stranger("ccxt.async_support"), stranger("ccxt")
    name = "ETH/USDT:USDT"

    async def work() -> None:
        async with playing(recordings) as twin:
            client = ccxt_client(ccxt, twin)
            try:
                await client.load_markets()
                await client.set_leverage(10, name)
                await client.create_order(name, "market", "sell", 1)
                (position,) = [one for one in await client.fetch_positions([name]) if one["contracts"]]
                assert (position["side"], position["contracts"], position["leverage"]) == ("short", 1, 10)
                trigger = client.price_to_precision(name, position["entryPrice"] * 1.1)
                conditional = {"stopLossPrice": trigger, "reduceOnly": True}
                stop = await client.create_order(name, "market", "buy", 1, None, conditional)
                waiting = await client.fetch_open_orders(name, params={"trigger": True})
                assert [order["id"] for order in waiting] == [stop["id"]]
                assert await client.fetch_open_orders(name) == []
                await client.cancel_order(stop["id"], name, {"trigger": True})
                await client.create_order(name, "market", "buy", 1, None, {"reduceOnly": True})
                assert len(await client.fetch_my_trades(name)) == 2
                assert twin.usdm.exchange.accounts["owner"].position("ETHUSDT").size == 0
                assert (await client.fetch_funding_rate(name))["fundingRate"] == 0.0001
                # ccxt tells futures errors apart by the https address of the venue, so here it names them no further.
                with pytest.raises(errors.ExchangeError, match="-2019"):
                    await client.create_order(name, "limit", "buy", 5000, trigger)
                with pytest.raises(errors.ExchangeError, match="-2022"):
                    await client.create_order(name, "market", "buy", 1, None, {"reduceOnly": True})
            finally:
                await client.close()

    run(work())


def test_ccxt_streams_candles_tickers_and_orders(recordings: list[Recording]) -> None:
    ccxt = stranger("ccxt.pro")

    async def work() -> None:
        async with playing(recordings) as twin:
            client = ccxt_client(ccxt, twin)
            try:
                await client.load_markets()
                bars = await client.watch_ohlcv("BTC/USDT", "1h")
                assert bars[-1][4] == pytest.approx(float(twin.spot.exchange.books["BTCUSDT"].last or 0), rel=0.01)
                minutes = await client.watch_ohlcv("BTC/USDT:USDT", "1m")
                assert minutes[-1][0] % 60_000 == 0
                assert (await client.watch_ticker("ETH/USDT"))["symbol"] == "ETH/USDT"
                quote = (await client.watch_bids_asks(["ETH/USDT:USDT"]))["ETH/USDT:USDT"]
                assert quote["bid"] < quote["ask"]
                for name in ("BTC/USDT", "BTC/USDT:USDT"):
                    told = asyncio.create_task(client.watch_orders(name))
                    await _until(lambda market=name: _listens(twin, market))
                    placed = await client.create_order(name, "market", "buy", 0.01)
                    assert (await told)[0]["id"] == placed["id"]
            finally:
                await client.close()

    run(work())


async def _until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen")


def _listens(twin: BinanceTwin, name: str) -> bool:
    """Whether somebody has subscribed to an account's events."""
    if name.endswith(":USDT"):
        return bool(twin.usdm_streams.users)
    return any(session.subscriptions for session in twin.socket_api.sessions)


# ---- python-binance


def test_python_binance_trades_and_streams(recordings: list[Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    binance, errors = stranger("binance"), stranger("binance.exceptions")
    # How long it reads from a quiet socket before it notices that it is closing; not an address, but only patience.
    sockets = stranger("binance.ws.reconnecting_websocket")
    monkeypatch.setattr(sockets.ReconnectingWebsocket, "TIMEOUT", 0.3)

    async def work() -> None:
        async with playing(recordings) as twin:
            monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{twin.url}/api")
            monkeypatch.setattr(binance.AsyncClient, "FUTURES_URL", f"{twin.url}/fapi")
            monkeypatch.setattr(binance.AsyncClient, "WS_API_URL", f"{twin.socket_url}/ws-api/v3")
            monkeypatch.setattr(binance.BinanceSocketManager, "STREAM_URL", f"{twin.socket_url}/")
            monkeypatch.setattr(binance.BinanceSocketManager, "FSTREAM_URL", f"{twin.socket_url}/fstream.binance.com/")
            client = await binance.AsyncClient.create("twin-key", "twin-secret")
            try:
                await _python_binance_trades(client, errors)
                await _python_binance_streams(binance.BinanceSocketManager(client), client)
            finally:
                await client.close_connection()

    run(work())


async def _python_binance_trades(client: Any, errors: Any) -> None:
    assert {one["symbol"] for one in (await client.get_exchange_info())["symbols"]} == {"BTCUSDT", "ETHUSDT"}
    assert len(await client.get_klines(symbol="ETHUSDT", interval="4h", limit=10)) == 10
    bought = await client.order_market_buy(symbol="ETHUSDT", quoteOrderQty="500")
    assert bought["status"] == "FILLED"
    resting = await client.order_limit_buy(symbol="ETHUSDT", quantity="0.1", price="1000", newClientOrderId="mine")
    assert (await client.get_order(symbol="ETHUSDT", origClientOrderId="mine"))["orderId"] == resting["orderId"]
    with pytest.raises(errors.BinanceAPIException) as refusal:
        await client.order_limit_buy(symbol="ETHUSDT", quantity="0.1", price="1000", newClientOrderId="mine")
    assert (refusal.value.code, refusal.value.message) == (-2010, "Duplicate order sent.")
    cancelled = await client.cancel_order(symbol="ETHUSDT", orderId=resting["orderId"])
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "mine")
    with pytest.raises(errors.BinanceAPIException) as refusal:
        await client.cancel_order(symbol="ETHUSDT", orderId=resting["orderId"])
    assert refusal.value.code == -2011
    with pytest.raises(errors.BinanceAPIException) as refusal:
        await client.get_order(symbol="ETHUSDT", origClientOrderId="never")
    assert refusal.value.code == -2013
    with pytest.raises(errors.BinanceAPIException) as refusal:
        await client.futures_create_order(
            symbol="ETHUSDT", side="BUY", type="LIMIT", quantity="1.0001", price="2000", timeInForce="GTC"
        )
    assert refusal.value.code == -1111
    await client.futures_create_order(symbol="ETHUSDT", side="BUY", type="MARKET", quantity="1")
    (position,) = await client.futures_position_information(symbol="ETHUSDT")
    assert Decimal(position["positionAmt"]) == 1


async def _python_binance_streams(manager: Any, client: Any) -> None:
    async with manager.kline_socket("BTCUSDT", interval="1h") as stream:
        frame = await stream.recv()
        assert (frame["e"], frame["k"]["i"]) == ("kline", "1h")
    async with manager.multiplex_socket(["btcusdt@bookTicker", "ethusdt@miniTicker"]) as stream:
        assert {(await stream.recv())["stream"] for _ in range(4)} == {"btcusdt@bookTicker", "ethusdt@miniTicker"}
    async with manager.futures_user_socket() as stream:
        await client.futures_create_order(symbol="ETHUSDT", side="SELL", type="MARKET", quantity="1")
        frames = [await stream.recv() for _ in range(3)]
        assert [frame["e"] for frame in frames] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    async with manager.user_socket() as stream:
        await client.order_market_buy(symbol="ETHUSDT", quantity="0.1")
        frames = [await stream.recv() for _ in range(4)]
        assert [frame["e"] for frame in frames] == ["executionReport", "outboundAccountPosition"] * 2
        assert frames[2]["X"] == "FILLED"


# ---- the venue's own connector


def test_the_official_connector_trades(recordings: list[Recording]) -> None:
    sdk, configuration = stranger("binance_sdk_spot.spot"), stranger("binance_common.configuration")
    errors = stranger("binance_common.errors")

    async def work() -> None:
        async with playing(recordings) as twin:
            pem = SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            settings = configuration.ConfigurationRestAPI(api_key="twin-ed25519", private_key=pem, base_path=twin.url)
            rest = sdk.Spot(config_rest_api=settings).rest_api

            def trade() -> None:
                placed = rest.new_order(
                    symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=20000.0
                ).data()
                assert placed.status == "NEW"
                found = rest.get_order(symbol="BTCUSDT", order_id=placed.order_id).data()
                assert found.client_order_id == placed.client_order_id
                gone = rest.delete_order(symbol="BTCUSDT", order_id=placed.order_id).data()
                assert gone.status == "CANCELED"
                assert len(rest.klines(symbol="BTCUSDT", interval="1h", limit=5).data()) == 5
                balances = {one.asset: one.free for one in rest.get_account().data().balances}
                assert balances["USDT"] == "100000.00000000"
                with pytest.raises(errors.BadRequestError, match="LOT_SIZE"):
                    rest.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.0100001)

            await asyncio.to_thread(trade)
            assert [order.account for order in twin.spot.exchange.orders.values()] == ["signer"]

    run(work())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the connector's own use of aiohttp
def test_the_official_connector_streams_and_logs_on(recordings: list[Recording]) -> None:
    sdk, configuration = stranger("binance_sdk_spot.spot"), stranger("binance_common.configuration")

    async def work() -> None:
        async with playing(recordings) as twin:
            pem = SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            client = sdk.Spot(
                config_ws_api=configuration.ConfigurationWebSocketAPI(
                    api_key="twin-ed25519", private_key=pem, stream_url=f"{twin.socket_url}/ws-api/v3"
                ),
                config_ws_streams=configuration.ConfigurationWebSocketStreams(stream_url=twin.socket_url),
            )
            heard: asyncio.Queue[Any] = asyncio.Queue()
            streams = await client.websocket_streams.create_connection()
            try:
                stream = await streams.kline(symbol="btcusdt", interval="1h")
                stream.on("message", heard.put_nowait)
                assert (await heard.get()).k.i == "1h"
            finally:
                await streams.close_connection(close_session=True)
            connection = await client.websocket_api.create_connection()
            try:
                await connection.session_logon()
                subscribed = await connection.user_data_stream_subscribe()
                subscribed.stream.on("message", heard.put_nowait)
                placed = await connection.order_place(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
                assert placed.data().result.status == "FILLED"
                assert await asyncio.wait_for(heard.get(), 5) is not None
            finally:
                await connection.close_connection(close_session=True)

    run(work())
