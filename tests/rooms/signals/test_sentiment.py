"""The sentiment head on made headline columns."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.model.window import HEADLINE_COUNT, HEADLINE_TONE, HEADLINE_WEIGHT, Window
from holdfast.signals.heads.sentiment import HEAD
from holdfast.signals.panel import Panel


def window(tones: list[float], weights: list[float], counts: list[float]) -> Window:
    """One row of flat candles with these sums of tone × weight, weight and count."""
    bars = len(tones)
    price = np.full((1, bars), 100.0)
    times = (3_600_000 * np.arange(bars, dtype=np.int64))[None]
    inputs = {
        HEADLINE_TONE: np.array([tones]),
        HEADLINE_WEIGHT: np.array([weights]),
        HEADLINE_COUNT: np.array([counts]),
    }
    return Window(3_600_000, times, price, price, price, price, price, inputs)


def vote(tone: float, weight: float, count: float):
    (cast,) = Panel([HEAD]).vote(window([tone * weight], [weight], [count]), 1).read(0, 0)
    return cast


def test_many_good_headlines_vote_long_through_both_gates() -> None:
    cast = vote(0.45, 5.0, 8)
    assert cast.direction == 1
    assert cast.probability == pytest.approx(0.68)
    assert cast.confidence >= 0.70
    assert cast.reasons == ("tone_good", "tone_one_sided")
    assert cast.measures == {"tone": pytest.approx(0.45), "weight": 5.0, "headlines": 8.0}


def test_bad_headlines_mirror_good_ones() -> None:
    good, bad = vote(0.45, 5.0, 8), vote(-0.45, 5.0, 8)
    assert bad.direction == -good.direction
    assert (bad.probability, bad.confidence) == (good.probability, good.confidence)
    assert "tone_bad" in bad.reasons


def test_one_headline_alone_never_reaches_the_confidence_gate() -> None:
    cast = vote(-1.0, 1.0, 1)
    assert cast.direction == -1
    assert cast.confidence < 0.70
    assert "few_headlines" in cast.reasons


def test_a_mixed_tone_is_neutral() -> None:
    cast = vote(0.19, 9.0, 20)
    assert (cast.direction, cast.abstained) == (0, "neutral")


@pytest.mark.parametrize(
    ("tone", "weight", "count"), [(0.9, 0.1, 3), (np.nan, np.nan, np.nan), (0.0, 0.0, 0), (np.nan, 3.0, 4)]
)
def test_stale_or_absent_headlines_are_no_vote(tone: float, weight: float, count: float) -> None:
    cast = vote(tone, weight, count)
    assert (cast.direction, cast.abstained) == (0, "no_headlines")
    assert cast.probability is None


def test_a_window_without_headline_columns_is_no_vote() -> None:
    price = np.full((2, 3), 100.0)
    bare = Window(3_600_000, np.zeros((2, 3), dtype=np.int64), price, price, price, price, price)
    votes = Panel([HEAD]).vote(bare, 3)
    assert (votes.direction == 0).all()
    assert votes.read(1, 2)[0].abstained == "no_headlines"


def test_more_headlines_of_the_same_tone_raise_confidence_only() -> None:
    few, many = vote(0.5, 2.0, 3), vote(0.5, 8.0, 12)
    assert many.probability == few.probability
    assert many.confidence > few.confidence
