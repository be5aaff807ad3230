"""How a benchmark measures and what it prints: interleaved repeats, medians, one line a figure.

What is measured lives in the files that import this one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Timing:
    """`seconds`: the median; `spread`: half of the interquartile range, as a share of it."""

    seconds: float
    spread: float


def interleave(works: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, Timing]:
    """Runs all the works in turn, so that what else the machine does meanwhile hits all of them alike: `repeats` times
    after one round that is thrown away. A work that returns a float has timed itself."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            began = time.perf_counter()
            own = work()
            took = time.perf_counter() - began
            seconds[name].append(own if isinstance(own, float) else took)
    return {name: _timing(np.array(rounds[1:])) for name, rounds in seconds.items()}


def _timing(seconds: np.ndarray) -> Timing:
    low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
    return Timing(float(median), float((high - low) / 2 / median))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line. `more_is_better` tells rates from durations; `share` is how close the value comes to the limit: 1 is as
    good as it, above 1 better. `met` is None without a target."""

    what: str
    size: str
    value: float
    unit: str
    spread: float | None = None
    target: float | None = None
    limit: float | None = None
    limit_is: str = ""
    more_is_better: bool = False

    @property
    def share(self) -> float | None:
        if self.limit is None:
            return None
        return self.value / self.limit if self.more_is_better else self.limit / self.value

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.more_is_better else self.value < self.target


@dataclass(slots=True)
class Report:
    """The figures of one benchmark, printed as a table, or with --json as one line. With --quick no target is held
    against them: sizes are too small for that."""

    name: str
    asked: argparse.Namespace
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, size: str, value: float, unit: str, **more: object) -> None:
        if self.asked.quick:
            more.pop("target", None)
        self.figures.append(Figure(what=what, size=size, value=value, unit=unit, **more))  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        self.notes.append(text)

    def print(self) -> None:
        if self.asked.json:
            figures = [asdict(figure) | {"share": figure.share, "met": figure.met} for figure in self.figures]
            print(json.dumps({"bench": self.name, "machine": machine(), "figures": figures, "notes": self.notes}))
            return
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
        table = Table("what", "size", box=None, pad_edge=False)
        for column in ("figure", "spread", "target", "limit", "of limit"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("the limit is")
        for figure in self.figures:
            table.add_row(*_cells(figure))
        console.print(table)
        for text in self.notes:
            console.print(f"  {text}")


def _cells(figure: Figure) -> list[str]:
    sign = ">" if figure.more_is_better else "<"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    return [
        figure.what,
        figure.size,
        f"{plain(figure.value)} {figure.unit}",
        "" if figure.spread is None else f"±{figure.spread:.0%}",
        "" if figure.target is None else f"{sign} {plain(figure.target)} {verdict}",
        "" if figure.limit is None else plain(figure.limit),
        "" if figure.share is None else f"{figure.share:.2g}",
        figure.limit_is,
    ]


def plain(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, str]:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    names = Path("/proc/cpuinfo")
    if names.exists():
        lines = [line for line in names.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
    }


def resident_mb() -> float:
    """The resident set of this process in MB (2^20 bytes)."""
    return psutil.Process().memory_info().rss / MEGABYTE


def arguments(doc: str) -> argparse.ArgumentParser:
    """--quick, --json and --data, which every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="finish in seconds: shows that it runs, not how fast")
    parser.add_argument("--json", action="store_true", help="one line of JSON in place of the table")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="larger recordings")
    return parser


def recording(folder: Path, larger: str, carried: str, report: Report) -> Path:
    """The larger recording if it is there, else the one the project carries; says which, when it is the second."""
    if (folder / larger).exists():
        return folder / larger
    report.note(f"{larger} is not in {folder}: {carried} of the project's own data is used in its place.")
    return ROOT / "data" / carried
