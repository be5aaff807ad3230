"""`holdfast replay`: what it says of a walk, and that a walk in parts says the same as one without a break."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import EntryKind

Walked = tuple[Path, dict[str, Any]]
OF_THE_RUN = ("seconds", "candles_per_s", "resumed", "data_dir")


def of_the_walk(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in OF_THE_RUN}


def test_the_json_counts_the_whole_walk(candles: Path, walked: Walked) -> None:
    data_dir, found = walked
    assert found["candles"] == pl.read_parquet(candles).height
    assert found["finished"] and not found["resumed"] and found["data_dir"] == str(data_dir)
    assert found["signals"] == found["intents"] + sum(found["refusals"].values()) > 0
    assert found["intents"] <= found["orders"]
    assert (found["first_time"], found["last_time"]) == ("2021-01-01T00:00:00Z", "2021-01-15T00:00:00Z")
    assert found["symbols"][0] == "binance:spot:BTCUSDT" and len(found["symbols"]) == 4
    assert (found["timeframe"], found["candle_timeframe"]) == ("1h", "1h")
    assert found["seconds"] > 0 and found["candles_per_s"] > 0


def test_the_json_agrees_with_the_journal(walked: Walked) -> None:
    data_dir, found = walked
    journal = SqliteJournal(data_dir / "journal.sqlite")
    kinds = [stored.entry.kind for stored in journal.read()]
    *_, last = journal.read(kind=EntryKind.EQUITY)
    assert journal.head() == (found["journal_entries"], found["journal_hash"])
    journal.close()
    assert kinds.count(EntryKind.FILL) == found["fills"] > 0
    assert kinds.count(EntryKind.DECISION) == found["signals"]
    worth = json.loads(last.entry.body)["currencies"]
    assert {name: Decimal(line["equity"]) for name, line in worth.items()} == {
        name: Decimal(amount) for name, amount in found["equity"].items()
    }


def test_a_walk_in_parts_says_the_same_as_one_without_a_break(
    run: Any, candles: Path, walked: Walked, tmp_path: Path
) -> None:
    command = ("replay", "--candles", candles, "--data-dir", tmp_path, "--json")
    part = json.loads(run(*command, "--until", "2021-01-11T15:30").stdout)
    assert part["finished"] and part["last_time"] == "2021-01-11T15:00:00Z"
    assert part["candles"] < walked[1]["candles"]
    rest = json.loads(run(*command).stdout)
    assert rest["resumed"] and of_the_walk(rest) == of_the_walk(walked[1])


def test_a_finished_walk_has_nothing_left_to_do_and_says_the_same(run: Any, candles: Path, walked: Walked) -> None:
    data_dir, found = walked
    again = json.loads(run("replay", "--candles", candles, "--data-dir", data_dir, "--json").stdout)
    assert again["resumed"] and again["candles_per_s"] is None
    assert of_the_walk(again) == of_the_walk(found)


def test_the_table_says_it_to_people(run: Any, candles: Path, walked: Walked) -> None:
    result = run("replay", "--candles", candles, "--data-dir", walked[0])
    assert result.exit_code == 0 and not result.stderr
    assert f"{walked[1]['journal_hash']}" in result.stdout and "2021-01-15 00:00 UTC" in result.stdout
    assert "nothing was left to walk" in result.stdout


def test_without_a_data_directory_nothing_is_left_behind(
    run: Any, candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = ("--symbol", "BTCUSDT", "--until", "2021-01-02", "--json")
    found = json.loads(run("replay", "--candles", candles, *words).stdout)
    assert (found["candles"], found["signals"], found["data_dir"]) == (24, 0, None)
    assert found["equity"] == {"USD": "10000", "USDT": "10000"}
    assert list(tmp_path.iterdir()) == []


def test_settings_of_a_file_go_over_the_defaults(run: Any, candles: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('balances = { USDT = "250.5" }\n[market]\ntimeframe = "4h"\n')
    words = ("--settings", settings, "--until", "2021-01-03", "--symbol", "ETHUSDT", "--json")
    found = json.loads(run("replay", "--candles", candles, *words).stdout)
    assert found["equity"] == {"USDT": "250.5"} and found["timeframe"] == "4h" and found["candle_timeframe"] == "1h"
