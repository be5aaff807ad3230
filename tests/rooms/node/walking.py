"""Walks over small markets, for the tests of the node: made-up and recorded ones, cut into blocks in any way, over
doors that remember when the process that held them is gone. No test lives here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.history.memory import MemoryHistory
from holdfast.journal.memory import MemoryJournal, Record
from holdfast.market.inputs import Inputs
from holdfast.model.candle import Candle, CandleBlock
from holdfast.model.entry import Entry, EntryKind, StoredEntry
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.compose import Assembly, Doors, Ground, block_span_ms, build_book
from holdfast.node.market_record import list_instruments, read_market
from holdfast.node.replay import fill_book
from holdfast.node.settings import Settings, read_settings
from holdfast.signals.panel import find_heads
from holdfast.telemetry.log import Level, Log, Shape, build_log
from holdfast.venues.paper_store import MemoryPaperStore
from holdfast.venues.paper_store import Record as PaperRecord
from holdfast.world.clock import SystemClock
from holdfast.world.recording import Recording

HOUR = Timeframe.H1.ms
DATA = Path(__file__).resolve().parents[3] / "data"
SPOT_HOURS = DATA / "binance_spot_2021_wanderindev" / "candles_1h.parquet"
PERPETUAL_MINUTES = DATA / "binance_usdm_2025_typhonun" / "candles_1m.parquet"
HEADS = find_heads()


def set_up(**over: Any) -> Settings:
    """Settings under which a short sample gives many signals, orders and refusals."""
    eager: dict[str, Any] = {
        "market": {"min_bars": 30, "quarantine_bars": 3},
        "quorum": {"min_agreeing": 2, "min_probability": 0.55, "min_confidence": 0.3, "min_consensus": 0.6},
        "limits": {"max_consecutive_losses": 1000, "max_drawdown_share": "0.9", "daily_loss_share": "0.5"},
        "paper": {"participation": "0.001"},  # so that orders fill in parts
    }
    for room, values in over.items():
        eager[room] = {**eager.get(room, {}), **values} if isinstance(values, Mapping) else values
    return read_settings(None, eager)


@cache
def recorded(path: Path, symbols: tuple[str, ...], *, start_ms: int = 0, bars: int = 10**9) -> Recording:
    """Some symbols of a recorded market from a time on, `bars` base bars long."""
    whole = read_market([path], symbols=symbols)
    times = whole.open_time_ms
    first = max(start_ms, int(times[0]))
    return part_of(whole, (times >= first) & (times < first + bars * whole.timeframe.ms))


def part_of(whole: Recording, rows: np.ndarray[Any, Any]) -> Recording:
    return Recording(
        whole.symbols, whole.timeframe, whole.symbol_index[rows], whole.open_time_ms[rows], whole.values[rows]
    )


def made_up(
    names: Sequence[str] = ("AAAUSDT", "BBBUSDT"),
    *,
    bars: int = 260,
    seed: int = 1,
    market: str = "usdm",
    venue: str = "binance",
    base: Timeframe = Timeframe.H1,
) -> Recording:
    """Waves with noise on them, in whole cents: enough for heads to find something."""
    chance = np.random.default_rng(seed)
    times = base.ms * (400_000 + np.arange(bars, dtype=np.int64))
    columns = []
    for _ in names:
        swing = 6 * np.sin(np.arange(bars) / chance.uniform(5, 15)) + chance.normal(0, 0.7, bars).cumsum()
        close = np.maximum(np.round(100 + swing + chance.normal(0, 0.5, bars), 2), 20.0)
        opened = np.concatenate(([100.0], close[:-1]))
        high = np.round(np.maximum(opened, close) + chance.uniform(0, 0.8, bars), 2)
        low = np.round(np.minimum(opened, close) - chance.uniform(0, 0.8, bars), 2)
        columns.append(np.column_stack([opened, high, low, close, np.round(chance.uniform(500, 3000, bars), 1)]))
    values = np.stack(columns, axis=1).reshape(-1, 5)
    index = np.tile(np.arange(len(names), dtype=np.int32), bars)
    symbols = tuple(Symbol(venue, market, name) for name in names)
    return Recording(symbols, base, index, np.repeat(times, len(names)), values)


def with_rows(whole: Recording, rows: Sequence[tuple[int, int, Sequence[float]]]) -> Recording:
    """The recording and more rows of (symbol index, open time, values), each after the rows of the same place."""
    index = np.concatenate([whole.symbol_index, np.array([row[0] for row in rows], dtype=np.int32)])
    times = np.concatenate([whole.open_time_ms, np.array([row[1] for row in rows], dtype=np.int64)])
    values = np.concatenate([whole.values, np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 5)])
    order = np.lexsort((index, times))
    return Recording(whole.symbols, whole.timeframe, index[order], times[order], values[order])


def redenominated(whole: Recording, symbol: int, from_ms: int, factor: float = 1000.0) -> Recording:
    """The same with one symbol's unit of account changed from a time on."""
    values = whole.values.copy()
    rows = (whole.symbol_index == symbol) & (whole.open_time_ms >= from_ms)
    values[rows, :4] = np.round(values[rows, :4] * factor, 6)
    return Recording(whole.symbols, whole.timeframe, whole.symbol_index, whole.open_time_ms, values)


# ---- cuts: the same recording in other blocks


def long_blocks(recording: Recording, settings: Settings, after_ms: int | None = None) -> Blocks:
    return recording.blocks(after_ms, block_span_ms(recording.timeframe, settings.market.timeframe))


def single_bars(recording: Recording, settings: Settings, after_ms: int | None = None) -> Blocks:
    return recording.blocks(after_ms, recording.timeframe.ms)


def late_bars(recording: Recording, settings: Settings, quiet_bars: int = 200) -> Blocks:
    """Long blocks while nothing is decided yet, then single bars."""
    quiet_ms = recording.first_open_ms + quiet_bars * recording.timeframe.ms
    first = ((end_ms, block) for end_ms, block in long_blocks(recording, settings) if end_ms <= quiet_ms)
    after_ms = None
    for end_ms, block in first:
        yield end_ms, block
        after_ms = end_ms
    yield from single_bars(recording, settings, after_ms)


def cut_at(recording: Recording, ends_ms: Sequence[int]) -> Blocks:
    """Blocks that end at these times; what closes later is not in any."""
    closes = recording.open_time_ms + recording.timeframe.ms
    everything = CandleBlock(
        recording.symbols, recording.timeframe, recording.symbol_index, recording.open_time_ms, recording.values
    )
    start = 0
    for end_ms in ends_ms:
        stop = int(np.searchsorted(closes, end_ms, side="right"))
        yield end_ms, everything.part(start, stop)
        start = stop


def random_cuts(recording: Recording, settings: Settings, seed: int) -> Blocks:
    chance = np.random.default_rng(seed)
    base = recording.timeframe.ms
    most = block_span_ms(recording.timeframe, settings.market.timeframe) // base
    at, ends = recording.first_open_ms, []
    while at < recording.last_close_ms:
        at = min(at + int(min(most, np.ceil(chance.exponential(most / 8)))) * base, recording.last_close_ms)
        ends.append(at)
    return cut_at(recording, ends)


Blocks = Iterator[tuple[int, CandleBlock]]


# ---- doors that outlive a process, and processes that die


class Died(BaseException):
    """The process is gone. Not an Exception, so that nobody catches it by the way."""


@dataclass
class Fate:
    """Counts what a process does at its doors, and ends it at the `dies_at`-th, before or after that is kept."""

    dies_at: int | None = None
    after: bool = False
    done: int = 0
    places: list[str] = field(default_factory=list)

    def meet(self, place: str, keep: Any) -> Any:
        self.done += 1
        self.places.append(place)
        if self.done == self.dies_at and not self.after:
            raise Died(place)
        kept = keep()
        if self.done == self.dies_at:
            raise Died(place)
        return kept


class FatedJournal(MemoryJournal):
    def __init__(self, record: Record, fate: Fate) -> None:
        super().__init__(record)
        self.fate = fate

    def append(self, account: str, epoch: int, entries: Sequence[Entry]) -> list[StoredEntry]:
        stored: list[StoredEntry] = self.fate.meet(
            "journal", lambda: super(FatedJournal, self).append(account, epoch, entries)
        )
        return stored


class FatedStore(MemoryPaperStore):
    def __init__(self, records: list[PaperRecord], fate: Fate) -> None:
        super().__init__()
        self._records = records
        self.fate = fate

    def append(self, records: Sequence[PaperRecord]) -> None:
        self.fate.meet("venue", lambda: super(FatedStore, self).append(records))


class FatedHistory(MemoryHistory):
    """What was not flushed dies with the process; `kept` outlives it."""

    def __init__(self, kept: MemoryHistory, fate: Fate) -> None:
        super().__init__(batch_rows=40, batch_age_s=1e9)
        self._candles, self._signals = kept._candles, kept._signals
        self.fate = fate

    def flush(self) -> None:
        self.fate.meet("history", super().flush)


@dataclass
class World:
    """What is left when a process dies: the memory of the journal, the history and the venue."""

    journal: Record = field(default_factory=Record)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    venue: list[PaperRecord] = field(default_factory=list)

    def start(self, recording: Recording, settings: Settings, fate: Fate | None = None, **given: Any) -> Assembly:
        """A new process on what is there, as far as a node comes before it walks."""
        fate = fate or Fate()
        doors = Doors(
            clock=SystemClock(),
            journal=FatedJournal(self.journal, fate),
            history=given.pop("history", None) or FatedHistory(self.history, fate),
            paper_store=FatedStore(self.venue, fate),
            log=given.pop("log", None) or quiet(),
        )
        return assemble(recording, settings, doors, **given)

    def entries(self) -> list[StoredEntry]:
        return self.journal.entries

    def kinds(self) -> dict[EntryKind, int]:
        found: dict[EntryKind, int] = {}
        for stored in self.journal.entries:
            found[stored.entry.kind] = found.get(stored.entry.kind, 0) + 1
        return found

    def kept(self) -> tuple[dict[Any, list[Candle]], list[Signal]]:
        return content(self.history)


def assemble(
    recording: Recording,
    settings: Settings,
    doors: Doors,
    *,
    inputs: Inputs | None = None,
    ground: Ground | None = None,
) -> Assembly:
    """As `Node` does it: the past into the book, then what was left open is settled."""
    ground = ground or Ground(list_instruments(recording, settings.paper), recording.timeframe)
    assembly = Assembly(
        settings,
        ground,
        doors,
        book=build_book(settings, ground),
        inputs=inputs or Inputs(recording.symbols),
        heads=HEADS,
    )
    span_ms = block_span_ms(ground.base, settings.market.timeframe)
    keep = assembly.recorder.keep
    fill_book(assembly.book, recording, until_ms=assembly.walk.done_ms, span_ms=span_ms, on_closed=keep)
    assembly.begin(recording.first_open_ms)
    return assembly


def walk(assembly: Assembly, blocks: Blocks, *, flush: bool = True) -> None:
    for end_ms, block in blocks:
        assembly.walk.take(block, end_ms)
    if flush:
        assembly.recorder._history.flush()


def walked(recording: Recording, settings: Settings, blocks: Blocks, **given: Any) -> World:
    """A world in which one process has walked all blocks."""
    world = World()
    walk(world.start(recording, settings, **given), blocks)
    return world


def content(history: Any) -> tuple[dict[Any, list[Candle]], list[Signal]]:
    """Everything a history holds, candles by (symbol, frame)."""
    candles = {}
    for frame in Timeframe:
        for symbol in history.read_last_open_times(frame):
            candles[symbol, frame] = history.read_candles(symbol, frame, limit=10**7)
    return candles, history.read_signals(limit=10**7)


def quiet(stream: io.StringIO | None = None) -> Log:
    return build_log(stream or io.StringIO(), clock=SystemClock(), shape=Shape.JSON, level=Level.DEBUG)
