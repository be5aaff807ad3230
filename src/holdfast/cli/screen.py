"""What is written to the terminal: answers to stdout, everything else to stderr. Numbers and times as people read them.

Rich is imported on use: `--json` and short answers do without.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str) -> None:
    """One line of an answer."""
    typer.echo(text)


def say_json(answer: Mapping[str, object] | msgspec.Struct) -> None:
    """The whole answer of a command with --json: one object, and nothing else on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def say_problem(problem: str, remedy: str) -> None:
    """An error, as two lines: what is wrong, and what to do."""
    typer.secho(problem, fg="red", err=True)
    if remedy:
        typer.echo(remedy, err=True)


def answers() -> Console:
    """Where tables go. A pipe gets 120 columns unless COLUMNS says otherwise, because it has no width of its own."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)


def asides() -> Console:
    """Where progress goes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def minute(moment_ms: int) -> str:
    """A moment for people, always in UTC: 2021-05-09 23:00 UTC."""
    return f"{_utc(moment_ms):%Y-%m-%d %H:%M} UTC"


def iso(moment_ms: int) -> str:
    """A moment for machines: 2021-05-09T23:00:00Z."""
    return f"{_utc(moment_ms):%Y-%m-%dT%H:%M:%SZ}"


def readable(moment: str) -> str:
    """What `iso` wrote, for people."""
    return moment.replace("T", " ").removesuffix(":00Z") + " UTC"


def money(amount: Decimal) -> str:
    """An amount of money for people, to the hundredth."""
    return f"{amount:,.2f}"


def _utc(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
