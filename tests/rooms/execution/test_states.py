"""The order state table: what may follow what, and that the docs draw it as it is."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from holdfast.execution.states import TABLE, ImpossibleTransition, OrderEvent, diagram, next_state
from holdfast.model.order import OrderState

S, E = OrderState, OrderEvent
DOCS = Path(__file__).resolve().parents[3] / "docs" / "execution.md"


def test_the_docs_show_the_diagram_of_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in DOCS.read_text()


def test_a_missing_cell_is_an_error_that_names_order_state_and_event() -> None:
    with pytest.raises(ImpossibleTransition, match=r"hf1 is rejected: 'filled' cannot happen"):
        next_state(S.REJECTED, E.FILLED, order="hf1")


def test_a_final_state_is_never_left() -> None:
    assert {after for (state, _), after in TABLE.items() if state is S.FILLED} == {S.FILLED}
    for (state, _), after in TABLE.items():
        assert not state.final or after is state


def test_every_state_is_reached_and_every_open_one_can_end() -> None:
    reached = {S.MARKED, *TABLE.values()}
    assert reached == set(S)
    for state in S:
        ahead, frontier = {state}, {state}
        while frontier := {TABLE[cell] for cell in TABLE if cell[0] in frontier} - ahead:
            ahead |= frontier
        assert any(later.final for later in ahead), state


def test_an_order_known_not_to_be_at_the_venue_hears_nothing_from_it() -> None:
    words = (E.HELD, E.WORKING, E.PARTIAL, E.FILLED, E.CANCELLED, E.REJECTED, E.FILL_PART, E.FILL_WHOLE)
    assert not [event for event in words if (S.MARKED, event) in TABLE]


def test_only_an_unanswered_order_can_be_proved_absent() -> None:
    assert {state for state, event in TABLE if event is E.ABSENT} == {S.SENT, S.UNKNOWN}


def test_a_lost_answer_takes_nothing_back() -> None:
    told = set(S) - {S.MARKED, S.SENT, S.UNKNOWN}
    assert all(TABLE[state, E.LOST] is state for state in told)
    assert TABLE[S.SENT, E.LOST] is S.UNKNOWN


def test_words_that_contradict_each_other_have_no_cell() -> None:
    ended = {S.FILLED: E.FILLED, S.CANCELLED: E.CANCELLED, S.REJECTED: E.REJECTED, S.EXPIRED: E.EXPIRED}
    for state, word in product(ended, ended.values()):
        assert ((state, word) in TABLE) == (ended[state] is word)
