"""The command line: finds the commands, and says every error in two plain lines.

Everything heavy (numbers, data frames, servers) is imported by the command that needs it, so that a short answer comes
at once. No command is written here.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from holdfast.cli import commands
from holdfast.cli.screen import say_problem
from holdfast.model.errors import BadInput, HoldfastError

BAD_INPUT_EXIT = 2
FAILED_EXIT = 1


def wants_traceback() -> bool:
    """An owner who reports a defect asks for it with HOLDFAST_TRACEBACK=1."""
    return os.environ.get("HOLDFAST_TRACEBACK") == "1"


class Commands(TyperGroup):
    """The commands, whose errors end in words and an exit code: 2 for what the owner can mend, else 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HoldfastError as error:
            if wants_traceback():
                traceback.print_exc()
            if isinstance(error, BadInput):
                say_problem(error.problem, error.remedy)
                raise typer.Exit(BAD_INPUT_EXIT) from None
            say_problem(str(error), "Once the cause is gone, the same command goes on from there.")
            raise typer.Exit(FAILED_EXIT) from None


def build_app() -> typer.Typer:
    """The root command with every command of the folder, in the order of their names."""
    app = typer.Typer(
        name="holdfast",
        cls=Commands,
        help="A trading system that keeps trading correctly when its machines do not.",
        epilog="holdfast COMMAND --help tells more. Times are UTC.",
        no_args_is_help=True,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda module: module.name):
        app.add_typer(importlib.import_module(f"{commands.__name__}.{module.name}").app)
    return app


def _root() -> None:
    """What stands before a command: nothing but --help."""


def _say_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if wants_traceback():
        traceback.print_exception(kind, error, trace)
    else:
        say_problem(
            f"holdfast failed: {kind.__name__}: {error}",
            "That is a defect. HOLDFAST_TRACEBACK=1 before the command shows where; please report it.",
        )


def main() -> None:
    """The entry point of the `holdfast` script."""
    sys.excepthook = _say_defect
    get_command(build_app())(prog_name="holdfast")
