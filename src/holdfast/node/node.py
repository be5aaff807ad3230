"""One running node: opens its doors, fills its books, serves, walks, and closes everything in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from holdfast.history.sqlite import SqliteHistory
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.errors import BadInput
from holdfast.node.compose import Assembly, Doors, Ground, block_span_ms, build_book
from holdfast.node.market_record import lay_inputs, list_instruments, read_market
from holdfast.node.phases import Phase, Startup
from holdfast.node.replay import OnProgress, Replay, fill_book
from holdfast.node.settings import Settings
from holdfast.node.view import View
from holdfast.ports.clock import Clock
from holdfast.signals.panel import find_heads
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log
from holdfast.venues.paper_sqlite import SqlitePaperStore
from holdfast.world.clock import RecordedClock
from holdfast.world.recording import Recording

Close = Callable[[], Awaitable[None]]
Serve = Callable[["Node"], Awaitable[tuple[str, Close]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Which recorded market is played, and how. `speed` in recorded seconds a second, None as fast as it goes.
    `head_start_share`: this share of the recording is walked at full speed first. `until_ms`: candles that close later
    are not walked."""

    candles: Sequence[Path]
    headlines: Sequence[Path] = ()
    venue: str | None = None
    market: str | None = None
    symbols: Sequence[str] = ()
    speed: float | None = None
    head_start_share: float = 0.0
    until_ms: int | None = None


@dataclass(slots=True)
class Node:
    """`serve` opens the API once the walk is composed (None: no API). Everything the node keeps is in `data_dir`."""

    settings: Settings
    market: Market
    data_dir: Path
    clock: Clock
    log: Log
    world: str
    serve: Serve | None = None
    on_progress: OnProgress | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    startup: Startup = field(init=False)
    assembly: Assembly = field(init=False)
    recording: Recording = field(init=False)
    played: Recording = field(init=False)  # what is walked of it
    replay: Replay = field(init=False)
    failure: BaseException | None = None
    doors: Doors = field(init=False)
    view: View = field(init=False)
    _opened: contextlib.ExitStack = field(init=False)
    _close_server: Close | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        phases = [
            *self._sources(),
            Phase("market", self._fill),
            Phase("execution", self._settle),
            Phase("api", self._open_api, self._close_api),
            Phase("walk", self._walk, self._halt),
        ]
        if self.serve is None:
            phases = [phase for phase in phases if phase.name != "api"]
        self.startup = Startup(phases, self.clock, self.log)

    def _sources(self) -> list[Phase]:
        """The phases that come first: what there is to walk, and where it is kept."""
        return [
            Phase("recording", self._open_recording),
            Phase("journal and history", self._open_doors, self._close_doors),
        ]

    async def run(self) -> None:
        """Starts, walks until the recording ends (with an API: until `stop`), and stops; raises what failed."""
        await self.startup.start()
        await self.finished.wait()
        if self.serve is not None and self.failure is None:
            await self.stop.wait()
        try:
            await self.startup.stop(reason="asked to stop" if self.stop.is_set() else "the walk has ended")
        finally:
            if self.failure is not None:
                raise self.failure

    # ---- phases

    async def _open_recording(self) -> str:
        asked = self.market
        self.recording = read_market(asked.candles, venue=asked.venue, market=asked.market, symbols=asked.symbols)
        self.played = self.recording if asked.until_ms is None else self.recording.until(asked.until_ms)
        self._check_past()
        return f"{len(self.recording)} {self.recording.timeframe} candles of {len(self.recording.symbols)} symbols"

    def _check_past(self) -> None:
        """BadInput for a candle of the future: the market's clock would jump to it, and no later candle would count."""
        last_ms, now_ms = self.played.last_close_ms, self.clock.now_ms()
        if last_ms > now_ms:
            future = int((self.played.open_time_ms + self.played.timeframe.ms > now_ms).sum())
            raise BadInput(
                f"The recording has candles of the future ({future}); the last one closes at "
                f"{datetime.fromtimestamp(last_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC.",
                "Remove them, or set the clock of this machine if it is wrong; replay --until can stop before them.",
            )

    async def _open_doors(self) -> str:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"The data directory {self.data_dir} cannot be made: {error.strerror}.",
                "Choose another with --data-dir.",
            ) from error
        kept = self.settings.history
        with contextlib.ExitStack() as opened:  # what was opened before one that fails is closed again
            journal = SqliteJournal(self.data_dir / "journal.sqlite")
            opened.callback(journal.close)
            paper_store = SqlitePaperStore(self.data_dir / "paper.sqlite")
            opened.callback(paper_store.close)
            history = SqliteHistory(
                self.data_dir / "history.sqlite", batch_rows=kept.batch_rows, batch_age_s=kept.batch_age_s
            )
            opened.callback(history.close)
            self._opened = opened.pop_all()
        self.doors = Doors(self.clock, journal, history, paper_store, self.log)
        sequence, chain_hash = self.doors.journal.head()
        self.log.info(Event.JOURNAL_OPENED, sequence=sequence, chain_hash=chain_hash)
        return f"{sequence} journal entries in {self.data_dir}"

    async def _close_doors(self) -> None:
        self._opened.close()  # every one of them, even if one cannot be closed

    async def _fill(self) -> str:
        asked, recording = self.market, self.recording
        ground = Ground(list_instruments(recording, self.settings.paper), recording.timeframe)
        inputs = lay_inputs(
            recording.symbols, asked.candles, venue=asked.venue, market=asked.market, headlines=asked.headlines
        )
        self.assembly = Assembly(
            self.settings,
            ground,
            self.doors,
            book=build_book(self.settings, ground),
            inputs=inputs,
            heads=find_heads(),
        )
        self.view = View(self.assembly, self.startup, self.doors.history, world=self.world)
        span_ms = block_span_ms(ground.base, self.settings.market.timeframe)
        seen = fill_book(
            self.assembly.book,
            recording,
            until_ms=self.assembly.walk.done_ms,
            span_ms=span_ms,
            on_closed=self.assembly.recorder.keep,
        )
        return f"{seen} past candles in the book"

    async def _settle(self) -> str:
        self.assembly.begin(self.recording.first_open_ms)
        return f"epoch {self.assembly.epoch}, {len(self.assembly.executor.book.open_orders())} open orders"

    async def _open_api(self) -> str:
        assert self.serve is not None
        address, self._close_server = await self.serve(self)
        return address

    async def _close_api(self) -> None:
        if self._close_server is not None:
            await self._close_server()

    async def _walk(self) -> str:
        recording, walk = self.played, self.assembly.walk
        length_ms = recording.last_close_ms - recording.first_open_ms
        start_ms = max(walk.done_ms, recording.first_open_ms)
        clock = RecordedClock(start_ms, speed=self.market.speed)
        self.replay = Replay(
            walk,
            recording,
            clock,
            at_full_speed_until_ms=recording.first_open_ms + int(length_ms * self.market.head_start_share),
        )
        self._begin_loops()
        return f"from {datetime.fromtimestamp(start_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"

    def _begin_loops(self) -> None:
        self._tasks = [asyncio.create_task(self._play()), asyncio.create_task(self._measure_lag())]

    async def _follow(self) -> None:
        """Walks what comes, until its end or the stop."""
        await self.replay.play(stop=self.stop, on_progress=self.on_progress)
        if self.replay.ended:
            self.doors.history.flush()
            self.view.rests = "The recording has ended: nothing new will come."
            self.log.info(Event.FEED_ENDED, candles=self.assembly.measures.candles)

    async def _play(self) -> None:
        try:
            await self._follow()
        except Exception as error:  # noqa: BLE001 - the loop's top: what ends the walk ends the node, and is raised there
            self.log.error(Event.LOOP_FAILED, error=error, loop="walk")
            self.failure = error
        finally:
            self.finished.set()

    async def _measure_lag(self) -> None:
        """Asks to be woken each second, and notes how late that was."""
        while True:
            asked_s = self.clock.monotonic_s()
            await self.clock.wait_s(1.0)
            self.assembly.measures.lagged(max(0.0, self.clock.monotonic_s() - asked_s - 1.0))

    async def _halt(self) -> None:
        self.stop.set()
        for task in self._tasks[1:]:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
