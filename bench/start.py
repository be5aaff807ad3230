"""How long `holdfast run` takes from the start of its process until it is ready, and what it holds in memory then: 50
symbols with 200 hourly bars each in the databases, API and page served.

The past is made by `holdfast replay` with the same recording, until its 200th hour; `holdfast run` then goes on from
there. Ready is its log's word for it. The phases are those of its log; what comes before the first of them is Python
starting and importing. The limit is a Python that only imports the same libraries.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
import psutil

from _figures import MEGABYTE, Report, arguments, interleave, recording
from holdfast.telemetry.events import Event

FILES = ("binance_spot_2021_nfi/candles_1h.parquet", "binance_spot_2021_wanderindev/candles_1h.parquet")
SYMBOLS, BARS, LATER_BARS = 50, 200, 48
LIBRARIES = (
    "import asyncio, sqlite3, numpy, polars, talib, msgspec, structlog, prometheus_client, fastapi, uvicorn, nicegui"
)
HOLDFAST = (sys.executable, "-m", "holdfast")


def cut(path: Path, folder: Path) -> tuple[Path, str, int]:
    """A recording of the first symbols with a candle in every hour of the last `BARS` + `LATER_BARS`: its file, the
    time of the 200th close as the command line takes it, and the number of symbols."""
    frame = pl.read_parquet(path)
    hours = frame["ts"].unique().sort().tail(BARS + LATER_BARS)
    frame = frame.filter(pl.col("ts").is_in(hours.implode()))
    counts = frame.group_by("symbol").len().filter(pl.col("len") == len(hours))
    names = counts["symbol"].sort().head(SYMBOLS)
    file = folder / path.parent.name / "candles_1h.parquet"
    file.parent.mkdir()
    frame.filter(pl.col("symbol").is_in(names.implode())).sort("symbol", "ts").write_parquet(file)
    return file, hours[BARS].strftime("%Y-%m-%dT%H:%M:%S"), len(names)


def start(file: Path, data_dir: Path) -> dict[str, float]:
    """Starts a node, waits until it is ready, looks at it, and stops it: seconds by phase, and MB."""
    command = [*HOLDFAST, "run", "--candles", str(file), "--data-dir", str(data_dir), "--port", "0", "--log", "json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seconds: dict[str, float] = {}
    address = ""
    for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == Event.NODE_PHASE:
            seconds[entry["phase"]] = entry["took_ms"] / 1000
            address = entry["detail"] if entry["phase"] == "api" else address
        elif entry["event"] == Event.NODE_READY:
            break
    else:
        raise SystemExit(f"holdfast run ended with {process.wait()} before it was ready")
    seconds["ready"] = time.perf_counter() - began
    seconds["imports"] = seconds["ready"] - entry["took_ms"] / 1000
    ready_mb = psutil.Process(process.pid).memory_info().rss / MEGABYTE
    for path in ("/health", "/api/v1/symbols", "/"):
        with urllib.request.urlopen(address + path) as answer:
            answer.read()
    asked_mb = psutil.Process(process.pid).memory_info().rss / MEGABYTE
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    if process.returncode != 0:
        raise SystemExit(f"holdfast run ended with {process.returncode}")
    return seconds | {"ready_mb": ready_mb, "asked_mb": asked_mb}


def import_only() -> dict[str, float]:
    """Seconds and MB of a Python that imports the libraries and ends."""
    report = f"{LIBRARIES}, psutil\nprint(psutil.Process().memory_info().rss)"
    began = time.perf_counter()
    answer = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True)
    return {"ready": time.perf_counter() - began, "ready_mb": int(answer.stdout) / MEGABYTE}


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("start", asked)
    source = recording(asked.data, *FILES, report)
    starts: list[dict[str, float]] = []
    imports: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, until, symbols = cut(source, folder)
        data_dir = folder / "data"
        past = [*HOLDFAST, "replay", "--candles", str(file), "--data-dir", str(data_dir), "--until", until, "--json"]
        subprocess.run(past, check=True, capture_output=True)
        interleave(
            {
                "run": lambda: starts.append(start(file, data_dir)),
                "imports": lambda: imports.append(import_only()),
            },
            repeats=1 if asked.quick else 9,
        )
    ours = {name: np.array([run[name] for run in starts[1:]]) for name in starts[0]}
    size = f"{symbols} × {BARS} bars in the database"
    low, high = np.quantile(ours["ready"], (0.25, 0.75))
    report.add(
        "holdfast run: process start to ready",
        size,
        float(np.median(ours["ready"])),
        "s",
        spread=float((high - low) / 2 / np.median(ours["ready"])),
        target=5.0,
        limit=median(run["ready"] for run in imports[1:]),
        limit_is="importing the same libraries",
    )
    for phase in ("imports", "recording", "journal and history", "market", "execution", "api", "walk"):
        words = "before the first phase" if phase == "imports" else f"phase {phase}"
        report.add(f"  {words}", size, float(np.median(ours[phase])), "s")
    for key, words in (("ready_mb", "resident memory, ready"), ("asked_mb", "resident memory, page and API asked")):
        report.add(
            words,
            size,
            float(np.median(ours[key])),
            "MB",
            target=400.0,
            limit=median(run["ready_mb"] for run in imports[1:]),
            limit_is="importing the same libraries",
        )
    report.print()


if __name__ == "__main__":
    main()
