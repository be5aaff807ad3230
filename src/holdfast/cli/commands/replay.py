"""`holdfast replay`: walks a recorded market without a server, and says what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import (
    AsJson,
    Candles,
    Headlines,
    MarketName,
    SettingsFile,
    Symbols,
    Venue,
    read_moment,
    read_speed,
)
from holdfast.cli.screen import answers, money, readable, say, say_json

if TYPE_CHECKING:
    from holdfast.cli.tally import Tally

app = typer.Typer()


@app.command()
def replay(
    candles: Candles,
    headlines: Headlines = None,
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keeps the walk here, and goes on from here. Left out: a temporary one."),
    ] = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Recorded seconds a second, or max.")] = "max",
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after the last candle that closes by then (UTC).")
    ] = None,
    symbol: Symbols = None,
    venue: Venue = None,
    market: MarketName = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Walk a recorded market and say what came of it; no server, no page.

    With --data-dir a walk that was stopped, or whose machine died, goes on where it was and ends with the same numbers.
    """
    played_at = read_speed(speed)
    until_ms = None if until is None else read_moment("--until", until)

    from holdfast.cli.interruption import Interruption
    from holdfast.cli.replaying import replay_market
    from holdfast.node.node import Market
    from holdfast.node.settings import read_settings

    interruption = Interruption()
    with interruption.watch():
        found = replay_market(
            read_settings(settings),
            Market(
                candles=candles,
                headlines=headlines or (),
                venue=venue,
                market=market,
                symbols=symbol or (),
                speed=played_at,
                until_ms=until_ms,
            ),
            data_dir,
            interruption,
            show_progress=not as_json,
        )
    if as_json:
        say_json(found)
    else:
        show(found)
    if not found.finished:
        raise typer.Exit(interruption.exit_code)


def show(found: Tally) -> None:
    """The tally for a person."""
    from rich import box
    from rich.table import Table

    part = "" if found.finished else " (stopped before its end)"
    table = Table(title=f"Replay{part}", title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(found):
        table.add_row(name, value)
    answers().print(table)
    if not found.finished:
        say(
            "The same command goes on from here."
            if found.data_dir
            else "It was not kept: give --data-dir to go on later."
        )


def _rows(found: Tally) -> Iterator[tuple[str, str]]:
    count = len(found.symbols)
    shown = ", ".join(found.symbols[:3]) + (", …" if count > 3 else "")
    yield "market", f"{count} symbol{'s' * (count != 1)}: {shown}"
    yield "from", readable(found.first_time)
    yield "to", readable(found.last_time)
    if not found.finished:
        yield "walked to", readable(found.walked_to) if found.walked_to else "nothing yet"
    yield "candles", f"{found.candles:,} of {found.candle_timeframe}, decisions on {found.timeframe}"
    for code, number in found.defects.items():
        yield "  defective", f"{number:,} {code}"
    yield "signals", f"{found.signals:,}"
    yield "  intents", f"{found.intents:,}"
    for code, number in found.refusals.items():
        yield "  refused", f"{number:,} {code}"
    yield "orders", f"{found.orders:,}"
    yield "fills", f"{found.fills:,}"
    for currency, amount in found.equity.items():
        yield "equity", f"{money(Decimal(amount))} {currency}"
    yield "journal", f"{found.journal_entries:,} entries, hash {found.journal_hash}"
    yield "this run", _pace(found)


def _pace(found: Tally) -> str:
    if found.candles_per_s is None:
        return "nothing was left to walk"
    return f"{found.seconds:,.1f} s, {found.candles_per_s:,.0f} candles a second" + (", resumed" * found.resumed)
