"""A recorded market as a venue shows it while it happens: prices inside a bar, unfinished and closed bars, statistics.

Everything is a function of the recording and the time asked for, so that the same moment always looks the same. A bar's
price runs in straight lines from its open over its two extremes (the one against its direction first) to its close.
The recording tells no more than five numbers a bar, so the rest is stated here: the spread is a ten-thousandth of
the price, one trade happens a second, takers buy half of the volume, a fiftieth of the volume stands at the quote.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import msgspec
import numpy as np

from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Times
from holdfast.model.timeframe import Timeframe
from holdfast.world.recording import Recording

DAY_MS = 86_400_000
FUNDING_MS = 28_800_000
FUNDING_RATE = Decimal("0.0001")  # where nothing was recorded: the venue's usual interest part
_QUOTE_STEP = Decimal("1e-8")
_HALF_SPREAD = Decimal("0.00005")
_QUOTED_SHARE = 50


class Bar(msgspec.Struct, frozen=True):
    """Prices in quote currency, `volume` in base units; covers [open_ms, close_ms). `taker_volume` was bought by
    takers."""

    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    closed: bool

    @property
    def taker_volume(self) -> Decimal:
        return self.volume / 2

    @property
    def taker_quote_volume(self) -> Decimal:
        return self.quote_volume / 2


class Tick(msgspec.Struct, frozen=True):
    """The market of one symbol at one moment, with the recording's bar as far as it is; `bar.closed` at its end."""

    symbol: str
    time_ms: int
    price: Decimal
    bid: Decimal
    ask: Decimal
    quoted: Decimal
    bar: Bar


@dataclass(frozen=True)
class Tape:
    """One symbol of a recording: `open_ms` int64 (N,) on the venue's clock, `values` float64 (N, 5)."""

    symbol: str
    price_digits: int
    size_digits: int
    bar_ms: int
    open_ms: Times
    values: Floats

    @cached_property
    def price_tick(self) -> Decimal:
        return Decimal(10) ** -self.price_digits

    @cached_property
    def size_step(self) -> Decimal:
        return Decimal(10) ** -self.size_digits

    def at(self, now_ms: int) -> Tick | None:
        """The market at a moment: inside a bar its path, else the latest close; None before the first bar."""
        row = int(np.searchsorted(self.open_ms, now_ms, side="right")) - 1
        return None if row < 0 else self.tick(row, min(now_ms, int(self.open_ms[row]) + self.bar_ms))

    def tick(self, row: int, time_ms: int) -> Tick:
        """The market at a moment of one bar; its end is the bar's close."""
        bar = self.bar(row, time_ms)
        half = max((bar.close * _HALF_SPREAD).quantize(self.price_tick), self.price_tick)
        bid = max(bar.close - half, self.price_tick)
        volume = self._volume(row, 1.0)
        quoted = max((volume / _QUOTED_SHARE).quantize(self.size_step), self.size_step)
        return Tick(self.symbol, time_ms, bar.close, bid, bar.close + half, quoted, bar)

    def bar(self, row: int, now_ms: int) -> Bar:
        """A bar as it is at a moment at or after its opening."""
        start = int(self.open_ms[row])
        share = min((now_ms - start) / self.bar_ms, 1.0)
        first, high, low, last = self._shape(row, share)
        volume = self._volume(row, share)
        return Bar(
            open_ms=start,
            close_ms=start + self.bar_ms,
            open=first,
            high=high,
            low=low,
            close=last,
            volume=volume,
            quote_volume=(volume * (first + high + low + last) / 4).quantize(_QUOTE_STEP),
            trades=int(share * self.bar_ms) // 1000 if volume else 0,
            closed=share >= 1.0,
        )

    def bars(self, interval_ms: int, *, first_ms: int, last_ms: int, now_ms: int, limit: int) -> list[Bar]:
        """Bars of an interval (a multiple of the recording's) that open in [first_ms, last_ms], the one still forming
        among them. The first `limit` of them, oldest first."""
        known = int(np.searchsorted(self.open_ms, now_ms, side="right"))
        found: list[Bar] = []
        row = int(np.searchsorted(self.open_ms, -(-first_ms // interval_ms) * interval_ms))
        while row < known and len(found) < limit:
            start = int(self.open_ms[row]) // interval_ms * interval_ms
            if start > last_ms:
                break
            end = min(int(np.searchsorted(self.open_ms, start + interval_ms)), known)
            found.append(self._joined(row, end, start, start + interval_ms, now_ms))
            row = end
        return found

    def latest_bars(self, interval_ms: int, *, now_ms: int, limit: int, last_ms: int | None = None) -> list[Bar]:
        """The newest `limit` bars of an interval, oldest first; none that opens after `last_ms`."""
        last_ms = now_ms if last_ms is None else min(last_ms, now_ms)
        known = int(np.searchsorted(self.open_ms, last_ms, side="right"))
        starts = np.unique(self.open_ms[max(known - limit * (interval_ms // self.bar_ms), 0) : known] // interval_ms)
        if not len(starts):
            return []
        first_ms = int(starts[-limit:][0]) * interval_ms
        return self.bars(interval_ms, first_ms=first_ms, last_ms=last_ms, now_ms=now_ms, limit=limit)

    def day(self, now_ms: int) -> Bar | None:
        """The last 24 hours as one bar, None where nothing is recorded in them."""
        first = int(np.searchsorted(self.open_ms, now_ms - DAY_MS))
        known = int(np.searchsorted(self.open_ms, now_ms, side="right"))
        return self._joined(first, known, now_ms - DAY_MS, now_ms, now_ms) if first < known else None

    def _joined(self, row: int, end: int, start_ms: int, end_ms: int, now_ms: int) -> Bar:
        """Rows `row` to `end` (exclusive) as one bar; only the last of them may still be forming."""
        newest = self.bar(end - 1, now_ms)
        if end - row == 1:
            return msgspec.structs.replace(newest, open_ms=start_ms, close_ms=end_ms, closed=now_ms >= end_ms)
        whole = self.values[row : end - 1]
        volume = np.nan_to_num(whole[:, VOLUME])
        quote = float((volume * whole[:, OPEN:VOLUME].mean(axis=1)).sum())
        return Bar(
            open_ms=start_ms,
            close_ms=end_ms,
            open=self._price(whole[0, OPEN]),
            high=max(self._price(whole[:, HIGH].max()), newest.high),
            low=min(self._price(whole[:, LOW].min()), newest.low),
            close=newest.close,
            volume=Decimal(float(volume.sum())).quantize(self.size_step) + newest.volume,
            quote_volume=Decimal(quote).quantize(_QUOTE_STEP) + newest.quote_volume,
            trades=(end - 1 - row) * (self.bar_ms // 1000) + newest.trades,
            closed=now_ms >= end_ms,
        )

    def _price(self, value: float) -> Decimal:
        return Decimal(f"{value:.{self.price_digits}f}")

    def _volume(self, row: int, share: float) -> Decimal:
        volume = float(np.nan_to_num(self.values[row, VOLUME])) * share
        return Decimal(f"{volume:.{self.size_digits}f}")

    def _shape(self, row: int, share: float) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Open, high, low and latest price of a bar after a share of its time."""
        first, high, low, close = (float(self.values[row, column]) for column in (OPEN, HIGH, LOW, CLOSE))
        knots = (first, low, high, close) if close >= first else (first, high, low, close)
        passed = min(int(share * 3), 2)
        latest = knots[passed] + (knots[passed + 1] - knots[passed]) * (share * 3 - passed)
        seen = (*knots[: passed + 1], latest)
        return self._price(first), self._price(max(seen)), self._price(min(seen)), self._price(latest)


class MarketSource:
    """Plays one recording on the venue's clock. `now_ms` is that clock's reading at the start.

    If the clock stands within the recording, times are the recorded ones. Otherwise the recording is moved by whole
    days (`align_ms`), so that `begin_share` of it lies in the past and longer bars stay on their grid.
    `update_ms` is how often prices change within a bar; None: only at the knots of its path.
    """

    def __init__(
        self,
        recording: Recording,
        now_ms: int,
        *,
        update_ms: int | None = 1000,
        begin_share: float = 0.5,
        align_ms: int = DAY_MS,
    ) -> None:
        self.timeframe: Timeframe = recording.timeframe
        span_ms = recording.last_close_ms - recording.first_open_ms
        self.shift_ms = 0
        if not recording.first_open_ms <= now_ms < recording.last_close_ms:
            begin_ms = recording.first_open_ms + int(span_ms * begin_share)
            self.shift_ms = (now_ms - begin_ms) // align_ms * align_ms
        self.last_close_ms = recording.last_close_ms + self.shift_ms
        self.tapes = {tape.symbol: tape for tape in _tapes(recording, self.shift_ms)}
        self._opens = np.unique(recording.open_time_ms) + self.shift_ms
        self._offsets = _offsets(self.timeframe.ms, update_ms)
        self.done_ms = now_ms

    def now_ticks(self) -> Iterator[Tick]:
        """The market as it is where the source stands: what a venue knows when it opens."""
        for tape in self.tapes.values():
            if (tick := tape.at(self.done_ms)) is not None:
                yield tick

    def advance(self, now_ms: int) -> Iterator[Tick]:
        """All that happened since, up to and including `now_ms`, in order of time, then symbol."""
        after, bar_ms = self.done_ms, self.timeframe.ms
        if now_ms <= after:
            return
        self.done_ms = now_ms
        at = int(np.searchsorted(self._opens, after - bar_ms))
        while at < len(self._opens) and self._opens[at] <= now_ms:
            start = int(self._opens[at])
            due = self._offsets[
                bisect_right(self._offsets, after - start) : bisect_right(self._offsets, now_ms - start)
            ]
            rows = (
                [(tape, row) for tape in self.tapes.values() if (row := _row(tape, start)) is not None] if due else []
            )
            for offset in due:
                for tape, row in rows:
                    yield tape.tick(row, start + offset)
            at += 1

    def next_ms(self) -> int | None:
        """When something happens next; None after the recording's end."""
        at = int(np.searchsorted(self._opens, self.done_ms - self.timeframe.ms))
        for start in self._opens[at : at + 2]:
            if (place := bisect_right(self._offsets, self.done_ms - int(start))) < len(self._offsets):
                return int(start) + self._offsets[place]
        return None if at + 2 >= len(self._opens) else int(self._opens[at + 2])


def _offsets(bar_ms: int, update_ms: int | None) -> list[int]:
    """When, within a bar, prices change; the knots are rounded up so that each is passed."""
    grid = set(range(0, bar_ms, update_ms)) if update_ms else set()
    return sorted({0, -(-bar_ms // 3), -(-bar_ms * 2 // 3), bar_ms} | grid)


def _row(tape: Tape, start_ms: int) -> int | None:
    row = int(np.searchsorted(tape.open_ms, start_ms))
    return row if row < len(tape.open_ms) and tape.open_ms[row] == start_ms else None


def _tapes(recording: Recording, shift_ms: int) -> Iterator[Tape]:
    for number, symbol in enumerate(recording.symbols):
        rows = recording.symbol_index == number
        yield Tape(
            symbol=symbol.name,
            price_digits=recording.price_digits[number],
            size_digits=recording.size_digits[number],
            bar_ms=recording.timeframe.ms,
            open_ms=recording.open_time_ms[rows] + shift_ms,
            values=recording.values[rows],
        )
