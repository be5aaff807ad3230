"""What an owner can get wrong at the command line, on real files and ports: two plain lines, exit code 2, nothing on
stdout, nothing lost, and never a traceback."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from typer.testing import CliRunner

from holdfast.cli.main import build_app
from holdfast.journal.sqlite import SqliteJournal
from holdfast.venues.paper_sqlite import SqlitePaperStore

START = datetime(2021, 1, 1, tzinfo=UTC)


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def typed(*words: object, cwd: Path, before: tuple[str, ...] = ()) -> Said:
    """The command in a process of its own; `before` is what stands before it."""
    command = [*before, sys.executable, "-m", "holdfast", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def typed_here(*words: object) -> Said:
    """The command in this process, which spares the second of a start."""
    result = CliRunner().invoke(build_app(), [str(word) for word in words], prog_name="holdfast")
    return Said(result.exit_code, result.stdout, result.stderr)


def expect_refusal(said: Said, problem: str, remedy: str) -> None:
    assert said.returncode == 2, said
    assert said.stdout == "" and "Traceback" not in said.stderr
    lines = said.stderr.splitlines()
    assert len(lines) == 2, said.stderr
    assert problem in lines[0] and remedy in lines[1], said.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of 48 hours of one symbol, and around it everything that is not one."""
    place = tmp_path / "binance_spot_small"
    place.mkdir()
    hours = range(48)
    prices = [100.0 + hour % 7 for hour in hours]
    sound = pl.DataFrame(
        {
            "symbol": ["AAAUSDT"] * 48,
            "ts": [START + timedelta(hours=hour) for hour in hours],
            "open": prices,
            "high": [price + 1 for price in prices],
            "low": [price - 1 for price in prices],
            "close": prices,
            "volume": [1000.0] * 48,
        }
    )
    sound.write_parquet(place / "candles_1h.parquet")
    whole = (place / "candles_1h.parquet").read_bytes()
    (place / "candles_4h.parquet").write_bytes(whole[: len(whole) // 2])
    (place / "candles_1d.parquet").write_text("symbol,ts,open\n")
    pl.DataFrame({"city": ["Turin"], "people": [1]}).write_parquet(place / "foreign.parquet")
    (place / "settings.toml").write_text("[limits]\nmax_drawdwon = 0.1\n")
    (place / "broken.toml").write_text("[limits\n")
    return place


CANDLES = "candles_1h.parquet"


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        (("--candles", "candels.parquet"), "There is no file candels.parquet.", "Check the path"),
        (("--candles", "."), ". is a folder.", "candles_1h.parquet"),
        (("--candles", "candles_4h.parquet"), "candles_4h.parquet is damaged", "Fetch or copy the file again."),
        (("--candles", "candles_1d.parquet"), "candles_1d.parquet is not a Parquet file.", "data/README.md"),
        (("--candles", "foreign.parquet"), "has no column symbol, ts", "data/README.md"),
        (("--candles", CANDLES, "--settings", "settings.toml"), "no setting [limits] 'max_drawdwon'", "max_drawdown"),
        (("--candles", CANDLES, "--settings", "none.toml"), "There is no settings file none.toml.", "Check the path"),
        (("--candles", CANDLES, "--settings", "broken.toml"), "broken.toml is not TOML", "Mend"),
        (("--candles", CANDLES, "--symbol", "BBBUSDT"), "BBBUSDT is not in the recording.", "AAAUSDT"),
        (("--candles", CANDLES, "--speed", "-3"), "'-3' is not a speed.", "above zero"),
        (("--candles", CANDLES, "--until", "2020-12-31"), "closes that early", "2021-01-01 01:00 UTC"),
        (("--candles", CANDLES, "--until", "later"), "--until 'later' is not a time.", "2021-05-01"),
        (
            ("--candles", CANDLES, "--market", "moon"),
            "no paper market for moon",
            "[paper.markets.moon]",
        ),
        (
            ("--candles", CANDLES, "--data-dir", CANDLES),
            "data directory candles_1h.parquet cannot be made",
            "--data-dir",
        ),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_a_wrong_word_is_answered_in_two_lines(folder: Path, words: tuple[str, ...], problem: str, remedy: str) -> None:
    expect_refusal(typed("replay", *words, "--json", cwd=folder), problem, remedy)


def test_what_is_missing_or_unknown_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = typed_here("replay")
    assert said.returncode == 2 and "Missing option '--candles'" in said.stderr and said.stdout == ""
    said = typed_here("replay", "--candles", CANDLES, "--sped", "3")
    assert said.returncode == 2 and "No such option: --sped" in said.stderr and said.stdout == ""


def test_an_unknown_symbol_is_answered_with_the_nearest(folder: Path) -> None:
    said = typed_here("signal", "AAUSDT", "--candles", folder / CANDLES)
    expect_refusal(said, "There is no symbol AAUSDT here.", "AAAUSDT")


def test_a_port_in_use_is_said_before_anything_is_traded(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = typed("run", "--candles", CANDLES, "--port", port, "--data-dir", "kept", cwd=folder)
    assert said.returncode == 2 and said.stdout == ""
    *log, problem, remedy = said.stderr.splitlines()
    assert f"Port {port} on 127.0.0.1 cannot be used" in problem and "--port" in remedy
    assert all("  info  " in line for line in log) and "node.stopped" in log[-1]


def test_a_port_that_does_not_exist_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = typed_here("run", "--candles", CANDLES, "--port", 70000)
    expect_refusal(said, "Port 70000 does not exist.", "1 to 65535")
    assert not (folder / "holdfast-data").exists()


@pytest.fixture
def kept(folder: Path) -> Path:
    """A data directory in which the recording has been walked."""
    said = typed_here("replay", "--candles", folder / CANDLES, "--data-dir", folder / "kept", "--json")
    assert said.returncode == 0, said.stderr
    return folder / "kept"


@pytest.mark.parametrize("name", ["journal", "history"])
def test_a_directory_of_a_newer_holdfast_is_left_as_it_is(folder: Path, kept: Path, name: str) -> None:
    file = kept / f"{name}.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = file.read_bytes()
    said = typed_here("replay", "--candles", folder / CANDLES, "--data-dir", kept, "--json")
    expect_refusal(said, f"The {name} {file} was written by a newer holdfast", "Update holdfast")
    assert file.read_bytes() == before


def test_a_second_node_in_one_directory_is_refused_and_the_first_loses_nothing(folder: Path, kept: Path) -> None:
    journal = SqliteJournal(kept / "journal.sqlite")
    before = (journal.head(), journal.read_epoch("paper"))
    store = SqlitePaperStore(kept / "paper.sqlite")
    try:
        said = typed("replay", "--candles", CANDLES, "--data-dir", "kept", "--json", cwd=folder)
    finally:
        store.close()
    expect_refusal(said, "paper.sqlite is in use by another process.", "Stop it")
    assert (journal.head(), journal.read_epoch("paper")) == before
    journal.close()


def test_a_read_only_directory_is_said_by_its_name(folder: Path) -> None:
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        # Nothing is read-only for root, as long as it has this capability.
        before = ("setpriv", "--bounding-set", "-dac_override")
        if shutil.which("setpriv") is None or subprocess.run([*before, "true"], capture_output=True).returncode:
            pytest.skip("this is root, and it cannot give up its right to write everywhere")
    place = folder / "readonly"
    place.mkdir(mode=0o555)
    words = ("replay", "--candles", CANDLES, "--json", "--data-dir")
    inside = typed(*words, "readonly", cwd=folder, before=before)
    below = typed(*words, "readonly/kept", cwd=folder, before=before)
    expect_refusal(inside, "The journal readonly/journal.sqlite cannot be opened for writing", "writable")
    expect_refusal(below, "The data directory readonly/kept cannot be made: Permission denied.", "--data-dir")
