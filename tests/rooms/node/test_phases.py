"""Phases start in order behind their gates, and stop in reverse, whatever fails."""

from __future__ import annotations

import asyncio

import pytest
from walking import quiet

from holdfast.model.errors import BadInput, Retryable
from holdfast.node.phases import Phase, PhaseState, Startup
from holdfast.world.clock import SystemClock


class Stage:
    """Phases that write down what is done to them."""

    def __init__(
        self, names: str, *, fails: str = "", error: BaseException | None = None, cannot_stop: str = ""
    ) -> None:
        self.told: list[str] = []
        self.fails, self.error, self.cannot_stop = fails, error, cannot_stop
        self.startup = Startup([self.phase(name) for name in names], SystemClock(), quiet())

    def phase(self, name: str) -> Phase:
        async def start() -> str:
            self.told.append(f"+{name}")
            assert [phase.state for phase in self.startup.phases if phase.name == name] == [PhaseState.STARTING]
            if name == self.fails and self.error is not None:
                raise self.error
            return f"{name} is there"

        async def stop() -> None:
            self.told.append(f"-{name}")
            if name in self.cannot_stop:
                raise Retryable(f"{name} holds on")

        return Phase(name, start, stop)

    @property
    def states(self) -> list[PhaseState]:
        return [phase.state for phase in self.startup.phases]


def test_phases_start_in_order_and_stop_in_reverse() -> None:
    stage = Stage("abc")
    assert stage.states == [PhaseState.WAITING] * 3 and not stage.startup.ready
    asyncio.run(stage.startup.start())
    assert stage.states == [PhaseState.READY] * 3 and stage.startup.ready
    assert [phase.detail for phase in stage.startup.phases] == ["a is there", "b is there", "c is there"]
    asyncio.run(stage.startup.stop(reason="asked"))
    asyncio.run(stage.startup.stop(reason="asked again"))
    assert stage.told == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert stage.states == [PhaseState.STOPPED] * 3 and not stage.startup.ready


@pytest.mark.parametrize(
    "error", [BadInput("b is wrong", "mend it"), OSError("no b"), AssertionError("a mistake of ours")]
)
def test_a_phase_that_fails_stops_those_before_it(error: BaseException) -> None:
    stage = Stage("abcd", fails="c", error=error)
    with pytest.raises(type(error)):
        asyncio.run(stage.startup.start())
    assert stage.told == ["+a", "+b", "+c", "-b", "-a"]
    assert stage.states == [PhaseState.STOPPED, PhaseState.STOPPED, PhaseState.FAILED, PhaseState.WAITING]
    assert stage.startup.phases[2].detail == str(error) and not stage.startup.ready


def test_a_phase_that_cannot_stop_keeps_no_other_from_stopping() -> None:
    stage = Stage("abc", cannot_stop="bc")
    asyncio.run(stage.startup.start())
    with pytest.raises(Retryable, match="c holds on"):
        asyncio.run(stage.startup.stop(reason="asked"))
    assert stage.told[3:] == ["-c", "-b", "-a"]
    assert stage.states == [PhaseState.STOPPED, PhaseState.FAILED, PhaseState.FAILED]
    assert stage.startup.phases[1].detail == "b holds on"


def test_the_first_failure_is_the_one_that_is_told() -> None:
    stage = Stage("ab", fails="b", error=BadInput("b is wrong"), cannot_stop="a")
    with pytest.raises(BadInput, match="b is wrong"):
        asyncio.run(stage.startup.start())
