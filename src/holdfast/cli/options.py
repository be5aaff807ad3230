"""The options that several commands share, and how their words are read. Nothing is opened here."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from holdfast.model.errors import BadInput

Candles = Annotated[
    list[Path],
    typer.Option("--candles", metavar="FILE", help="Recorded candles (Parquet). Repeat it to play several together."),
]
MaybeCandles = Annotated[
    list[Path] | None,
    typer.Option("--candles", metavar="FILE", help="Recorded candles (Parquet), in place of live markets; repeatable."),
]
Headlines = Annotated[
    list[Path] | None,
    typer.Option("--headlines", metavar="FILE", help="Recorded headlines (Parquet). May be repeated."),
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Settings (TOML), laid over the defaults.")
]
Venue = Annotated[str | None, typer.Option(help="The venue, where the folder of the candles does not name it.")]
MarketName = Annotated[
    str | None, typer.Option("--market", help="The market (spot, usdm, fx), where the folder does not name it.")
]
Symbols = Annotated[
    list[str] | None, typer.Option("--symbol", metavar="NAME", help="Only this symbol. May be repeated.")
]
Port = Annotated[int | None, typer.Option(help="The port of page and API; 0 takes any free one (default 8000).")]


class LogShape(StrEnum):
    """text: columns for a person. json: one object a line."""

    TEXT = "text"
    JSON = "json"


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, and nothing else there.")]


def read_speed(text: str) -> float | None:
    """Recorded seconds a second; None for 'max'. BadInput for anything that is not above zero."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise BadInput(
            f"'{text}' is not a speed.",
            "Give recorded seconds a second, above zero (1 is the pace it was recorded at), or max.",
        )
    return speed


def read_moment(option: str, text: str) -> int:
    """Milliseconds since 1970 UTC of an ISO date or time; without a zone it is UTC. BadInput for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{option} '{text}' is not a time.", "Write it as 2021-05-01 or 2021-05-01T14:00; it is UTC without a zone."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def overrides(*, host: str | None = None, port: int | None = None) -> dict[str, dict[str, object]]:
    """What the flags say, in the shape of the settings: flags go over the file, the file over the defaults."""
    given: dict[str, object] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return {"api": given} if given else {}
