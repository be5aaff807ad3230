"""`holdfast doctor`: whether a node could start here, and what to do where it could not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import AsJson, SettingsFile
from holdfast.cli.project import DEFAULT_DATA_DIR
from holdfast.cli.screen import answers, say, say_json

if TYPE_CHECKING:
    from holdfast.cli.checks import Check

app = typer.Typer()


@app.command()
def doctor(
    *,
    data_dir: Annotated[Path, typer.Option(metavar="DIR", help="The data directory to look into.")] = DEFAULT_DATA_DIR,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine, the settings and a data directory; exit code 1 when there is a problem."""
    import asyncio

    from holdfast.cli.checks import PROBLEM, check_all
    from holdfast.world.clock import SystemClock

    checks = asyncio.run(check_all(data_dir, settings, SystemClock()))
    problems = sum(check.state == PROBLEM for check in checks)
    if as_json:
        say_json({"ok": not problems, "checks": checks})
    else:
        show(checks)
        say(f"{problems} problem{'s' * (problems != 1)}." if problems else "Nothing stands in the way of a start.")
    if problems:
        raise typer.Exit(1)


_SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def show(checks: Sequence[Check]) -> None:
    """A row for each check, and what to do below what was found."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold", ratio=1)
    for check in checks:
        sign, style = _SIGNS[check.state]
        found = Text(check.detail)
        if check.remedy:
            found.append(f"\n→ {check.remedy}", style=style)
        table.add_row(Text(f"{sign} {check.state}", style=style), check.name, found)
    answers().print(table)
