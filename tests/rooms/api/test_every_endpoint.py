"""Every endpoint in every state of the node: what it answers, how it refuses, and that it is described."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fixture_view import FixtureView
from pydantic import TypeAdapter
from serving import serve

from holdfast.api import views
from holdfast.api.app import create_app
from holdfast.api.errors import ERRORS
from holdfast.api.views import ErrorView, HealthView

LISTS = {
    "symbols": views.SymbolView,
    "symbols/ETHUSDT/candles": views.CandleView,
    "signals": views.SignalView,
    "decisions": views.DecisionView,
    "performance": views.PerformanceView,
    "positions": views.PositionView,
    "orders": views.OrderView,
    "fills": views.FillView,
    "heads": views.HeadView,
}
ONES = {
    "signals/ETHUSDT": views.SignalView,
    "metrics": views.MetricsView,
    "scheduler/status": views.SchedulerView,
}
STATES = {"empty": FixtureView.empty, "full": FixtureView.full}
EVERY_STATE = pytest.mark.parametrize("state", STATES)


Ask = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """A client of one real server, after its node has been put into a state."""
    app = create_app(FixtureView.empty())
    with serve(app) as address, httpx.Client(base_url=address) as client:

        def of(view: FixtureView | None = None) -> httpx.Client:
            app.state.view = app.state.commands = view or FixtureView.full()
            return client

        yield of


def _strict(text: str) -> Any:
    """JSON as every parser reads it: NaN and Infinity are no JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in the answer")

    return json.loads(text, parse_constant=refuse)


@EVERY_STATE
@pytest.mark.parametrize("path", LISTS)
def test_every_list_answers_in_its_shape(ask: Ask, state: str, path: str) -> None:
    answer = ask(STATES[state]()).get(f"/api/v1/{path}")
    assert answer.status_code == 200
    rows = TypeAdapter(list[LISTS[path]]).validate_python(_strict(_without_null_measures(answer.text)))  # type: ignore[misc]
    assert rows or state == "empty"


@EVERY_STATE
@pytest.mark.parametrize("path", ONES)
def test_every_single_answer_has_its_shape(ask: Ask, state: str, path: str) -> None:
    answer = ask(STATES[state]()).get(f"/api/v1/{path}")
    if (state, path) == ("empty", "signals/ETHUSDT"):
        assert answer.status_code == 404 and answer.json()["error"] == "no_closed_bar"
    else:
        assert answer.status_code == 200
        assert ONES[path].model_validate(_strict(_without_null_measures(answer.text)))


def _without_null_measures(text: str) -> str:
    return text.replace('"unsound":null', '"unsound":0')


def test_a_number_that_is_not_finite_is_null(ask: Ask) -> None:
    votes = ask().get("/api/v1/signals/ETHUSDT").json()["votes"]
    measured = [vote["measures"] for vote in votes if vote["measures"]]
    assert measured and all(measures["unsound"] is None for measures in measured)
    assert math.isnan(FixtureView.full().recent_signals(symbol=None, limit=1)[0].votes[2].measures["unsound"])


def test_a_signal_carries_the_votes_of_all_heads_with_reasons_or_why_not(ask: Ask) -> None:
    votes = ask().get("/api/v1/signals/ETHUSDT").json()["votes"]
    assert len(votes) == 9
    assert all(bool(vote["reasons"]) != bool(vote["abstained"]) for vote in votes)


@pytest.mark.parametrize(("status", "code"), [("ready", 200), ("starting", 503), ("stopping", 503), ("degraded", 503)])
def test_health_is_200_only_when_ready_and_always_says_the_same_things(ask: Ask, status: str, code: int) -> None:
    answer = ask(FixtureView(10, status=status)).get("/health")
    assert answer.status_code == code
    assert HealthView.model_validate_json(answer.text).status == status


def test_the_metrics_are_in_the_text_format_of_prometheus(ask: Ask) -> None:
    answer = ask().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'holdfast_candles_total{market="spot"' in answer.text


def test_settings_are_plain_values_with_decimals_as_strings(ask: Ask) -> None:
    settings = ask().get("/api/v1/settings").json()
    assert settings["balances"] == {"USDT": "10000"} and settings["market"] == {"timeframe": "1h"}


def test_candles_are_exact_strings_oldest_first_and_say_when_volume_is_unknown(ask: Ask) -> None:
    rows = ask().get("/api/v1/symbols/EUR_USD/candles", params={"limit": 3}).json()
    assert [row["open_time_ms"] for row in rows] == sorted(row["open_time_ms"] for row in rows) and len(rows) == 3
    assert all(isinstance(row["close"], str) and row["volume"] is None for row in rows)


@pytest.mark.parametrize("path", ["signals/{}", "symbols/{}/candles"])
def test_a_name_on_two_markets_asks_which(ask: Ask, path: str) -> None:
    client, address = ask(), f"/api/v1/{path.format('BTCUSDT')}"
    answer = client.get(address)
    assert answer.status_code == 422
    assert answer.json()["message"] == "BTCUSDT is on spot and usdm: add ?market="
    assert answer.json()["known"] == ["binance:spot:BTCUSDT", "binance:usdm:BTCUSDT"]
    assert client.get(address, params={"market": "usdm"}).status_code == 200
    assert client.get(address.replace("BTCUSDT", "binance:spot:btcusdt")).status_code == 200


def test_the_markets_of_a_name_are_told_apart(ask: Ask) -> None:
    client = ask()
    for market in ("spot", "usdm"):
        assert client.get("/api/v1/signals/BTCUSDT", params={"market": market}).json()["market"] == market
    kept = client.get("/api/v1/signals", params={"symbol": "BTCUSDT", "market": "usdm"}).json()
    assert kept and {(row["symbol"], row["market"]) for row in kept} == {("BTCUSDT", "usdm")}


REFUSED = {
    "signals/BTCUSD": (404, "unknown_symbol", "'BTCUSD' is not followed. Nearest: BTCUSDT"),
    "signals/%00%3Cb%3E": (404, "unknown_symbol", "'?<b>' is not followed."),
    "symbols/NOPE/candles": (404, "unknown_symbol", "'NOPE' is not followed."),
    "signals/ETHUSDT?market=usdm": (404, "not_on_market", "ETHUSDT is not on market usdm. It is binance:spot:ETHUSDT."),
    "signals/ETHUSDT?venue=kraken": (404, "not_on_market", "ETHUSDT is not on venue kraken."),
    "signals/ETHUSDT?timeframe=7m": (422, "unknown_timeframe", "'7m' is not a timeframe here. Known: 15m, 1h, 4h."),
    "signals?limit=0": (422, "bad_parameter", "limit is '0': the least is 1."),
    "orders?limit=1001": (422, "bad_parameter", "limit is '1001': the most is 1000."),
    "fills?limit=ten": (422, "bad_parameter", "limit is 'ten': it is a whole number."),
    "fills?market=spot": (422, "bad_parameter", "add ?symbol="),
    "fills?symbol=BTCUSDT": (422, "ambiguous_symbol", "BTCUSDT is on spot and usdm"),
    "signals/ETHUSDT?timefrme=1h": (422, "unknown_parameter", "has no parameter 'timefrme'. Its parameters: timeframe"),
    "positions?limit=3": (422, "unknown_parameter", "It takes none."),
    "performances": (404, "unknown_path", "Nearest: /api/v1/performance."),
}


@pytest.mark.parametrize("path", REFUSED)
def test_every_error_has_one_shape_and_says_what_to_do(ask: Ask, path: str) -> None:
    status, code, words = REFUSED[path]
    answer = ask().get(f"/api/v1/{path}")
    view = ErrorView.model_validate_json(answer.text)
    assert (answer.status_code, view.error) == (status, code)
    assert words in view.message
    assert set(answer.json()) == {"error", "message", "known", "known_count"}


def test_an_unknown_symbol_lists_the_nearest_first_and_at_most_twenty(ask: Ask) -> None:
    error = ask().get("/api/v1/signals/BTCUSD").json()
    assert error["known"][0] == "BTCUSDT" and len(error["known"]) == 20 and error["known_count"] == 21


def test_a_method_that_changes_things_is_refused(ask: Ask) -> None:
    client = ask()
    for path in ("/api/v1/symbols", "/api/v1/signals/ETHUSDT", "/health"):
        answer = client.post(path)
        assert (answer.status_code, answer.json()["error"]) == (405, "wrong_method")


def test_a_failure_inside_the_node_keeps_the_shape_and_hides_the_details(ask: Ask) -> None:
    class Broken(FixtureView):
        def orders(self, *, limit: int) -> list[views.OrderView]:
            raise KeyError("a private thing")

    answer = ask(Broken(5)).get("/api/v1/orders")
    assert answer.status_code == 500 and answer.json()["error"] == "internal_error"
    assert "private" not in answer.text


def _operations(app: FastAPI) -> dict[str, dict[str, Any]]:
    """By path; no path answers to more than one method."""
    found = {}
    for path, methods in app.openapi()["paths"].items():
        ((_, found[path]),) = methods.items()
    return found


def test_openapi_lists_every_endpoint_with_words_and_an_example() -> None:
    operations = _operations(create_app(FixtureView.empty()))
    assert {f"/api/v1/{path}".replace("ETHUSDT", "{symbol}") for path in (*LISTS, *ONES)} < set(operations)
    assert {"/health", "/metrics", "/api/v1/settings", "/api/pairs/{symbol}/disable"} < set(operations)
    for path, operation in operations.items():
        assert len(operation["description"].split()) > 5, path
        (content,) = operation["responses"]["200"]["content"].values()
        assert content["example"], path
        assert all(parameter.get("description") for parameter in operation.get("parameters", [])), path


def test_the_document_has_a_line_for_every_endpoint_and_every_error_code() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
    rows = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| `")}
    wanted = {f"`{path}`" for path in _operations(create_app(FixtureView.empty()))} | {f"`{code}`" for code in ERRORS}
    assert not wanted - rows
