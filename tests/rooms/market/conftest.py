"""Small made-up candles for the tests of the candle book."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

Row = tuple[int, int, float, float, float, float, float]
MakeBlock = Callable[..., CandleBlock]


@pytest.fixture
def make_block() -> MakeBlock:
    """Rows of (symbol index, bar number since 1970, open, high, low, close, volume) become a block."""

    def make(symbols: Sequence[Symbol], rows: Sequence[Row], frame: Timeframe = Timeframe.M1) -> CandleBlock:
        return CandleBlock(
            symbols=tuple(symbols),
            timeframe=frame,
            symbol_index=np.array([row[0] for row in rows], dtype=np.int32),
            open_time_ms=np.array([row[1] * frame.ms for row in rows], dtype=np.int64),
            values=np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 5),
        )

    return make
