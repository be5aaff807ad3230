"""`holdfast doctor`: what is right is said, what is wrong comes with a remedy and an exit code."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import checks
from holdfast.model.errors import BadInput
from holdfast.venues.paper_sqlite import SqlitePaperStore

Walked = tuple[Path, dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings with port 0: any free one, so that no other program on this machine is in the way."""
    path = tmp_path / "settings.toml"
    path.write_text("[api]\nport = 0\n")
    return path


def examined(run: Any, data_dir: Path, settings: Path) -> tuple[int, dict[str, dict[str, str]]]:
    result = run("doctor", "--data-dir", data_dir, "--settings", settings, "--json")
    found = json.loads(result.stdout)
    assert found["ok"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in found["checks"]}


def test_a_sound_directory_has_no_problem(run: Any, walked: Walked, settings: Path) -> None:
    code, found = examined(run, walked[0], settings)
    assert code == 0, found
    assert found["journal"]["detail"].startswith(f"{walked[1]['journal_entries']:,} entries, unbroken")
    assert "numpy" in found["packages"]["detail"] and found["heads"]["detail"].startswith("9: ")


def test_a_directory_that_is_not_there_is_looked_at_and_not_made(run: Any, settings: Path, tmp_path: Path) -> None:
    code, found = examined(run, tmp_path / "new" / "er", settings)
    assert code == 0 and found["data directory"]["detail"].endswith("can be made")
    assert found["journal"]["detail"] == "not begun yet: the first run makes it"
    assert not (tmp_path / "new").exists()


def test_everything_that_is_wrong_is_named_with_a_remedy(run: Any, tmp_path: Path) -> None:
    for name in ("journal", "history", "paper"):
        (tmp_path / f"{name}.sqlite").write_text("not a database at all, but long enough to look like one")
    settings = tmp_path / "settings.toml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings.write_text(f"[api]\nport = {taken.getsockname()[1]}\n")
        code, found = examined(run, tmp_path, settings)
    wrong = {name: check for name, check in found.items() if check["state"] == "problem"}
    assert code == 1 and set(wrong) == {"journal", "history", "paper venue", "port"}
    assert all(check["remedy"] for check in wrong.values())
    settings.write_text("[apii]\nport = 1\n")
    said = run("doctor", "--data-dir", tmp_path, "--settings", settings)
    assert said.exit_code == 1 and "Did you mean 'api'?" in said.stdout


def test_a_changed_journal_entry_is_found(run: Any, settings: Path, candles: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ("--symbol", "BTCUSDT", "--until", "2021-01-01T06:00", "--data-dir", kept)
    assert run("replay", "--candles", candles, *words).exit_code == 0
    with sqlite3.connect(kept / "journal.sqlite") as journal:
        # The journal defends itself against changes; whoever edits the file takes that away first.
        for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            journal.execute(f"DROP TRIGGER {name}")
        journal.execute("UPDATE entries SET time_ms = time_ms + 1 WHERE sequence = 3")
    journal.close()
    code, found = examined(run, kept, settings)
    assert code == 1 and "Entry 3 of the journal" in found["journal"]["detail"]


def test_a_running_node_is_a_warning_and_no_problem(run: Any, settings: Path, tmp_path: Path) -> None:
    store = SqlitePaperStore(tmp_path / "paper.sqlite")
    try:
        code, found = examined(run, tmp_path, settings)
    finally:
        store.close()
    assert code == 0 and found["paper venue"]["state"] == "warning"


class Stepping:
    """A clock whose wall time is set by `step_ms` while it is watched."""

    def __init__(self, now_ms: int, step_ms: int) -> None:
        self.wall_ms, self.mono_s, self.step_ms = now_ms, 0.0, step_ms

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.mono_s

    async def wait_s(self, seconds: float) -> None:
        self.mono_s += seconds
        self.wall_ms += round(seconds * 1000) + self.step_ms


@pytest.mark.parametrize(
    ("now_ms", "step_ms", "state"),
    [
        (checks.EARLIEST_MS, 0, "ok"),
        (checks.EARLIEST_MS, 20, "ok"),
        (checks.EARLIEST_MS, -900, "warning"),
        (checks.EARLIEST_MS - 1, 0, "problem"),
    ],
)
def test_a_clock_that_is_set_or_wrong_is_noticed(now_ms: int, step_ms: int, state: str) -> None:
    assert asyncio.run(checks.check_clock(Stepping(now_ms, step_ms))).state == state


def test_a_full_disk_and_a_lacking_package_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = checks.TOO_LITTLE_DISK_BYTES - 1

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert checks.check_disk(tmp_path).state == "problem"
    monkeypatch.setattr(Usage, "free", checks.TOO_LITTLE_DISK_BYTES)
    assert checks.check_disk(tmp_path).state == "warning"
    monkeypatch.setattr(checks, "_needed", lambda _: iter(["numpy", "a-package-nobody-has"]))
    found = checks.check_packages()
    assert found.state == "problem" and "a-package-nobody-has" in found.detail and "numpy" not in found.detail


def test_heads_that_clash_or_lack_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    def clash() -> tuple[()]:
        raise BadInput("Two heads are called 'ict'.", "Rename one.")

    monkeypatch.setattr(checks, "find_heads", clash)
    assert checks.check_heads() == checks.Check("heads", "problem", "Two heads are called 'ict'.", "Rename one.")
    monkeypatch.setattr(checks, "find_heads", lambda: ())
    assert checks.check_heads().state == "problem"
