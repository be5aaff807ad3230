"""What following 100 live symbols costs: a node before the Binance twin, over real sockets, at real speed, on paper.

The twin and the node are two processes. The twin sends kline frames as often as Binance does (every 2 s on spot, 250 ms
on futures), nearly all of them of bars that are still forming. Measured is the node alone, after it has its past: its
share of one core, and its resident memory over time.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from _figures import MEGABYTE, Report, arguments

SPOT = ("binance_spot_2021_nfi/candles_1h.parquet", "binance_spot_2021_wanderindev/candles_1h.parquet")
USDM = "binance_usdm_2023_alpergulsen/candles_1h.parquet"
SYMBOLS = {"spot": 61, "usdm": 39}
TWIN = """
import asyncio, sys
from pathlib import Path
from holdfast.sim.twins.binance import run_twin
port, *files = sys.argv[1:]
asyncio.run(run_twin([Path(file) for file in files], host="127.0.0.1", port=int(port), control_port=0, speed=1.0))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(port: int, markets: list[str]) -> str:
    places = {"spot": f"ws://127.0.0.1:{port}", "usdm": f"ws://127.0.0.1:{port}/fstream.binance.com"}
    rows = [
        f'{{ venue = "binance", market = "{market}", rest = "http://127.0.0.1:{port}", streams = "{places[market]}" }}'
        for market in markets
    ]
    sizes = [f'{market} = {{ size = {SYMBOLS[market]}, min_quote_volume = "0" }}' for market in markets]
    return "\n".join(
        [
            '[market]\nframes = ["4h"]',
            f'[live]\nbase = "1h"\nmarkets = [{", ".join(rows)}]',
            f"[live.universe]\nmarkets = {{ {', '.join(sizes)} }}",
        ]
    )


def use(process: psutil.Process, seconds: float) -> tuple[float, list[float]]:
    """The process's share of one core over that long, and its memory in MB, ten times."""
    began, before = time.perf_counter(), process.cpu_times()
    memory = []
    for _ in range(10):
        time.sleep(seconds / 10)
        memory.append(process.memory_info().rss / MEGABYTE)
    after, took = process.cpu_times(), time.perf_counter() - began
    return (after.user + after.system - before.user - before.system) / took, memory


def node(file: Path, folder: Path, seconds: float, settle_s: float) -> tuple[float, list[float], int]:
    """Runs a node, waits until it has its past, and measures it: share of a core, memory, symbols ready."""
    command = [sys.executable, "-m", "holdfast", "run", "--settings", str(file), "--port", "0", "--log", "json"]
    with subprocess.Popen([*command, "--data-dir", str(folder)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        symbols = 0
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "feed.started":
                symbols = entry["symbols"]
            if entry["event"] == "node.ready":
                break
        time.sleep(settle_s)
        share, memory = use(psutil.Process(process.pid), seconds)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        if process.wait(timeout=30):
            raise SystemExit(f"the node ended with {process.returncode}")
    return share, memory, symbols


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("live", asked)
    seconds, settle_s = (20.0, 10.0) if asked.quick else (600.0, 60.0)
    carried = Path(__file__).parents[1] / "data"
    spot = asked.data / SPOT[0] if (asked.data / SPOT[0]).is_file() else carried / SPOT[1]
    files = [spot, *(path for path in (asked.data / USDM,) if path.is_file())]
    markets = ["spot", "usdm"][: len(files)]
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "live.toml"
        file.write_text(settings(port, markets))
        twin = subprocess.Popen([sys.executable, "-c", TWIN, str(port), *map(str, files)])
        try:
            asyncio.run(_wait_for(port))
            share, memory, symbols = node(file, folder, seconds, settle_s)
        finally:
            twin.terminate()
            twin.wait(timeout=30)
    size = f"{symbols} symbols, {seconds:.0f} s"
    report.add("share of one core", size, 100 * share, "%", target=3.0)
    report.add("resident memory, first tenth", size, memory[0], "MB")
    report.add("resident memory, last tenth", size, memory[-1], "MB")
    report.print()


async def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise SystemExit("the twin did not start")


if __name__ == "__main__":
    main()
