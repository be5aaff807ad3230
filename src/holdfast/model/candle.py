"""Closed candles: one as a value, many as columns."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class Candle(msgspec.Struct, frozen=True):
    """One closed bar, exact. `volume` is None where the venue reports none (FX mid prices)."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None


@dataclass(frozen=True, slots=True)
class CandleBlock:
    """N closed candles of many symbols in one timeframe, ordered by open time, then symbol index.

    `symbol_index` int32 (N,) points into `symbols`; `open_time_ms` int64 (N,); `values` float64 (N, 5) =
    open, high, low, close, volume (volume NaN where the venue reports none). Prices and volumes are the doubles
    nearest to the venue's decimals, so `Decimal(repr(x))` gives the decimal back up to 15 significant digits.
    """

    symbols: tuple[Symbol, ...]
    timeframe: Timeframe
    symbol_index: NDArray[np.int32]
    open_time_ms: Times
    values: Floats

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def part(self, start: int, stop: int) -> CandleBlock:
        """Rows `start` to `stop` (exclusive), as views."""
        return CandleBlock(
            symbols=self.symbols,
            timeframe=self.timeframe,
            symbol_index=self.symbol_index[start:stop],
            open_time_ms=self.open_time_ms[start:stop],
            values=self.values[start:stop],
        )
