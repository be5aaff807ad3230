"""The clocks: the machine's, and the one a recording drives."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.ports.clock import Clock
from holdfast.world.clock import RecordedClock, SystemClock


def test_the_system_clock_moves_on_by_at_least_what_was_waited() -> None:
    clock: Clock = SystemClock()
    before_s, before_ms = clock.monotonic_s(), clock.now_ms()
    asyncio.run(clock.wait_s(0.01))
    assert clock.monotonic_s() - before_s >= 0.01
    assert before_ms > 1_600_000_000_000 and clock.now_ms() >= before_ms


def test_a_recorded_clock_stands_still_until_it_is_driven_and_never_goes_back() -> None:
    clock = RecordedClock(1_000)
    as_door: Clock = clock
    assert as_door.now_ms() == 1_000
    clock.advance_to(61_000)
    assert (clock.now_ms(), clock.monotonic_s()) == (61_000, 61.0)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(60_999)


def test_who_waits_on_a_recorded_clock_wakes_when_the_recording_is_there() -> None:
    async def play() -> list[str]:
        clock, heard = RecordedClock(0), []

        async def wait(name: str, seconds: float) -> None:
            await clock.wait_s(seconds)
            heard.append(f"{name} at {clock.now_ms()}")

        tasks = [asyncio.create_task(wait("minute", 60)), asyncio.create_task(wait("second", 1))]
        given_up = asyncio.create_task(wait("never", 1))
        await asyncio.sleep(0)
        given_up.cancel()
        for moment_ms in (999, 1_000, 59_999, 60_000):
            await clock.pace_to(moment_ms)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return heard

    assert asyncio.run(play()) == ["second at 1000", "minute at 60000"]


def test_speed_sets_how_much_real_time_a_recorded_minute_takes() -> None:
    async def play() -> float:
        clock, real = RecordedClock(0, speed=3_000), SystemClock()
        start_s = real.monotonic_s()
        for minute in range(1, 4):
            await clock.pace_to(minute * 60_000)
        return real.monotonic_s() - start_s

    # Three recorded minutes at 3,000 times are 60 ms; less would be a clock that does not wait.
    assert asyncio.run(play()) >= 0.06


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        RecordedClock(0, speed=0)
