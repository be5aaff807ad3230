"""How much each head counts, and what its probabilities turned out to be worth: one versioned value.

A head's raw probability is a score. Its calibration maps that score to the share of votes that came true, learned
from outcomes by `fit_calibration`; without one the score passes unchanged, and `calibrated` says so. Which outcomes are
used, and when a new set takes over, is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from holdfast.model.candle import Floats
from holdfast.model.errors import BadInput

Points = tuple[tuple[float, float], ...]

MIN_OUTCOMES = 200
PSEUDO_OUTCOMES = 50.0
BINS = 12

DEFAULT_HEADS = {
    "technical": 0.13,
    "sentiment": 0.09,
    "volume": 0.13,
    "rules": 0.09,
    "ict": 0.13,
    "wyckoff": 0.13,
    "harmonic": 0.09,
    "structure": 0.09,
    "crypto_metrics": 0.12,
}


class WeightSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`heads`: name → weight, any positive scale; a head without an entry counts the mean of those that have one, and
    a weight of 0 silences a head. `calibration`: name → (raw, calibrated) points, both rising, straight lines between
    them and level beyond their ends. `version` is the name people use; a signal's `policy`
    adds a hash of the rest to it."""

    version: str = "default-1"
    heads: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_HEADS))
    calibration: dict[str, Points] = {}

    def __post_init__(self) -> None:
        if not self.version:
            raise BadInput("The weights have no version.", "Give them a name, for example version = '2025-06'.")
        for head, weight in self.heads.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise BadInput(f"The weight of head '{head}' is {weight}.", "A weight is a number from 0 up.")
        if not any(weight > 0 for weight in self.heads.values()):
            raise BadInput("No head has a weight above 0.", "Give at least one head a positive weight.")
        for head, points in self.calibration.items():
            _check_points(head, points)

    @property
    def calibrated(self) -> bool:
        """True when every weighted head's probabilities are calibrated on outcomes; until then they are scores."""
        return all(self.is_calibrated(head) for head, weight in self.heads.items() if weight > 0)

    def is_calibrated(self, head: str) -> bool:
        """Whether this head's probabilities are calibrated on outcomes."""
        return head in self.calibration

    def weight(self, head: str) -> float:
        """The head's weight; for a head without an entry, the mean of the entries above 0."""
        if head in self.heads:
            return self.heads[head]
        positive = sorted(weight for weight in self.heads.values() if weight > 0)
        return math.fsum(positive) / len(positive)

    def calibrate(self, head: str, probability: Floats) -> Floats:
        """The head's probabilities as the outcomes have them; unchanged where it has no calibration."""
        points = self.calibration.get(head)
        if points is None:
            return probability
        raw, calibrated = zip(*points, strict=True)
        mapped: Floats = np.interp(probability, raw, calibrated)
        return mapped


def _check_points(head: str, points: Points) -> None:
    numbers = [number for point in points for number in point]
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(points))
    if len(points) < 2 or not rising or not all(0 <= number <= 1 for number in numbers):
        raise BadInput(
            f"The calibration of head '{head}' is not a rising line of probabilities.",
            "Give at least two points [raw, calibrated], each number from 0 to 1, raw rising, calibrated not falling.",
        )


def fit_calibration(raw: ArrayLike, hit: ArrayLike) -> Points:
    """Calibration points of one head from its past votes: `raw` probabilities (N,) and whether each came true (N,).

    Votes are sorted into at most `BINS` bins of equal count; each bin's hit rate is drawn towards its mean raw
    probability as if `PSEUDO_OUTCOMES` more votes had come true exactly as scored; neighbouring bins out of order are
    pooled (isotonic regression by pool-adjacent-violators: Ayer et al. 1955; for calibration: Zadrozny and Elkan 2002).
    BadInput with fewer than `MIN_OUTCOMES` votes, or when all of them carry one probability.
    """
    probability = np.asarray(raw, dtype=np.float64)
    came_true = np.asarray(hit, dtype=np.float64)
    if probability.shape != came_true.shape or probability.ndim != 1:
        raise BadInput("Probabilities and outcomes do not pair up.", "Give two lists of the same length.")
    if not (((probability >= 0) & (probability <= 1)).all() and np.isin(came_true, (0.0, 1.0)).all()):
        raise BadInput("A probability lies outside 0 to 1, or an outcome is neither 0 nor 1.", "Check the records.")
    if len(probability) < MIN_OUTCOMES:
        raise BadInput(
            f"{len(probability)} outcomes are too few to calibrate a head.", f"Collect at least {MIN_OUTCOMES}."
        )
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1]))
    # A value equal to an edge belongs to the bin it closes, so that equal probabilities share a bin.
    bins = np.searchsorted(edges, probability, side="left")
    blocks = []
    for number in np.unique(bins):
        inside = bins == number
        count, mean = float(inside.sum()), float(probability[inside].mean())
        weight = count + PSEUDO_OUTCOMES
        blocks.append((mean, (float(came_true[inside].sum()) + PSEUDO_OUTCOMES * mean) / weight, weight))
    if len(blocks) < 2:
        raise BadInput("All votes carry the same probability.", "A calibration needs at least two different ones.")
    rates = pool_adjacent_violators([rate for _, rate, _ in blocks], [weight for *_, weight in blocks])
    return tuple((mean, rate) for (mean, _, _), rate in zip(blocks, rates, strict=True))


def pool_adjacent_violators(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-falling sequence nearest to `values` in weighted least squares. Source: Barlow et al. 1972."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before, before_weight, before_size = pools.pop()
            total = before_weight + pool[1]
            pool = ((before * before_weight + pool[0] * pool[1]) / total, total, before_size + pool[2])
        pools.append(pool)
    return [value for value, _, size in pools for _ in range(size)]
