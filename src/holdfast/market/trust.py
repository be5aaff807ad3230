"""How far a series of candles can be trusted, and what counts as a hole in it.

Only the judgement lives here; the candles themselves are in `columns`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from holdfast.market.calendar import PLAIN, Calendar
from holdfast.model.candle import Times
from holdfast.model.symbol import Symbol

# Venues that write no candle where nobody traded: there an absent bar is silence, not loss.
SPARSE_VENUES = frozenset({"oanda", "fxcm", "bittrex"})

_SILENCE_MS = 3_600_000
_SILENT_BARS = 3
_STALE_BARS = 2


class Trust(IntEnum):
    """READY may be traded. WARMING: too few bars yet. GAP: a hole too recently. STALE: its newest bar is overdue."""

    READY = 0
    WARMING = 1
    GAP = 2
    STALE = 3


class Continuity:
    """Knows for each symbol when its market is open and how long it may be silent in open hours."""

    def __init__(self, symbols: Sequence[Symbol], sparse: Collection[str], calendar: Calendar = PLAIN) -> None:
        self.sparse: NDArray[np.bool_] = np.array([symbol.venue in sparse for symbol in symbols], dtype=bool)
        places = [(symbol.venue, symbol.market) for symbol in symbols]
        self._markets = sorted(set(places))
        numbers = {place: number for number, place in enumerate(self._markets)}
        self._market = np.array([numbers[place] for place in places], dtype=np.int64)
        self._calendar = calendar

    def open_ms(self, symbol: NDArray[np.intp], start_ms: Times, end_ms: Times) -> Times:
        """How much of [start, end) the symbol's market was open, element by element."""
        span = end_ms - start_ms
        for index, (venue, market) in enumerate(self._markets):
            of_market = self._market[symbol] == index
            span[of_market] -= self._calendar.closed_between(market, start_ms[of_market], end_ms[of_market], venue)
        return span

    def gaps(
        self, symbol: NDArray[np.intp], previous_ms: Times, open_time_ms: Times, frame_ms: int
    ) -> NDArray[np.bool_]:
        """Where more than one frame lies between two open times and the market was open in between.

        A sparse series may be silent for an hour or three bars, whichever is longer.
        """
        gap = open_time_ms - previous_ms > frame_ms
        if gap.any():
            where = np.flatnonzero(gap)
            missing = self.open_ms(symbol[where], previous_ms[where] + frame_ms, open_time_ms[where])
            gap[where] = missing > self._silence(symbol[where], frame_ms)
        return gap

    def stale(self, newest_close_ms: Times, now_ms: int, frame_ms: int) -> NDArray[np.bool_]:
        """Which series (one a symbol) lack a bar that open hours should have brought two frames ago."""
        every = np.arange(len(newest_close_ms))
        waited = self.open_ms(every, np.minimum(newest_close_ms, now_ms), np.full(len(every), now_ms))
        return waited > np.maximum(_STALE_BARS * frame_ms, self._silence(every, frame_ms)) + frame_ms

    def _silence(self, symbol: NDArray[np.intp], frame_ms: int) -> Times:
        return np.where(self.sparse[symbol], max(_SILENCE_MS, _SILENT_BARS * frame_ms), 0)
