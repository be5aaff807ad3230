"""The root of the command line: its commands are found, it starts light, and its errors are two plain lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli import commands, main
from holdfast.cli.options import read_moment, read_speed
from holdfast.cli.screen import iso, minute, money, readable
from holdfast.cli.symbols import find_symbol
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.symbol import Symbol

HEAVY = {"numpy", "polars", "sqlalchemy", "nicegui", "fastapi", "talib", "rich.live", "asyncio"}


def test_every_file_of_the_folder_is_a_command(run: Any) -> None:
    files = {path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py")}
    assert files >= {"demo", "doctor", "replay", "run", "signal", "version"}
    for name in files:
        result = run(name, "--help")
        assert result.exit_code == 0 and f"holdfast {name}" in result.output


def test_without_a_command_the_commands_are_listed(run: Any) -> None:
    assert all(name in run().output for name in ("demo", "doctor", "replay", "run", "signal", "version"))


def test_a_start_imports_nothing_heavy() -> None:
    code = "import sys; from holdfast.cli.main import build_app; build_app(); print(' '.join(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(said.split())


def test_version_is_said_to_people_and_machines(run: Any) -> None:
    assert run("version").stdout.startswith(f"holdfast {holdfast.__version__} (Python ")
    assert json.loads(run("version", "--json").stdout)["version"] == holdfast.__version__


def test_python_m_holdfast_is_the_same_program() -> None:
    said = subprocess.run([sys.executable, "-m", "holdfast", "version"], capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith(f"holdfast {holdfast.__version__}")


@pytest.mark.parametrize(
    ("words", "told"), [(["versoin"], "No such command 'versoin'"), (["version", "--jsn"], "No such option: --jsn")]
)
def test_an_unknown_word_is_refused_by_name(run: Any, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2 and told in result.stderr and not result.stdout


def test_an_error_that_is_not_the_owners_ends_with_1_and_no_traceback(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def away(*_: object) -> None:
        raise Retryable("The disk is full.")

    monkeypatch.setattr("holdfast.node.settings.read_settings", away)
    result = run("replay", "--candles", tmp_path / "x.parquet")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "The disk is full.",
        "Once the cause is gone, the same command goes on from there.",
    ]


def test_a_defect_is_said_in_two_lines_and_shown_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> BaseException:
        try:
            raise KeyError("FTMUSDT")
        except KeyError as error:
            return error

    error = fail()
    main._say_defect(KeyError, error, error.__traceback__)
    said = capsys.readouterr().err
    assert said.splitlines()[0] == "holdfast failed: KeyError: 'FTMUSDT'" and "Traceback" not in said
    monkeypatch.setenv("HOLDFAST_TRACEBACK", "1")
    main._say_defect(KeyError, error, error.__traceback__)
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_traceback_of_bad_input_is_shown_on_request_and_the_exit_code_stays() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "holdfast", "replay", "--candles", "x", "--speed", "0"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOLDFAST_TRACEBACK": "1"},
    )
    assert said.returncode == 2 and "Traceback" in said.stderr and "'0' is not a speed." in said.stderr


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("0.5", 0.5), ("3600", 3600.0)])
def test_a_speed_is_a_number_or_max(text: str, speed: float | None) -> None:
    assert read_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not a speed"):
        read_speed(text)


@pytest.mark.parametrize(
    "text", ["2021-05-01", "2021-05-01T00:00", "2021-05-01 00:00:00Z", "2021-05-01T02:00+02:00", "20210501"]
)
def test_a_time_without_a_zone_is_utc(text: str) -> None:
    assert iso(read_moment("--at", text)) == "2021-05-01T00:00:00Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-01", "12:00"])
def test_what_is_no_time_is_refused_with_the_option_named(text: str) -> None:
    with pytest.raises(BadInput, match=r"--until .* is not a time"):
        read_moment("--until", text)


def test_numbers_and_times_are_written_for_people() -> None:
    assert minute(1_620_604_800_000) == "2021-05-10 00:00 UTC"
    assert readable("2021-05-10T00:00:00Z") == "2021-05-10 00:00 UTC"
    assert money(Decimal("-1234567.891")) == "-1,234,567.89"


SPOT, USDM = Symbol("binance", "spot", "BTCUSDT"), Symbol("binance", "usdm", "BTCUSDT")
OTHER = Symbol("oanda", "fx", "EUR_USD")


def test_a_symbol_is_found_by_name_in_any_case_or_in_full() -> None:
    assert find_symbol("eur_usd", [SPOT, OTHER]) == OTHER
    assert find_symbol("binance:usdm:BTCUSDT", [SPOT, USDM]) == USDM
    assert find_symbol("BTCUSDT", [SPOT, USDM], market="spot") == SPOT


@pytest.mark.parametrize(
    ("text", "market", "told"),
    [
        ("BTCUSDT", None, "more than one symbol: binance:spot:BTCUSDT, binance:usdm:BTCUSDT"),
        ("EUR_USD", "spot", "EUR_USD is not on spot. It is oanda:fx:EUR_USD"),
        ("BTCUSD", None, "no symbol BTCUSD here. Nearest of 2: BTCUSDT"),
        ("?", None, "no symbol \\? here. Nearest of 2: BTCUSDT, EUR_USD"),
    ],
)
def test_a_symbol_that_is_not_one_is_refused_with_what_is_there(text: str, market: str | None, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        find_symbol(text, [SPOT, USDM, OTHER], market=market)
