"""The phases of a start: one after the other, each with its gate, and stopped in reverse.

What a phase does is given to it; only the order, the states and the stop are kept here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.model.errors import HoldfastError
from holdfast.ports.clock import Clock
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log


class PhaseState(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


async def _nothing() -> None:
    return None


@dataclass(slots=True)
class Phase:
    """`start` returns when the phase is ready, with a sentence for the owner; `stop` undoes it."""

    name: str
    start: Callable[[], Awaitable[str]]
    stop: Callable[[], Awaitable[None]] = _nothing
    state: PhaseState = PhaseState.WAITING
    detail: str = ""


@dataclass(slots=True)
class Startup:
    """Starts phases in order; when one fails, stops those that had started, newest first, and raises its error."""

    phases: list[Phase]
    clock: Clock
    log: Log
    stopping: bool = field(default=False)

    @property
    def ready(self) -> bool:
        return not self.stopping and all(phase.state is PhaseState.READY for phase in self.phases)

    async def start(self) -> None:
        began_s = self.clock.monotonic_s()
        for phase in self.phases:
            phase.state = PhaseState.STARTING
            phase_began_s = self.clock.monotonic_s()
            try:
                phase.detail = await phase.start()
            except BaseException as error:
                phase.state, phase.detail = PhaseState.FAILED, str(error)
                with suppress(HoldfastError, OSError):  # noted in its own phase; the first failure is the news
                    await self.stop(reason=f"phase {phase.name} failed")
                raise
            phase.state = PhaseState.READY
            self.log.info(
                Event.NODE_PHASE, phase=phase.name, took_ms=self._ms_since(phase_began_s), detail=phase.detail
            )
        self.log.info(Event.NODE_READY, took_ms=self._ms_since(began_s))

    async def stop(self, *, reason: str) -> None:
        """Stops what is ready, in reverse; calling it again does nothing. A phase that cannot stop keeps no other from
        stopping; the first such error is raised at the end."""
        if self.stopping:
            return
        self.stopping = True
        began_s = self.clock.monotonic_s()
        failures: list[Exception] = []
        self.log.info(Event.NODE_STOPPING, reason=reason)
        for phase in reversed(self.phases):
            if phase.state is PhaseState.READY:
                try:
                    await phase.stop()
                    phase.state = PhaseState.STOPPED
                except (HoldfastError, OSError) as error:
                    phase.state, phase.detail = PhaseState.FAILED, str(error)
                    failures.append(error)
        self.log.info(Event.NODE_STOPPED, took_ms=self._ms_since(began_s))
        if failures:
            raise failures[0]

    def _ms_since(self, began_s: float) -> int:
        return round(1000 * (self.clock.monotonic_s() - began_s))
