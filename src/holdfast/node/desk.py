"""The signal desk: candles of the book become votes, and votes become signals, for a whole block of bars at once.

Nothing here trades. What was emitted before is heard from the journal (`remember`), so that a restart keeps quiet about
the same things as the process before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.market.book import CandleBook
from holdfast.market.closed import Closed, Moment
from holdfast.market.inputs import Inputs
from holdfast.market.trust import Trust
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.model.window import Window
from holdfast.node.measures import Measures
from holdfast.signals.audit import build_signal, policy_version, window_at
from holdfast.signals.consensus import OUTCOME_CODES, SIGNAL, Counted, Gatekeeper, Quorum, count
from holdfast.signals.panel import LONGEST_MEMORY, Panel, PanelVotes
from holdfast.signals.weights import WeightSet


@dataclass(frozen=True, slots=True)
class Panorama:
    """The new bars of one block: what the heads saw, what they voted, what it came to, how far each bar is trusted.

    `votes`, `counted` and `trust` have one column for each of the newest bars of `window`.
    """

    window: Window
    votes: PanelVotes
    counted: Counted
    trust: NDArray[np.int8]


class Desk:
    """Decides on `timeframe`; answers for any frame of the book."""

    def __init__(
        self,
        book: CandleBook,
        inputs: Inputs,
        panel: Panel,
        *,
        timeframe: Timeframe,
        weights: WeightSet,
        quorum: Quorum,
        measures: Measures,
    ) -> None:
        self.book = book
        self.inputs = inputs
        self.panel = panel
        self.timeframe = timeframe
        self.weights = weights
        self.quorum = quorum
        self.policy = policy_version(panel.heads, weights, quorum)
        self._gate = Gatekeeper(quorum)
        self._measures = measures

    def look(self, closed: Closed) -> Panorama | None:
        """All heads on every bar that closed in the block; None when no bar of the decision frame did."""
        columns = closed.most(self.timeframe)
        if not columns:
            return None
        window = self.inputs.fill(self.book.window(self.timeframe, LONGEST_MEMORY - 1 + columns))
        with self._measures.heads():
            votes = self.panel.vote(window, columns)
            counted = count(votes, self.weights, self.quorum)
        return Panorama(window, votes, counted, self.book.trust(self.timeframe, columns))

    def signals(self, moment: Moment, panorama: Panorama) -> Iterator[Signal]:
        """The signals emitted at one moment, in the order of the book's symbols."""
        columns = moment.columns + panorama.trust.shape[1]
        outcomes = panorama.counted.outcome[moment.symbols, columns]
        self._measures.evaluated(moment.close_ms, np.bincount(outcomes, minlength=len(OUTCOME_CODES)))
        for at in np.flatnonzero(outcomes == OUTCOME_CODES.index(SIGNAL)):
            row, column = int(moment.symbols[at]), int(columns[at])
            symbol = self.book.symbols[row]
            direction = Direction(int(panorama.counted.direction[row, column]))
            verdict = self._judge(symbol, direction, moment.close_ms)
            self._measures.judged(verdict)
            if verdict == SIGNAL:
                yield build_signal(
                    symbol,
                    self.timeframe,
                    panorama.window,
                    panorama.votes,
                    panorama.counted,
                    row=row,
                    column=column,
                    policy=self.policy,
                )

    def remember(self, symbol: Symbol, direction: Direction, bar_close_ms: int) -> None:
        """A signal has been emitted and its decision stored."""
        self._gate = self._gate.after(symbol, direction, bar_close_ms)

    def _judge(self, symbol: Symbol, direction: Direction, bar_close_ms: int) -> str:
        """The gatekeeper's verdict, but a signal is not held back by itself: a process that died in the middle of a
        moment walks that moment again, and its signals must be emitted again to be kept."""
        if self._gate.emitted.get((symbol, direction)) == bar_close_ms:
            return SIGNAL
        return self._gate.judge(symbol, direction, bar_close_ms)

    def newest(self, symbol: Symbol, timeframe: Timeframe) -> Signal | None:
        """The record of the symbol's newest closed bar, whatever the votes came to; None without a bar."""
        row = self.book.index(symbol)
        window = self.book.window(timeframe, LONGEST_MEMORY)
        if not window.present[row, -1]:
            return None
        seen = window_at(self.inputs.fill(window), row, LONGEST_MEMORY - 1)
        votes = self.panel.vote(seen, 1)
        counted = count(votes, self.weights, self.quorum)
        direction = Direction(int(counted.direction[0, 0]))
        verdict = SIGNAL
        if direction is not Direction.NONE and timeframe is self.timeframe:
            verdict = self._judge(symbol, direction, int(seen.open_time_ms[0, -1]) + timeframe.ms)
        return build_signal(
            symbol,
            timeframe,
            seen,
            votes,
            counted,
            row=0,
            column=0,
            policy=self.policy,
            held_back=verdict if verdict != SIGNAL else None,
        )


def trust_of(panorama: Panorama, row: int, bar_open_ms: int) -> str:
    """How far a series could be trusted when that bar closed: ready, warming or gap."""
    newest = panorama.window.open_time_ms[row, -panorama.trust.shape[1] :]
    column = int(np.flatnonzero(newest == bar_open_ms)[0])
    return Trust(int(panorama.trust[row, column])).name.lower()
