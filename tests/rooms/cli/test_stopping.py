"""Real processes and the signals they get: one stops in order and can go on later, a second one ends at once."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

HOLDFAST = [sys.executable, "-m", "holdfast"]
PATIENCE_S = 120


@contextmanager
def started(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process: subprocess.Popen[str] = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(stream: IO[str], wanted: str) -> list[str]:
    """The lines up to the one that has `wanted` in it."""
    lines = []
    for line in stream:
        lines.append(line)
        if wanted in line:
            return lines
    raise AssertionError(f"'{wanted}' was never said:\n{''.join(lines)}")


def test_the_demo_says_where_its_page_is_and_stops_in_order(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [*HOLDFAST, "demo", "--port", "0"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as demo:
        assert demo.stdout is not None and demo.stderr is not None
        said = read_until(demo.stdout, "  page   http://localhost:")
        assert [line.split()[1] for line in said if "✓" in line] == [
            "recording",
            "journal",
            "market",
            "execution",
            "api",
            "walk",
        ]
        address = said[-1].split()[1]
        with urllib.request.urlopen(f"{address}/health", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["world"] == "replay"
        demo.send_signal(signal.SIGINT)
        rest, errors = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0 and errors == ""
    assert "Stopping in order" in rest and "Stopped. Its temporary directory has been removed" in rest
    assert list(tmp_path.glob("holdfast-*")) == []


def test_on_a_terminal_the_demo_draws_a_panel_and_stops_in_order(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
    command = [*HOLDFAST, "demo", "--port", "0", "--data-dir", str(tmp_path / "kept"), "--no-browser-hint"]
    with started(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as demo:
        os.close(theirs)
        seen = b""
        while "Ctrl-C stops ─".encode() not in seen:
            seen += os.read(ours, 65536)
        demo.send_signal(signal.SIGTERM)
        while demo.poll() is None:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # Linux says so when the other end of a terminal is closed.
                break
        assert demo.wait(PATIENCE_S) == 0
    os.close(ours)
    said = seen.decode(errors="replace")
    assert "market time" in said and "equity" in said and "head start" in said
    assert "(open it in a browser)" not in said and "goes on from there" in " ".join(said.split())


def test_a_run_goes_on_where_it_was_logs_to_stderr_and_stops_at_sigterm(
    run: Any, candles: Path, tmp_path: Path
) -> None:
    walked = run("replay", "--candles", candles, "--data-dir", tmp_path, "--until", "2021-01-02", "--json")
    assert walked.exit_code == 0, walked.stderr
    command = [*HOLDFAST, "run", "--candles", str(candles), "--data-dir", str(tmp_path), "--port", "0"]
    command += ["--speed", "36000", "--log", "json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        lines = read_until(running.stderr, '"node.ready"')
        running.send_signal(signal.SIGTERM)
        said, rest = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0 and said == ""
    events = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    assert [event["event"] for event in events[-2:]] == ["node.stopping", "node.stopped"]
    phases = {event["phase"]: event["detail"] for event in events if event["event"] == "node.phase_reached"}
    assert phases["market"] == f"{json.loads(walked.stdout)['candles']} past candles in the book"
    assert phases["api"].startswith("http://localhost:")


def test_an_interrupted_replay_says_how_far_it_came(candles: Path, tmp_path: Path) -> None:
    command = [*HOLDFAST, "replay", "--candles", str(candles), "--data-dir", str(tmp_path), "--speed", "1", "--json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as replay:
        while not (tmp_path / "paper.sqlite").exists():
            assert replay.poll() is None
        replay.send_signal(signal.SIGINT)
        said, _ = replay.communicate(timeout=PATIENCE_S)
    assert replay.returncode == 130
    found = json.loads(said)
    assert not found["finished"] and found["candles"] == 0 and found["walked_to"] is None


STUBBORN = """
from holdfast.cli.interruption import Interruption
interruption = Interruption()
with interruption.watch():
    print("watching", flush=True)
    while interruption.received is None:
        pass
    print("asked", flush=True)
    while True:
        pass
"""


def test_a_second_signal_ends_the_process_at_once() -> None:
    with started([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        read_until(process.stdout, "watching")
        process.send_signal(signal.SIGINT)
        read_until(process.stdout, "asked")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
