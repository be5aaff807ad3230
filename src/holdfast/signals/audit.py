"""Makes the record of a bar: a Signal with every vote, a hash of what the heads saw and the version of what counted.

From the same candles, heads, weights and thresholds the same Signal comes out, in every field: `replay_signal` makes it
again and `differences` says in words where two of them part. Nothing is stored here, and nothing is judged here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.entry import encode_body
from holdfast.model.errors import BadInput
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.consensus import (
    COOLING_DOWN,
    DUPLICATE,
    OUTCOME_CODES,
    SIGNAL,
    Counted,
    Quorum,
    count,
)
from holdfast.signals.head import Head
from holdfast.signals.panel import LONGEST_MEMORY, Panel, PanelVotes
from holdfast.signals.weights import WeightSet

HELD_BACK = (COOLING_DOWN, DUPLICATE)


def data_hash(window: Window, symbol: int, column: int) -> str:
    """SHA-256, hexadecimal, of all that any head may read for the bar at `column` of row `symbol`.

    That is the newest `LONGEST_MEMORY` bars up to it: times as little-endian 64-bit integers, then open, high, low,
    close and volume and, in the order of their names, the inputs that have a number there, as little-endian doubles.
    Bars that the row does not have, and inputs without any number, are left out, so the hash does not depend on how
    long the window is or what other symbols are in it.
    """
    seen = window_at(window, symbol, column)
    digest = hashlib.sha256(f"candles {seen.timeframe_ms}".encode())
    digest.update(seen.open_time_ms.astype("<i8").tobytes())
    for prices in (seen.open, seen.high, seen.low, seen.close, seen.volume):
        digest.update(_bytes(prices))
    for name in sorted(seen.inputs):
        if not np.isnan(seen.inputs[name]).all():
            digest.update(name.encode() + b"\x00" + _bytes(seen.inputs[name]))
    return digest.hexdigest()


def _bytes(numbers: Floats) -> bytes:
    # A NaN has many bit patterns; here it has one.
    return np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes()


def window_at(window: Window, symbol: int, column: int) -> Window:
    """What a head could see of one symbol when that bar closed: its newest `LONGEST_MEMORY` bars, as one row."""
    missing = int(np.count_nonzero(~window.present[symbol, : column + 1]))
    bars = slice(max(missing, column + 1 - LONGEST_MEMORY), column + 1)
    row = slice(symbol, symbol + 1)
    return Window(
        timeframe_ms=window.timeframe_ms,
        open_time_ms=window.open_time_ms[row, bars],
        open=window.open[row, bars],
        high=window.high[row, bars],
        low=window.low[row, bars],
        close=window.close[row, bars],
        volume=window.volume[row, bars],
        inputs={name: values[row, bars] for name, values in window.inputs.items()},
    )


def policy_version(heads: Sequence[Head], weights: WeightSet, quorum: Quorum) -> str:
    """What must be equal for two bars to be judged alike: the name of the weights, and 16 hexadecimal digits over every
    head's name and version, every weight and calibration point, and every threshold."""
    versions = sorted((head.name, head.version) for head in heads)
    digest = hashlib.sha256(encode_body([versions, weights, quorum])).hexdigest()
    return f"{weights.version}:{digest[:16]}"


def build_signal(
    symbol: Symbol,
    timeframe: Timeframe,
    window: Window,
    votes: PanelVotes,
    counted: Counted,
    *,
    row: int,
    column: int,
    policy: str,
    held_back: str | None = None,
) -> Signal:
    """The record of one bar: row `row`, and column `column` of `votes`, whose newest column is the newest of `window`.

    `policy` comes from `policy_version`; `held_back` is the gatekeeper's code where it let a consensus not pass. The
    direction is NONE unless the votes reached a consensus; the numbers are those of the side that leads.
    """
    at = (row, column)
    where = window.shape[1] - votes.direction.shape[2] + column
    opened = int(window.open_time_ms[row, where])
    seen = window_at(window, row, where)
    atr = c.atr(seen.high, seen.low, seen.close)[0, -1]
    heads = [head.name for head, backs in zip(votes.heads, counted.backing[:, row, column], strict=True) if backs]
    key = f"{symbol} {timeframe.value} {opened} {policy}"
    return Signal(
        id=hashlib.sha256(key.encode()).hexdigest()[:32],
        symbol=symbol,
        timeframe=timeframe,
        bar_open_ms=opened,
        bar_close_ms=opened + timeframe.ms,
        direction=Direction(int(counted.direction[at])),
        probability=_number(counted.probability[at]),
        confidence=_number(counted.confidence[at]),
        consensus=_number(counted.consensus[at]),
        agreeing=tuple(heads),
        votes=votes.read(row, column),
        close=float(window.close[row, where]),
        atr=_number(atr),
        data_hash=data_hash(window, row, where),
        policy=policy,
        outcome=held_back or OUTCOME_CODES[counted.outcome[at]],
    )


def _number(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


def replay_signal(signal: Signal, window: Window, panel: Panel, weights: WeightSet, quorum: Quorum) -> Signal:
    """The signal made again from `window`, whose first row is its symbol and which reaches to its bar or beyond.

    That a consensus was held back depends on the signals before it, not on the bar: such an outcome is carried over, as
    long as the votes still reach a consensus. BadInput when the window does not have the bar.
    """
    found = np.flatnonzero(window.present[0] & (window.open_time_ms[0] == signal.bar_open_ms))
    if len(found) != 1:
        raise BadInput(
            f"The candles have no bar of {signal.symbol} {signal.timeframe.value} at {signal.bar_open_ms}.",
            f"Give the {LONGEST_MEMORY} bars up to it.",
        )
    seen = window_at(window, 0, int(found[0]))
    votes = panel.vote(seen, 1)
    counted = count(votes, weights, quorum)
    reached = OUTCOME_CODES[counted.outcome[0, 0]] == SIGNAL
    return build_signal(
        signal.symbol,
        signal.timeframe,
        seen,
        votes,
        counted,
        row=0,
        column=0,
        policy=policy_version(panel.heads, weights, quorum),
        held_back=signal.outcome if reached and signal.outcome in HELD_BACK else None,
    )


def differences(stored: Signal, replayed: Signal) -> tuple[str, ...]:
    """Where two signals part, a line for each field and each head's vote; empty when they are equal."""
    lines = [
        f"{name}: stored {getattr(stored, name)!r}, replayed {getattr(replayed, name)!r}"
        for name in stored.__struct_fields__
        if name != "votes" and getattr(stored, name) != getattr(replayed, name)
    ]
    before, now = ({vote.head: vote for vote in signal.votes} for signal in (stored, replayed))
    for head in sorted(before.keys() | now.keys()):
        if before.get(head) != now.get(head):
            said, says = (
                msgspec.json.encode(vote).decode() if vote else "no such head"
                for vote in (before.get(head), now.get(head))
            )
            lines.append(f"vote of {head}: stored {said}, replayed {says}")
    return tuple(lines)
