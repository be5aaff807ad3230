"""First in, first out: how one trade changes the open lots of a symbol, without a single division.

Lives here: the exact arithmetic of the books and the matching of lots. Must not live here: what a fill means
for an account (ledger.py), or any knowledge of the journal.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext

import msgspec

from holdfast.model.position import Lot

# The books take numbers below 10^30 with at most 30 decimal places. A product of two then has at most 120 digits, and
# 500 hold any sum of such products; a result that would not fit raises Inexact: no rounding can pass unseen.
_DIGITS = 30
_EXACT = Context(prec=500, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


def bookable(value: Decimal) -> bool:
    """Whether the books can hold a number exactly, whatever is added to it later."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and value.adjusted() < _DIGITS


def exact() -> AbstractContextManager[Context]:
    """A decimal context in which nothing is ever rounded: decimal.Inexact is raised instead."""
    return localcontext(_EXACT)


class Booked(msgspec.Struct, frozen=True):
    """What one trade did: the lots after it, the profit it realised before fees (quote currency), and how
    much of its size closed old lots and how much opened new ones (both unsigned, base units; their sum is the
    traded size)."""

    lots: tuple[Lot, ...]
    realised: Decimal
    closed: Decimal
    opened: Decimal


def book(lots: tuple[Lot, ...], size: Decimal, price: Decimal, time_ms: int) -> Booked:
    """Applies a trade of signed `size` (negative = sold) at `price` to `lots`, oldest lot first.

    A trade larger than the position closes all of it and opens the rest on the other side. Must run inside
    `exact()`.
    """
    rest, realised, closed = size, Decimal(0), Decimal(0)
    kept = list(lots)
    while rest and kept and (kept[0].size > 0) != (rest > 0):
        lot = kept[0]
        taken = max(lot.size, -rest) if lot.size < 0 else min(lot.size, -rest)
        realised += taken * (price - lot.price)
        closed += abs(taken)
        rest += taken
        if taken == lot.size:
            kept.pop(0)
        else:
            kept[0] = Lot(lot.size - taken, lot.price, lot.time_ms)
    if rest:
        kept.append(Lot(rest, price, time_ms))
    return Booked(tuple(kept), realised, closed, abs(rest))
