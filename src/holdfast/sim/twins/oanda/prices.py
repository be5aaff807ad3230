"""A price as v20 shows it. Pure."""

from __future__ import annotations

from decimal import Decimal

from holdfast.sim.exchange.book import Book
from holdfast.sim.twins.oanda.instruments import Tradable
from holdfast.sim.twins.oanda.wire import Json, Moment

LIQUIDITY = Decimal(10_000_000)  # units at each quote, as in recorded prices of the venue
# The prices at which a margin closeout would be reckoned lie a little outside the spread.
_CLOSEOUT_TICKS = 15


def price_json(tradable: Tradable, book: Book, *, tradeable: bool) -> Json:
    """The current price of an instrument; the book has one."""
    assert book.bid is not None
    assert book.ask is not None
    outside = _CLOSEOUT_TICKS * tradable.tick
    return {
        "type": "PRICE",
        "instrument": tradable.name,
        "time": Moment(book.time_ms),
        "status": "tradeable" if tradeable else "non-tradeable",
        "tradeable": tradeable,
        "bids": [{"price": tradable.price_text(book.bid), "liquidity": int(LIQUIDITY)}],
        "asks": [{"price": tradable.price_text(book.ask), "liquidity": int(LIQUIDITY)}],
        "closeoutBid": tradable.price_text(book.bid - outside),
        "closeoutAsk": tradable.price_text(book.ask + outside),
    }


def units_available(free: Decimal, per_unit: Decimal, held: Decimal) -> Json:
    """How many units each kind of order could open; `free` margin, `per_unit` margin of one unit, `held` units."""
    most = (free / per_unit).to_integral_value(rounding="ROUND_FLOOR") if per_unit else Decimal(0)
    back = abs(held)
    long, short = most + (2 * back if held < 0 else 0), most + (2 * back if held > 0 else 0)
    only = {"long": back if held < 0 else Decimal(0), "short": back if held > 0 else Decimal(0)}
    first = {"long": long, "short": short}
    return {
        "default": first,
        "reduceFirst": first,
        "reduceOnly": only,
        "openOnly": {"long": Decimal(0) if held < 0 else most, "short": Decimal(0) if held > 0 else most},
    }
