"""The candle book: closed candles come in, trusted windows of every timeframe come out, and dirt is counted.

Pure: `now_ms` is an argument. Optional inputs are laid beside a window by `inputs`; signals are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.market.admission import Admission
from holdfast.market.calendar import PLAIN, Calendar
from holdfast.market.closed import Closed
from holdfast.market.columns import Columns, Indices
from holdfast.market.derivation import Derivation
from holdfast.market.trust import SPARSE_VENUES, Continuity, Trust
from holdfast.market.validation import DEFECTS
from holdfast.model.candle import CandleBlock, Floats, Times
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.window import Window


class Bars(NamedTuple):
    """Consecutive bars of one symbol, oldest first, each column (n,)."""

    open_time_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """How one symbol's candles stand. `newest_open_ms` and `last_close` are None before its first candle; `bars` are
    those since its start or redenomination; `gaps` and `incomplete` are counted per frame."""

    symbol: Symbol
    bars: int
    newest_open_ms: int | None
    last_close: float | None
    trust: Mapping[Timeframe, Trust]
    gaps: Mapping[Timeframe, int]
    incomplete: Mapping[Timeframe, int]
    defects: Mapping[str, int]


class CandleBook:
    """Closed candles of `symbols` in the `base` frame, and the longer `frames` made of them.

    Every frame holds at least its newest `capacity` bars; one ingest may bring `base_room` base bars a symbol. A period
    whose last candle is missing counts as over `grace_ms` after its end. A bar is WARMING until it is number
    `min_bars` of its series, and GAP until `quarantine_bars` bars after a hole.
    """

    def __init__(
        self,
        symbols: Sequence[Symbol],
        base: Timeframe,
        frames: Sequence[Timeframe],
        *,
        capacity: int = 200,
        room: int = 64,
        base_room: int | None = None,
        sparse: Collection[str] = SPARSE_VENUES,
        calendar: Calendar = PLAIN,
        grace_ms: int = 0,
        min_bars: int = 200,
        quarantine_bars: int = 12,
    ) -> None:
        self.symbols = tuple(symbols)
        self.base = base
        self.frames = tuple(sorted(set(frames), key=lambda frame: frame.ms))
        if any(frame.ms % base.ms for frame in self.frames):
            raise ValueError(f"Every frame must be a multiple of the base frame {base}.")
        self.accepted = 0
        self._grace_ms = grace_ms
        self._min_bars = min_bars
        self._quarantine_bars = quarantine_bars
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._sparse, self._calendar = sparse, calendar
        self._continuity = Continuity(self.symbols, sparse, calendar)
        self._columns: dict[Timeframe, Columns] = {}
        self._derivations: list[Derivation] = []
        self._lay_out(capacity, room, max(room, base_room or room))
        self._base = self._columns[base]
        self._admission = Admission(self._base)
        self._no_times: Times = np.empty((len(self.symbols), 0), dtype=np.int64)
        self._complete_ms: Times = np.full(len(self.symbols), np.iinfo(np.int64).max, dtype=np.int64)
        self._seen_symbols: tuple[Symbol, ...] = self.symbols
        self._seen_map: Indices | None = None

    def _lay_out(self, capacity: int, room: int, base_room: int) -> None:
        """Makes each frame from the longest shorter one that divides it, so that little is added up twice."""
        ladder = [self.base, *(frame for frame in self.frames if frame is not self.base)]
        parents = {
            frame: max((low for low in ladder[:rank] if frame.ms % low.ms == 0), key=lambda low: low.ms)
            for rank, frame in enumerate(ladder)
            if rank
        }
        for frame in ladder:
            needed = [child.ms // frame.ms for child, parent in parents.items() if parent is frame]
            fitting = base_room * self.base.ms // frame.ms + 2
            self._columns[frame] = Columns(
                frame, self._continuity, keep=max(capacity, *needed, 1), room=max(room, fitting)
            )
        for frame, parent in parents.items():
            self._derivations.append(Derivation(self._columns[parent], self._columns[frame], self._continuity))

    def index(self, symbol: Symbol) -> int:
        """The row of `symbol` in every array; KeyError if it is not in the book."""
        return self._index[symbol]

    def grow(self, symbols: Iterable[Symbol]) -> None:
        """Adds rows at the end for the symbols that are not in the book. A new row waits for its candles until
        `wait_for` says otherwise, so that its past may still be ingested. No row ever leaves."""
        more = tuple(dict.fromkeys(symbol for symbol in symbols if symbol not in self._index))
        if not more:
            return
        self.symbols += more
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._continuity = Continuity(self.symbols, self._sparse, self._calendar)
        for columns in self._columns.values():
            columns.grow(self._continuity)
        for made in self._derivations:
            made.grow(self._continuity)
        self._admission.grow()
        self._complete_ms = np.concatenate((self._complete_ms, np.zeros(len(more), dtype=np.int64)))
        self._no_times = np.empty((len(self.symbols), 0), dtype=np.int64)
        self._seen_symbols, self._seen_map = self.symbols, None

    def parts(self, block: CandleBlock, *, now_ms: int) -> Iterator[tuple[CandleBlock, int]]:
        """The block cut in time wherever a series may begin anew, each part with the time at its end; mostly one.

        A redenomination empties its series, so the bars before it must have been used by then. Candles are judged here
        as `ingest` will judge them: one that will not enter must not hide, or feign, where a series begins anew.
        """
        begin_ms = np.unique(self._admission.restarts(*self._own(block), now_ms=now_ms).open_time_ms)
        bounds = [0, *np.searchsorted(block.open_time_ms, begin_ms).tolist(), len(block)]
        ends = [*begin_ms.tolist(), now_ms]
        for start, stop, end_ms in zip(bounds[:-1], bounds[1:], ends, strict=True):
            yield block.part(start, stop), end_ms

    def begins_anew(self, part: CandleBlock, *, now_ms: int) -> list[Symbol]:
        """The symbols whose series begin anew, in another unit, when this part of a block is taken in."""
        rows = self._admission.restarts(*self._own(part), now_ms=now_ms)
        return [self.symbols[row] for row in np.unique(rows.symbol)]

    def ingest(self, block: CandleBlock, *, now_ms: int) -> Closed:
        """Takes in base candles, makes every longer bar whose period is over, and says what closed.

        Candles of symbols that the book does not have are left out. ValueError for another timeframe, or more than
        `base_room` candles of one symbol.
        """
        for columns in self._columns.values():
            columns.fresh[:] = 0
        accepted = self.accepted
        self._take_in(block, now_ms)
        counts, times = {}, {}
        for frame in dict.fromkeys((self.base, *self.frames)):
            columns = self._columns[frame]
            counts[frame] = columns.fresh.copy()
            most = int(columns.fresh.max(initial=0))
            times[frame] = columns.tail(columns.open_time_ms, most, empty=0).copy() if most else self._no_times
        return Closed(counts=counts, open_times=times, rejected=len(block) - (self.accepted - accepted))

    def warm_up(self, block: CandleBlock, *, now_ms: int) -> None:
        """Takes in any number of past candles ordered by time, in parts that fit; nothing is reported as closed."""
        span = self._base.room * self.base.ms
        spans = block.open_time_ms // span
        bounds = [0, *(np.flatnonzero(np.diff(spans)) + 1), len(block)]
        for start, end in pairwise(bounds):
            part = block.part(start, end)
            last = min(now_ms, int(part.open_time_ms.max()) + self.base.ms) if end > start else now_ms
            self._take_in(part, now_ms if end == len(block) else last)

    def wait_for(self, complete_ms: Times) -> None:
        """Says how far each series is complete (S,), for the following ingests: no longer bar that ends later is made
        before its candles are in. Who says nothing waits for nobody: then time alone closes a period."""
        self._complete_ms = np.array(complete_ms, dtype=np.int64)

    def window(self, frame: Timeframe, bars: int) -> Window:
        """The newest `bars` closed bars of every symbol, without optional inputs. Valid until the next ingest."""
        return self._columns[frame].window(bars)

    def trust(self, frame: Timeframe, bars: int) -> NDArray[np.int8]:
        """Trust of each bar of `window(frame, bars)` as of that bar (S, bars): READY, WARMING or GAP. An empty place
        is WARMING."""
        columns = self._columns[frame]
        number = columns.tail(columns.bar_number, bars, empty=0)
        since_gap = columns.tail(columns.since_gap, bars, empty=0)
        trust = np.where(since_gap < self._quarantine_bars, np.int8(Trust.GAP), np.int8(Trust.READY))
        trust[number < max(1, self._min_bars)] = Trust.WARMING
        return trust

    def trust_now(self, frame: Timeframe, now_ms: int) -> NDArray[np.int8]:
        """Trust of each symbol's newest bar (S,), STALE where open hours should have brought a newer one."""
        columns = self._columns[frame]
        trust = self.trust(frame, 1)[:, 0]
        overdue = self._continuity.stale(columns.newest_ms + frame.ms, now_ms, frame.ms)
        trust[overdue & (columns.bars > 0)] = Trust.STALE
        return trust

    def last_close(self, symbol: Symbol) -> float | None:
        """The close of the symbol's newest base bar; None before the first."""
        close = self._base.newest_close[self._index[symbol]]
        return None if np.isnan(close) else float(close)

    def closes_at(self, frame: Timeframe, moment_ms: int) -> Floats:
        """Each symbol's close of its newest bar that closes at or before the moment (S,); NaN where none is held."""
        columns = self._columns[frame]
        limit_ms = moment_ms - frame.ms
        rows = np.arange(len(self.symbols))
        # Counted back as if no bar were missing; the few rows where that misses are searched.
        later = np.maximum(-((limit_ms - columns.newest_ms) // frame.ms), 0)
        column = np.maximum(columns.end - 1 - later, 0)
        following = np.minimum(column + 1, columns.end - 1)
        sure = columns.open_time_ms[rows, column] <= limit_ms
        sure &= (following == column) | (columns.open_time_ms[rows, following] > limit_ms)
        for row in np.flatnonzero(~sure):
            held = columns.open_time_ms[row, : columns.end[row]]
            column[row] = np.searchsorted(held, limit_ms, side="right") - 1
        return np.where(column >= 0, columns.values[3, rows, column], np.nan)

    def base_bars(self, symbol_index: int, after_ms: int, until_ms: int) -> Bars:
        """The base bars of one symbol that close after `after_ms` and by `until_ms`, as far as held (copies)."""
        end = self._base.end[symbol_index]
        times = self._base.open_time_ms[symbol_index, :end]
        bounds = np.array([after_ms, until_ms]) - self.base.ms
        # Empty places hold time 0 and stand at the left, so that no search before 1970 may reach them.
        start, stop = np.searchsorted(times, np.maximum(bounds, 0), side="right")
        chosen = self._base.values[:, symbol_index, start:stop].copy()
        return Bars(times[start:stop].copy(), *chosen)

    def defects(self) -> dict[str, int]:
        """How many candles were refused or flagged so far, by defect."""
        return dict(zip(DEFECTS, self._admission.counts.sum(axis=0).tolist(), strict=True))

    def status(self, now_ms: int) -> list[SeriesStatus]:
        """One row a symbol, for people and pages."""
        frames = (self.base, *(frame for frame in self.frames if frame is not self.base))
        trust = {frame: self.trust_now(frame, now_ms) for frame in frames}
        rows = []
        for index, symbol in enumerate(self.symbols):
            newest = int(self._base.newest_ms[index])
            rows.append(
                SeriesStatus(
                    symbol=symbol,
                    bars=int(self._base.bars[index]),
                    newest_open_ms=newest or None,
                    last_close=self.last_close(symbol),
                    trust={frame: Trust(int(trust[frame][index])) for frame in frames},
                    gaps={frame: int(self._columns[frame].gaps[index]) for frame in frames},
                    incomplete={made.longer.frame: int(made.incomplete[index]) for made in self._derivations},
                    defects=dict(zip(DEFECTS, self._admission.counts[index].tolist(), strict=True)),
                )
            )
        return rows

    def _take_in(self, block: CandleBlock, now_ms: int) -> None:
        if block.timeframe is not self.base:
            raise ValueError(f"The book takes {self.base} candles, not {block.timeframe}.")
        symbol, times, values = self._own(block)
        fresh, repeats = self._admission.admit(symbol, times, values, now_ms=now_ms)
        judged_ms = 0
        for rows, restarted, until_ms in self._admission.split_at_restarts(fresh, now_ms):
            if len(restarted):
                for columns in self._columns.values():
                    columns.restart(restarted)
            added = {self.base: self._base.append(rows.symbol, rows.open_time_ms, rows.values)}
            waited = np.minimum(until_ms - self._grace_ms, self._complete_ms)
            horizon = np.maximum(self._base.newest_ms + self.base.ms, waited)
            newest = int(horizon.max(initial=0))
            for made in self._derivations:
                added[made.longer.frame] = made.close_periods(horizon, newest, added[made.shorter.frame])
            if repeats is not None:
                # Repeats are judged part by part, because a restart empties what they are compared with.
                part = (repeats.open_time_ms >= judged_ms) & (repeats.open_time_ms < until_ms)
                self._admission.count_repeats(repeats.where(part))
                judged_ms = until_ms
        self.accepted += len(fresh)

    def _own(self, block: CandleBlock) -> tuple[Indices, Times, Floats]:
        """The block's candles with the book's own symbol numbers."""
        if block.symbols is not self._seen_symbols:
            same = block.symbols == self.symbols
            numbers = [self._index.get(symbol, -1) for symbol in block.symbols]
            self._seen_map = None if same else np.array(numbers, dtype=np.intp)
            self._seen_symbols = block.symbols
        symbol = block.symbol_index.astype(np.intp)
        if self._seen_map is None:
            return symbol, block.open_time_ms, block.values
        symbol = self._seen_map[symbol]
        known = symbol >= 0
        return symbol[known], block.open_time_ms[known], block.values[known]
