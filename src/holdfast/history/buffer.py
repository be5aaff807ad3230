"""What waits to be stored: a bounded buffer and the rule when to empty it, the same for every engine of the history.

No storage here. Time is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from holdfast.model.candle import VOLUME, CandleBlock
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.signal import Signal

READ_SIGNAL = msgspec.json.Decoder(Signal)


class Buffer:
    """Candles and signals in the order they were given; a row is one candle or one signal.

    Due at `batch_rows` rows or `batch_age_s` seconds after `due` first saw it filled; after a failure only every
    `batch_age_s` seconds, so that a full disk costs the loop little. Beyond `buffer_rows` it takes no more: Retryable
    with the reason, and nothing of what was given is kept.
    """

    def __init__(self, *, batch_rows: int, batch_age_s: float, buffer_rows: int) -> None:
        self.batch_rows, self.batch_age_s, self.buffer_rows = batch_rows, batch_age_s, buffer_rows
        self.blocks: list[CandleBlock] = []
        self.signals: list[tuple[Signal, bytes]] = []  # with its JSON
        self.rows = 0
        self._filled_at_s: float | None = None
        self._failure = ""

    def add_candles(self, block: CandleBlock) -> None:
        """Keeps a copy: the caller's arrays may be views of a ring that turns on. BadInput for NaN and infinities."""
        values = block.values
        if not np.isfinite(values[:, :VOLUME]).all() or np.isinf(values[:, VOLUME]).any():
            raise BadInput("A candle whose price or volume is not a number cannot be stored.", "Check its source.")
        self._make_room(len(block))
        self.blocks.append(
            CandleBlock(
                symbols=block.symbols,
                timeframe=block.timeframe,
                symbol_index=block.symbol_index.copy(),
                open_time_ms=block.open_time_ms.copy(),
                values=values.copy(),
            )
        )

    def add_signals(self, signals: Sequence[Signal]) -> None:
        """BadInput for a signal that would not come back as itself: JSON has no NaN and no infinity."""
        written = [(signal, msgspec.json.encode(signal)) for signal in signals]
        for signal, content in written:
            if not _reads_back(signal, content):
                problem = f"Signal {signal.id} of {signal.symbol} holds a number that is NaN or infinite."
                raise BadInput(problem, "Look for the head whose measures are not finite.")
        self._make_room(len(written))
        self.signals += written

    def due(self, monotonic_s: float) -> bool:
        """Whether the engine should store now. Call it from the loop: the age of the buffer is what it has seen."""
        if not self.rows:
            return False
        if self._filled_at_s is None:
            self._filled_at_s = monotonic_s
        large_enough = self.rows >= self.batch_rows and not self._failure
        return large_enough or monotonic_s - self._filled_at_s >= self.batch_age_s

    def stored(self) -> None:
        """Everything in it is stored: empties it."""
        self.blocks, self.signals, self.rows = [], [], 0
        self._filled_at_s, self._failure = None, ""

    def failed(self, reason: str) -> Retryable:
        """Nothing of it is stored: keeps all, and the age starts anew."""
        self._filled_at_s, self._failure = None, reason
        return Retryable(f"{reason} {self.rows} rows wait in memory and are stored when that is over.")

    def _make_room(self, rows: int) -> None:
        if self.rows + rows > self.buffer_rows:
            reason = self._failure or "Nothing has been stored since it began to fill: flush it."
            raise Retryable(f"The history's buffer is full ({self.rows} of {self.buffer_rows} rows). {reason}")
        self.rows += rows


def _reads_back(signal: Signal, content: bytes) -> bool:
    try:
        return READ_SIGNAL.decode(content) == signal
    except msgspec.ValidationError:
        return False
