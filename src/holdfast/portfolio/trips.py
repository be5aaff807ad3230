"""One symbol of the books: its position, and the round trips that its fills make.

Lives here: what one fill does to one symbol. Must not live here: the account as a whole, or the journal
(ledger.py).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.position import Position
from holdfast.model.symbol import Symbol
from holdfast.portfolio.lots import Booked, book, exact

_ZERO = Decimal(0)


class RoundTrip(msgspec.Struct, frozen=True):
    """One trade of the account in one symbol, from flat to flat; `closed_at_ms` is None while it is open.

    `side` is the side that opened it, `size` the largest size it had (base units). Values, `realised` and
    `fees` are in `quote`. A fill that crosses zero closes one trip and opens the next; its whole fee belongs
    to the one it closes, because sharing it out could need a division.
    """

    symbol: Symbol
    quote: str
    side: Side
    size: Decimal
    opened_at_ms: int
    opened_value: Decimal
    closed_value: Decimal
    realised: Decimal
    fees: Decimal
    closed_at_ms: int | None
    closed_by: Leg | None

    @property
    def net(self) -> Decimal:
        """Realised profit or loss after fees, exact."""
        with exact():
            return self.realised - self.fees


class Book(msgspec.Struct, frozen=True):
    """A symbol's position, its quote currency, and the round trip that is open in it (None when flat)."""

    position: Position
    quote: str
    trip: RoundTrip | None


def post(old: Book, fill: Fill) -> tuple[Book, RoundTrip | None]:
    """The book after a fill, and the round trip that the fill closed, if it did."""
    with exact():
        signed = fill.size if fill.side is Side.BUY else -fill.size
        was = old.position
        booked = book(was.lots, signed, fill.price, fill.time_ms)
        position = Position(
            account=was.account,
            symbol=was.symbol,
            lots=booked.lots,
            realised=was.realised + booked.realised,
            fees=was.fees + fill.fee,
        )
        trip, done = old.trip, None
        if trip is not None and booked.closed:
            trip = _close_part(trip, booked, fill)
            if booked.opened or not booked.lots:
                done = msgspec.structs.replace(trip, closed_at_ms=fill.time_ms, closed_by=fill.leg)
                trip = None
        if booked.opened:
            trip = _open_part(trip, booked, fill, position.size)
    return Book(position=position, quote=old.quote, trip=trip), done


def _close_part(trip: RoundTrip, booked: Booked, fill: Fill) -> RoundTrip:
    return msgspec.structs.replace(
        trip,
        closed_value=trip.closed_value + booked.closed * fill.price,
        realised=trip.realised + booked.realised,
        fees=trip.fees + fill.fee,
    )


def _open_part(trip: RoundTrip | None, booked: Booked, fill: Fill, size: Decimal) -> RoundTrip:
    value = booked.opened * fill.price
    if trip is None:
        return RoundTrip(
            symbol=fill.symbol,
            quote=fill.quote,
            side=fill.side,
            size=abs(size),
            opened_at_ms=fill.time_ms,
            opened_value=value,
            closed_value=_ZERO,
            realised=_ZERO,
            fees=_ZERO if booked.closed else fill.fee,
            closed_at_ms=None,
            closed_by=None,
        )
    return msgspec.structs.replace(
        trip,
        size=max(trip.size, abs(size)),
        opened_value=trip.opened_value + value,
        fees=trip.fees + fill.fee,
    )
