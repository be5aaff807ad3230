"""The history may be away for a while: trading does not notice, the node says so, and nothing is lost."""

from __future__ import annotations

import io
import json

from walking import Fate, FatedHistory, World, late_bars, long_blocks, made_up, quiet, set_up, walk, walked

from holdfast.model.errors import Retryable
from holdfast.node.recorder import HISTORY_AWAY

HOURLY = set_up()


class AwayHistory(FatedHistory):
    """Cannot store between two of its flushes; what it was given waits."""

    def __init__(self, world: World, *, goes: int, comes: int) -> None:
        super().__init__(world.history, Fate())
        self.goes, self.comes, self.flushes = goes, comes, 0

    def flush(self) -> None:
        self.flushes += 1
        if self.goes <= self.flushes < self.comes:
            raise Retryable(f"The history is away ({self.rows_waiting} rows wait).")
        super().flush()


def test_a_history_that_is_away_changes_nothing_in_the_journal_and_gets_everything_later() -> None:
    recording = made_up(bars=232)
    undisturbed = walked(recording, HOURLY, long_blocks(recording, HOURLY))
    world = World()
    history = AwayHistory(world, goes=205, comes=225)
    assembly = world.start(recording, HOURLY, history=history)
    waiting, told = [], []
    for end_ms, block in late_bars(recording, HOURLY):
        assembly.walk.take(block, end_ms)
        waiting.append(history.rows_waiting)
        told.append(HISTORY_AWAY in assembly.measures.problems)
    assert told == [
        rows > 0 for rows in waiting
    ]  # from the first failure until nothing waits any more, without a break
    assert 10 < sum(told) < 40 and not told[-1]
    assert world.entries() == undisturbed.entries()
    history.flush()
    assert world.kept() == undisturbed.kept()


def test_the_log_says_once_that_the_history_went_away() -> None:
    recording = made_up(bars=232)
    world, stream = World(), io.StringIO()
    history = AwayHistory(world, goes=205, comes=225)
    assembly = world.start(recording, HOURLY, history=history, log=quiet(stream))
    walk(assembly, late_bars(recording, HOURLY))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    away = [line for line in lines if line["event"] == "history.away"]
    assert len(away) == 1 and away[0]["waiting_rows"] > 0
