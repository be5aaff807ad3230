"""The candles that heads look at: many series side by side, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats, Times

# Optional inputs, by name: a (symbols, bars) array of what was known when each bar closed, NaN where absent.
TAKER_BUY_VOLUME = "taker_buy_volume"  # base units bought by takers within the bar
FUNDING_RATE = "funding_rate"  # latest settled funding rate, a fraction per interval
MARK_PRICE = "mark_price"  # latest mark price, quote currency
INDEX_PRICE = "index_price"  # latest index price, quote currency
OPEN_INTEREST = "open_interest"  # latest open interest, base units
LONG_SHORT_RATIO = "long_short_ratio"  # latest ratio of long to short accounts
HEADLINE_TONE = "headline_tone"  # sum of (tone × decay weight) of recent headlines, tone in [-1, 1]
HEADLINE_WEIGHT = "headline_weight"  # sum of the decay weights of the same headlines
HEADLINE_COUNT = "headline_count"  # how many headlines that were


@dataclass(frozen=True, slots=True)
class Window:
    """S series × B closed bars of one timeframe, oldest first, each row aligned to its newest bar at the right.

    A row with fewer bars is NaN (open_time_ms 0) at its left, and only there. `volume` may be NaN in a bar whose venue
    reports none. `inputs` holds the optional columns named above; an absent key means that no source gives it.
    """

    timeframe_ms: int
    open_time_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    inputs: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(symbols, bars)."""
        return self.close.shape[0], self.close.shape[1]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where a bar exists."""
        return ~np.isnan(self.close)

    def tail(self, bars: int) -> Window:
        """The same series, only their newest `bars` bars (views, no copy)."""
        if bars >= self.close.shape[1]:
            return self
        return self.part(slice(None), slice(self.close.shape[1] - bars, None))

    def part(self, rows: slice, bars: slice) -> Window:
        """Only these rows, and of them these bars (views, no copy)."""
        cut = (rows, bars)
        return Window(
            timeframe_ms=self.timeframe_ms,
            open_time_ms=self.open_time_ms[cut],
            open=self.open[cut],
            high=self.high[cut],
            low=self.low[cut],
            close=self.close[cut],
            volume=self.volume[cut],
            inputs={name: column[cut] for name, column in self.inputs.items()},
        )
