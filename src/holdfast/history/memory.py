"""The history in memory: the twin of the durable engines, for tests, replay and the simulator. Nothing outlives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from holdfast.history.buffer import Buffer
from holdfast.model.candle import VOLUME, Candle, CandleBlock
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe


class MemoryHistory:
    """Same answers and the same buffering as `SqliteHistory`: what was not flushed is not read."""

    def __init__(self, *, batch_rows: int = 1000, batch_age_s: float = 5.0, buffer_rows: int = 2_000_000) -> None:
        self._buffer = Buffer(batch_rows=batch_rows, batch_age_s=batch_age_s, buffer_rows=buffer_rows)
        self._candles: dict[tuple[Symbol, Timeframe], dict[int, list[float]]] = {}
        self._signals: dict[str, Signal] = {}

    def write_candles(self, block: CandleBlock) -> None:
        self._buffer.add_candles(block)

    def write_signals(self, signals: Sequence[Signal]) -> None:
        self._buffer.add_signals(signals)

    def flush_if_due(self, monotonic_s: float) -> None:
        if self._buffer.due(monotonic_s):
            self.flush()

    def flush(self) -> None:
        for block in self._buffer.blocks:
            rows = zip(block.symbol_index.tolist(), block.open_time_ms.tolist(), block.values.tolist(), strict=True)
            for index, time_ms, values in rows:
                self._candles.setdefault((block.symbols[index], block.timeframe), {})[time_ms] = values
        for signal, _ in self._buffer.signals:
            self._signals[signal.id] = signal
        self._buffer.stored()

    def read_candles(
        self, symbol: Symbol, timeframe: Timeframe, *, limit: int, before_ms: int | None = None
    ) -> list[Candle]:
        candles = []
        for time_ms, values in self._newest(symbol, timeframe, limit, before_ms):
            open_, high, low, close = (_decimal(price) for price in values[:VOLUME])
            volume = None if np.isnan(values[VOLUME]) else _decimal(values[VOLUME])
            candles.append(Candle(time_ms, open_, high, low, close, volume))
        return candles

    def read_block(
        self, symbols: Sequence[Symbol], timeframe: Timeframe, *, limit: int, before_ms: int | None = None
    ) -> CandleBlock:
        rows = sorted(
            (time_ms, index, values)
            for index, symbol in enumerate(symbols)
            for time_ms, values in self._newest(symbol, timeframe, limit, before_ms)
        )
        return CandleBlock(
            symbols=tuple(symbols),
            timeframe=timeframe,
            symbol_index=np.array([index for _, index, _ in rows], dtype=np.int32),
            open_time_ms=np.array([time_ms for time_ms, _, _ in rows], dtype=np.int64),
            values=np.array([values for _, _, values in rows], dtype=np.float64).reshape(-1, 5),
        )

    def read_last_open_times(self, timeframe: Timeframe) -> Mapping[Symbol, int]:
        return {symbol: max(rows) for (symbol, frame), rows in sorted(self._candles.items()) if frame is timeframe}

    def read_signals(
        self, *, symbol: Symbol | None = None, timeframe: Timeframe | None = None, limit: int = 100
    ) -> list[Signal]:
        assert limit >= 0, limit
        found = [
            signal
            for signal in self._signals.values()
            if symbol in (None, signal.symbol) and timeframe in (None, signal.timeframe)
        ]
        return sorted(found, key=lambda signal: (-signal.bar_close_ms, signal.id))[:limit]

    def read_signal(self, signal_id: str) -> Signal | None:
        return self._signals.get(signal_id)

    @property
    def rows_waiting(self) -> int:
        return self._buffer.rows

    def count_candles(self) -> int:
        return sum(map(len, self._candles.values()))

    def close(self) -> None:
        self.flush()

    def _newest(
        self, symbol: Symbol, timeframe: Timeframe, limit: int, before_ms: int | None
    ) -> list[tuple[int, list[float]]]:
        """Oldest first."""
        assert limit >= 0, limit
        rows = self._candles.get((symbol, timeframe), {})
        times = sorted(time_ms for time_ms in rows if before_ms is None or time_ms < before_ms)
        return [(time_ms, rows[time_ms]) for time_ms in times[max(len(times) - limit, 0) :]]


def _decimal(value: float) -> Decimal:
    """The shortest decimal that gives the double back, in plain form."""
    exact = Decimal(repr(value))
    whole = exact.to_integral_value()
    return Decimal(int(whole)) if exact == whole else exact
