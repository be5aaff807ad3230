"""The clock door. Only `world` and the simulator answer it; everybody else is handed one."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall time for people and records, monotonic time for durations, and sleeping."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps back."""
        ...

    async def wait_s(self, seconds: float) -> None:
        """Sleeps at least that long."""
        ...
