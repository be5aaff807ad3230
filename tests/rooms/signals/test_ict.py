"""The ict head on hand-made candles, and New York's clock against the time zone database."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from holdfast.model.window import Window
from holdfast.signals.head import Votes
from holdfast.signals.heads.ict import CLOCK_CHANGES, HEAD, new_york_minutes
from holdfast.signals.panel import vote_one

Bar = tuple[float, float, float, float]
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WAVE_BARS = 228
# After the wave: a strong rise with a gap between 100.3 and 102.9, out of a falling candle that opened at 100.3.
RISE: list[Bar] = [
    (100.0, 100.3, 99.7, 100.1),
    (100.1, 103.3, 100.0, 103.2),
    (103.2, 103.8, 102.9, 103.5),
    (103.5, 103.9, 103.2, 103.6),
]
INTO_GAP: Bar = (103.6, 103.7, 102.0, 102.5)
SWEEP: Bar = (99.3, 99.5, 97.6, 99.4)


def wave(bars: int = WAVE_BARS, *, ends_low: bool = False) -> list[Bar]:
    """A quiet wave around 100: six bars down, six bars up, 0.3 a bar, wicks of 0.3; from 100 or from its low."""
    step = [-0.3] * 3 + [0.3] * 6 + [-0.3] * 3
    start = 100.0
    moves = np.resize(step, bars + 3)[: bars + 3 if ends_low else bars]
    close = start + np.cumsum(moves)
    opened = np.concatenate([[start], close[:-1]])
    return [
        (float(o), float(max(o, e) + 0.3), float(min(o, e) - 0.3), float(e)) for o, e in zip(opened, close, strict=True)
    ]


def votes_on(bars: list[Bar], *, timeframe_ms: int = DAY_MS, last: str = "", down: bool = False) -> Votes:
    """The votes on every bar; `last` is the UTC time at which the last bar opens, `down` turns prices over."""
    o, h, lo, e = np.array(bars).T[:, np.newaxis]
    if down:
        o, h, lo, e = 250 - o, 250 - lo, 250 - h, 250 - e
    end = int(datetime.fromisoformat(f"{last or '2021-01-05T00:00'}+00:00").timestamp() * 1000)
    times = end - timeframe_ms * np.arange(len(bars), dtype=np.int64)[::-1]
    window = Window(timeframe_ms, times[np.newaxis], o, h, lo, e, np.ones_like(e))
    return vote_one(HEAD, window, len(bars))


def codes(votes: Votes, column: int = -1) -> set[str]:
    return {code for i, code in enumerate(HEAD.reason_codes) if int(votes.reasons[0, column]) >> i & 1}


def test_new_york_time_is_the_time_zone_databases() -> None:
    zone = ZoneInfo("America/New_York")
    times = np.random.default_rng(3).integers(536_457_600, 2_145_916_800, 4000) * 1000
    changes = CLOCK_CHANGES[CLOCK_CHANGES < 2_145_916_800_000]
    times = np.concatenate([times, changes - 1, changes, changes + 1])
    here = new_york_minutes(times)
    for time_ms, minutes in zip(times.tolist(), here.tolist(), strict=True):
        wall = datetime.fromtimestamp(time_ms // 1000, UTC).astimezone(zone).replace(tzinfo=UTC)
        assert minutes == wall.timestamp() // 60, wall


def test_the_quiet_wave_has_no_setup() -> None:
    votes = votes_on(wave())
    assert (votes.direction[:, HEAD.memory :] == 0).all()
    assert HEAD.abstention_codes[votes.abstained[0, -1] - 1] == "no_setup"


@pytest.mark.parametrize("down", [False, True])
def test_a_swing_low_taken_and_left_upward_votes_up(down: bool) -> None:
    votes = votes_on([*wave(ends_low=True), SWEEP], down=down)
    assert votes.direction[0, -1] == (-1 if down else 1)
    assert ("sweep_of_highs" if down else "sweep_of_lows") in codes(votes)
    assert votes.probability[0, -1] >= 0.6
    assert votes.confidence[0, -1] >= 0.7


def test_a_swing_low_taken_by_a_close_below_it_is_no_sweep() -> None:
    votes = votes_on([*wave(ends_low=True), (99.3, 99.5, 97.6, 97.8)])
    assert "sweep_of_lows" not in codes(votes)


def test_a_sweep_counts_once_and_fades() -> None:
    after = [(99.4, 99.7, 99.1, 99.4)] * 12
    votes = votes_on([*wave(ends_low=True), SWEEP, *after])
    strength = votes.measures["long"][0, -13:]
    assert (np.diff(strength[:10]) < 0).all()
    assert "sweep_of_lows" in codes(votes, -4)
    assert "sweep_of_lows" not in codes(votes, -3)


@pytest.mark.parametrize("down", [False, True])
def test_a_dip_into_an_open_gap_votes_on_with_the_move(down: bool) -> None:
    before = votes_on([*wave(), *RISE], down=down)
    votes = votes_on([*wave(), *RISE, INTO_GAP], down=down)
    code = "bearish_gap" if down else "bullish_gap"
    assert code not in codes(before)
    assert code in codes(votes)
    assert votes.direction[0, -1] == (-1 if down else 1)


def test_a_gap_that_a_close_has_gone_through_is_forgotten() -> None:
    through = (102.5, 102.6, 99.9, 100.0)
    quiet = [(100.0 + 0.1 * i, 100.6 + 0.1 * i, 99.7 + 0.1 * i, 100.1 + 0.1 * i) for i in range(8)]
    votes = votes_on([*wave(), *RISE, INTO_GAP, through, *quiet])
    assert "bullish_gap" not in codes(votes)


@pytest.mark.parametrize("down", [False, True])
def test_a_return_to_the_candle_before_the_break_is_an_order_block_retest(down: bool) -> None:
    code = "bearish_block" if down else "bullish_block"
    into_block = (102.5, 102.6, 100.0, 101.2)
    assert code not in codes(votes_on([*wave(), *RISE, INTO_GAP], down=down))
    votes = votes_on([*wave(), *RISE, INTO_GAP, into_block], down=down)
    assert code in codes(votes)
    assert votes.direction[0, -1] == (-1 if down else 1)


@pytest.mark.parametrize(("given_back", "inside"), [(0.5, False), (0.70, True), (0.9, False)])
@pytest.mark.parametrize("down", [False, True])
def test_the_entry_zone_is_62_to_79_percent_of_the_last_leg(given_back: float, inside: bool, down: bool) -> None:
    base, tip = 98.8, 109.9  # the wave's last low and the top of the rise, with their wicks
    rise = np.linspace(99.7, 109.6, 12)
    fall = np.linspace(109.6, tip - given_back * (tip - base), 9)[1:]
    close = np.concatenate([rise, fall])
    opened = np.concatenate([[99.4], close[:-1]])
    bars = [(o, max(o, e) + 0.3, min(o, e) - 0.3, e) for o, e in zip(opened, close, strict=True)]
    votes = votes_on([*wave(ends_low=True), *bars], down=down)
    assert (("short_entry_zone" if down else "long_entry_zone") in codes(votes)) is inside


@pytest.mark.parametrize("opens", ["2021-01-05T08:00", "2021-07-06T07:00"], ids=["winter", "summer"])
@pytest.mark.parametrize("down", [False, True])
def test_a_fall_at_londons_open_that_is_taken_back_is_a_judas_swing(opens: str, down: bool) -> None:
    trick = [(100.0, 100.2, 98.95, 99.2), (99.2, 100.6, 99.1, 100.5)]
    votes = votes_on([*wave(), *trick], timeframe_ms=HOUR_MS, last=opens, down=down)
    code = "judas_rise" if down else "judas_fall"
    assert code not in codes(votes, -2)
    assert code in codes(votes)
    assert "silver_bullet" in codes(votes)
    assert votes.direction[0, -1] == (-1 if down else 1)
    early = opens.replace("08:00", "04:00").replace("07:00", "03:00")
    assert code not in codes(votes_on([*wave(), *trick], timeframe_ms=HOUR_MS, last=early, down=down))


def test_the_hour_weighs_the_confidence_once_and_nothing_else() -> None:
    bars = [*wave(ends_low=True), SWEEP]
    hours = {
        "": ("2021-01-05T11:00", 0.8),
        "asia": ("2021-01-05T02:00", 0.5),
        "london": ("2021-01-05T09:00", 0.9),
        "new_york": ("2021-01-05T14:00", 0.95),
        "silver_bullet": ("2021-01-05T15:00", 1.0),
    }
    votes = {name: votes_on(bars, timeframe_ms=HOUR_MS, last=last) for name, (last, _) in hours.items()}
    whole = votes["silver_bullet"]
    for name, (_, weight) in hours.items():
        assert codes(votes[name]) & set(hours) == ({name} - {""})
        assert votes[name].probability[0, -1] == whole.probability[0, -1]
        assert votes[name].confidence[0, -1] == pytest.approx(weight * whole.confidence[0, -1])


def test_bars_of_four_hours_have_no_sessions_and_say_so() -> None:
    votes = votes_on([*wave(ends_low=True), SWEEP], timeframe_ms=4 * HOUR_MS, last="2021-01-05T15:00")
    assert "no_sessions" in codes(votes)
    assert not codes(votes) & {"asia", "london", "new_york", "silver_bullet", "judas_fall", "judas_rise"}


def test_a_setup_in_the_lower_half_of_the_range_is_believed_more() -> None:
    bars = [*wave(ends_low=True), SWEEP]
    spike = [(o, h + (12 if i == 190 else 0), lo, e) for i, (o, h, lo, e) in enumerate(bars)]
    hole = [(o, h, lo - (12 if i == 190 else 0), e) for i, (o, h, lo, e) in enumerate(bars)]
    low, high = votes_on(spike), votes_on(hole)
    assert "discount" in codes(low)
    assert "premium" in codes(high)
    assert low.probability[0, -1] > high.probability[0, -1]
