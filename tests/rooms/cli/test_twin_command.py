"""`holdfast twin` as a real process: it says where it is, strangers trade there as it tells them to, Ctrl-C ends it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import polars as pl
import pytest

from holdfast.cli.commands.twin import PRICES_PER_S_MOST

PATIENCE_S = 60
HOLDFAST = [sys.executable, "-m", "holdfast", "twin"]
Json = dict[str, Any]


@contextmanager
def playing(*words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*HOLDFAST, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def interrupted(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str, str]:
    """How it ended, and what it still said: exit code, stdout, stderr."""
    process.send_signal(number)
    said, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said, errors


def first_line(process: subprocess.Popen[str]) -> Json:
    """The answer of --json, which comes while the twin plays."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    found: Json = json.loads(line)
    return found


def told(process: subprocess.Popen[str]) -> str:
    """All that a person is told at the start."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line == "Ctrl-C stops it.\n":
            return "".join(lines)
    raise AssertionError(process.communicate()[1])


def ask(url: str, token: str = "") -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


@pytest.fixture
def fx(project_data: Path) -> Path:
    return project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet"


# ---- it plays, and stops


def test_binance_says_where_it_is_answers_and_stops_at_ctrl_c(candles: Path) -> None:
    with playing("binance", "--recording", candles, "--json") as twin:
        found = first_line(twin)
        assert (found["twin"], found["login"]) == ("binance", {"key": "twin-key", "secret": "twin-secret"})
        assert found["streams"] == found["rest"].replace("http://", "ws://")
        ((market, (recorded,)),) = found["markets"].items()
        assert (market, recorded["timeframe"]) == ("spot", "1h")
        assert recorded["symbols"] == ["BTCUSDT", "ETHUSDT", "FTMUSDT", "SOLUSDT"]
        assert found["time"] < recorded["ends"]
        assert ask(f"{found['rest']}/api/v3/time").keys() == {"serverTime"}
        ((opened, *_),) = ask(f"{found['rest']}/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1")
        assert opened % 3_600_000 == 0
        assert ask(f"{found['control']}/markets")["spot"] == recorded["symbols"]
        assert interrupted(twin) == (0, "", "")
    with pytest.raises(urllib.error.URLError):
        ask(f"{found['rest']}/api/v3/time")


def test_oanda_says_where_it_is_answers_to_its_token_and_stops_at_sigterm(fx: Path) -> None:
    with playing("oanda", "--recording", fx, "--json", "--speed", 60) as twin:
        found = first_line(twin)
        token, account = found["login"]["token"], found["login"]["account"]
        summary = ask(f"{found['rest']}/v3/accounts/{account}/summary", token)["account"]
        assert (summary["id"], summary["balance"], summary["currency"]) == (account, "100000.0000", "USD")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{found['rest']}/v3/accounts/{account}/summary", "another")
        assert ask(f"{found['control']}/markets") == {"fx": ["EUR_USD"]}
        assert interrupted(twin, signal.SIGTERM) == (0, "", "")


def test_the_ports_are_those_that_were_asked_for(candles: Path, free_port: Callable[[], int]) -> None:
    port, control_port = free_port(), free_port()
    with playing("binance", "--recording", candles, "--port", port, "--control-port", control_port) as twin:
        said = told(twin)
        assert f"REST     http://127.0.0.1:{port} " in said and f"control  http://127.0.0.1:{control_port} " in said
        assert interrupted(twin) == (0, "Stopped.\n", "")


@pytest.mark.parametrize(
    ("venue", "client", "speed"), [("binance", "ccxt", "1"), ("binance", "ccxt", "2"), ("oanda", "oandapyV20", "1")]
)
def test_the_lines_that_it_tells_lead_a_strangers_client_to_it(
    venue: str, client: str, speed: str, candles: Path, fx: Path
) -> None:
    if importlib.util.find_spec(client) is None and not os.environ.get("CI"):
        pytest.skip(f"{client} is not installed")
    with playing(venue, "--recording", candles if venue == "binance" else fx, "--speed", speed) as twin:
        said = told(twin)
        assert ("seconds a second" in said) == (speed != "1")
        lines = dedent("".join(line for line in said.splitlines(keepends=True) if line.startswith("    ")))
        # What a stranger's source warns of when it is compiled is the stranger's business.
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", lines], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert ("'USDT': 100000.0" if venue == "binance" else "'balance': '100000.0000'") in done.stdout
        assert interrupted(twin)[0] == 0


# ---- what it refuses


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number: int = taken.getsockname()[1]
            return number

    return find


def test_a_market_of_another_venue_is_refused(run: Any, candles: Path, fx: Path) -> None:
    for venue, recording, problem in (
        ("binance", fx, "A recording of fx cannot be played by the Binance twin."),
        ("oanda", candles, "binance:spot:BTCUSDT is no instrument of OANDA."),
    ):
        refused = run("twin", venue, "--recording", recording)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert refused.stderr.splitlines()[0] == problem and len(refused.stderr.splitlines()) == 2


def test_what_is_no_recording_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.parquet").write_text("nothing of the kind")
    for name, problem in (("notes.parquet", "is not a Parquet file."), ("absent.parquet", "There is no file")):
        refused = run("twin", "binance", "--recording", tmp_path / name)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert problem in refused.stderr.splitlines()[0] and len(refused.stderr.splitlines()) == 2


@pytest.mark.parametrize("venue", ["binance", "oanda"])
@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_a_port_in_use_is_refused_with_the_option_that_chooses_another(
    run: Any, venue: str, option: str, candles: Path, fx: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run("twin", venue, "--recording", candles if venue == "binance" else fx, option, port)
    assert (refused.exit_code, refused.stdout) == (2, "")
    problem, remedy = refused.stderr.splitlines()
    assert problem.startswith(f"Port {port} on 127.0.0.1 cannot be used") and f" {option}" in remedy


def test_one_port_cannot_be_both(run: Any, candles: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    refused = run("twin", "binance", "--recording", candles, "--port", port, "--control-port", port)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[0] == f"--port and --control-port are both {port}."


def test_a_symbol_comes_from_one_recording_only(run: Any, candles: Path, tmp_path: Path) -> None:
    twice = run("twin", "binance", "--recording", candles, "--recording", candles)
    assert (twice.exit_code, twice.stderr.splitlines()[1]) == (2, "Give each recording once.")
    other = tmp_path / "binance_spot_other" / "candles_1h.parquet"
    other.parent.mkdir()
    pl.read_parquet(candles).filter(pl.col("symbol") == "ETHUSDT").write_parquet(other)
    overlapping = run("twin", "binance", "--recording", candles, "--recording", other)
    assert (overlapping.exit_code, overlapping.stdout) == (2, "")
    assert overlapping.stderr.splitlines()[0] == "More than one recording of spot has ETHUSDT."


@pytest.mark.parametrize("speed", ["max", "0", "fast"])
def test_what_is_no_pace_is_refused(run: Any, candles: Path, speed: str) -> None:
    refused = run("twin", "binance", "--recording", candles, "--speed", speed)
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 2)


def test_more_prices_than_there_is_time_for_are_refused_with_the_speed_that_is_not(run: Any, candles: Path) -> None:
    most = PRICES_PER_S_MOST // 4
    refused = run("twin", "binance", "--recording", candles, "--speed", most + 1)
    assert (refused.exit_code, refused.stdout) == (2, "")
    problem, remedy = refused.stderr.splitlines()
    assert problem.startswith(f"4 symbols at speed {most + 1} are ") and f"up to {most}," in remedy


def test_a_venue_without_a_twin_is_refused_with_those_that_have_one(run: Any) -> None:
    refused = run("twin", "kraken", "--recording", "x.parquet")
    assert refused.exit_code == 2 and "binance" in refused.stderr and "oanda" in refused.stderr
