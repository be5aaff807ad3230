"""The history door: large, fast to query, may be away for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from holdfast.model.candle import Candle, CandleBlock
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe


class History(Protocol):
    """Candles by (venue, market, symbol, timeframe, open time), and signals with their votes.

    Writing a candle or signal again replaces it. A write may be buffered until `flush`; `flush` returns when
    everything given before is stored.
    """

    def write_candles(self, block: CandleBlock) -> None: ...

    def write_signals(self, signals: Sequence[Signal]) -> None: ...

    def flush(self) -> None: ...

    def flush_if_due(self, monotonic_s: float) -> None:
        """Stores the buffer when it is large enough or old enough; called from the node's loop."""
        ...

    def read_candles(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        limit: int,
        before_ms: int | None = None,
    ) -> list[Candle]:
        """The newest `limit` candles that open before `before_ms`, oldest first, exact."""
        ...

    def read_block(
        self, symbols: Sequence[Symbol], timeframe: Timeframe, *, limit: int, before_ms: int | None = None
    ) -> CandleBlock:
        """The newest `limit` candles of each symbol as one block (start-up: fills the candle book)."""
        ...

    def read_last_open_times(self, timeframe: Timeframe) -> Mapping[Symbol, int]:
        """The open time of the newest stored candle of each symbol."""
        ...

    def read_signals(
        self, *, symbol: Symbol | None = None, timeframe: Timeframe | None = None, limit: int = 100
    ) -> list[Signal]:
        """The newest signals, newest first."""
        ...

    def read_signal(self, signal_id: str) -> Signal | None: ...

    @property
    def rows_waiting(self) -> int:
        """How many rows were given and are not stored yet."""
        ...

    def count_candles(self) -> int: ...

    def close(self) -> None: ...
