"""Walks a recorded market to its end with a progress bar beside it, and tallies the walk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from holdfast.cli.interruption import Interruption
from holdfast.cli.node_log import ToldLog, in_words
from holdfast.cli.running import kept_in, run_node
from holdfast.cli.screen import asides, minute
from holdfast.cli.tally import Tally, tally
from holdfast.node.node import Market, Node
from holdfast.node.settings import Settings
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Level
from holdfast.world.clock import SystemClock


def replay_market(
    settings: Settings, market: Market, data_dir: Path | None, interruption: Interruption, *, show_progress: bool
) -> Tally:
    """Walks what is left of the recording; without a `data_dir` in a temporary one, that is removed at the end.

    The bar is shown on a terminal only; warnings always, on stderr.
    """
    watched = _Watched(show_progress=show_progress)
    with kept_in(data_dir, prefix="holdfast-replay-") as kept, watched.bar:
        node = Node(settings, market, kept, watched.clock, ToldLog(watched.hear), "replay")
        node.on_progress = watched.progressed
        watched.node = node
        run_node(node, interruption)
        return tally(node, walked_here=watched.walked, seconds=watched.seconds, kept=data_dir is not None)


class _Watched:
    """What is seen of a node while it replays: how far it is, how long the walk took, and its warnings."""

    node: Node

    def __init__(self, *, show_progress: bool) -> None:
        self.clock = SystemClock()
        console = asides()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[moment]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
            disable=not (show_progress and console.is_terminal),
        )
        self.walked = 0
        self.seconds = 0.0
        self._ready_s: float | None = None
        self._task = self.bar.add_task("Reading the recording", total=None, moment="")

    def progressed(self, walked: int) -> None:
        self.walked = walked
        moment = minute(min(self.node.assembly.walk.market_ms, self.node.played.last_close_ms))
        self.bar.update(self._task, completed=walked, moment=moment)

    def hear(self, level: Level, event: Event, fields: Mapping[str, object]) -> None:
        """The node's log, as it comes."""
        if event is Event.NODE_READY:
            closes = self.node.played.open_time_ms + self.node.played.timeframe.ms
            left = int(np.count_nonzero(closes > self.node.assembly.walk.done_ms))
            self._ready_s = self.clock.monotonic_s()
            self.bar.update(self._task, description="Walking", total=left)
        elif event is Event.NODE_STOPPING and self._ready_s is not None:
            self.seconds = self.clock.monotonic_s() - self._ready_s
        elif level in (Level.WARNING, Level.ERROR) and event is not Event.LOOP_FAILED:
            # What failed the loop is raised at its end, and said there.
            self.bar.console.print(in_words(event, fields), markup=False, style="yellow", soft_wrap=True)
