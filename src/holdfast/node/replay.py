"""Plays a recorded market through the walk, at any speed, from wherever a process before this one was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from holdfast.market.book import CandleBook
from holdfast.market.closed import Closed
from holdfast.model.candle import CandleBlock
from holdfast.node.compose import block_span_ms
from holdfast.node.walk import Walk
from holdfast.world.clock import RecordedClock
from holdfast.world.recording import Recording

OnProgress = Callable[[int], None]
OnClosed = Callable[[Closed], None]


def fill_book(
    book: CandleBook, recording: Recording, *, until_ms: int, span_ms: int, on_closed: OnClosed = lambda closed: None
) -> int:
    """Lets the book see the recording up to `until_ms` again, without any decision; returns the number of candles.

    The whole past is shown, not its newest bars: how far a series is trusted may depend on any of it. `on_closed` hears
    of every bar: the recorder keeps what a process before this one could not bring into the history any more.
    """
    seen = 0
    if until_ms > recording.first_open_ms:
        for end_ms, block in recording.blocks(None, span_ms):
            fits = block.open_time_ms + recording.timeframe.ms <= until_ms
            part = block.part(0, int(fits.sum()))  # ordered by open time, so what fits comes first
            for piece, piece_end_ms in book.parts(part, now_ms=min(end_ms, until_ms)):
                on_closed(book.ingest(piece, now_ms=piece_end_ms))
            seen += len(part)
            if end_ms >= until_ms:
                break
    return seen


class Replay:
    """The rest of a recording after `walk.done_ms`."""

    def __init__(
        self, walk: Walk, recording: Recording, clock: RecordedClock, *, at_full_speed_until_ms: int = 0
    ) -> None:
        self._walk = walk
        self._recording = recording
        self._clock = clock
        self._full_speed_until_ms = at_full_speed_until_ms
        self.ended = False

    def blocks(self) -> Iterator[tuple[int, CandleBlock]]:
        """At full speed long blocks, else one base bar at a time; the first begins where the walk was."""
        base = self._recording.timeframe
        long_ms = block_span_ms(base, self._walk.desk.timeframe)
        after_ms: int | None = self._walk.done_ms or None
        if self._clock.speed is None:
            yield from self._recording.blocks(after_ms, long_ms)
            return
        for end_ms, block in self._recording.blocks(after_ms, long_ms):
            if end_ms > self._full_speed_until_ms:
                break
            yield end_ms, block
            after_ms = end_ms
        yield from self._recording.blocks(after_ms, base.ms)

    async def play(self, *, stop: asyncio.Event, on_progress: OnProgress | None = None) -> None:
        """Walks every block when its time has come, until the end or `stop`. Progress is told in candles."""
        done = 0
        for end_ms, block in self.blocks():
            if end_ms <= self._full_speed_until_ms:
                self._clock.advance_to(max(end_ms, self._clock.now_ms()))
                await self._clock.wait_s(0)
            else:
                await self._pace(end_ms, stop)
            if stop.is_set():
                return
            self._walk.take(block, end_ms)
            done += len(block)
            if on_progress is not None:
                on_progress(done)
        self.ended = True

    async def _pace(self, end_ms: int, stop: asyncio.Event) -> None:
        """Waits for the block's time, or for the stop, whichever is first."""
        pacing = asyncio.ensure_future(self._clock.pace_to(max(end_ms, self._clock.now_ms())))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((pacing, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pacing, stopping):
                task.cancel()
