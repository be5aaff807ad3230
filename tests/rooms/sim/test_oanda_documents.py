"""The OANDA twin against the venue's own words: its OpenAPI description, and answers of the venue that were recorded.

Every field the twin writes is one that the description knows, in the form it has there; every field of a recorded
answer is one that the twin writes too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from oanda_market import Trader

from holdfast.sim.twins.oanda.changes import changes_json
from holdfast.sim.twins.oanda.history import candles_json, read_query
from holdfast.sim.twins.oanda.log import known_filter
from holdfast.sim.twins.oanda.prices import price_json
from holdfast.sim.twins.oanda.reasons import MESSAGES
from holdfast.sim.twins.oanda.wire import Refusal, encode

Json = dict[str, Any]

# Fields that recorded answers have and the description of their year does not: path's end → where they were recorded.
RECORDED_ONLY = {
    "partialFill": "rec_rest_order_details_2016.json, and a reject of 2022 quoted in public",
    "clientTradeID": "a reduced trade names its client id beside its number",
}
# Recorded fields that the twin does not write.
NOT_WRITTEN = {"timestamp"}  # what a fill's fullPrice called its time in 2017; the description has `time`


@pytest.fixture(scope="module")
def payloads(shared_data: Path) -> Path:
    return shared_data / "payloads" / "oanda"


@pytest.fixture(scope="module")
def described(payloads: Path) -> Json:
    found: Json = json.loads((payloads / "spec_openapi_v20.json").read_text())["definitions"]
    return found


@pytest.fixture(scope="module")
def trader() -> Trader:
    """One who has done everything once: filled, rejected, cancelled, replaced, named, protected, reduced, closed."""
    one = Trader({"EUR_USD": 1.2})
    both: Json = {"takeProfitOnFill": {"price": "1.30000"}, "stopLossOnFill": {"price": "1.10000"}}
    names: Json = {"clientExtensions": {"id": "a", "tag": "t", "comment": "c"}}
    one.order("MARKET", 1000, tradeClientExtensions={"id": "b"}, **both, **names)
    for kind in ("LIMIT", "STOP", "MARKET_IF_TOUCHED"):
        price = "1.31" if kind == "STOP" else "1.05"
        made = one.order(kind, 100, price=price, timeInForce="GTD", gtdTime="2018-04-01T00:00:00Z", **both)
        assert made["orderCreateTransaction"]["type"] == f"{kind}_ORDER"
        assert one.refused(kind, "1.5", price="1.1") == "UNITS_PRECISION_EXCEEDED"
    limit = str(one.account.pending()[-3].number)
    better = {"type": "LIMIT", "instrument": "EUR_USD", "units": "100", "price": "1.06"}
    one.desk.replace_order(limit, {"order": better | names}, one.now_ms, "2")
    one.desk.name_order("@a", {"clientExtensions": {"tag": "new"}}, one.now_ms, "3")
    one.desk.cancel_order("@a", one.now_ms, "4")
    for refused in (
        lambda: one.desk.cancel_order("@a", one.now_ms, "5"),
        lambda: one.desk.name_order("999", {"clientExtensions": {"tag": "x"}}, one.now_ms, "5"),
        lambda: one.desk.name_trade("999", {"clientExtensions": {"tag": "x"}}, one.now_ms, "5"),
        lambda: one.desk.close_position("EUR_USD", {"shortUnits": "ALL"}, one.now_ms, "5"),
    ):
        with pytest.raises(Refusal):
            refused()
    one.desk.name_trade("@b", {"clientExtensions": {"tag": "y"}}, one.now_ms, "6")
    one.desk.protect_trade("@b", {"stopLoss": {"distance": "0.15"}}, one.now_ms, "7")
    one.desk.close_trade("@b", {"units": "300"}, one.now_ms, "8")
    assert one.refused("STOP_LOSS", 0, tradeID="5", price="1.0") == "STOP_LOSS_ORDER_ALREADY_EXISTS"
    assert one.refused("TAKE_PROFIT", 0, tradeID="999", price="1.0") == "TRADE_DOESNT_EXIST"
    one.order("MARKET", -50, **names)
    one.desk.close_position("EUR_USD", {"longUnits": "ALL"}, one.now_ms, "9")
    one.order("MARKET", 500, **both)
    return one


def plain(body: object) -> Any:
    return json.loads(encode(body, unix=False))


def kind_of(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def unknown_fields(body: Any, name: str, described: Json) -> Iterator[str]:
    """Where a body says what the description does not know: a field, a form, a word of an enumeration."""
    found = described[name]
    if name == "Transaction":
        found = described[f"{kind_of(body['type'])}Transaction"]
    elif name == "Order":
        found = described[f"{kind_of(body['type'])}Order"]
    for key, value in body.items():
        field = found["properties"].get(key)
        if field is None:
            if key not in RECORDED_ONLY:
                yield f"{name}.{key}"
            continue
        yield from unknown_form(value, field, f"{name}.{key}", described)


def unknown_form(value: Any, field: Json, where: str, described: Json) -> Iterator[str]:
    reference = field.get("$ref", "").split("/")[-1]
    if reference and "properties" in described[reference]:
        yield from unknown_fields(value, reference, described)
        return
    found = described[reference] if reference else field
    forms = {"string": str, "integer": int, "boolean": bool, "array": list, "number": float, "object": dict}
    if not isinstance(value, forms[found["type"]]):
        yield f"{where} is a {type(value).__name__}, not a {found['type']}"
    elif "enum" in found and value not in found["enum"]:
        yield f"{where} = {value}"
    elif isinstance(value, list):
        for item in value:
            yield from unknown_form(item, found["items"], where, described)


def test_every_transaction_is_written_as_described(trader: Trader, described: Json) -> None:
    items = plain(trader.account.log.between(1, trader.account.log.last_id))
    kinds = {item["type"] for item in items}
    assert len(kinds) > 18
    assert [where for item in items for where in unknown_fields(item, "Transaction", described)] == []


def test_the_account_is_written_as_described(trader: Trader, described: Json) -> None:
    details = plain(trader.account.details_json())
    assert list(unknown_fields(details, "Account", described)) == []
    assert set(described["AccountSummary"]["properties"]) >= set(plain(trader.account.summary_json()))
    for order in trader.account.orders.values():
        assert list(unknown_fields(plain(order.to_json()), "Order", described)) == []
    for trade in trader.account.trades.values():
        assert list(unknown_fields(plain(trader.account.trade_json(trade)), "Trade", described)) == []
    changed = plain(changes_json(trader.account, 0))
    assert list(unknown_fields(changed["changes"], "AccountChanges", described)) == []
    assert list(unknown_fields(changed["state"], "AccountChangesState", described)) == []


def test_prices_candles_and_instruments_are_written_as_described(trader: Trader, described: Json) -> None:
    tradable = trader.account.tradables["EUR_USD"]
    price = plain(price_json(tradable, trader.account.book("EUR_USD"), tradeable=True))
    assert list(unknown_fields(price, "ClientPrice", described)) == []
    assert list(unknown_fields(plain(tradable.to_json()), "Instrument", described)) == []
    query = read_query({"granularity": "M1", "price": "MBA"}, trader.now_ms)
    tape = trader.session.source.tapes["EUR_USD"]
    rows = plain(candles_json(tape, tradable, query, trader.now_ms))["candles"]
    assert rows
    assert [where for row in rows for where in unknown_fields(row, "Candlestick", described)] == []


def test_every_reason_and_every_filter_is_one_of_the_venues(described: Json) -> None:
    reasons = set(described["TransactionRejectReason"]["enum"])
    assert set(MESSAGES) <= reasons
    package = Path(__file__).resolve().parents[3] / "src" / "holdfast" / "sim" / "twins" / "oanda"
    cancels = set(described["OrderCancelReason"]["enum"])
    for name in ("checks.py", "execution.py"):
        text = (package / name).read_text()
        words = set(re.findall(r'(?:return|cancel\([^"\n]*|, now_ms,) "([A-Z]+_[A-Z_]+)"', text))
        assert words
        assert words <= cancels, name
    known = [kind for kind in described["TransactionFilter"]["enum"] if known_filter(kind)]
    missing = set(described["TransactionFilter"]["enum"]) - set(known)
    assert missing <= {"CREATE", "ONE_CANCELS_ALL_ORDER_TRIGGERED", "MARGIN_CALL_EXTEND"}


def fields_of(body: Any) -> set[str]:
    """The names of all fields at every depth of a body."""
    if isinstance(body, dict):
        return set(body) | {name for value in body.values() for name in fields_of(value)}
    if isinstance(body, list):
        return {name for item in body for name in fields_of(item)}
    return set()


RECORDED = (
    "rec_rest_account_details_2016.json",
    "rec_rest_account_instruments.json",
    "rec_rest_account_summary.json",
    "rec_rest_close_position.json",
    "rec_rest_create_order.json",
    "rec_rest_get_account_details.json",
    "rec_rest_get_pricing.json",
    "rec_rest_instrument_candles_granularity_nb.json",
    "rec_rest_list_orders.json",
    "rec_rest_market_order_reject_transaction.json",
    "rec_rest_openpositions_2016.json",
    "rec_rest_order_cancel_2016.json",
    "rec_rest_order_clientextensions_2016.json",
    "rec_rest_order_fill_transaction_order_create_transaction_nb.json",
    "rec_rest_orders_nb.json",
    "rec_rest_trades_2016.json",
    "rec_rest_trades_close_2016.json",
    "rec_rest_trades_cltext_2016.json",
    "rec_rest_transaction_idrange_2016.json",
)


@pytest.mark.parametrize("name", RECORDED)
def test_what_the_venue_was_recorded_to_answer_the_twin_answers_too(name: str, trader: Trader, payloads: Path) -> None:
    account = trader.account
    wide: Json = {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "1"}}
    own = fields_of(
        plain(
            [
                account.details_json(),
                account.log.between(1, account.log.last_id),
                [order.to_json() for order in account.orders.values()],
                [account.trade_json(trade) for trade in account.trades.values()],
                [tradable.to_json() for tradable in account.tradables.values()],
                trader.desk.create_order(wide, trader.now_ms, "9")[1],
                trader.desk.close_position("EUR_USD", {"longUnits": "1"}, trader.now_ms, "9")[1],
                price_json(account.tradables["EUR_USD"], account.book("EUR_USD"), tradeable=True),
                candles_json(
                    trader.session.source.tapes["EUR_USD"], account.tradables["EUR_USD"],
                    read_query({"granularity": "M1"}, trader.now_ms), trader.now_ms,
                ),
            ]
        )
    )  # fmt: skip
    told = fields_of(msgspec.json.decode((payloads / name).read_bytes()))
    of_answers = {
        "account", "lastTransactionID", "instruments", "orders", "positions", "prices", "trades", "transactions",
        "orderCancelTransaction", "orderClientExtensionsModifyTransaction", "tradeClientExtensionsModifyTransaction",
        "quoteHomeConversionFactors", "positiveUnits", "negativeUnits", "unitsAvailable", "default", "reduceFirst",
        "reduceOnly", "openOnly", "relatedTransactionIDs",
    }  # fmt: skip
    assert told - own - of_answers - NOT_WRITTEN == set(), name
