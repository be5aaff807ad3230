"""Pairs through the API: what is shown, what is changed, and who is not let near it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fixture_view import BTC_SPOT, BTC_USDM, KEYS, FixtureView
from serving import serve

from holdfast.api.app import create_app
from holdfast.api.views import PairView

COMMAND = {"X-Holdfast": "command"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Any, httpx.Client]]:
    app = create_app(FixtureView.full())
    with serve(app) as address, httpx.Client(base_url=address) as client:
        yield app, client


@pytest.fixture
def node(server: tuple[Any, httpx.Client]) -> FixtureView:
    view = FixtureView.full()
    server[0].state.view = server[0].state.commands = view
    return view


@pytest.fixture
def client(server: tuple[Any, httpx.Client], node: FixtureView) -> httpx.Client:
    return server[1]


def test_a_pair_is_disabled_shown_and_enabled_again(client: httpx.Client, node: FixtureView) -> None:
    asked = {"market": "usdm", "reason": "delisting", "by": "ada"}
    answer = client.post("/api/pairs/btcusdt/disable", params=asked, headers=COMMAND)
    assert answer.status_code == 200
    told = PairView.model_validate_json(answer.text)
    assert (told.market, told.enabled, told.by, told.reason) == ("usdm", False, "ada", "delisting")
    assert set(node.disabled) == {BTC_USDM}
    shown = {(pair["market"], pair["symbol"]): pair["enabled"] for pair in client.get("/api/pairs/status").json()}
    assert [key for key, enabled in shown.items() if not enabled] == [("usdm", "BTCUSDT")] and len(shown) == len(KEYS)
    assert len(client.get("/api/pairs/active").json()) == len(KEYS) - 1
    listed = client.get("/api/v1/symbols").json()
    assert [row["market"] for row in listed if not row["enabled"]] == ["usdm"]
    again = client.post("/api/pairs/binance:usdm:BTCUSDT/enable", headers=COMMAND)
    assert again.json()["enabled"] is True and not node.disabled
    assert len(client.get("/api/pairs/active").json()) == len(KEYS)


def test_a_json_content_type_is_enough_of_a_sign_and_so_is_an_origin_of_our_own(
    client: httpx.Client, node: FixtureView
) -> None:
    sent = {"Content-Type": "application/json; charset=utf-8", "Origin": str(client.base_url).rstrip("/")}
    assert client.post("/api/pairs/binance:spot:BTCUSDT/disable", headers=sent).status_code == 200
    assert node.disabled == {BTC_SPOT: ("operator", "")}


def test_an_unknown_pair_is_answered_with_the_nearest_names(client: httpx.Client) -> None:
    answer = client.post("/api/pairs/BTCUSD/disable", headers=COMMAND)
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_symbol")
    assert answer.json()["known"][0] == "BTCUSDT"


def test_a_name_on_two_markets_changes_neither(client: httpx.Client, node: FixtureView) -> None:
    answer = client.post("/api/pairs/BTCUSDT/disable", headers=COMMAND)
    assert (answer.status_code, answer.json()["error"]) == (422, "ambiguous_symbol")
    assert answer.json()["known"] == ["binance:spot:BTCUSDT", "binance:usdm:BTCUSDT"]
    assert not node.disabled


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "X-Holdfast: command"),
        ({"X-Holdfast": "yes"}, "X-Holdfast: command"),
        ({"Content-Type": "text/plain"}, "X-Holdfast: command"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "X-Holdfast: command"),
        ({**COMMAND, "Origin": "https://elsewhere.example"}, "another origin"),
        ({**COMMAND, "Origin": "null"}, "another origin"),
        ({**COMMAND, "Origin": "http://localhost:1"}, "another origin"),
        ({**COMMAND, "Host": "elsewhere.example"}, "by that name"),
        ({**COMMAND, "Host": "elsewhere.example", "Origin": "http://elsewhere.example"}, "by that name"),
        ({**COMMAND, "Host": "localhost.elsewhere.example:8000"}, "by that name"),
        ({**COMMAND, "Host": "[::1"}, "by that name"),
    ],
)
def test_a_page_of_another_origin_cannot_command(
    client: httpx.Client, node: FixtureView, headers: dict[str, str], words: str
) -> None:
    answer = client.post("/api/pairs/ETHUSDT/disable", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "not_a_command")
    assert words in answer.json()["message"] and not node.disabled


def test_a_page_that_asks_first_whether_it_may_is_not_told_yes(client: httpx.Client) -> None:
    asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "x-holdfast"
    answer = client.options("/api/pairs/ETHUSDT/disable", headers=asks)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_api_without_commands_says_so_and_changes_nothing() -> None:
    view = FixtureView.full()
    with serve(create_app(view)) as address, httpx.Client(base_url=address) as client:
        answer = client.post("/api/pairs/ETHUSDT/disable", headers=COMMAND)
        assert (answer.status_code, answer.json()["error"]) == (405, "no_commands")
        assert client.get("/api/pairs/status").status_code == 200
    assert not view.disabled


@pytest.mark.parametrize("asked", [{"reason": "x" * 201}, {"by": ""}, {"becuase": "of it"}])
def test_a_command_with_a_wrong_parameter_changes_nothing(
    client: httpx.Client, node: FixtureView, asked: dict[str, str]
) -> None:
    answer = client.post("/api/pairs/ETHUSDT/disable", params=asked, headers=COMMAND)
    assert answer.status_code == 422 and not node.disabled


def test_reading_a_command_is_refused_with_the_method_it_has(client: httpx.Client) -> None:
    answer = client.get("/api/pairs/ETHUSDT/disable")
    assert (answer.status_code, answer.json()["error"], answer.json()["known"]) == (405, "wrong_method", ["POST"])


def test_a_request_without_a_host_is_no_command(client: httpx.Client, node: FixtureView) -> None:
    request = b"POST /api/pairs/ETHUSDT/disable HTTP/1.0\r\nX-Holdfast: command\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as line:
        line.sendall(request)
        answered = b"".join(iter(lambda: line.recv(4096), b""))
    assert b" 403 " in answered.split(b"\r\n")[0] and not node.disabled
