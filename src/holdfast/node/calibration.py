"""How often each head was right on a recorded market, and the calibration that follows from it.

The earlier part of the recording is learned from, the later part is what the figures are about; between them lie as
many bars as an outcome takes, so that none is counted on both sides. A vote came true when the close `horizon` bars
later lies on its side; a close that did not move is a miss. Outcomes of neighbouring bars overlap, so that an interval
is narrower than the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.market.book import CandleBook
from holdfast.market.inputs import Inputs
from holdfast.market.trust import Trust
from holdfast.model.candle import Floats
from holdfast.model.errors import BadInput
from holdfast.model.timeframe import Timeframe
from holdfast.model.window import Window
from holdfast.node.compose import block_span_ms
from holdfast.portfolio.performance import wilson_interval
from holdfast.signals.head import Head, Votes
from holdfast.signals.panel import vote_one
from holdfast.signals.weights import Points, fit_calibration
from holdfast.world.recording import Recording

LEARNED_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class HeadRecord:
    """One head's record. `hit_rate` and its 95 % interval are of the later part's votes, the Brier scores too (mean
    squared error of the probability: 0 is perfect, 0.25 is a coin). `points` is None where `reason` says why."""

    head: str
    learned_votes: int
    tested_votes: int
    hit_rate: float | None
    hit_rate_low: float | None
    hit_rate_high: float | None
    brier_raw: float | None
    brier_calibrated: float | None
    points: Points | None
    reason: str


def measure_heads(
    recording: Recording, timeframe: Timeframe, heads: Sequence[Head], inputs: Inputs, *, horizon: int
) -> list[HeadRecord]:
    """Every head's record on the recording at one timeframe; `horizon` in bars. BadInput for too short a recording."""
    window, trusted = _whole_window(recording, timeframe, inputs)
    bars = window.shape[1]
    if bars < 4 * horizon:
        raise BadInput(f"The recording has {bars} bars of {timeframe}.", "Use a longer one, or a shorter horizon.")
    after = np.full(window.shape, np.nan)
    after[:, :-horizon] = window.close[:, horizon:]
    moved = np.sign(after - window.close)
    close_ms = window.open_time_ms + timeframe.ms
    first_ms = int(window.open_time_ms[window.present].min())
    split_ms = first_ms + int((recording.last_close_ms - first_ms) * LEARNED_SHARE)
    known = trusted & ~np.isnan(moved)
    learned = known & (close_ms + horizon * timeframe.ms <= split_ms)
    tested = known & (close_ms > split_ms)
    return [_record(head, vote_one(head, window, bars), moved, learned, tested) for head in heads]


def _whole_window(recording: Recording, timeframe: Timeframe, inputs: Inputs) -> tuple[Window, NDArray[np.bool_]]:
    """Every bar of the recording, and which of them would have been traded on."""
    bars = (recording.last_close_ms - recording.first_open_ms) // timeframe.ms + 2
    span_ms = block_span_ms(recording.timeframe, timeframe)
    base_room = span_ms // recording.timeframe.ms
    book = CandleBook(recording.symbols, recording.timeframe, (timeframe,), capacity=bars, base_room=base_room)
    for until_ms, block in recording.blocks(None, span_ms):
        book.ingest(block, now_ms=until_ms)
    return inputs.fill(book.window(timeframe, bars)), book.trust(timeframe, bars) == Trust.READY


def _record(
    head: Head, votes: Votes, moved: Floats, learned: NDArray[np.bool_], tested: NDArray[np.bool_]
) -> HeadRecord:
    voted = votes.direction != 0
    hit = votes.direction == moved
    before, later = voted & learned, voted & tested
    count, hits = int(later.sum()), int(hit[later].sum())
    points: Points | None = None
    reason = ""
    try:
        points = fit_calibration(votes.probability[before], hit[before])
    except BadInput as refused:
        reason = refused.problem
    interval = wilson_interval(hits, count)
    raw, outcome = votes.probability[later], hit[later].astype(np.float64)
    fitted = None if points is None else np.interp(raw, [x for x, _ in points], [y for _, y in points])
    return HeadRecord(
        head=head.name,
        learned_votes=int(before.sum()),
        tested_votes=count,
        hit_rate=hits / count if count else None,
        hit_rate_low=interval[0] if interval else None,
        hit_rate_high=interval[1] if interval else None,
        brier_raw=float(np.mean((raw - outcome) ** 2)) if count else None,
        brier_calibrated=float(np.mean((fitted - outcome) ** 2)) if count and fitted is not None else None,
        points=points,
        reason=reason,
    )


def weights_as_toml(version: str, weights: Mapping[str, float], records: Sequence[HeadRecord]) -> str:
    """A settings file that uses the calibration: the owner's to read, keep and give with --settings."""
    lines = ["[weights]", f'version = "{version}"', "", "[weights.heads]"]
    lines += [f"{head} = {weight!r}" for head, weight in weights.items()]
    lines += ["", "[weights.calibration]"]
    for record in records:
        if record.points is not None:
            pairs = ", ".join(f"[{raw:.6f}, {calibrated:.6f}]" for raw, calibrated in record.points)
            lines.append(f"{record.head} = [{pairs}]")
    return "\n".join(lines) + "\n"
