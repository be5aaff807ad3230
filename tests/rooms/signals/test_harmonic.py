"""The harmonic head on hand-drawn swings: each pattern, its mirror, and swings that are none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from holdfast.model.window import Window
from holdfast.signals.head import Votes
from holdfast.signals.heads.harmonic import HEAD, PATTERNS, POINT_TOLERANCE, VALID_BARS
from holdfast.signals.panel import vote_one

LEG_BARS = 8
AFTER = 30
X, A = 100.0, 120.0
# B, C and D of textbook patterns on the leg from 100 to 120.
SHAPES = {
    "gartley": (107.64, 115.1, 104.28),
    "butterfly": (104.28, 113.0, 94.6),
    "bat": (111.0, 116.6, 102.28),
    "crab": (110.0, 118.0, 87.64),
    "deep_crab": (102.28, 112.0, 87.64),
    "shark": (110.0, 122.5, 101.2),
    "cypher": (110.0, 126.6, 105.69),
    "equal_legs": (114.0, 117.6, 111.6),
}


def line(*turns: tuple[float, int]) -> np.ndarray:
    """Straight closes from turn to turn; each turn after the first is (price, bars to reach it)."""
    parts = [np.linspace(a, b, bars, endpoint=False) for (a, _), (b, bars) in pairwise(turns)]
    return np.concatenate([*parts, [turns[-1][0]]])


def swings(b: float, c: float, d: float, *, after: float = 12.0) -> np.ndarray:
    """A long climb, a fall to X, the pattern, and a rise of `after` from D."""
    legs = [(X, LEG_BARS), (A, LEG_BARS), (b, LEG_BARS), (c, LEG_BARS), (d, LEG_BARS), (d + after, AFTER)]
    return line((95.0, 0), (125.0, 200), *legs)


def window_of(close: np.ndarray) -> Window:
    opened = np.concatenate([close[:1], close[:-1]])
    columns = [opened, np.maximum(opened, close), np.minimum(opened, close), close, np.ones_like(close)]
    times = 3_600_000 * np.arange(len(close), dtype=np.int64)
    return Window(3_600_000, times[np.newaxis], *(column[np.newaxis] for column in columns))


def votes_on(close: np.ndarray) -> Votes:
    """The votes on the bars from D on; the first is on D itself."""
    return vote_one(HEAD, window_of(close), AFTER + 1)


def codes(votes: Votes, column: int) -> set[str]:
    return {code for i, code in enumerate(HEAD.reason_codes) if int(votes.reasons[0, column]) >> i & 1}


def mirrored(close: np.ndarray) -> np.ndarray:
    return 250.0 - close


@pytest.mark.parametrize("name", SHAPES)
def test_a_textbook_pattern_that_ends_low_votes_up_when_its_last_pivot_is_known(name: str) -> None:
    votes = votes_on(swings(*SHAPES[name]))
    assert_array_equal(votes.direction[0, :3], 0)
    assert votes.direction[0, 3] == 1
    assert name in codes(votes, 3)
    assert votes.probability[0, 3] >= 0.6
    assert votes.confidence[0, 3] >= 0.7


@pytest.mark.parametrize("name", SHAPES)
def test_upside_down_it_votes_down_with_the_same_numbers(name: str) -> None:
    up, down = votes_on(swings(*SHAPES[name])), votes_on(mirrored(swings(*SHAPES[name])))
    assert_array_equal(down.direction, -up.direction)
    assert_array_equal(down.reasons, up.reasons)
    np.testing.assert_allclose(down.probability, up.probability, rtol=1e-9)
    np.testing.assert_allclose(down.confidence, up.confidence, rtol=1e-9)


def test_every_pattern_is_tried() -> None:
    assert set(SHAPES) == {pattern.name for pattern in PATTERNS}


def test_swings_in_no_known_ratio_get_no_vote() -> None:
    votes = votes_on(swings(118.0, 119.0, 113.0))
    assert_array_equal(votes.direction, 0)
    assert {HEAD.abstention_codes[i - 1] for i in np.unique(votes.abstained)} == {"no_pattern"}


def test_a_ratio_outside_its_tolerance_is_not_the_pattern() -> None:
    b, c, d = SHAPES["gartley"]
    too_deep = A - (A - d) * (1 + 1.3 * POINT_TOLERANCE)
    assert "gartley" not in codes(votes_on(swings(b, c, too_deep)), 3)


def test_a_pattern_nearer_to_its_ratios_is_believed_more() -> None:
    b, c, d = SHAPES["gartley"]
    exact, rough = votes_on(swings(b, c, d)), votes_on(swings(b + 0.6, c, d - 0.6))
    assert "gartley" in codes(rough, 3)
    assert exact.probability[0, 3] > rough.probability[0, 3]
    assert exact.measures["quality"][0, 3] > rough.measures["quality"][0, 3]


def test_the_vote_fades_and_ends_after_its_time() -> None:
    votes = votes_on(swings(*SHAPES["bat"]))
    # The coarser pivots know the same D three bars later, and renew the vote.
    voted = np.flatnonzero(votes.direction[0])
    assert_array_equal(voted, np.arange(3, 6 + VALID_BARS))
    assert (np.diff(votes.probability[0, 6 : 6 + VALID_BARS]) < 0).all()


def test_a_bar_beyond_x_ends_a_pattern_that_must_hold_x() -> None:
    close = swings(*SHAPES["gartley"])
    close[-22:] = np.linspace(close[-23], X - 5, 22)
    votes = votes_on(close)
    first = int(np.flatnonzero(close[-AFTER - 1 :] < X)[0])
    assert first < 6 + VALID_BARS - 1
    assert votes.direction[0, first - 1] == 1
    assert_array_equal(votes.direction[0, first:], 0)
    assert HEAD.abstention_codes[votes.abstained[0, first] - 1] == "pattern_broken"
    assert votes.measures["stop"][0, first - 1] == X


def test_measures_are_the_ratios_of_the_legs() -> None:
    votes = votes_on(swings(*SHAPES["gartley"]))
    assert votes.measures["ab_xa"][0, 3] == pytest.approx(0.618)
    assert votes.measures["ad_xa"][0, 3] == pytest.approx(0.786)
