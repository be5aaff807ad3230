"""`holdfast run`: a lasting node on live markets or a chosen recording, with API and page, that logs like a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import (
    Headlines,
    LogShape,
    MarketName,
    MaybeCandles,
    Port,
    SettingsFile,
    Symbols,
    Venue,
    overrides,
    read_speed,
)
from holdfast.cli.project import DEFAULT_DATA_DIR
from holdfast.model.errors import BadInput

app = typer.Typer()


@app.command()
def run(
    candles: MaybeCandles = None,
    headlines: Headlines = None,
    *,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Recorded seconds a second, or max.")] = "1",
    data_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where everything is kept; a run goes on from what is there.")
    ] = DEFAULT_DATA_DIR,
    host: Annotated[
        str | None, typer.Option(help="Which of its addresses is served; 0.0.0.0 is all (default 127.0.0.1).")
    ] = None,
    port: Port = None,
    symbol: Symbols = None,
    venue: Venue = None,
    market: MarketName = None,
    settings: SettingsFile = None,
    log: Annotated[LogShape, typer.Option(help="The shape of the log on stderr.")] = LogShape.TEXT,
) -> None:
    """Run a node with its API and page, trading on paper; logs go to stderr.

    With --candles on a recorded market, at its recorded pace or faster. Without, on live public data of the venues in
    the settings ([live]); no key is needed, and no order leaves this machine. Ctrl-C or SIGTERM stops it in order; the
    same command goes on where it was.
    """
    played_at = read_speed(speed)

    from holdfast.cli.interruption import Interruption

    interruption = Interruption()
    with interruption.watch():
        from holdfast.cli.running import log_to_stderr, run_node
        from holdfast.node.live_node import LiveNode
        from holdfast.node.node import Market, Node
        from holdfast.node.serve import serve
        from holdfast.node.settings import read_settings
        from holdfast.world.clock import SystemClock

        clock = SystemClock()
        with log_to_stderr(clock, log.value) as lines:
            read = read_settings(settings, overrides(host=host, port=port))
            if candles:
                recorded = Market(
                    candles=candles,
                    headlines=headlines or (),
                    venue=venue,
                    market=market,
                    symbols=symbol or (),
                    speed=played_at,
                )
                node = Node(read, recorded, data_dir, clock, lines, "replay", serve)
            else:
                _refuse_recorded_options(headlines=headlines, symbol=symbol, venue=venue, market=market)
                node = LiveNode(read, Market(candles=()), data_dir, clock, lines, "paper", serve)
            run_node(node, interruption)


def _refuse_recorded_options(**options: object) -> None:
    """What only a recording needs is refused on a live market, where it would do nothing."""
    for name, given in options.items():
        if given:
            raise BadInput(f"--{name} belongs to a recording.", "Give --candles too, or leave it out.")
