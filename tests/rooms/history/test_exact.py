"""Doubles and their decimals: every double comes back, every decimal is the shortest."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.history.exact import (
    INT64_MAX,
    as_stored,
    decimals_of,
    rescaled,
    to_decimal,
    to_doubles,
    to_stored,
)

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
PRICES = st.decimals(min_value=0, max_value=10**7, places=8).map(float)
TICKS = st.builds(lambda units, places: units / 10**places, st.integers(-(10**16), 10**16), st.integers(0, 22))


@settings(deadline=None)
@given(st.lists(DOUBLES | PRICES | TICKS, max_size=20), st.integers(0, 4))
@example([9.353503222906905], 0)  # its 16 digits are beyond the integers that are doubles
@example([0.1 + 0.2, 1e22, 1e23, 2.0**53 + 2, 5e-324, 1.7976931348623157e308, 0.0, -1.25, 1e-7], 0)
def test_every_double_is_stored_as_its_shortest_decimal_and_comes_back(values: list[float], more: int) -> None:
    decimals = decimals_of(np.array(values, dtype=np.float64))
    most = int(decimals.places.max(initial=0)) + more
    stored = to_stored(decimals, np.full(len(values), most))
    assert [to_decimal(one, most) for one in stored] == [Decimal(repr(value)) for value in values]
    assert to_doubles(stored, most).tolist() == values
    for value, places in zip(values, decimals.places.tolist(), strict=True):
        exponent = Decimal(repr(value)).normalize().as_tuple().exponent
        assert places == max(0, -int(exponent)), value


@given(st.integers(-(10**40), 10**40), st.integers(0, 30))
def test_rescaling_keeps_the_value_and_never_leaves_64_bits_as_a_number(units: int, more: int) -> None:
    finer = rescaled(as_stored(units), more)
    assert finer is not None
    assert int(finer) == units * 10**more
    assert isinstance(finer, bytes) == (abs(units * 10**more) > INT64_MAX)
    assert to_decimal(finer, more) == units


def test_no_value_stays_no_value() -> None:
    assert rescaled(None, 3) is None
    np.testing.assert_array_equal(to_doubles([None, 15, b"100000000000000000000"], 1), [np.nan, 1.5, 1e19])


def test_decimals_are_written_plainly() -> None:
    assert [str(to_decimal(units, 2)) for units in (3700010, 3700000, 0, -150)] == ["37000.1", "37000", "0", "-1.5"]
