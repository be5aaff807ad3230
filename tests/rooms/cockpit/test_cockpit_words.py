"""How the cockpit says values, and how it says that there is none."""

from __future__ import annotations

import math

import pytest

from holdfast.api.views import HeadView
from holdfast.cockpit import words
from holdfast.cockpit.words import DASH


def test_an_absent_value_is_a_dash_with_a_reason_and_never_a_zero() -> None:
    cells = [
        words.exact(None, why="no price has come yet"),
        words.rounded(None, 2),
        words.measured(None, 1),
        words.measured(math.nan, 1),
        words.measured(math.inf, 1),
        words.percent(None),
        words.time(None),
    ]
    assert all(cell["text"] == DASH and cell["tone"] == "absent" and cell["why"] for cell in cells)


def test_an_exact_number_keeps_every_digit_and_has_no_exponent() -> None:
    assert words.exact("50349.370")["text"] == "50,349.370"
    assert words.exact("1E-8")["text"] == "0.00000001"
    assert words.exact("0.1E+9")["text"] == "100,000,000"


def test_a_rounded_number_tells_the_whole_one_in_its_note_and_only_if_it_lost_something() -> None:
    assert words.rounded("12.3456", 2, signed=True) == {"text": "+12.35", "tone": "gain", "why": "12.3456"}
    assert words.rounded("-1200.50", 2, signed=True) == {"text": "-1,200.50", "tone": "loss"}
    assert words.rounded("0", 2, signed=True) == {"text": "0.00"}


def test_a_share_is_said_as_per_cent() -> None:
    assert words.percent(-0.01234, 2, signed=True) == {"text": "-1.23 %", "tone": "loss"}
    assert words.percent(0.0)["text"] == "0.0 %"


def test_times_are_in_utc_and_say_so() -> None:
    assert words.time(1_614_816_001_000) == {"text": "03-04 00:00", "why": "2021-03-04 00:00:01 UTC"}


@pytest.mark.parametrize(("name", "arrow"), [("long", "▲"), ("short", "▼")])
def test_long_and_short_are_told_by_arrow_and_word(name: str, arrow: str) -> None:
    assert words.direction(name) == {"text": f"{arrow} {name}", "tone": name}


def test_reasons_are_said_in_the_words_of_the_head_and_by_their_code_without() -> None:
    head = HeadView(
        name="ict",
        version=1,
        summary="",
        memory=1,
        inputs=[],
        reasons={"sweep": "price ran a confirmed low"},
        abstentions={"no_volume": "volume is missing"},
        weight=1.0,
    )
    assert words.reason(head, "sweep") == "price ran a confirmed low"
    assert words.reason(head, "new_code") == "new code" and words.reason(None, "sweep") == "sweep"
    assert words.abstention(head, "no_volume") == "volume is missing"
    assert words.abstention(head, "short_history") == "too few bars for this head yet"


@pytest.mark.parametrize(
    ("seconds", "said"), [(9.9, "9 s"), (61, "1 min 1 s"), (3_725, "1 h 2 min"), (200_000, "2 d 7 h")]
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.age(seconds) == said
