"""What a walk has come to in one data directory: all of it, whichever processes walked which part.

Everything is counted from the journal (candles and their defects from the recording), so that a walk that was killed
and continued gives the same numbers as one that was not. What each number is: docs/cli.md.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec
import numpy as np

from holdfast.cli.screen import iso
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.intent import Refusal
from holdfast.node.activity import Activity, plain
from holdfast.node.node import Node


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts are of the whole walk; `seconds` and `candles_per_s` are of this process alone. Amounts are decimal
    strings by currency, times ISO 8601 in UTC. `data_dir` is None when the walk was not kept."""

    candles: int
    defects: dict[str, int]
    signals: int
    intents: int
    refusals: dict[str, int]
    orders: int
    fills: int
    equity: dict[str, str]
    journal_entries: int
    journal_hash: str
    finished: bool
    resumed: bool
    symbols: list[str]
    timeframe: str
    candle_timeframe: str
    first_time: str
    last_time: str
    walked_to: str | None
    seconds: float
    candles_per_s: float | None
    data_dir: str | None


class Counts(NamedTuple):
    """What the journal's decisions and fills amount to; `refusals` by code, the most frequent first."""

    signals: int
    refusals: dict[str, int]
    orders: int
    fills: int


def count(activity: Activity) -> Counts:
    """Every signal has one first decision; a later attempt is a new order for the same one."""
    decided = [decision for decision in activity.decisions if decision.attempt == 1]
    refusals = Counter(one.decision.code for one in decided if isinstance(one.decision, Refusal))
    return Counts(
        signals=len(decided),
        refusals=dict(sorted(refusals.items(), key=lambda item: (-item[1], item[0]))),
        orders=sum(decision.order is not None for decision in activity.decisions),
        fills=len(activity.fills),
    )


def walked(node: Node) -> tuple[int, int]:
    """How many candles of the recording have been walked, and up to which moment of the market."""
    walk, recording = node.assembly.walk, node.recording
    # A block may reach past the last candle it holds; what was walked before this process may reach further still.
    walked_ms = max(walk.done_ms, min(walk.market_ms, node.played.last_close_ms))
    closes = recording.open_time_ms + recording.timeframe.ms
    return int(np.searchsorted(closes, walked_ms, side="right")), walked_ms


def tally(node: Node, *, walked_here: int, seconds: float, kept: bool) -> Tally:
    """The tally of a node that has stopped; `kept` says that its directory stays."""
    journal = SqliteJournal(node.data_dir / "journal.sqlite")
    try:
        entries, journal_hash = journal.head()
    finally:
        journal.close()
    assembly, recording, played = node.assembly, node.recording, node.played
    activity = assembly.activity
    candles, walked_ms = walked(node)
    counts = count(activity)
    if activity.marks:
        equity = {currency: line.equity for currency, line in activity.marks[-1].currencies.items()}
    else:
        equity = dict(assembly.ledger.opening)
    return Tally(
        candles=candles,
        defects={code: number for code, number in assembly.book.defects().items() if number},
        signals=counts.signals,
        intents=counts.signals - sum(counts.refusals.values()),
        refusals=counts.refusals,
        orders=counts.orders,
        fills=counts.fills,
        equity={currency: plain(amount) for currency, amount in sorted(equity.items())},
        journal_entries=entries,
        journal_hash=journal_hash,
        finished=node.replay.ended,
        resumed=len(activity.marks) > assembly.measures.cycles,
        symbols=[str(symbol) for symbol in recording.symbols],
        timeframe=assembly.desk.timeframe.value,
        candle_timeframe=recording.timeframe.value,
        first_time=iso(played.first_open_ms),
        last_time=iso(played.last_close_ms),
        walked_to=iso(walked_ms) if candles else None,
        seconds=round(seconds, 3),
        candles_per_s=round(walked_here / seconds, 1) if walked_here and seconds > 0 else None,
        data_dir=str(node.data_dir) if kept else None,
    )
