"""Closed bars of many series put in order: what comes early waits behind a hole until the hole is filled or given up.

So the candle book sees every series in order, and a lost bar is healed instead of refused as late. Here: the order of
bars, and which of them are missing. Asking for them is planned in `refill`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import msgspec
import numpy as np

from holdfast.market.calendar import PLAIN, Calendar
from holdfast.market.validation import SOUND, find_row_defects
from holdfast.model.candle import CandleBlock, Times
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

FOREVER_MS = 2**62
_FEW_BARS = 5

Values = tuple[float, float, float, float, float]


class Source(StrEnum):
    """Who told a bar: the venue's stream, which marks it closed, or an answer to a request."""

    STREAM = "stream"
    REST = "rest"


class Urgency(IntEnum):
    """Which hole is asked for first."""

    NEWEST = 0  # a few bars are missing at the end of a series that is traded
    GAP = 1  # a longer hole in such a series
    HISTORY = 2  # the past of a series that is not ready yet


class Tally(msgspec.Struct):
    """What became of one series' bars. `streamed` and `fetched` went on to the book, by source; `waited` of them had to
    wait for an earlier one. `repeats` came again, `conflicts` of them with other numbers; `refused` were impossible or
    not over; `late` came when their place had been passed. `absent` bars the venue itself does not have; `given_up`
    were waited for in vain. `holes` counts how often a bar was missing."""

    streamed: int = 0
    fetched: int = 0
    waited: int = 0
    repeats: int = 0
    conflicts: int = 0
    refused: int = 0
    late: int = 0
    absent: int = 0
    given_up: int = 0
    holes: int = 0


class Hole(msgspec.Struct, frozen=True):
    """Bars of a series that open in [from_ms, until_ms) and are missing since `noticed_ms`."""

    symbol: Symbol
    from_ms: int
    until_ms: int
    noticed_ms: int
    urgency: Urgency


class SeriesOrder(msgspec.Struct, frozen=True):
    """How one series stands. Every bar that opens before `complete_ms` has gone on, is known not to exist, or was
    given up. `waiting` bars stand behind a hole that is open since `hole_since_ms`."""

    symbol: Symbol
    complete_ms: int
    ready: bool
    waiting: int
    hole_since_ms: int | None
    tally: Tally


@dataclass(slots=True)
class _Series:
    next_ms: int
    ready: bool
    waiting: dict[int, tuple[Values, Source]] = field(default_factory=dict)
    last: tuple[int, Values] | None = None
    known_ms: int = 0  # a request has told everything that opens before this
    given_up_ms: int = 0
    stepped_over: tuple[int, int] = (0, 0)  # the last open times that were passed without a bar
    hole_since_ms: int | None = None
    blocked: tuple[int, int] | None = None  # the bar that others wait for, and since when
    tally: Tally = field(default_factory=Tally)


class Sequencer:
    """Bars of one timeframe. A bar of a ready series is given up when later ones have waited for it for `give_up_ms`;
    the past of a series that was never complete is waited for without end, because nothing trades it."""

    def __init__(self, base: Timeframe, *, give_up_ms: int, calendar: Calendar = PLAIN) -> None:
        self.base = base
        self._give_up_ms = give_up_ms
        self._calendar = calendar
        self._series: dict[Symbol, _Series] = {}

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self._series)

    def follow(self, symbol: Symbol, *, from_ms: int, ready: bool = False) -> None:
        """Expects every bar that opens at `from_ms` or later. `ready`: the book already trusts the bars before. Nothing
        changes for a series that is followed."""
        if from_ms % self.base.ms:
            raise ValueError(f"{from_ms} is not where a {self.base} bar opens.")
        self._series.setdefault(symbol, _Series(from_ms, ready))

    def leave(self, symbol: Symbol) -> None:
        """Expects nothing more; what waits is dropped."""
        self._series.pop(symbol, None)

    def take(self, block: CandleBlock, source: Source, *, now_ms: int) -> None:
        """Bars that the venue calls closed. One that ends after `now_ms` by the machine's clock waits for its time, if
        that is less than a bar away."""
        codes = find_row_defects(block.open_time_ms, block.values, frame=self.base, now_ms=now_ms + self.base.ms)
        rows = zip(block.symbol_index.tolist(), block.open_time_ms.tolist(), block.values.tolist(), strict=True)
        for number, (index, open_ms, values) in enumerate(rows):
            series = self._series.get(block.symbols[index])
            if series is None:
                continue
            if codes is not None and codes[number] != SOUND:
                series.tally.refused += 1
            elif open_ms >= series.next_ms:
                self._wait(series, open_ms, tuple(values), source)
            else:
                _count_old(series, open_ms, tuple(values))

    def confirm(self, symbol: Symbol, until_ms: int) -> None:
        """A request has told every bar of this series that opens before `until_ms`; what is still missing there does
        not exist."""
        if (series := self._series.get(symbol)) is not None:
            series.known_ms = max(series.known_ms, until_ms)

    def release(self, *, until_ms: int, now_ms: int, most: int) -> CandleBlock:
        """The bars that are in order and close by `until_ms`, at most `most` of a series, by time, then symbol."""
        rows: list[tuple[int, int, Values]] = []
        symbols = self.symbols
        for index, symbol in enumerate(symbols):
            series = self._series[symbol]
            rows += ((open_ms, index, values) for open_ms, values in self._pass_on(symbol, series, until_ms, most))
            self._note_hole(symbol, series, until_ms, now_ms)
        rows.sort()
        return CandleBlock(
            symbols=symbols,
            timeframe=self.base,
            symbol_index=np.array([index for _, index, _ in rows], dtype=np.int32),
            open_time_ms=np.array([open_ms for open_ms, _, _ in rows], dtype=np.int64),
            values=np.array([values for _, _, values in rows], dtype=np.float64).reshape(-1, 5),
        )

    def holes(self, *, until_ms: int, now_ms: int) -> list[Hole]:
        """The first hole of every series that lacks a bar which closed by `until_ms`."""
        found = []
        for symbol, series in self._series.items():
            if (end_ms := self._hole_end(symbol, series, until_ms)) is not None:
                since_ms = series.hole_since_ms if series.hole_since_ms is not None else now_ms
                found.append(Hole(symbol, series.next_ms, end_ms, since_ms, self._urgency(series, end_ms)))
        return found

    def is_behind(self, until_ms: int) -> bool:
        """Whether a ready series that was complete one bar before lacks the bar that closed at `until_ms`. One that has
        lacked more than that is not worth waiting for: it is asked for, halted or closed."""
        last_ms = until_ms - self.base.ms
        return any(
            series.ready and series.next_ms == last_ms and last_ms not in series.waiting and series.known_ms <= last_ms
            for series in self._series.values()
        )

    def has_more(self, until_ms: int) -> bool:
        """Whether a series can go on towards `until_ms`: what it waited for has come, or does not exist."""
        return any(
            series.next_ms + self.base.ms <= until_ms
            and (series.next_ms in series.waiting or series.next_ms < series.known_ms)
            for series in self._series.values()
        )

    def complete_ms(self, symbols: Sequence[Symbol]) -> Times:
        """For each symbol how far its series is complete, for `CandleBook.wait_for`; FOREVER_MS if it is not followed,
        so that nobody waits for it."""
        ends = (self._series[symbol].next_ms if symbol in self._series else FOREVER_MS for symbol in symbols)
        return np.fromiter(ends, dtype=np.int64, count=len(symbols))

    def status(self) -> list[SeriesOrder]:
        """One row a series, for people and pages."""
        return [
            SeriesOrder(
                symbol=symbol,
                complete_ms=series.next_ms,
                ready=series.ready,
                waiting=len(series.waiting),
                hole_since_ms=series.hole_since_ms,
                tally=msgspec.structs.replace(series.tally),
            )
            for symbol, series in self._series.items()
        ]

    # ---- one series

    def _wait(self, series: _Series, open_ms: int, values: Values, source: Source) -> None:
        if (known := series.waiting.get(open_ms)) is None:
            series.waiting[open_ms] = (values, source)
            series.tally.waited += source is Source.STREAM and open_ms > series.next_ms
        else:
            series.tally.repeats += 1
            if not _same(known[0], values):
                series.tally.conflicts += 1
                # What was asked for is the venue's settled word; a stream tells a bar while it is being closed.
                if source is Source.REST:
                    series.waiting[open_ms] = (values, source)

    def _pass_on(self, symbol: Symbol, series: _Series, until_ms: int, most: int) -> Iterable[tuple[int, Values]]:
        passed = 0
        while passed < most and series.next_ms + self.base.ms <= until_ms:
            bar = series.waiting.pop(series.next_ms, None)
            if bar is None:
                if not self._step_over(symbol, series):
                    return
                continue
            values, source = bar
            if source is Source.STREAM:
                series.tally.streamed += 1
            else:
                series.tally.fetched += 1
            series.last = (series.next_ms, values)
            yield series.last
            series.next_ms += self.base.ms
            passed += 1

    def _step_over(self, symbol: Symbol, series: _Series) -> bool:
        """Goes on to the next waiting bar if nothing is missing before it, or nothing more will come."""
        following = min(series.waiting, default=None)
        if series.next_ms < series.known_ms:
            goal = series.known_ms if following is None else min(series.known_ms, following)
            if series.last is not None:  # what was before the venue's first bar is not absent
                series.tally.absent += self._open_ms(symbol, series.next_ms, goal) // self.base.ms
        elif following is not None and self._open_ms(symbol, series.next_ms, following) < self.base.ms:
            goal = following
        elif following is not None and following <= series.given_up_ms:
            goal = following
            series.tally.given_up += self._open_ms(symbol, series.next_ms, goal) // self.base.ms
        else:
            return False
        series.stepped_over = (series.next_ms, goal)
        series.next_ms = goal
        return True

    def _note_hole(self, symbol: Symbol, series: _Series, until_ms: int, now_ms: int) -> None:
        """Opens, keeps or closes the series' hole, and gives up the bar that others have waited for too long."""
        if self._hole_end(symbol, series, until_ms) is None:
            series.hole_since_ms = series.blocked = None
            series.ready = series.ready or series.next_ms not in series.waiting
            return
        if series.hole_since_ms is None:
            series.hole_since_ms = now_ms
            series.tally.holes += 1
        if not series.waiting:
            series.blocked = None
        elif series.blocked is None or series.blocked[0] != series.next_ms:
            series.blocked = (series.next_ms, now_ms)
        elif series.ready and now_ms - series.blocked[1] >= self._give_up_ms:
            series.given_up_ms = min(series.waiting)

    def _hole_end(self, symbol: Symbol, series: _Series, until_ms: int) -> int | None:
        """Where the first missing bars end; None if no bar is missing that should be there."""
        if series.next_ms in series.waiting:
            return None
        end_ms = min(min(series.waiting, default=until_ms), until_ms)
        begin_ms = max(series.next_ms, min(series.known_ms, end_ms))
        return end_ms if self._open_ms(symbol, begin_ms, end_ms) >= self.base.ms else None

    def _urgency(self, series: _Series, end_ms: int) -> Urgency:
        if not series.ready:
            return Urgency.HISTORY
        return Urgency.NEWEST if end_ms - series.next_ms <= _FEW_BARS * self.base.ms else Urgency.GAP

    def _open_ms(self, symbol: Symbol, start_ms: int, end_ms: int) -> int:
        if end_ms <= start_ms:
            return 0
        start, end = np.array([start_ms]), np.array([end_ms])
        return end_ms - start_ms - int(self._calendar.closed_between(symbol.market, start, end, symbol.venue)[0])


def _count_old(series: _Series, open_ms: int, values: Values) -> None:
    if series.stepped_over[0] <= open_ms < series.stepped_over[1]:
        series.tally.late += 1
        return
    series.tally.repeats += 1
    if series.last is not None and series.last[0] == open_ms and not _same(series.last[1], values):
        series.tally.conflicts += 1


def _same(ours: Values, theirs: Values) -> bool:
    """Equal numbers, an absent volume being equal to an absent one."""
    return all(a == b or (a != a and b != b) for a, b in zip(ours, theirs, strict=True))
