"""`holdfast signal`: what the heads say about one bar of one symbol, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import AsJson, Headlines, MarketName, SettingsFile, Venue, read_moment
from holdfast.cli.project import DEFAULT_DATA_DIR, demo_candles
from holdfast.cli.screen import answers, say
from holdfast.model.errors import BadInput
from holdfast.model.timeframe import Timeframe

if TYPE_CHECKING:
    from rich.table import Table

    from holdfast.model.signal import Signal
    from holdfast.node.settings import Settings
    from holdfast.signals.head import Head

app = typer.Typer()


@app.command()
def signal(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A name such as BTCUSDT, or venue:market:name.")],
    *,
    candles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the bars from recorded candles (Parquet).")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Read the bars from the history of a run.")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="The length of the bar (default: the one decided on, 1h).")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The newest bar that had closed by then (UTC).")
    ] = None,
    headlines: Headlines = None,
    venue: Venue = None,
    market: MarketName = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the votes of all heads on one bar, with their reasons, and the consensus.

    Without --candles and --data-dir it looks into ./holdfast-data, or else into the demo's recording.
    """
    if candles is not None and data_dir is not None:
        raise BadInput("Both --candles and --data-dir are given.", "Give one: the bar is read from one place.")
    at_ms = None if at is None else read_moment("--at", at)

    from holdfast.cli.one_bar import Asked, judge_recorded, judge_stored
    from holdfast.node.settings import read_settings
    from holdfast.node.view import view_signal
    from holdfast.signals.panel import find_heads

    frame = {"timeframe": Timeframe.parse(timeframe).value} if timeframe else {}
    read = read_settings(settings, {"market": frame})
    heads = find_heads()
    asked = Asked(symbol=symbol, venue=venue, market=market, at_ms=at_ms)
    if candles is None and data_dir is None and DEFAULT_DATA_DIR.is_dir():
        data_dir = DEFAULT_DATA_DIR
    if data_dir is not None:
        found, source = judge_stored(asked, read, heads, data_dir=data_dir), data_dir
    else:
        source = candles or demo_candles()
        found = judge_recorded(asked, read, heads, candles=source, headlines=headlines or ())
    if as_json:
        say(view_signal(found, read.weights).model_dump_json(indent=2))
    else:
        show(found, heads, read, source=source)


def show(found: Signal, heads: Sequence[Head], settings: Settings, *, source: Path) -> None:
    """The bar, what it came to, and a row for each head."""
    from rich.text import Text

    from holdfast.cli.one_bar import period
    from holdfast.signals.consensus import OUTCOMES

    console = answers()
    atr = "not known" if found.atr is None else f"{found.atr:.6g}"
    console.print(Text.assemble((str(found.symbol), "bold"), f"  {found.timeframe} bar {period(found)}"))
    console.print(Text(f"close {found.close:.10g}, average true range {atr}; read from {source}"))
    arrow, style = DIRECTIONS[found.direction.name]
    verdict = f"{arrow} signal" if found.outcome == "signal" else f"no signal ({found.outcome})"
    console.print(Text.assemble("\n", (verdict, f"bold {style}"), f": {OUTCOMES[found.outcome]}"))
    if found.consensus is not None:
        console.print(Text(_numbers(found, settings)))
    console.print(_votes(found, heads, settings))


DIRECTIONS = {"LONG": ("▲ long", "green"), "SHORT": ("▼ short", "red"), "NONE": ("– none", "dim")}


def _numbers(found: Signal, settings: Settings) -> str:
    quorum, calibrated = settings.quorum, "" if settings.weights.calibrated else " (not calibrated)"
    return (
        f"{len(found.agreeing)} of {len(found.votes)} heads agree ({quorum.min_agreeing} needed), "
        f"consensus {_share(found.consensus)} ({quorum.min_consensus:.2f} needed), "
        f"probability {_share(found.probability)}{calibrated}, confidence {_share(found.confidence)}"
    )


def _votes(found: Signal, heads: Sequence[Head], settings: Settings) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    caption = "● this head is one of those that agree" if found.agreeing else None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left")
    for name, options in _COLUMNS.items():
        table.add_column(name, **options)
    by_name = {head.name: head for head in heads}
    for vote in found.votes:
        arrow, style = DIRECTIONS[vote.direction.name]
        counts = "● " if vote.head in found.agreeing else "  "
        why = reasons_in_words(by_name.get(vote.head), vote.reasons, vote.abstained)
        table.add_row(
            vote.head,
            Text(counts + arrow, style=style),
            _share(vote.probability),
            _share(vote.confidence),
            f"{settings.weights.weight(vote.head):.2f}",
            Text(why, style="dim" if vote.abstained else ""),
        )
    return table


_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "head": {"no_wrap": True, "style": "bold"},
    "vote": {"no_wrap": True},
    "prob": {"justify": "right", "no_wrap": True},
    "conf": {"justify": "right", "no_wrap": True},
    "weight": {"justify": "right", "no_wrap": True},
    "why": {"overflow": "fold", "ratio": 1},
}


def reasons_in_words(head: Head | None, reasons: Sequence[str], abstained: str | None) -> str:
    """What the codes of a vote mean; a code that no head here explains (a record of another version) stays a code."""
    from holdfast.signals.head import COMMON_ABSTENTIONS

    if abstained is not None:
        meanings = COMMON_ABSTENTIONS | (dict(head.abstentions) if head else {})
        return f"abstains: {meanings.get(abstained, abstained)}"
    words = dict(head.reasons) if head else {}
    return "; ".join(words.get(code, code) for code in reasons) or "no single reason stands out"


def _share(number: float | None) -> str:
    return "—" if number is None else f"{number:.2f}"
