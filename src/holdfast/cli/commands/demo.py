"""`holdfast demo`: the recorded market that the project carries, walked live with API and page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import Port, overrides, read_speed
from holdfast.cli.project import demo_candles

app = typer.Typer()

HEAD_START_SHARE = 0.705


@app.command()
def demo(
    *,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Recorded seconds a second, or max.")] = "3600",
    port: Port = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keeps the demo here, and goes on from here. Left out: a temporary one."),
    ] = None,
    no_browser_hint: Annotated[bool, typer.Option("--no-browser-hint", help="Do not say to open the page.")] = False,
) -> None:
    """Watch holdfast trade a recorded market on paper: 42 symbols, 1h candles of 2021.

    The first 70 % are walked at full speed, the rest as if it were live; the page is at http://localhost:8000.
    """
    played_at = read_speed(speed)
    candles = demo_candles()

    from holdfast.cli.interruption import Interruption

    interruption = Interruption()
    with interruption.watch():
        from rich.console import Console

        console = Console(highlight=False)
        console.print("holdfast demo: trading a recorded market on paper; no order leaves this machine.", style="bold")
        with console.status("loading the program"):
            from holdfast.cli.demo_screen import DemoScreen
            from holdfast.cli.node_log import ToldLog
            from holdfast.cli.running import kept_in, library_warnings, run_node
            from holdfast.node.node import Market, Node
            from holdfast.node.serve import serve
            from holdfast.node.settings import read_settings
            from holdfast.world.clock import SystemClock

        clock = SystemClock()
        screen = DemoScreen(console, clock, hint=not no_browser_hint)
        log = ToldLog(screen.hear)
        with kept_in(data_dir, prefix="holdfast-demo-") as kept, library_warnings(log), screen:
            screen.node = Node(
                read_settings(None, overrides(port=port)),
                Market(candles=[candles], speed=played_at, head_start_share=HEAD_START_SHARE),
                kept,
                clock,
                log,
                "replay",
                serve,
                screen.progressed,
            )
            run_node(screen.node, interruption, screen.keep_showing)
    if data_dir is None:
        console.print("Stopped. Its temporary directory has been removed; --data-dir keeps one.", soft_wrap=True)
    else:
        console.print(f"Stopped. Everything is in {data_dir}; the same command goes on from there.", soft_wrap=True)
