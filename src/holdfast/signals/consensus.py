"""Counts the votes of a panel: from (heads, symbols, bars) to one answer for each bar, and says when to keep quiet.

`count` knows nothing but the bar in front of it. `Gatekeeper` remembers what was emitted and holds back what comes too
soon after. No head is run here and no Signal is built here. How the counting works, in words: docs/signals.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.vote import Direction
from holdfast.signals.columns import Mask
from holdfast.signals.panel import PanelVotes
from holdfast.signals.weights import WeightSet

SIGNAL = "signal"
COOLING_DOWN = "cooling_down"
DUPLICATE = "duplicate"

# What may come of a bar's votes; `Counted.outcome` is an index into the first five.
OUTCOMES = {
    SIGNAL: "enough qualified votes agree",
    "no_votes": "every head abstains",
    "weak_votes": "heads vote, but none with enough probability and confidence",
    "no_quorum": "too few qualified votes on one side",
    "low_consensus": "enough qualified votes agree, but too much weight stands against them",
    COOLING_DOWN: "the symbol had a signal a moment ago",
    DUPLICATE: "the symbol had a signal in the same direction a short while ago",
}
OUTCOME_CODES = tuple(OUTCOMES)
_SIGNAL, _NO_VOTES, _WEAK_VOTES, _NO_QUORUM, _LOW_CONSENSUS = range(5)


class Quorum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a signal takes. A vote is qualified from `min_probability` and `min_confidence` on; `min_agreeing` of them
    must agree, holding at least `min_consensus` of the weight of all qualified votes. Times are between bar closes."""

    min_agreeing: int = 5
    min_probability: float = 0.60
    min_confidence: float = 0.70
    min_consensus: float = 0.75
    cool_down_ms: int = 30 * 60_000
    deduplicate_ms: int = 60 * 60_000

    def __post_init__(self) -> None:
        if self.min_agreeing < 1:
            raise BadInput(f"min_agreeing is {self.min_agreeing}.", "At least one head must agree.")
        for name in ("min_probability", "min_confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is {getattr(self, name)}.", "It is a number from 0 to 1.")
        if not 0.5 < self.min_consensus <= 1:
            raise BadInput(
                f"min_consensus is {self.min_consensus}.",
                "It is above 0.5, so that both sides cannot reach it at once, and at most 1.",
            )
        if min(self.cool_down_ms, self.deduplicate_ms) < 0:
            raise BadInput("A cool-down or de-duplication time is negative.", "Give 0 to switch it off.")


@dataclass(frozen=True, slots=True)
class Counted:
    """The count of every bar; arrays are (symbols, bars), `backing` is (heads, symbols, bars).

    `leading` int8: the side that holds more qualified weight, 0 if neither. `direction` int8: the same where the
    outcome is a signal, else 0. `agreeing` and `opposing`: qualified votes with and against the leading side.
    `consensus`: the leading side's share of the qualified weight, 0.5 to 1. `probability` and `confidence`: weighted
    means over the agreeing heads. These three are NaN where no vote is qualified; the last two also where neither side
    leads. `backing`: which heads agree, in the order of the panel. `outcome` uint8: index into `OUTCOME_CODES`.
    """

    direction: NDArray[np.int8]
    leading: NDArray[np.int8]
    agreeing: NDArray[np.int64]
    opposing: NDArray[np.int64]
    consensus: Floats
    probability: Floats
    confidence: Floats
    backing: Mask
    outcome: NDArray[np.uint8]


def count(votes: PanelVotes, weights: WeightSet, quorum: Quorum) -> Counted:
    """The consensus on every bar. The order of the heads does not matter, to the last bit."""
    # Additions run in the order of names: floating sums in another order may differ in their last bit.
    order = sorted(range(len(votes.heads)), key=lambda i: votes.heads[i].name)
    shape = votes.direction.shape[1:]
    weight = [weights.weight(head.name) for head in votes.heads]
    probability = [weights.calibrate(h.name, p) for h, p in zip(votes.heads, votes.probability, strict=True)]
    qualified = np.zeros(votes.direction.shape, dtype=np.bool_)
    long_weight, short_weight = np.zeros(shape), np.zeros(shape)
    for i in order:
        sure = (probability[i] >= quorum.min_probability) & (votes.confidence[i] >= quorum.min_confidence)
        if weight[i] > 0:
            np.logical_and(sure, votes.direction[i] != 0, out=qualified[i])
        long_weight += weight[i] * (qualified[i] & (votes.direction[i] > 0))
        short_weight += weight[i] * (qualified[i] & (votes.direction[i] < 0))
    leading = np.sign(long_weight - short_weight).astype(np.int8)
    backing = qualified & (votes.direction == leading)
    summed_probability, summed_confidence = np.zeros(shape), np.zeros(shape)
    for i in order:
        share = weight[i] * backing[i]
        summed_probability += share * probability[i]
        summed_confidence += share * votes.confidence[i]
    lead = np.where(leading != 0, np.maximum(long_weight, short_weight), np.nan)
    heard = qualified.any(axis=0)
    agreeing = backing.sum(axis=0)
    opposing = np.where(leading != 0, qualified.sum(axis=0) - agreeing, 0)
    total = np.where(heard, long_weight + short_weight, np.nan)
    consensus = np.maximum(long_weight, short_weight) / total
    outcome = np.select(
        [
            (votes.direction == 0).all(axis=0),
            ~heard,
            agreeing < quorum.min_agreeing,
            consensus < quorum.min_consensus,
        ],
        [_NO_VOTES, _WEAK_VOTES, _NO_QUORUM, _LOW_CONSENSUS],
        default=_SIGNAL,
    ).astype(np.uint8)
    return Counted(
        direction=np.where(outcome == _SIGNAL, leading, np.int8(0)),
        leading=leading,
        agreeing=agreeing,
        opposing=opposing,
        consensus=consensus,
        probability=summed_probability / lead,
        confidence=summed_confidence / lead,
        backing=backing,
        outcome=outcome,
    )


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """What was emitted, and what may be emitted next. A value: `after` gives the gatekeeper that knows one more.

    `emitted`: (symbol, direction) → close time of the bar of its newest signal. All timeframes of a symbol share it.
    """

    quorum: Quorum
    emitted: Mapping[tuple[Symbol, Direction], int] = field(default_factory=lambda: MappingProxyType({}))

    def judge(self, symbol: Symbol, direction: Direction, bar_close_ms: int) -> str:
        """SIGNAL, or why it is held back. COOLING_DOWN counts from the symbol's newest signal in either direction,
        DUPLICATE from that in the same one; what was held back starts no time anew."""
        same, other = (self.emitted.get((symbol, side)) for side in (direction, Direction(-direction)))
        either = [closed for closed in (same, other) if closed is not None]
        if either and bar_close_ms - max(either) < self.quorum.cool_down_ms:
            return COOLING_DOWN
        if same is not None and bar_close_ms - same < self.quorum.deduplicate_ms:
            return DUPLICATE
        return SIGNAL

    def after(self, symbol: Symbol, direction: Direction, bar_close_ms: int) -> Gatekeeper:
        """The gatekeeper once this signal is emitted."""
        return replace(self, emitted={**self.emitted, (symbol, direction): bar_close_ms})
