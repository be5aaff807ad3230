"""What a head is, and how it casts its votes.

A head maps a `Window` to `Votes` for every bar at once. It is a pure function: no clock, no chance, no state, nothing
read after the bar it votes on, and at most `memory` bars before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals.columns import Mask

SHORT_HISTORY = "short_history"
NEUTRAL = "neutral"

# The abstentions that every head has, in the order of their numbers.
COMMON_ABSTENTIONS = {
    SHORT_HISTORY: "fewer bars than this head reads",
    NEUTRAL: "the head has what it reads, and sees no direction in it",
}


@dataclass(frozen=True, slots=True)
class Votes:
    """One head's answer for each bar; every array is (symbols, bars).

    `direction` int8 is -1, 0 or +1, where 0 is an abstention. `probability` (0 to 1) that the direction is right and
    `confidence` (0 to 1) in it mean nothing where the direction is 0. `reasons` uint64 has bit i set where the head's
    i-th reason holds. `abstained` uint8 is 0 where there is a vote, else 1 + the index into the head's abstentions.
    `measures` are the numbers a reader would want to see.
    """

    direction: NDArray[np.int8]
    probability: Floats
    confidence: Floats
    reasons: NDArray[np.uint64]
    abstained: NDArray[np.uint8]
    measures: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """A head as the panel knows it.

    `memory`: how many bars a vote reads, its own included (at most 200). `reasons`: code → what it means, at most 64.
    `abstentions`: code → what it means, beside the two that the panel gives every head (short_history, neutral).
    `inputs`: optional columns of the window that it reads. `version` rises with every change of its votes.
    """

    name: str
    version: int
    summary: str
    memory: int
    reasons: Mapping[str, str]
    vote: Callable[[Window], Votes]
    abstentions: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    @property
    def reason_codes(self) -> tuple[str, ...]:
        """Bit i of `Votes.reasons` stands for the i-th of these."""
        return tuple(self.reasons)

    @property
    def abstention_codes(self) -> tuple[str, ...]:
        """`Votes.abstained` value 1 + i stands for the i-th of these."""
        return (*COMMON_ABSTENTIONS, *self.abstentions)


class Ballot:
    """Collects reasons and abstentions while a head works, and casts its votes at the end."""

    def __init__(self, window: Window, *, reasons: Mapping[str, str], abstentions: Mapping[str, str]) -> None:
        self._reason_bits = {code: np.uint64(1 << i) for i, code in enumerate(reasons)}
        self._abstention_numbers = {code: np.uint8(3 + i) for i, code in enumerate(abstentions)}
        self._reasons = np.zeros(window.shape, dtype=np.uint64)
        self._abstained = np.zeros(window.shape, dtype=np.uint8)

    def reason(self, code: str, where: Mask) -> Mask:
        """Notes a reason on every bar in `where`; gives `where` back."""
        self._reasons |= np.where(where, self._reason_bits[code], np.uint64(0))
        return where

    def abstain(self, code: str, where: Mask) -> Mask:
        """No vote on the bars in `where`, for this reason; the first reason given for a bar stays."""
        self._abstained = np.where(where & (self._abstained == 0), self._abstention_numbers[code], self._abstained)
        return where

    def cast(
        self,
        direction: Floats,
        probability: Floats,
        confidence: Floats,
        *,
        measures: Mapping[str, Floats] | None = None,
    ) -> Votes:
        """The votes: the sign of `direction`, and the two numbers held to [0, 1]. NaN anywhere is no vote."""
        sound = ~(np.isnan(direction) | np.isnan(probability) | np.isnan(confidence)) & (self._abstained == 0)
        sign = np.where(sound, np.sign(direction), 0.0).astype(np.int8)
        neutral = (sign == 0) & (self._abstained == 0)
        return Votes(
            direction=sign,
            probability=np.clip(np.where(sign != 0, probability, 0.5), 0.0, 1.0),
            confidence=np.clip(np.where(sign != 0, confidence, 0.0), 0.0, 1.0),
            reasons=self._reasons,
            abstained=np.where(neutral, np.uint8(2), self._abstained),
            measures=measures or {},
        )
