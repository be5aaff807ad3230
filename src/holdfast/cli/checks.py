"""What `holdfast doctor` looks at: one function a check, each with what it found and what to do about it.

A check changes nothing that is there; it opens what a start would open. What a start needs and lacks is a problem.
"""

from __future__ import annotations

import importlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from holdfast import __version__
from holdfast.cli.screen import minute
from holdfast.history.sqlite import SqliteHistory
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.errors import BadInput, HoldfastError
from holdfast.node.settings import Settings, read_settings
from holdfast.ports.clock import Clock
from holdfast.signals.panel import find_heads
from holdfast.venues.paper_sqlite import SqlitePaperStore
from holdfast.world.port import listen

OK, WARNING, PROBLEM = "ok", "warning", "problem"

OLDEST_PYTHON = (3, 11)
LITTLE_DISK_BYTES, TOO_LITTLE_DISK_BYTES = 1 << 30, 100 << 20
CLOCK_WATCHED_S = 0.2
CLOCK_STEP_MOST_S = 0.05
EARLIEST_MS = 1_735_689_600_000  # 2025-01-01: this program is younger, so a clock before it is wrong


class Check(msgspec.Struct, frozen=True):
    """`state` is ok, warning or problem; `remedy` is empty when there is nothing to do."""

    name: str
    state: str
    detail: str
    remedy: str = ""


async def check_all(data_dir: Path, settings_file: Path | None, clock: Clock) -> list[Check]:
    """Every check, in the order in which a start would meet the same things."""
    checks = [check_python(), check_packages(), check_zones(), await check_clock(clock), check_heads()]
    settings, found = check_settings(settings_file)
    checks += [found, check_directory(data_dir), check_disk(data_dir)]
    checks += [check_journal(data_dir), check_history(data_dir), paper := check_paper(data_dir)]
    return [*checks, check_port(settings, running=paper.state == WARNING)]


def check_python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", PROBLEM, version, f"holdfast needs {'.'.join(map(str, OLDEST_PYTHON))} or newer.")
    return Check("Python", OK, f"{version}, holdfast {__version__}")


def check_packages() -> Check:
    """Imports everything that the installed holdfast says it needs."""
    try:
        needed = list(_needed("holdfast"))
    except metadata.PackageNotFoundError:
        return Check(
            "packages", WARNING, "holdfast is not installed as a package", "Install it: ./run holdfast doctor does."
        )
    modules = {name: module for module, names in metadata.packages_distributions().items() for name in map(_key, names)}
    missing, found = [], []
    for name in needed:
        try:
            importlib.import_module(modules.get(_key(name), name))
            found.append(f"{name} {metadata.version(name)}")
        except (ImportError, OSError) as error:
            missing.append(f"{name} ({error})")
    if missing:
        return Check("packages", PROBLEM, f"not importable: {', '.join(missing)}", "Install them: ./run holdfast does.")
    return Check("packages", OK, ", ".join(found))


def _needed(distribution: str) -> Iterator[str]:
    """The names in the distribution's requirements, without those of its extras and of other systems."""
    for line in metadata.requires(distribution) or ():
        name, _, marker = line.partition(";")
        elsewhere = "sys_platform != 'win32'" in marker.replace('"', "'") and sys.platform == "win32"
        if "extra" not in marker and not elsewhere:
            yield re.split(r"[\s\[<>=!~(]", name.strip(), maxsplit=1)[0]


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check_zones() -> Check:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Check("time zones", PROBLEM, "no database of time zones", "Install the package tzdata.")
    return Check("time zones", OK, "America/New_York is known")


async def check_clock(clock: Clock) -> Check:
    """Whether the wall clock is in this century's present, and runs as the monotonic clock does."""
    wall_ms, mono_s = clock.now_ms(), clock.monotonic_s()
    await clock.wait_s(CLOCK_WATCHED_S)
    stepped_s = (clock.now_ms() - wall_ms) / 1000 - (clock.monotonic_s() - mono_s)
    if wall_ms < EARLIEST_MS:
        return Check("clock", PROBLEM, f"it says {minute(wall_ms)}", "Set the system's clock; NTP keeps it right.")
    if abs(stepped_s) > CLOCK_STEP_MOST_S:
        detail = f"it stepped {stepped_s:+.3f} s in {CLOCK_WATCHED_S} s"
        return Check("clock", WARNING, detail, "Somebody is setting it: see that one time service runs, not two.")
    return Check("clock", OK, f"{minute(wall_ms)}, steady")


def check_heads() -> Check:
    try:
        heads = find_heads()
    except BadInput as error:
        return Check("heads", PROBLEM, error.problem, error.remedy)
    if not heads:
        return Check("heads", PROBLEM, "none found", "The installation is incomplete: install holdfast again.")
    return Check("heads", OK, f"{len(heads)}: {', '.join(head.name for head in heads)}")


def check_settings(path: Path | None) -> tuple[Settings, Check]:
    """The settings, or the defaults where they cannot be read."""
    try:
        return read_settings(path), Check("settings", OK, f"{path} is right" if path else "the defaults")
    except BadInput as error:
        return Settings(), Check("settings", PROBLEM, error.problem, error.remedy)


def check_directory(data_dir: Path) -> Check:
    """Whether files can be made in the data directory, or in the folder in which it would be made."""
    folder = _existing(data_dir)
    if not folder.is_dir():
        return Check("data directory", PROBLEM, f"{folder} is not a folder", "Choose another with --data-dir.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Make it writable for this user, or choose another with --data-dir."
        return Check("data directory", PROBLEM, f"{folder} cannot be written: {error.strerror}", remedy)
    return Check("data directory", OK, f"{data_dir} is writable" if folder == data_dir else f"{data_dir} can be made")


def check_disk(data_dir: Path) -> Check:
    free = shutil.disk_usage(_existing(data_dir)).free
    detail = f"{free / 1e9:,.1f} GB free under {data_dir}"
    if free < TOO_LITTLE_DISK_BYTES:
        return Check("disk", PROBLEM, detail, "Free some space: a full disk stops trading.")
    if free < LITTLE_DISK_BYTES:
        return Check("disk", WARNING, detail, "Free some space soon.")
    return Check("disk", OK, detail)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def check_journal(data_dir: Path) -> Check:
    """Every entry of the journal continues the chain of those before it."""

    def look(path: Path) -> str:
        journal = SqliteJournal(path)
        try:
            journal.verify()
            sequence, chain_hash = journal.head()
        finally:
            journal.close()
        return f"{sequence:,} entries, unbroken; hash {chain_hash[:16]}…"

    return _look_at("journal", data_dir / "journal.sqlite", look)


def check_history(data_dir: Path) -> Check:
    def look(path: Path) -> str:
        history = SqliteHistory(path)
        try:
            return f"{history.count_candles():,} candles"
        finally:
            history.close()

    return _look_at("history", data_dir / "history.sqlite", look)


def check_paper(data_dir: Path) -> Check:
    """The paper venue's file belongs to one process at a time, so here a running node shows."""

    def look(path: Path) -> str:
        store = SqlitePaperStore(path)
        try:
            return f"{sum(1 for _ in store.load()):,} records"
        finally:
            store.close()

    found = _look_at("paper venue", data_dir / "paper.sqlite", look)
    if "in use by another process" in found.detail:
        return Check("paper venue", WARNING, found.detail, "A node runs in this directory; a second one cannot.")
    return found


def _look_at(name: str, path: Path, look: Callable[[Path], str]) -> Check:
    if not path.exists():
        return Check(name, OK, "not begun yet: the first run makes it")
    try:
        return Check(name, OK, look(path))
    except BadInput as error:
        return Check(name, PROBLEM, error.problem, error.remedy)
    except HoldfastError as error:
        return Check(name, PROBLEM, str(error))


def check_port(settings: Settings, *, running: bool) -> Check:
    """`running`: a node runs in the data directory, so that the port may well be its own."""
    host, port = settings.api.host, settings.api.port
    try:
        listen(host, port).close()
    except BadInput as error:
        if running:
            return Check("port", WARNING, error.problem, "It may be that of the node that runs here.")
        return Check("port", PROBLEM, error.problem, error.remedy)
    return Check("port", OK, f"{port} on {host} is free")
