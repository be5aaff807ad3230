"""Which missing bars are asked for, in which order, and what an answer has told. Pure: nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from holdfast.market.sequence import Hole, Urgency
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe


class Fetch(msgspec.Struct, frozen=True):
    """One request: bars that open after `after_ms`, at most `limit`."""

    symbol: Symbol
    after_ms: int
    limit: int
    urgency: Urgency


@dataclass(slots=True)
class _Failing:
    count: int
    again_ms: int


class RefillDesk:
    """Which holes to ask for next: at most `most_at_once` requests under way and one a series, each for at most
    `most_bars` bars, which is no more than the venue gives at once. A request that failed is made again after
    `first_wait_ms`, doubled each time up to `longest_wait_ms`."""

    def __init__(
        self, base: Timeframe, *, most_at_once: int, most_bars: int, first_wait_ms: int, longest_wait_ms: int
    ) -> None:
        self._base = base
        self._most_at_once = most_at_once
        self._most_bars = most_bars
        self._first_wait_ms = first_wait_ms
        self._longest_wait_ms = longest_wait_ms
        self._under_way: set[Symbol] = set()
        self._failing: dict[Symbol, _Failing] = {}

    @property
    def under_way(self) -> frozenset[Symbol]:
        return frozenset(self._under_way)

    @property
    def failing(self) -> Mapping[Symbol, int]:
        """How often in a row each series' request has failed."""
        return {symbol: failing.count for symbol, failing in self._failing.items()}

    def next_fetches(self, holes: Iterable[Hole], *, now_ms: int) -> list[Fetch]:
        """The requests to send now, most urgent first, and within an urgency the series that lacks least: it can be
        traded again soonest. Each counts as under way until `answered` or `failed`."""
        free = self._most_at_once - len(self._under_way)
        if free <= 0:
            return []
        waiting = (hole for hole in holes if hole.symbol not in self._under_way and self._is_due(hole.symbol, now_ms))
        chosen = sorted(waiting, key=lambda hole: (hole.urgency, -hole.from_ms, hole.symbol))[:free]
        self._under_way.update(hole.symbol for hole in chosen)
        return [self._fetch(hole) for hole in chosen]

    def answered(self, fetch: Fetch) -> None:
        """The answer told something new."""
        self._under_way.discard(fetch.symbol)
        self._failing.pop(fetch.symbol, None)

    def failed(self, fetch: Fetch, *, now_ms: int) -> None:
        """The request had no answer, or was refused, or its answer told nothing new."""
        self._under_way.discard(fetch.symbol)
        count = self._failing[fetch.symbol].count + 1 if fetch.symbol in self._failing else 1
        wait_ms = min(self._longest_wait_ms, self._first_wait_ms * 2 ** min(count - 1, 30))
        self._failing[fetch.symbol] = _Failing(count, now_ms + wait_ms)

    def leave(self, symbol: Symbol) -> None:
        """Forgets how this series' requests went."""
        self._failing.pop(symbol, None)

    def _is_due(self, symbol: Symbol, now_ms: int) -> bool:
        failing = self._failing.get(symbol)
        return failing is None or now_ms >= failing.again_ms

    def _fetch(self, hole: Hole) -> Fetch:
        # One bar more than is missing: it joins the answer to what is known already.
        bars = (hole.until_ms - hole.from_ms) // self._base.ms + 1
        return Fetch(hole.symbol, hole.from_ms - self._base.ms, min(bars, self._most_bars), hole.urgency)


def told_until_ms(fetch: Fetch, block: CandleBlock, *, asked_ms: int, settle_ms: int) -> int:
    """Up to which open time an answer has told every bar there is.

    Up to its last bar; and if it held fewer than the limit, up to `settle_ms` before it was asked for: a bar that ended
    later may have been missing only because it was not written yet.
    """
    frame_ms = block.timeframe.ms
    last_ms = int(block.open_time_ms[-1]) + frame_ms if len(block) else fetch.after_ms + frame_ms
    if len(block) >= fetch.limit:
        return last_ms
    return max(last_ms, (asked_ms - settle_ms) // frame_ms * frame_ms)
