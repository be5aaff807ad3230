"""Every payload of OANDA that was recorded or documented decodes; the name of a test is the name of its file.

The payloads are kept beside the project; where they are not, these tests are skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.transport import HttpAnswer
from holdfast.venues.oanda import market, wire
from holdfast.venues.oanda.errors import RefusedByOanda, error_of
from holdfast.venues.oanda.fills import fills_of
from holdfast.venues.oanda.orders import order_body
from holdfast.venues.oanda.tale import Tale

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "payloads" / "oanda"
SPEC = FOLDER / "spec_openapi_v20.json"
FILES = sorted(path for path in FOLDER.glob("*") if path != SPEC)

pytestmark = pytest.mark.skipif(not FILES, reason="the payloads are not beside the project")

Read = Callable[[bytes], Any]


def _is_json(text: bytes) -> object:
    return msgspec.json.decode(text)


def _instruments(text: bytes) -> object:
    odd: Counter[str] = Counter()
    instruments, rules = market.read_instruments(text, fee=Decimal(0), odd=odd)
    assert not odd
    assert instruments.keys() == rules.keys()
    assert len(instruments) == len(json.loads(text)["instruments"])
    return instruments


def _details(text: bytes) -> object:
    """An account with everything in it: its parts are what the lists elsewhere hold."""
    account = json.loads(text)["account"]
    for name, read in (("trades", wire.read_trades), ("orders", wire.read_orders), ("positions", wire.read_positions)):
        read(json.dumps({name: account.get(name, [])}).encode())
    return account["id"]


def _closed(text: bytes) -> object:
    """Closing a position answers with transactions under names of their own."""
    found = [value for key, value in json.loads(text).items() if key.endswith("Transaction")]
    return [wire.read_line(json.dumps(one).encode()) for one in found]


# The beginning of a file's name, without its provenance → what reads it. The first that fits counts.
READERS: dict[str, Read] = {
    "account_config": _closed,
    "account_details": _details,
    "get_account_details": _details,
    "account_instruments": _instruments,
    "instruments_instrument_candles": market.read_bars,
    "instruments_instrument_orderbook": _is_json,  # nothing here reads order books
    "instruments": _instruments,
    "instrument_candles": market.read_bars,
    "account_summary": wire.read_account,
    "summary": wire.read_account,
    "accounts": wire.read_accounts,
    "list_accounts": wire.read_accounts,
    "close_position": _closed,
    "create_order": wire.read_placed,
    "get_pricing": market.read_prices,
    "pricing": market.read_prices,
    "list_orders": wire.read_orders,
    "market_order_reject_transaction": wire.read_line,
    "no_open_trades": wire.read_trades,
    "openpositions": wire.read_positions,
    "order_cancel_transaction_order_create": wire.read_placed,
    "order_cancel_transaction_nb": wire.read_placed,
    "order_cancel_transaction": wire.read_line,
    "order_cancel": wire.read_placed,
    "order_clientextensions": _closed,
    "order_details": wire.read_order,
    "order_fill_transaction": wire.read_placed,
    "orders_create": wire.read_placed,
    "orders": wire.read_orders,
    "order": wire.reader(wire.Order),
    "positiondetails": lambda text: wire.read_positions(
        json.dumps({"positions": [json.loads(text)["position"]]}).encode()
    ),
    "positions": wire.read_positions,
    "trade_summary": wire.reader(wire.Trade),
    "trades_close": wire.read_placed,
    "trades_cltext": _closed,
    "trades_details": wire.read_trade,
    "trades": wire.read_trades,
    "transaction_details": wire.read_transaction,
    "transaction_idrange": wire.read_transactions,
    "transactions": wire.read_pages,
    "transaction": wire.read_line,
    "price": market.read_price,
    "insufficient": _is_json,
    "invalid": _is_json,
}
STREAM_READERS: dict[str, Read] = {"pricing": market.read_price, "transactions": wire.read_line}


def reader_of(path: Path) -> Read:
    name = path.name.split("_", 2)[2]
    table = STREAM_READERS if path.suffix == ".jsonl" else READERS
    for beginning, read in table.items():
        if name.startswith(beginning):
            return read
    raise AssertionError(f"{path.name}: say in READERS what reads it")


def texts_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.suffix == ".jsonl" else [path.read_bytes()]


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_payload_decodes_and_what_is_kept_of_it_decodes_again(path: Path) -> None:
    for text in texts_of(path):
        value = reader_of(path)(text)
        assert value
        if isinstance(value, msgspec.Struct):
            assert msgspec.json.decode(msgspec.json.encode(value), type=type(value), strict=False) == value


def transactions_in(value: Any) -> Iterator[Any]:
    """Everything in a payload that is a transaction, however deep."""
    if isinstance(value, dict):
        if {"type", "id", "accountID"} <= value.keys():
            yield value
        for inside in value.values():
            yield from transactions_in(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from transactions_in(inside)


TOLD = [path for path in FILES if any(list(transactions_in(json.loads(text))) for text in texts_of(path))]


@pytest.mark.parametrize("path", TOLD, ids=[path.name for path in TOLD])
def test_a_recorded_transaction_is_known_and_tells_sizes_and_times(path: Path) -> None:
    odd: Counter[str] = Counter()
    tale = Tale(odd)
    for raw in (one for text in texts_of(path) for one in transactions_in(json.loads(text))):
        said = wire.read_line(json.dumps(raw).encode())
        assert wire.time_ms(said.time) > 1_400_000_000_000
        reports, fills = tale.tell(said), fills_of(said, lambda _: None, odd)
        if said.type == "ORDER_FILL":
            assert sum(fill.size for fill in fills) == abs(Decimal(raw["units"]))
            assert {fill.price for fill in fills} == {Decimal(raw["price"])}
            assert reports[0].state is OrderState.FILLED
        elif said.type == "ORDER_CANCEL" and said.reason != "CLIENT_REQUEST_REPLACED":
            assert reports[0].state is OrderState.CANCELLED
    assert not odd


@pytest.mark.parametrize("name", ["granularity_nb", "granularity_nb_2"])
def test_recorded_candles_become_columns_without_the_bars_asked_past(name: str) -> None:
    path = FOLDER / f"rec_rest_instrument_candles_{name}.json"
    symbol, bars = Symbol("oanda", "fx", "EUR_USD"), market.read_bars(path.read_bytes())
    first = wire.time_ms(bars.candles[0].time)
    block = market.closed_block(bars, "mid", symbol, Timeframe.H1, after_ms=first, limit=5)
    told = json.loads(path.read_bytes())["candles"][1:6]
    assert [row[:4] for row in block.values.tolist()] == [[float(one["mid"][k]) for k in "ohlc"] for one in told]
    assert block.open_time_ms[0] == first + 3_600_000


@pytest.mark.parametrize("path", sorted(FOLDER.glob("obs_err_*")), ids=lambda path: path.name)
def test_a_recorded_refusal_is_one(path: Path) -> None:
    recorded = json.loads(path.read_bytes())
    answer = HttpAnswer(recorded["http_status"], {}, json.dumps(recorded["body"]).encode())
    error = error_of(answer, writing=True)
    assert isinstance(error, RefusedByOanda)
    assert recorded["body"]["errorMessage"] in str(error)


# ---- what is sent, against OANDA's own description of it

EURUSD = Symbol("oanda", "fx", "EUR_USD")


def request(kind: OrderType, **more: Any) -> OrderRequest:
    given: dict[str, Any] = {
        "client_order_id": "hf-entry",
        "symbol": EURUSD,
        "side": Side.SELL,
        "type": kind,
        "size": Decimal("1E+3"),
        "price": None if kind is OrderType.MARKET else Decimal("1.10"),
        "reduce_only": False,
        "leg": Leg.ENTRY,
        "placed_at_ms": 0,
    }
    return OrderRequest(**(given | more))


LEGS = (
    request(OrderType.STOP, side=Side.BUY, leg=Leg.STOP, reduce_only=True, client_order_id="hf-stop"),
    request(OrderType.LIMIT, side=Side.BUY, leg=Leg.TARGET, reduce_only=True, client_order_id="hf-target"),
)
REQUESTS = {
    "a market entry": request(OrderType.MARKET),
    "a protected market entry": request(OrderType.MARKET, protection=LEGS),
    "a protected limit entry that ends": request(OrderType.LIMIT, protection=LEGS, expires_at_ms=1_700_000_000_123),
    "a stop entry": request(OrderType.STOP),
    "a close": request(OrderType.MARKET, leg=Leg.CLOSE, reduce_only=True),
    "a stop by itself": LEGS[0],
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_sent_has_only_fields_and_values_of_the_description(name: str) -> None:
    definitions = json.loads(SPEC.read_bytes())["definitions"]

    def check(body: dict[str, Any], definition: dict[str, Any]) -> None:
        for field, value in body.items():
            described = definition["properties"][field]
            described = definitions[described["$ref"].split("/")[-1]] if "$ref" in described else described
            if isinstance(value, dict):
                check(value, described)
            else:
                assert isinstance(value, str)
                assert value in described.get("enum", [value])

    body = order_body(REQUESTS[name])["order"]
    kind = body["type"].capitalize()
    check(body, definitions[f"{kind}OrderRequest"])
    assert body["units"] == ("1000" if REQUESTS[name].side is Side.BUY else "-1000")
    assert (
        (body["positionFill"] == "REDUCE_ONLY") == REQUESTS[name].reduce_only == ("tradeClientExtensions" not in body)
    )


def test_every_type_of_transaction_in_the_description_is_known() -> None:
    definitions = json.loads(SPEC.read_bytes())["definitions"]
    odd: Counter[str] = Counter()
    for kind in definitions["TransactionType"]["enum"]:
        reports = Tale(odd).tell(wire.Transaction(type=kind, time="1.0", id=7, order_id=3, units=Decimal(1)))
        assert all(isinstance(report, OrderReport) for report in reports)
    assert not odd
    Tale(odd).tell(wire.Transaction(type="NEVER_HEARD_OF", time="1.0", id=8))
    assert odd == {"transaction NEVER_HEARD_OF": 1}
