"""`holdfast version`: which holdfast this is."""

from __future__ import annotations

import platform

import typer

from holdfast import __version__
from holdfast.cli.options import AsJson
from holdfast.cli.screen import say, say_json

app = typer.Typer()


@app.command()
def version(as_json: AsJson = False) -> None:
    """Say which version this is."""
    if as_json:
        say_json({"version": __version__, "python": platform.python_version()})
    else:
        say(f"holdfast {__version__} (Python {platform.python_version()})")
