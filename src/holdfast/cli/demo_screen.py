"""What the demo shows while it runs: the start phase by phase, then the state of the account, again and again.

On a terminal one panel is drawn over and over; anywhere else there are plain lines. Everything shown is read from the
node; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.status import Status
from rich.table import Table
from rich.text import Text

from holdfast.cli.node_log import in_words
from holdfast.cli.screen import minute, money
from holdfast.cli.tally import count, walked
from holdfast.node.node import Node
from holdfast.node.phases import PhaseState
from holdfast.ports.clock import Clock
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Level

DRAWN_EVERY_S = 0.5
LINE_EVERY_S = 10.0


class DemoScreen:
    """A context around the run of one node; `node` is set before it starts."""

    node: Node

    def __init__(self, console: Console, clock: Clock, *, hint: bool) -> None:
        self._console = console
        self._clock = clock
        self._hint = hint
        self._drawn = console.is_terminal
        self._status: Status | None = None
        self._live: Live | None = None
        self._address = ""
        self._shown_s = clock.monotonic_s()
        self._began = False
        self._live_said = False

    def __enter__(self) -> DemoScreen:
        if self._drawn:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for shown in (self._status, self._live):
            if shown is not None:
                shown.stop()

    # ---- what the node tells

    def hear(self, level: Level, event: Event, fields: Mapping[str, object]) -> None:
        """The node's log, as it comes."""
        if event is Event.NODE_PHASE:
            self._phase_reached(str(fields["phase"]), str(fields["detail"]))
        elif event is Event.NODE_READY:
            self._ready()
        elif event is Event.FEED_ENDED:
            self._say(f"The recording has ended at {minute(self.node.played.last_close_ms)}.", style="bold")
            self._say(f"The page stays up at {self._address}; Ctrl-C stops.")
        elif event is Event.NODE_STOPPING and self._began:
            self._say("Stopping in order; Ctrl-C again ends at once.")
            self._say(self._line())
        elif level in (Level.WARNING, Level.ERROR) and event is not Event.LOOP_FAILED:
            self._say(in_words(event, fields), style="yellow")

    def progressed(self, _: int) -> None:
        """Another block has been walked: draws now and then, because at full speed nobody else gets a turn."""
        if self._clock.monotonic_s() - self._shown_s >= (DRAWN_EVERY_S if self._drawn else LINE_EVERY_S):
            self.show()
        if not self._live_said and not self._in_head_start():
            self._head_start_over()

    async def keep_showing(self, node: Node) -> None:
        """Draws twice a second, or writes a line every ten, for as long as it is let."""
        while True:
            await self._clock.wait_s(DRAWN_EVERY_S)
            due_s = 0.0 if self._drawn else LINE_EVERY_S
            if node.startup.ready and self._clock.monotonic_s() - self._shown_s >= due_s:
                self.show()

    # ---- the start

    def _phase_reached(self, name: str, detail: str) -> None:
        if name == "api":
            self._address = detail
        if name == "walk":
            detail = "begins" if not self.node.assembly.activity.marks else "goes on where it was"
        self._say(f"  ✓ {name:<20} {detail}")
        waiting = [phase.name for phase in self.node.startup.phases if phase.state is PhaseState.WAITING]
        if self._status is not None and waiting:
            self._status.update(f"starting: {waiting[0]}")

    def _ready(self) -> None:
        self._began = True
        if self._status is not None:
            self._status.stop()
        self._say("")
        self._say(f"  page   {self._address}" + ("   (open it in a browser)" if self._hint else ""), style="bold")
        self._say(f"  API    {self._address}/openapi.json")
        self._say("  stop   Ctrl-C: once stops in order, twice ends at once")
        self._say("")
        if self._in_head_start():
            share = round(100 * self.node.market.head_start_share)
            self._say(f"Head start: the first {share} % of the recording at full speed, so that the page has a past.")
        else:
            self._head_start_over()
        if self._drawn:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def _head_start_over(self) -> None:
        self._live_said = True
        walked_ms = walked(self.node)[1]
        if walked_ms < self.node.played.last_close_ms:
            self._say(f"From {minute(walked_ms or self.node.played.first_open_ms)} on: {self._pace()}.")

    def _say(self, text: str, *, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=not self._drawn)

    # ---- the state

    def show(self) -> None:
        """The state as it is now: the panel again, or one more line."""
        self._shown_s = self._clock.monotonic_s()
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
        elif not self._drawn:
            self._say(self._line())

    def _line(self) -> str:
        facts = self._facts()
        if facts["health"] == "stopping":
            del facts["health"]  # It is being said already.
        return ", ".join(f"{name} {value}" for name, value in facts.items())

    def _facts(self) -> dict[str, str]:
        node = self.node
        candles, walked_ms = walked(node)
        counts = count(node.assembly.activity)
        return {
            "market time": minute(walked_ms) if candles else "not begun",
            "health": node.view.health().status,
            "candles": f"{candles:,} of {len(node.recording):,}",
            "equity": self._equity(),
            "signals": f"{counts.signals:,}",
            "positions": f"{len(node.assembly.ledger.open_positions):,} open",
            "orders": f"{counts.orders:,}",
            "fills": f"{counts.fills:,}",
        }

    def _equity(self) -> str:
        """In the currencies that the recording is quoted in, with what has become of the opening balance."""
        marks, opening = self.node.assembly.activity.marks, self.node.assembly.ledger.opening
        quotes = {instrument.quote for instrument in self.node.assembly.ground.instruments.values()}
        shown = []
        for currency in sorted(quotes & opening.keys()):
            line = marks[-1].currencies.get(currency) if marks else None
            equity = opening[currency] if line is None else line.equity
            grown = f" ({100 * (equity / opening[currency] - 1):+.1f} %)" if opening[currency] else ""
            shown.append(f"{money(equity)} {currency}{grown}")
        return ", ".join(shown) or "no balance in this market"

    def _panel(self) -> RenderableType:
        table = Table.grid(padding=(0, 3, 0, 0), expand=True)
        for ratio in (None, 1, None, 1):
            table.add_column(ratio=ratio, style="dim" if ratio is None else "", no_wrap=True)
        facts = list(self._facts().items())
        for left, right in zip(facts[::2], facts[1::2], strict=True):
            table.add_row(*left, *right)
        problems = [Text(problem, style="yellow") for problem in self.node.view.health().problems]
        panel = Panel(
            Group(self._where(), Text(""), table, *problems),
            title=Text(f"holdfast demo  {self._address}", style="bold"),
            subtitle="Ctrl-C stops",
            box=box.ROUNDED,
        )
        # A terminal writes ^C where the cursor is: on an empty line that spoils nothing.
        return Group(panel, Text(""))

    def _where(self) -> RenderableType:
        played = self.node.played
        share = (walked(self.node)[1] - played.first_open_ms) / (played.last_close_ms - played.first_open_ms)
        words = "ended" if self.node.replay.ended else "head start" if self._in_head_start() else self._pace()
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        percent = max(0.0, min(1.0, share))
        grid.add_row(Text(words), ProgressBar(total=1.0, completed=percent), Text(f"{100 * percent:.0f} %"))
        return grid

    def _pace(self) -> str:
        base, speed = self.node.recording.timeframe, self.node.market.speed
        return "at full speed" if speed is None else f"a {base} bar every {Decimal(base.ms / 1000 / speed):.3g} s"

    def _in_head_start(self) -> bool:
        """A head start ends with the last candle that closes in its share of the recording."""
        node, walk = self.node, self.node.assembly.walk
        if node.market.speed is None:
            return False
        length_ms = node.played.last_close_ms - node.played.first_open_ms
        until_ms = node.played.first_open_ms + int(length_ms * node.market.head_start_share)
        return max(walk.market_ms, node.played.first_open_ms) + node.recording.timeframe.ms <= until_ms
