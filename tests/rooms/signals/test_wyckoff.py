"""The wyckoff head on hand-made trading ranges: each event, its mirror, and what is almost one."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.model.window import Window
from holdfast.signals.head import Votes
from holdfast.signals.heads.wyckoff import HEAD
from holdfast.signals.panel import vote_one

Bar = tuple[float, float, float, float, float]  # open, high, low, close, volume
BARS = 188
BOTH = pytest.mark.parametrize("down", [False, True])


def trading_range(bars: int = BARS) -> list[Bar]:
    """A wave from 98 to 102 and back, eight bars each way, wicks of 0.2, volume 1000; it ends at its bottom."""
    close = 98.0 + np.abs((np.arange(bars) - bars + 1) % 16 - 8.0) * -0.5 + 4.0
    return drawn(float(close[0]), close)


def drawn(start: float, close: np.ndarray, volume: float = 1000.0) -> list[Bar]:
    opened = np.concatenate([[start], close[:-1]])
    return [
        (float(o), float(max(o, e)) + 0.2, float(min(o, e)) - 0.2, float(e), volume)
        for o, e in zip(opened, close, strict=True)
    ]


def votes_on(bars: list[Bar], *, down: bool = False, volume_known: bool = True) -> Votes:
    """The votes on every bar; `down` turns prices over."""
    o, h, lo, e, v = np.array(bars).T[:, np.newaxis]
    if down:
        o, h, lo, e = 250 - o, 250 - lo, 250 - h, 250 - e
    if not volume_known:
        v = np.full_like(v, np.nan)
    times = 3_600_000 * np.arange(len(bars), dtype=np.int64)[np.newaxis]
    return vote_one(HEAD, Window(3_600_000, times, o, h, lo, e, v), len(bars))


def codes(votes: Votes, column: int = -1) -> set[str]:
    return {code for i, code in enumerate(HEAD.reason_codes) if int(votes.reasons[0, column]) >> i & 1}


def spring(volume: float, after: float = 1000.0, *, low_after: float = 98.1) -> list[Bar]:
    excursion = (98.0, 98.6, 97.2, 98.4, volume)
    return [excursion, *drawn(98.4, np.array([98.6, 99.0, 99.4]), after)[:2], (99.0, 99.6, low_after, 99.4, after)]


def breakout(volume: float = 2500.0) -> list[Bar]:
    rise = drawn(98.0, np.array([98.5, 99, 99.5, 100, 100.5, 101, 101.5, 102]))
    return [*rise, (102.0, 104.6, 101.9, 104.5, volume)]


def test_a_quiet_range_has_no_event() -> None:
    votes = votes_on(trading_range())
    assert (votes.direction == 0).all()
    assert HEAD.abstention_codes[votes.abstained[0, -1] - 1] == "no_event"
    assert votes.measures["range_top"][0, -1] == pytest.approx(102.2)
    assert votes.measures["range_bottom"][0, -1] == pytest.approx(97.8)


@BOTH
def test_a_spring_votes_when_three_bars_have_held_and_not_before(down: bool) -> None:
    votes = votes_on([*trading_range(), *spring(600.0)], down=down)
    assert (votes.direction[0, -4:-1] == 0).all()
    assert votes.direction[0, -1] == (-1 if down else 1)
    assert codes(votes) == {"upthrust" if down else "spring", "quiet_test"}
    assert votes.probability[0, -1] >= 0.6
    assert votes.confidence[0, -1] >= 0.7


def test_a_spring_whose_low_does_not_hold_is_none() -> None:
    assert "spring" not in codes(votes_on([*trading_range(), *spring(600.0, low_after=97.1)]))


def test_a_break_far_below_the_range_is_no_spring() -> None:
    bars = spring(600.0)
    bars[0] = (98.0, 98.6, 94.0, 98.4, 600.0)
    assert "spring" not in codes(votes_on([*trading_range(), *bars]))


def test_a_spring_on_large_volume_needs_a_quiet_test() -> None:
    tested = votes_on([*trading_range(), *spring(2000.0, after=500.0)])
    untested = votes_on([*trading_range(), *spring(2000.0, after=1500.0)])
    assert "quiet_test" in codes(tested)
    assert codes(untested) == {"spring"}
    assert untested.confidence[0, -1] < 0.7 <= tested.confidence[0, -1]


def test_a_close_below_the_springs_low_ends_its_vote() -> None:
    votes = votes_on([*trading_range(), *spring(600.0), (99.4, 99.5, 96.9, 97.0, 1000.0)])
    assert "spring" in codes(votes, -2)
    assert "spring" not in codes(votes)


def test_without_volume_a_spring_is_weaker_and_the_vote_says_why() -> None:
    votes = votes_on([*trading_range(), *spring(600.0)], volume_known=False)
    assert votes.direction[0, -1] == 1
    assert codes(votes) == {"spring", "no_volume"}
    assert votes.confidence[0, -1] < 0.7


@BOTH
def test_a_wide_close_beyond_the_range_on_large_volume_is_a_sign(down: bool) -> None:
    votes = votes_on([*trading_range(), *breakout()], down=down)
    assert votes.direction[0, -1] == (-1 if down else 1)
    assert codes(votes) == {"sign_of_weakness" if down else "sign_of_strength"}
    assert votes.confidence[0, -1] >= 0.7


@pytest.mark.parametrize("volume_known", [True, False])
def test_the_same_close_on_usual_or_unknown_volume_is_no_sign(volume_known: bool) -> None:
    votes = votes_on([*trading_range(), *breakout(1000.0)], volume_known=volume_known)
    assert "sign_of_strength" not in codes(votes)


@BOTH
def test_a_range_left_for_three_bars_is_a_phase_and_a_quiet_return_its_last_point(down: bool) -> None:
    stays = drawn(104.5, np.array([104.4, 104.6, 104.3]))
    back = [(104.3, 104.4, 103.0, 103.1, 1000.0), (102.9, 103.4, 102.4, 103.2, 500.0)]
    votes = votes_on([*trading_range(), *breakout(1000.0), *stays, *back], down=down)
    phase, point = ("markdown", "last_point_of_supply") if down else ("markup", "last_point_of_support")
    assert phase not in codes(votes, -4)
    assert phase in codes(votes, -3)
    assert point not in codes(votes, -2)
    assert point in codes(votes)
    assert votes.direction[0, -1] == (-1 if down else 1)
    assert votes.probability[0, -1] >= 0.6


def test_a_close_back_in_the_range_ends_the_phase() -> None:
    stays = drawn(104.5, np.array([104.4, 104.6, 104.3]))
    votes = votes_on([*trading_range(), *breakout(1000.0), *stays, (104.3, 104.4, 101.5, 101.8, 1000.0)])
    assert "markup" in codes(votes, -2)
    assert "markup" not in codes(votes)


def fall_and_climax(volume: float) -> list[Bar]:
    fall = drawn(98.0, 98.0 - 0.4 * np.arange(1, 61))
    last = fall[-1][3]
    climax = (last, last + 0.1, last - 3.0, last - 1.5, volume)
    return [*fall, climax, *drawn(last - 1.5, last + np.array([-1.3, -1.0, -0.6]))]


@BOTH
def test_a_very_wide_bar_on_twice_the_volume_that_holds_is_a_climax_three_bars_later(down: bool) -> None:
    votes = votes_on([*trading_range(), *fall_and_climax(3000.0)], down=down)
    code = "buying_climax" if down else "selling_climax"
    assert code not in codes(votes, -2)
    assert codes(votes) == {code}
    assert votes.direction[0, -1] == (-1 if down else 1)
    quiet = votes_on([*trading_range(), *fall_and_climax(1500.0)], down=down)
    assert code not in codes(quiet)


@BOTH
def test_large_volume_without_result_at_the_edge_is_absorbed(down: bool) -> None:
    narrow = (98.0, 98.35, 97.95, 98.3, 2000.0)
    votes = votes_on([*trading_range(), narrow], down=down)
    assert codes(votes) == {"demand_absorbed" if down else "supply_absorbed"}
    assert votes.direction[0, -1] == (-1 if down else 1)
    assert votes.confidence[0, -1] < 0.7
