"""Keeps candles and signals in the history, and never lets it hold up trading: when the history is away, what is to be
kept waits in its buffer, the node says so, and tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from holdfast.market.book import CandleBook
from holdfast.market.closed import Closed
from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.measures import Measures
from holdfast.ports.clock import Clock
from holdfast.ports.history import History
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log

HISTORY_AWAY = "history_away"


class Recorder:
    """`stored` says, per timeframe, which bars the history has already: a restart does not write them again."""

    def __init__(
        self,
        history: History,
        book: CandleBook,
        *,
        clock: Clock,
        log: Log,
        measures: Measures,
        stored: Mapping[Timeframe, Mapping[Symbol, int]],
    ) -> None:
        self._history = history
        self._book = book
        self._clock = clock
        self._log = log
        self._measures = measures
        self._stored = {
            frame: np.array([times.get(symbol, -1) for symbol in book.symbols], dtype=np.int64)
            for frame, times in stored.items()
        }

    def grow(self) -> None:
        """The book has more symbols now; the history may have them from before."""
        for frame, known in self._stored.items():
            times = self._history.read_last_open_times(frame)
            added = [times.get(symbol, -1) for symbol in self._book.symbols[len(known) :]]
            self._stored[frame] = np.concatenate([known, np.array(added, dtype=np.int64)])

    def keep(self, closed: Closed) -> None:
        """Hands every bar that closed to the history, derived ones too, and stores a batch when one is due."""
        for frame in closed.counts:
            block = self._fresh(frame, closed)
            if len(block):
                self._try(partial(self._history.write_candles, block))
        self._try(lambda: self._history.flush_if_due(self._clock.monotonic_s()))

    def note(self, signal: Signal) -> None:
        """Hands an emitted signal, with all its votes, to the history, and says in the log that there is one."""
        self._log.info(
            Event.SIGNAL,
            id=signal.id,
            symbol=str(signal.symbol),
            timeframe=signal.timeframe,
            direction=signal.direction.name.lower(),
            consensus=signal.consensus,
        )
        self._try(lambda: self._history.write_signals([signal]))

    def flush(self) -> None:
        """Stores all that waits: a moment is done only when its bars and signals are kept."""
        self._try(self._history.flush)

    def _fresh(self, frame: Timeframe, closed: Closed) -> CandleBlock:
        """The bars of one frame that closed in the block and are not in the history yet, by time, then symbol."""
        most = closed.most(frame)
        window = self._book.window(frame, most)
        times = window.open_time_ms
        new = np.arange(most) >= most - closed.counts[frame][:, None]
        if (known := self._stored.get(frame)) is not None:
            new &= times > known[:, None]
        rows, columns = new.nonzero()
        order = np.lexsort((rows, times[rows, columns]))
        rows, columns = rows[order], columns[order]
        fields = (window.open, window.high, window.low, window.close, window.volume)
        return CandleBlock(
            symbols=self._book.symbols,
            timeframe=frame,
            symbol_index=rows.astype(np.int32),
            open_time_ms=times[rows, columns],
            values=np.column_stack([field[rows, columns] for field in fields]),
        )

    def _try(self, write: Callable[[], None]) -> None:
        """Only an empty buffer proves that the history is back: taking rows into it proves nothing."""
        try:
            write()
        except Retryable as error:
            if HISTORY_AWAY not in self._measures.problems:
                self._log.warning(Event.HISTORY_AWAY, error=str(error), waiting_rows=self._history.rows_waiting)
            self._measures.problems[HISTORY_AWAY] = str(error)
            return
        if not self._history.rows_waiting:
            self._measures.problems.pop(HISTORY_AWAY, None)
