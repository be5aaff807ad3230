"""The real clock, and the clock of a recorded market. Only this file reads the machine's time or sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps back."""
        return time.monotonic()

    async def wait_s(self, seconds: float) -> None:
        """Sleeps at least that long."""
        await asyncio.sleep(seconds)


class RecordedClock:
    """Time as it was in a recording: it stands still until it is driven.

    `speed` is recorded seconds a real second; None is as fast as the machine can. `monotonic_s` is recorded time too,
    so that every duration in a replay is the recorded one.
    """

    def __init__(self, start_ms: int, *, speed: float | None = None) -> None:
        if speed is not None and not speed > 0:
            raise ValueError("The speed of a recorded clock is above zero, or None.")
        self._now_ms = start_ms
        self._speed = speed
        self._anchor_ms = start_ms
        self._anchor_s: float | None = None
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()

    @property
    def speed(self) -> float | None:
        """Recorded seconds a real second, or None."""
        return self._speed

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, in the recording."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """Recorded seconds; never steps back."""
        return self._now_ms / 1000

    def advance_to(self, moment_ms: int) -> None:
        """Drives the clock on and wakes whoever waited for that; ValueError backwards."""
        if moment_ms < self._now_ms:
            raise ValueError(f"A recorded clock at {self._now_ms} cannot go back to {moment_ms}.")
        self._now_ms = moment_ms
        while self._sleepers and self._sleepers[0][0] <= moment_ms:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def pace_to(self, moment_ms: int) -> None:
        """Waits as long as `speed` asks for, then advances. Lateness is made up for, not added up."""
        if self._speed is None:
            # One turn of the loop, so that a replay at full speed starves nobody.
            await asyncio.sleep(0)
        else:
            if self._anchor_s is None:
                self._anchor_ms, self._anchor_s = self._now_ms, time.monotonic()
            due_s = self._anchor_s + (moment_ms - self._anchor_ms) / 1000 / self._speed
            while (left_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(left_s)
        self.advance_to(moment_ms)

    async def wait_s(self, seconds: float) -> None:
        """Waits until the recording is that much further; for ever if nobody drives it."""
        due_ms = self._now_ms + round(seconds * 1000)
        if due_ms <= self._now_ms:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due_ms, next(self._ticket), sleeper))
        await sleeper
