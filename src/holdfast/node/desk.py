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
from holdfast.signals.audit import build_signal, policy_version
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
        most = closed.most(self.timeframe)
        return self._look(self.timeframe, most) if most else None

    def _look(self, timeframe: Timeframe, columns: int) -> Panorama:
        window = self.inputs.fill(self.book.window(timeframe, LONGEST_MEMORY - 1 + columns))
        with self._measures.heads():
            votes = self.panel.vote(window, columns)
            counted = count(votes, self.weights, self.quorum)
        return Panorama(window, votes, counted, self.book.trust(timeframe, columns))

    def signals(self, moment: Moment, panorama: Panorama) -> Iterator[Signal]:
        """The signals emitted at one moment, in the order of the book's symbols."""
        columns = moment.columns + panorama.trust.shape[1]
        outcomes = panorama.counted.outcome[moment.symbols, columns]
        self._measures.evaluated(moment.close_ms, np.bincount(outcomes, minlength=len(OUTCOME_CODES)))
        for at in np.flatnonzero(outcomes == OUTCOME_CODES.index(SIGNAL)):
            row, column = int(moment.symbols[at]), int(columns[at])
            symbol = self.book.symbols[row]
            direction = Direction(int(panorama.counted.direction[row, column]))
            verdict = self._gate.judge(symbol, direction, moment.close_ms)
            if verdict == SIGNAL:
                yield self._build(symbol, self.timeframe, panorama, row=row, column=column)
            else:
                self._measures.held_back(verdict)

    def remember(self, symbol: Symbol, direction: Direction, bar_close_ms: int) -> None:
        """A signal has been emitted and its decision stored."""
        self._gate = self._gate.after(symbol, direction, bar_close_ms)

    def newest(self, symbol: Symbol, timeframe: Timeframe) -> Signal | None:
        """The record of the symbol's newest closed bar, whatever the votes came to; None without a bar."""
        row = self.book.index(symbol)
        window = self.book.window(timeframe, LONGEST_MEMORY)
        if not window.present[row, -1]:
            return None
        panorama = self._look(timeframe, 1)
        direction = Direction(int(panorama.counted.direction[row, 0]))
        held_back = None
        if direction is not Direction.NONE and timeframe is self.timeframe:
            verdict = self._gate.judge(symbol, direction, int(window.open_time_ms[row, -1]) + timeframe.ms)
            held_back = verdict if verdict != SIGNAL else None
        return self._build(symbol, timeframe, panorama, row=row, column=0, held_back=held_back)

    def _build(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        panorama: Panorama,
        *,
        row: int,
        column: int,
        held_back: str | None = None,
    ) -> Signal:
        return build_signal(
            symbol,
            timeframe,
            panorama.window,
            panorama.votes,
            panorama.counted,
            row=row,
            column=column,
            policy=self.policy,
            held_back=held_back,
        )


def trust_of(panorama: Panorama, row: int, bar_open_ms: int) -> str:
    """How far a series could be trusted when that bar closed: ready, warming or gap."""
    newest = panorama.window.open_time_ms[row, -panorama.trust.shape[1] :]
    column = int(np.flatnonzero(newest == bar_open_ms)[0])
    return Trust(int(panorama.trust[row, column])).name.lower()
