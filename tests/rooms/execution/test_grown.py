"""The set that only grows: a set like any other, whose older versions stay as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.execution.grown import GrownSet


@given(st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=4), max_size=20))
def test_it_holds_what_was_added_and_every_version_stays(additions: list[list[str]]) -> None:
    versions = [(GrownSet(), set[str]())]
    for items in additions:
        grown, plain = versions[-1]
        versions.append((grown.plus(*items), plain | set(items)))
    for grown, plain in versions:
        assert len(grown) == len(plain)
        assert {letter for letter in "abcdefghijklmnopq" if letter in grown} == plain
        assert grown == GrownSet(plain)
        assert hash(grown) == hash(GrownSet(plain))


def test_it_differs_from_a_set_with_one_more() -> None:
    assert GrownSet("ab") != GrownSet("abc")
    assert GrownSet("ab").plus("a") == GrownSet("ba")


def test_many_single_additions_leave_few_layers() -> None:
    grown = GrownSet()
    for number in range(1000):
        grown = grown.plus(str(number))
    assert len(grown) == 1000
    assert len(grown._layers) <= 10
