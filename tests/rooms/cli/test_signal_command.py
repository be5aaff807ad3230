"""`holdfast signal`: one bar, from a file or from a history, in words or as the API shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.api.views import SignalView
from holdfast.cli.commands.signal import reasons_in_words
from holdfast.cli.screen import iso
from holdfast.history.sqlite import SqliteHistory
from holdfast.model.signal import Signal
from holdfast.signals.panel import find_heads

Walked = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def emitted(walked: Walked) -> Signal:
    """The newest signal of the walk."""
    history = SqliteHistory(walked[0] / "history.sqlite")
    (signal,) = history.read_signals(limit=1)
    history.close()
    return signal


def at(signal: Signal) -> str:
    return iso(signal.bar_close_ms)


def test_the_json_is_what_the_api_shows(run: Any, candles: Path, emitted: Signal) -> None:
    result = run("signal", emitted.symbol.name, "--candles", candles, "--at", at(emitted), "--json")
    shown = SignalView.model_validate_json(result.stdout)
    assert set(json.loads(result.stdout)) == set(SignalView.model_fields)
    assert (shown.id, shown.outcome, shown.data_hash) == (emitted.id, "signal", emitted.data_hash)
    assert shown.agreeing_heads == list(emitted.agreeing) and len(shown.votes) == len(find_heads())


def test_file_and_history_give_the_same_signal(run: Any, candles: Path, walked: Walked, emitted: Signal) -> None:
    words = ("signal", str(emitted.symbol).lower(), "--at", at(emitted), "--json")
    stored = run(*words, "--data-dir", walked[0])
    assert stored.exit_code == 0 and stored.stdout == run(*words, "--candles", candles).stdout


def test_the_newest_bar_of_a_history_is_the_newest_of_the_file(run: Any, candles: Path, walked: Walked) -> None:
    stored = json.loads(run("signal", "BTCUSDT", "--data-dir", walked[0], "--json").stdout)
    recorded = json.loads(run("signal", "BTCUSDT", "--candles", candles, "--json").stdout)
    assert stored == recorded and stored["bar_close_ms"] == 1_610_668_800_000


def test_the_table_names_every_head_with_its_reasons_in_words(run: Any, candles: Path, emitted: Signal) -> None:
    result = run("signal", emitted.symbol.name, "--candles", candles, "--at", at(emitted))
    said = " ".join(result.stdout.split())
    assert "enough qualified votes agree" in said and "UTC" in said
    assert all(head.name in said for head in find_heads())
    assert "abstains: no source of headlines covers this symbol" in said
    assert f"{len(emitted.agreeing)} of 9 heads agree" in said


def test_a_longer_bar_is_made_of_the_recorded_ones(run: Any, candles: Path) -> None:
    shown = json.loads(run("signal", "BTCUSDT", "--candles", candles, "--timeframe", "4h", "--json").stdout)
    assert shown["timeframe"] == "4h" and shown["bar_close_ms"] - shown["bar_open_ms"] == 4 * 3_600_000


def test_a_code_that_no_head_explains_stays_a_code() -> None:
    assert reasons_in_words(None, ("old_reason",), None) == "old_reason"
    assert reasons_in_words(None, (), "old_code") == "abstains: old_code"
    head = find_heads()[0]
    code, words = next(iter(head.reasons.items()))
    assert reasons_in_words(head, (code,), None) == words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("BTCUSD",), "There is no symbol BTCUSD here.\nNearest of 4: BTCUSDT"),
        (("BTCUSDT", "--timeframe", "7m"), "'7m' is not a timeframe.\nKnown timeframes: 1m, 5m"),
        (("BTCUSDT", "--timeframe", "5m"), "Decisions are set to 5m bars, but the candles are 1h."),
        (("BTCUSDT", "--at", "2020-01-01"), "No 1h bar of binance:spot:BTCUSDT had closed by then."),
        (("BTCUSDT", "--at", "soon"), "--at 'soon' is not a time."),
        (("BTCUSDT", "--data-dir", "."), "Both --candles and --data-dir are given."),
    ],
)
def test_a_bar_that_is_not_there_is_refused(run: Any, candles: Path, words: tuple[str, ...], told: str) -> None:
    result = run("signal", *words, "--candles", candles)
    assert result.exit_code == 2 and told in result.stderr and not result.stdout


def test_a_directory_without_a_history_or_such_bars_is_refused(run: Any, walked: Walked, tmp_path: Path) -> None:
    nothing = run("signal", "BTCUSDT", "--data-dir", tmp_path)
    assert nothing.exit_code == 2 and "There is no history in" in nothing.stderr
    assert list(tmp_path.iterdir()) == []
    short = run("signal", "BTCUSDT", "--data-dir", walked[0], "--timeframe", "1m")
    assert short.exit_code == 2 and "has no 1m candles.\nIt has 1h, 4h, 1d" in short.stderr
