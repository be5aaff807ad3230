"""Somebody else's client, oandapyV20, against the OANDA twin over real sockets: only its base addresses are changed.

Recorded time runs fifty times as fast as the wall's, so that heartbeats come soon; every stream is read to a bound.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN
from holdfast.sim.twins.oanda import OandaTwin
from holdfast.world.clock import RecordedClock
from holdfast.world.recording import Recording, read_recording

if not os.environ.get("CI"):
    pytest.importorskip("oandapyV20")
with warnings.catch_warnings():
    # The client's source has escapes that Python warns of when it compiles them for the first time.
    warnings.simplefilter("ignore")
    import oandapyV20
    import oandapyV20.contrib.factories as factories
    import oandapyV20.contrib.requests as asking
    from oandapyV20.endpoints import accounts, instruments, orders, positions, pricing, trades, transactions
    from oandapyV20.exceptions import StreamTerminated, V20Error

_HOUR_MS = 3_600_000
_LINES_MOST = 400
Json = dict[str, Any]


class Running:
    """A twin in a thread of its own, on a clock that is driven there."""

    def __init__(self, recording: Recording, start_ms: int) -> None:
        self.recording = recording
        self.start_ms = start_ms
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._main = self._loop.create_task(self._serve())
        with pytest.raises(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.close()

    async def _serve(self) -> None:
        clock = RecordedClock(self.start_ms, speed=50)
        self.twin = OandaTwin(self.recording, clock)
        await self.twin.start()
        self._started.set()
        try:
            while True:
                await clock.pace_to(clock.now_ms() + 250)
        finally:
            await self.twin.stop()


class Client:
    """oandapyV20 with the twin's address, and what the tests say with it."""

    def __init__(self, twin: OandaTwin, token: str = "") -> None:
        self.api = oandapyV20.API(access_token=token or twin.token, request_params={"timeout": 10})
        self.account = twin.session.account.id

    def ask(self, endpoint: Callable[..., Any], *args: object, **more: object) -> Json:
        answer: Json = self.api.request(endpoint(self.account, *args, **more))
        return answer

    def refused(self, endpoint: Callable[..., Any], *args: object, **more: object) -> tuple[int, Json]:
        with pytest.raises(V20Error) as refusal:
            self.ask(endpoint, *args, **more)
        return refusal.value.code, json.loads(refusal.value.msg)

    def buy(self, units: int, **more: object) -> Json:
        return self.ask(orders.OrderCreate, data=asking.MarketOrderRequest("EUR_USD", units, **more).data)


@pytest.fixture(scope="module")
def running(project_data: Path) -> Iterator[Running]:
    recording = read_recording(project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet")
    # A Wednesday, so that the market is open for as long as the tests take.
    with Running(recording, recording.first_open_ms + 203 * 24 * _HOUR_MS) as started:
        yield started


@pytest.fixture
def client(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    addresses = {"practice": {"api": running.twin.url, "stream": running.twin.url}}
    monkeypatch.setattr(oandapyV20.oandapyV20, "TRADING_ENVIRONMENTS", addresses)
    found = Client(running.twin)
    yield found
    for order in found.ask(orders.OrdersPending)["orders"]:
        if "tradeID" not in order:
            found.ask(orders.OrderCancel, order["id"])
    for held in found.ask(positions.OpenPositions)["positions"]:
        side = "long" if held["long"]["units"] != "0" else "short"
        found.ask(positions.PositionClose, held["instrument"], data={f"{side}Units": "ALL"})
    found.api.close()


def test_a_stranger_finds_its_account_and_what_it_may_trade(client: Client) -> None:
    listed = client.api.request(accounts.AccountList())["accounts"]
    assert [account["id"] for account in listed] == [client.account]
    summary = client.ask(accounts.AccountSummary)["account"]
    assert summary["currency"] == "USD"
    assert Decimal(summary["NAV"]) == Decimal(summary["balance"])
    (instrument,) = client.ask(accounts.AccountInstruments)["instruments"]
    assert (instrument["name"], instrument["displayPrecision"], instrument["pipLocation"]) == ("EUR_USD", 5, -4)
    assert client.ask(accounts.AccountDetails)["account"]["trades"] == []


def test_a_stranger_reads_the_candles_of_the_recording_bar_by_bar(client: Client, running: Running) -> None:
    request = instruments.InstrumentsCandles("EUR_USD", params={"granularity": "H1", "count": 500, "price": "M"})
    found = client.api.request(request)["candles"]
    assert [candle["complete"] for candle in found] == [True] * 499 + [False]
    assert len(found[:-1]) == 499
    _equal_to_the_recording(found[:-1], running.recording)


@pytest.mark.filterwarnings("ignore:datetime")
def test_a_strangers_factory_pages_through_history_without_a_gap_or_a_double(client: Client, running: Running) -> None:
    params = {"from": "2018-03-01T00:00:00Z", "to": "2018-05-01T00:00:00Z", "granularity": "H1", "count": 100}
    found: list[Json] = []
    for request in factories.InstrumentsCandlesFactory("EUR_USD", params=params):
        found += client.api.request(request)["candles"]
    times = [candle["time"] for candle in found]
    assert times == sorted(set(times))
    recorded = running.recording.open_time_ms
    first, last = 1519862400000, 1525132800000
    assert len(times) == ((recorded >= first) & (recorded < last)).sum()
    _equal_to_the_recording(found, running.recording)


def _equal_to_the_recording(candles: list[Json], recording: Recording) -> None:
    rows = {
        f"{time.astype('datetime64[s]')}.000000000Z": values
        for time, values in zip(recording.open_time_ms.astype("datetime64[ms]"), recording.values, strict=True)
    }
    for candle in candles:
        values = rows[candle["time"]]
        expected = [f"{values[column]:.5f}" for column in (OPEN, HIGH, LOW, CLOSE)]
        assert [candle["mid"][name] for name in "ohlc"] == expected, candle["time"]


def test_a_stranger_reads_prices_and_their_stream_until_a_heartbeat(client: Client) -> None:
    (price,) = client.ask(pricing.PricingInfo, params={"instruments": "EUR_USD"})["prices"]
    assert price["tradeable"] is True
    assert Decimal(price["bids"][0]["price"]) < Decimal(price["asks"][0]["price"])
    request = pricing.PricingStream(client.account, params={"instruments": "EUR_USD"})
    seen: list[str] = []
    for count, line in enumerate(client.api.request(request)):
        seen.append(line["type"])
        assert count < _LINES_MOST
        if line["type"] == "PRICE":
            assert line["instrument"] == "EUR_USD"
        if seen.count("HEARTBEAT") == 2:
            break
    assert seen[0] == "PRICE"
    assert seen.count("PRICE") > 2
    with pytest.raises(StreamTerminated):
        request.terminate("enough")


def test_a_strangers_market_order_opens_a_protected_trade_that_can_be_closed(client: Client) -> None:
    made = client.buy(
        1000,
        takeProfitOnFill=asking.TakeProfitDetails(price=1.9).data,
        stopLossOnFill=asking.StopLossDetails(price=0.9).data,
        clientExtensions={"id": "entry-1", "tag": "t"},
        tradeClientExtensions={"id": "trade-1"},
    )
    fill = made["orderFillTransaction"]
    assert made["relatedTransactionIDs"] == [str(int(made["orderCreateTransaction"]["id"]) + n) for n in range(4)]
    assert fill["tradeOpened"]["units"] == "1000"
    trade = client.ask(trades.TradeDetails, "@trade-1")["trade"]
    assert (trade["state"], trade["price"]) == ("OPEN", fill["price"])
    assert (trade["takeProfitOrder"]["price"], trade["stopLossOrder"]["price"]) == ("1.90000", "0.90000")
    assert client.ask(orders.OrderDetails, "@entry-1")["order"]["state"] == "FILLED"
    (position,) = client.ask(positions.OpenPositions)["positions"]
    assert position["long"]["tradeIDs"] == [trade["id"]]

    part = client.ask(trades.TradeClose, trade["id"], data={"units": "400"})["orderFillTransaction"]
    assert part["tradeReduced"]["tradeID"] == trade["id"]
    assert client.ask(trades.TradeDetails, trade["id"])["trade"]["currentUnits"] == "600"
    closed = client.ask(positions.PositionClose, "EUR_USD", data={"longUnits": "ALL"})
    assert closed["longOrderFillTransaction"]["tradesClosed"][0]["tradeID"] == trade["id"]
    cancelled = [
        client.ask(orders.OrderDetails, trade[name]["id"])["order"] for name in ("takeProfitOrder", "stopLossOrder")
    ]
    assert [order["state"] for order in cancelled] == ["CANCELLED", "CANCELLED"]
    assert client.ask(positions.OpenPositions)["positions"] == []

    since = client.ask(transactions.TransactionsSinceID, params={"id": 3})["transactions"]
    profit = sum(Decimal(item["pl"]) for item in since if item["type"] == "ORDER_FILL")
    assert Decimal(client.ask(accounts.AccountSummary)["account"]["balance"]) == 100_000 + profit


def test_a_stranger_places_queries_replaces_and_cancels_a_limit_order(client: Client) -> None:
    wanted = asking.LimitOrderRequest("EUR_USD", 1000, 1.0, clientExtensions={"id": "limit-1"})
    made = client.ask(orders.OrderCreate, data=wanted.data)["orderCreateTransaction"]
    assert (made["type"], made["price"]) == ("LIMIT_ORDER", "1.00000")
    assert [order["id"] for order in client.ask(orders.OrdersPending)["orders"]] == [made["id"]]
    assert client.ask(orders.OrderList)["orders"][0]["clientExtensions"] == {"id": "limit-1"}

    code, body = client.refused(orders.OrderCreate, data=wanted.data)
    assert (code, body["errorCode"]) == (400, "CLIENT_ORDER_ID_ALREADY_EXISTS")
    lower = asking.LimitOrderRequest("EUR_USD", 1000, 0.95, clientExtensions={"id": "limit-1"})
    replaced = client.ask(orders.OrderReplace, made["id"], data=lower.data)
    assert replaced["orderCancelTransaction"]["replacedByOrderID"] == replaced["orderCreateTransaction"]["id"]
    named = {"clientExtensions": {"comment": "still the same"}}
    client.ask(orders.OrderClientExtensions, "@limit-1", data=named)
    order = client.ask(orders.OrderDetails, "@limit-1")["order"]
    assert (order["price"], order["replacesOrderID"]) == ("0.95000", made["id"])
    assert order["clientExtensions"] == {"id": "limit-1", "comment": "still the same"}

    cancelled = client.ask(orders.OrderCancel, "@limit-1")["orderCancelTransaction"]
    assert (cancelled["orderID"], cancelled["reason"]) == (order["id"], "CLIENT_REQUEST")
    code, body = client.refused(orders.OrderCancel, "@limit-1")
    assert (code, body["orderCancelRejectTransaction"]["rejectReason"]) == (404, "ORDER_DOESNT_EXIST")
    again = client.ask(orders.OrderCreate, data=wanted.data)["orderCreateTransaction"]
    assert again["clientExtensions"]["id"] == "limit-1"


def test_a_stranger_names_and_protects_a_trade_after_it_opened(client: Client) -> None:
    number = client.buy(-700)["orderFillTransaction"]["tradeOpened"]["tradeID"]
    client.ask(trades.TradeClientExtensions, number, data={"clientExtensions": {"id": "named-later"}})
    asked = {"takeProfit": {"price": "0.90000"}, "stopLoss": {"price": "1.90000", "timeInForce": "GTC"}}
    protected = client.ask(trades.TradeCRCDO, "@named-later", data=asked)
    assert protected["takeProfitOrderTransaction"]["type"] == "TAKE_PROFIT_ORDER"
    moved = client.ask(trades.TradeCRCDO, number, data={"stopLoss": {"price": "1.80000"}})
    assert moved["stopLossOrderCancelTransaction"]["reason"] == "CLIENT_REQUEST_REPLACED"
    trade = client.ask(trades.OpenTrades)["trades"][0]
    assert (trade["stopLossOrder"]["price"], trade["takeProfitOrder"]["price"]) == ("1.80000", "0.90000")
    code, body = client.refused(orders.OrderCreate, data=asking.StopLossOrderRequest(tradeID=number, price=1.85).data)
    assert (code, body["errorCode"]) == (400, "STOP_LOSS_ORDER_ALREADY_EXISTS")


def test_a_stranger_hears_every_transaction_once_and_in_order(client: Client) -> None:
    request = transactions.TransactionsStream(client.account)
    stream = client.api.request(request)
    first = next(stream)
    assert first["type"] == "HEARTBEAT"
    before = int(first["lastTransactionID"])
    other = Client.__new__(Client)
    other.api, other.account = oandapyV20.API(client.api.access_token), client.account
    other.buy(100)
    other.buy(-100)
    other.api.close()
    heard: list[Json] = []
    for count, line in enumerate(stream):
        assert count < _LINES_MOST
        if line["type"] != "HEARTBEAT":
            heard.append(line)
        elif heard and int(line["lastTransactionID"]) == int(heard[-1]["id"]):
            break
    assert [line["type"] for line in heard] == ["MARKET_ORDER", "ORDER_FILL"] * 2
    asked = {"from": before + 1, "to": before + 4}
    assert client.ask(transactions.TransactionIDRange, params=asked)["transactions"] == heard
    assert client.ask(transactions.TransactionsSinceID, params={"id": before})["transactions"] == heard
    assert client.ask(transactions.TransactionDetails, heard[0]["id"])["transaction"] == heard[0]
    pages = client.ask(transactions.TransactionList, params={"pageSize": 100})
    assert pages["pages"][-1].endswith(pages["lastTransactionID"])
    changed = client.ask(accounts.AccountChanges, params={"sinceTransactionID": before})["changes"]
    assert [trade["state"] for trade in changed["tradesClosed"]] == ["CLOSED"]


_WRONG: dict[str, tuple[Json, str]] = {
    "too precise a price": ({"price": "1.000001"}, "PRICE_PRECISION_EXCEEDED"),
    "too precise units": ({"units": "1.5"}, "UNITS_PRECISION_EXCEEDED"),
    "no units": ({"units": "0"}, "UNITS_INVALID"),
    "too many units": ({"units": "100000001"}, "UNITS_LIMIT_EXCEEDED"),
    "no price": ({"price": None}, "PRICE_MISSING"),
    "a date that has passed": (
        {"timeInForce": "GTD", "gtdTime": "2017-01-01T00:00:00Z"},
        "TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST",
    ),
    "a trailing stop": ({"trailingStopLossOnFill": {"distance": "0.1"}}, "TRAILING_STOP_LOSS_ORDERS_NOT_SUPPORTED"),
    "an endless id": ({"clientExtensions": {"id": "x" * 129}}, "CLIENT_ORDER_ID_INVALID"),
}


@pytest.mark.parametrize("wrong", _WRONG)
def test_a_stranger_gets_the_right_error_for_a_wrong_order(client: Client, wrong: str) -> None:
    change, reason = _WRONG[wrong]
    order = {"type": "LIMIT", "instrument": "EUR_USD", "units": "1", "price": "1.00000"} | change
    data = {"order": {key: value for key, value in order.items() if value is not None}}
    code, body = client.refused(orders.OrderCreate, data=data)
    assert (code, body["errorCode"], body["orderRejectTransaction"]["rejectReason"]) == (400, reason, reason)
    assert body["orderRejectTransaction"]["type"] == "LIMIT_ORDER_REJECT"
    assert body["relatedTransactionIDs"] == [body["lastTransactionID"]]


def test_a_stranger_without_margin_gets_a_cancelled_order(client: Client) -> None:
    made = client.buy(9_000_000)
    assert made["orderCancelTransaction"]["reason"] == "INSUFFICIENT_MARGIN"
    assert "orderFillTransaction" not in made


def test_a_stranger_is_told_what_is_unknown_or_forbidden(client: Client, running: Running) -> None:
    wrong = {"type": "MARKET", "instrument": "EUR_XXX", "units": "1"}
    assert client.refused(orders.OrderCreate, data={"order": wrong}) == (
        400,
        {"errorMessage": "Invalid value specified for 'order.instrument'"},
    )
    code, body = client.refused(orders.OrderDetails, "999999")
    assert (code, body["errorCode"]) == (404, "NO_SUCH_ORDER")
    code, body = client.refused(trades.TradeClose, "999999", data={"units": "ALL"})
    assert (code, body["orderRejectTransaction"]["rejectReason"]) == (404, "TRADE_DOESNT_EXIST")
    code, body = client.refused(positions.PositionClose, "EUR_USD", data={"shortUnits": "ALL"})
    assert (code, body["shortOrderRejectTransaction"]["rejectReason"]) == (404, "CLOSEOUT_POSITION_DOESNT_EXIST")
    too_many = instruments.InstrumentsCandles("EUR_USD", params={"granularity": "H1", "count": 5001})
    with pytest.raises(V20Error, match="Maximum value for 'count' exceeded"):
        client.api.request(too_many)
    stranger = Client(running.twin, token="another")
    assert stranger.refused(accounts.AccountSummary) == (
        401,
        {"errorMessage": "Insufficient authorization to perform request."},
    )
    stranger.api.close()
    with pytest.raises(V20Error) as refusal:
        client.api.request(accounts.AccountSummary("101-001-0000000-001"))
    assert refusal.value.code == 403
