"""Every .play file leads to what it says. `play_runner.py FILE` writes it anew after a change; read the difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from play_runner import perform

PLAYS = sorted(Path(__file__).parent.glob("*.play"))


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
def test_the_play_leads_to_what_it_says(path: Path) -> None:
    written = path.read_text()
    assert perform(written).splitlines() == written.splitlines()


def test_there_are_plays_and_each_has_an_outcome() -> None:
    assert len(PLAYS) >= 8
    assert all("\n  book: " in path.read_text() for path in PLAYS)


def test_a_play_that_says_something_else_would_be_noticed() -> None:
    written = PLAYS[0].read_text()
    assert perform(written.replace("> decide s1 buy 1 ", "> decide s1 buy 2 ")).splitlines() != written.splitlines()
