"""Every payload of Binance that was recorded or documented decodes; the name of a test is the name of its file.

The payloads are kept beside the project; where they are not, these tests are skipped.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.model.candle import CandleBlock
from holdfast.model.order import OrderReport, OrderState
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import StreamNote, StreamState
from holdfast.ports.transport import HttpAnswer
from holdfast.venues.binance import decode, filters
from holdfast.venues.binance.errors import RefusedByBinance, TooMany, error_of
from holdfast.venues.binance.events import RawFill, read_private
from holdfast.venues.binance.market import MarketFrames

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "data" / "payloads"
FILES = sorted(PAYLOADS.glob("binance_*/*"))
SYMBOL = Symbol("binance", "spot", "BTCUSDT")
PRIVATE = {"executionReport", "ORDER_TRADE_UPDATE", "ALGO_UPDATE"}

pytestmark = pytest.mark.skipif(not FILES, reason="the payloads are not beside the project")


def ids(files: list[Path]) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in files]


def frames_of(path: Path) -> list[Any]:
    """The frames or the one answer in a file, without what the recorder put around them."""
    if path.suffix == ".gz":
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        rows = [json.loads(line) for line in lines[:3000]]
        return [row.get("frame", row) for row in rows]
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row.get("frame", row) for row in rows]
    return [json.loads(path.read_text())]


def market_of(path: Path) -> str:
    return "spot" if path.parent.name == "binance_spot" else "usdm"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_no_payload_is_too_strange_to_be_told_apart(path: Path) -> None:
    """Both frame readers take anything: what is theirs is read, what is not is counted, nothing raises."""
    odd: Counter[str] = Counter()
    frames = MarketFrames([SYMBOL], Timeframe.M1)
    for one in frames_of(path):
        text = msgspec.json.encode(one)
        read_private(text, odd)
        frames.frame(text)
    assert not odd["unreadable private event"] or not (PRIVATE & {kind(one) for one in frames_of(path)})
    assert not frames.odd["unreadable market frame"]


def kind(said: Any) -> str:
    if not isinstance(said, dict):
        return ""
    inside = said.get("event") or said.get("data") or said
    return str(inside.get("e", "")) if isinstance(inside, dict) else ""


ORDERS = [path for path in FILES if any(kind(one) in PRIVATE for one in frames_of(path)[:1])]


@pytest.mark.parametrize("path", ORDERS, ids=ids(ORDERS))
def test_an_order_event_tells_its_id_state_and_sizes(path: Path) -> None:
    odd: Counter[str] = Counter()
    for one in frames_of(path):
        told = read_private(msgspec.json.encode(one), odd)
        for event in told:
            assert not isinstance(event, StreamNote) or event.state is not StreamState.STALE, event.reason
        inside = (one.get("event") or one.get("data") or one).get("o", one)
        if kind(one) == "ALGO_UPDATE" and inside["X"] in ("TRIGGERING", "TRIGGERED"):
            assert told == []
        elif kind(one) == "ORDER_TRADE_UPDATE":
            assert isinstance(told[-1], OrderReport)
            assert told[-1].client_order_id == inside["c"]
            assert str(told[-1].filled_size) == inside["z"]
            assert len(told) == 1 + (inside["x"] == "TRADE")
    assert not odd


def test_a_recorded_life_of_an_order_adds_up() -> None:
    path = PAYLOADS / "binance_futures" / "rec_ws_userdata_stop_market_submit_partially_filled_filled.jsonl"
    told = [event for one in frames_of(path) for event in read_private(msgspec.json.encode(one), Counter())]
    fills = [event for event in told if isinstance(event, RawFill)]
    states = [event.state for event in told if isinstance(event, OrderReport)]
    assert sum((fill.size for fill in fills), Decimal(0)) == 800
    assert [fill.trade_id for fill in fills] == ["258307945", "258307946"]
    assert states == [OrderState.WORKING, OrderState.WORKING, OrderState.PARTIAL, OrderState.FILLED, OrderState.FILLED]


INFOS = [path for path in FILES if "exchange_info" in path.name and "_rest_" in path.name]


@pytest.mark.parametrize("path", INFOS, ids=ids(INFOS))
def test_an_exchange_info_gives_instruments_without_surprises(path: Path) -> None:
    odd: Counter[str] = Counter()
    info = filters.read_exchange_info(path.read_bytes())
    market = market_of(path)
    instruments, rules = filters.instruments_of(
        info, market=market, maker_fee=Decimal("0.001"), taker_fee=Decimal("0.001"), odd=odd
    )
    assert instruments
    assert not odd
    assert rules.keys() == instruments.keys()
    for instrument in instruments.values():
        assert instrument.price_tick > 0
        assert instrument.size_step > 0
        assert instrument.round_size(Decimal("123.456789")) % instrument.size_step == 0
    if path.name.startswith("rec_"):
        listed = {one["symbol"]: one for one in json.loads(path.read_bytes())["symbols"]}
        for symbol, instrument in instruments.items():
            given = {one["filterType"]: one for one in listed[symbol.name]["filters"]}
            assert instrument.price_tick == Decimal(given["PRICE_FILTER"]["tickSize"])
            assert instrument.size_step >= Decimal(given["LOT_SIZE"]["stepSize"])


def read_klines(body: bytes) -> Any:
    return decode.read_candles(body, SYMBOL, Timeframe.M1, after_ms=0, closed_by_ms=10**15)[0]


READERS: dict[Any, str] = {
    read_klines: "spot/doc_rest_get_klines spot/fix_rest_market_klines futures/doc_rest_get_klines",
    decode.read_trades: "spot/doc_rest_get_user_trades futures/doc_rest_get_user_trades"
    " futures/fix_rest_account_trades",
    decode.read_order: "spot/doc_rest_place_order spot/doc_rest_get_order spot/doc_rest_cancel_order"
    " spot/doc_rest_new_order_full_response_nt spot/doc_rest_cancel_order_response_nt futures/doc_rest_place_order"
    " futures/doc_rest_cancel_order futures/doc_rest_order_response_nt futures/doc_rest_get_open_order",
    decode.read_orders: "spot/doc_rest_get_open_orders futures/doc_rest_get_open_orders"
    " futures/fix_rest_account_orders",
    decode.read_conditional: "futures/doc_rest_place_conditional_order futures/doc_rest_get_conditional_order"
    " futures/doc_rest_cancel_conditional_order",
    decode.read_conditionals: "futures/doc_rest_get_open_conditional_orders futures/doc_rest_get_conditional_orders",
    decode.read_order_list: "spot/doc_rest_place_otoco_order_list spot/doc_rest_place_oto_order_list"
    " spot/doc_rest_place_oco_order_list spot/doc_rest_cancel_oco_order",
    decode.read_positions: "futures/doc_rest_get_positions",
    decode.read_futures_balances: "futures/doc_rest_get_balances futures/doc_rest_balance_nt",
    decode.read_account: "spot/doc_rest_get_account_info spot/fix_rest_wallet_account",
    decode.read_listen_key: "futures/doc_rest_start_user_stream",
    decode.read_time: "spot/doc_rest_get_server_time",
    decode.read_position_sides: "futures/fix_rest_account_position_side_dual",
    decode.read_restrictions: "spot/doc_rest_get_apikey_permissions",
}
ANSWERS = [(PAYLOADS / f"binance_{name}.json", read) for read, names in READERS.items() for name in names.split()]


@pytest.mark.parametrize(("path", "read"), ANSWERS, ids=ids([path for path, _ in ANSWERS]))
def test_an_answer_is_read_by_what_asks_for_it(path: Path, read: Any) -> None:
    value = read(path.read_bytes())
    said = json.loads(path.read_bytes())
    odd: Counter[str] = Counter()
    if isinstance(value, CandleBlock):
        assert value.values[:, 0].tolist() == [float(row[1]) for row in said]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, decode.Order):
            assert decode.report_of_order(one, odd).client_order_id
        elif isinstance(one, decode.Conditional):
            assert decode.report_of_conditional(one, odd).client_order_id
        elif isinstance(one, decode.Trade):
            assert {str(one.id), str(one.price)} <= {str(field) for row in said for field in row.values()}
        elif isinstance(one, decode.Position):
            assert (one.symbol, str(one.position_amt)) in {(row["symbol"], row["positionAmt"]) for row in said}
        elif isinstance(one, decode.OrderList):
            assert len(one.order_reports) == len(said["orderReports"])
    assert not odd


ERRORS = [path for path in FILES if "_err_" in path.name]


@pytest.mark.parametrize("path", ERRORS, ids=ids(ERRORS))
def test_an_error_is_refused_or_limited_with_its_own_words(path: Path) -> None:
    said = json.loads(path.read_text())
    answer = HttpAnswer(said["http_status"] or 400, {"retry-after": "9"}, msgspec.json.encode(said["body"]))
    error = error_of(answer, writing=True)
    if said["body"]["code"] == -1003:
        assert isinstance(error, TooMany)
        assert error.retry_after_s == 9
    else:
        assert isinstance(error, RefusedByBinance)
        assert (error.code, error.text) == (said["body"]["code"], said["body"]["msg"])


def test_a_recorded_combined_stream_is_read_to_the_last_frame() -> None:
    for folder, name in (("binance_futures", "2021_07_22"), ("binance_spot", "2021_10_12")):
        rows = frames_of(PAYLOADS / folder / f"rec_ws_combined_stream_{name}.jsonl")
        kinds = Counter(kind(row) or "bookTicker" for row in rows)
        frames = MarketFrames([SYMBOL], Timeframe.M1)
        for row in rows:
            frames.frame(msgspec.json.encode(row))
        closed = sum(row["data"]["k"]["x"] for row in rows if kind(row) == "kline")
        assert frames.partial + closed == kinds["kline"] > 0
        quoted = {row["data"]["s"] for row in rows if (kind(row) or "bookTicker") == "bookTicker"}
        assert frames.quotes.keys() == quoted
        last = next(row["data"] for row in reversed(rows) if (kind(row) or "bookTicker") == "bookTicker")
        assert frames.quotes[last["s"]].bid == float(last["b"])
        others = sum(count for name, count in kinds.items() if name not in ("kline", "bookTicker"))
        assert sum(count for name, count in frames.odd.items() if name.startswith("market event")) == others
