"""Rates and quantiles over the last so many seconds. Time is an argument: monotonic seconds, never going back.

Memory is bounded whatever the traffic: a window is cut into slices, and a slice holds counts, not samples. A question
that has no answer (nothing measured yet) gets None, never a number. Nothing here knows what it measures.
"""

from __future__ import annotations

import math
from collections import Counter, deque

_SLICES = 60


class SlidingRate:
    """Events per second over a window that moves by slices of 1/60 of its length."""

    def __init__(self, window_s: float, *, started_s: float) -> None:
        """`started_s` is when the source began to be watched: silence since then is a rate of 0, not an absence."""
        self._slice_s = window_s / _SLICES
        self._started_s = started_s
        self._slices: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, count: int, *, at_s: float) -> None:
        """Counts `count` events that happened at `at_s`."""
        index = self._forget(at_s)
        if self._slices and self._slices[-1][0] == index:
            count_before = self._slices.pop()[1]
            self._slices.append((index, count_before + count))
        else:
            self._slices.append((index, count))
        self._total += count

    def count(self, *, at_s: float) -> int:
        """How many events lie in the window that ends at `at_s`."""
        self._forget(at_s)
        return self._total

    def rate(self, *, at_s: float) -> float | None:
        """Events per second over the window, or since the start while that is nearer; None in the first slice."""
        first = self._forget(at_s) - _SLICES + 1
        watched_s = at_s - max(self._started_s, first * self._slice_s)
        return self._total / watched_s if watched_s >= self._slice_s else None

    def _forget(self, at_s: float) -> int:
        """Drops the slices that have left the window; returns the number of the current one."""
        index = math.floor(at_s / self._slice_s)
        assert not self._slices or self._slices[-1][0] <= index, "time went back"
        while self._slices and self._slices[0][0] <= index - _SLICES:
            self._total -= self._slices.popleft()[1]
        return index


_ACCURACY = 0.01
_GAMMA = (1 + _ACCURACY) / (1 - _ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)
_ZERO_BIN = -(10**9)


class SlidingQuantile:
    """Quantiles of values of at least 0 (durations, sizes) over a window, each within 1 % of a value really seen.

    Values are counted in bins that grow by a constant factor, as in DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and
    Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB 12(12), 2019).
    """

    def __init__(self, window_s: float) -> None:
        self._slice_s = window_s / _SLICES
        self._slices: deque[tuple[int, Counter[int]]] = deque()

    def add(self, value: float, *, at_s: float) -> None:
        """Takes one value, measured at `at_s`. A negative or non-finite value is the caller's mistake: ValueError."""
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{value} is not a duration or a size")
        index = self._forget(at_s)
        if not self._slices or self._slices[-1][0] != index:
            self._slices.append((index, Counter()))
        self._slices[-1][1][math.ceil(math.log(value) / _LOG_GAMMA) if value > 0 else _ZERO_BIN] += 1

    def quantile(self, share: float, *, at_s: float) -> float | None:
        """The smallest value with at least `share` (0 to 1) of the window's values at or below it; None without any."""
        self._forget(at_s)
        bins: Counter[int] = Counter()
        for _, counts in self._slices:
            bins.update(counts)
        missing = max(1, math.ceil(share * bins.total()))
        for bin_number in sorted(bins):
            missing -= bins[bin_number]
            if missing <= 0:
                return _middle(bin_number)
        return None

    def count(self, *, at_s: float) -> int:
        """How many values lie in the window that ends at `at_s`."""
        self._forget(at_s)
        return sum(counts.total() for _, counts in self._slices)

    def _forget(self, at_s: float) -> int:
        index = math.floor(at_s / self._slice_s)
        assert not self._slices or self._slices[-1][0] <= index, "time went back"
        while self._slices and self._slices[0][0] <= index - _SLICES:
            self._slices.popleft()
        return index


def _middle(bin_number: int) -> float:
    """The value whose relative distance to both ends of the bin is the same."""
    return 0.0 if bin_number == _ZERO_BIN else 2 * _GAMMA**bin_number / (_GAMMA + 1)
