"""Sliding rates and quantiles against the plain definition over all samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.telemetry.window import SlidingQuantile, SlidingRate


def test_a_feed_stopped_for_a_minute_shows_rate_zero() -> None:
    rate = SlidingRate(60, started_s=1000.0)
    for second in range(120):
        rate.add(50, at_s=1000.0 + second)
    assert rate.rate(at_s=1119.5) == pytest.approx(50, rel=0.02)
    assert rate.rate(at_s=1119.0 + 60) == 0


def test_before_anything_could_be_measured_there_is_no_rate() -> None:
    rate = SlidingRate(60, started_s=5.0)
    rate.add(3, at_s=5.1)
    assert rate.rate(at_s=5.1) is None
    assert rate.rate(at_s=7.0) == pytest.approx(1.5)


def test_a_source_watched_in_silence_has_rate_zero() -> None:
    assert SlidingRate(60, started_s=5.0).rate(at_s=8.0) == 0


def test_a_young_source_is_measured_over_its_own_age() -> None:
    rate = SlidingRate(60, started_s=0.0)
    for second in range(10):
        rate.add(7, at_s=float(second))
    assert rate.rate(at_s=10.0) == pytest.approx(7)


_steps = st.lists(st.tuples(st.floats(0, 20), st.integers(0, 1000)), min_size=1, max_size=80)


@given(steps=_steps, window_s=st.sampled_from([1.0, 60.0, 300.0]))
def test_the_count_is_what_a_full_memory_would_count_to_one_slice(
    steps: list[tuple[float, int]], window_s: float
) -> None:
    rate, now, seen = SlidingRate(window_s, started_s=0.0), 0.0, []
    for pause, count in steps:
        now += pause
        rate.add(count, at_s=now)
        seen.append((now, count))
    slice_s = window_s / 60
    at_most = sum(count for at, count in seen if at > now - window_s - 1e-9)
    at_least = sum(count for at, count in seen if at >= now - window_s + slice_s + 1e-9)
    assert at_least <= rate.count(at_s=now) <= at_most


def test_a_window_keeps_no_more_than_its_slices_whatever_the_traffic() -> None:
    rate, quantile = SlidingRate(60, started_s=0.0), SlidingQuantile(60)
    for step in range(20_000):
        rate.add(1, at_s=step * 0.1)
        quantile.add(0.001 + (step % 7) * 0.001, at_s=step * 0.1)
    assert len(rate._slices) <= 60
    assert len(quantile._slices) <= 60


def test_a_clock_that_goes_back_is_refused() -> None:
    rate = SlidingRate(60, started_s=0.0)
    rate.add(1, at_s=100.0)
    with pytest.raises(AssertionError, match="time went back"):
        rate.add(1, at_s=50.0)


@given(
    values=st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1e9)), min_size=1, max_size=200),
    share=st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]),
)
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[float], share: float) -> None:
    window = SlidingQuantile(60)
    for value in values:
        window.add(value, at_s=10.0)
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert window.quantile(share, at_s=10.0) == pytest.approx(exact, rel=0.0101)


def test_old_values_leave_and_an_empty_window_has_no_quantile() -> None:
    window = SlidingQuantile(60)
    assert window.quantile(0.5, at_s=0.0) is None
    window.add(9.0, at_s=0.0)
    window.add(1.0, at_s=50.0)
    assert window.quantile(1.0, at_s=50.0) == pytest.approx(9.0, rel=0.01)
    assert window.quantile(1.0, at_s=61.0) == pytest.approx(1.0, rel=0.01)
    assert window.count(at_s=61.0) == 1
    assert window.quantile(1.0, at_s=111.0) is None


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_what_is_no_duration_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        SlidingQuantile(60).add(value, at_s=0.0)
