"""Consecutive closed bars of one symbol in the finest timeframe there is, as columns: what a paper venue matches on."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.model.candle import Floats, Times


@dataclass(frozen=True, slots=True)
class BaseBars:
    """N bars, oldest first, all arrays of shape (N,). Times in ms since 1970 UTC: a bar covers
    [open_time_ms, close_time_ms), so that one bar's close is the next one's open. Prices in quote currency, `volume`
    in base units, NaN where the venue reports none."""

    open_time_ms: Times
    close_time_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def part(self, start: int, stop: int) -> BaseBars:
        """Bars `start` to `stop` (exclusive), as views."""
        cut = slice(start, stop)
        return BaseBars(
            open_time_ms=self.open_time_ms[cut],
            close_time_ms=self.close_time_ms[cut],
            open=self.open[cut],
            high=self.high[cut],
            low=self.low[cut],
            close=self.close[cut],
            volume=self.volume[cut],
        )
