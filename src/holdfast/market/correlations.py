"""How alike two symbols have moved: the correlation of their returns, read from a window.

A pure function of columns; limits on it are risk's business.
"""

from __future__ import annotations

import numpy as np

from holdfast.model.window import Window

LEAST_BARS = 30
MOST_BARS = 100
# No further back than every window shows, so that how long a window is never changes an answer.
REACH_BARS = 150


def correlate_returns(window: Window, first: int, second: int, *, moment_ms: int) -> float:
    """Pearson's correlation of the log returns of two rows, between the last MOST_BARS bars that are in the newest
    REACH_BARS of both, closed by the moment.

    NaN with fewer than LEAST_BARS common bars, or when one of them did not move.
    """
    latest_open_ms = moment_ms - window.timeframe_ms
    held = window.present & (window.open_time_ms <= latest_open_ms)
    times = [window.open_time_ms[row][held[row]][-REACH_BARS:] for row in (first, second)]
    _, left, right = np.intersect1d(times[0], times[1], assume_unique=True, return_indices=True)
    if len(left) < LEAST_BARS:
        return float("nan")
    moves = [
        np.diff(np.log(window.close[row][held[row]][-REACH_BARS:][common[-MOST_BARS:]]))
        for row, common in ((first, left), (second, right))
    ]
    moves = [move - move.mean() for move in moves]
    spread = float(np.sqrt((moves[0] @ moves[0]) * (moves[1] @ moves[1])))
    return float(moves[0] @ moves[1]) / spread if spread > 0 else float("nan")
