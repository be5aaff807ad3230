"""The paper venue's assumptions about trading, as settings, and the prices and sizes that follow from them.

Here: costs, participation, margin. Not here: when an order is touched (`paper_matching.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

import msgspec

from holdfast.model.errors import BadInput
from holdfast.model.instrument import Instrument
from holdfast.model.order import Side

# Sums and products of money are exact: a result that does not fit is an error, never a rounding.
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

_BPS = Decimal(10_000)


class MarketRules(msgspec.Struct, frozen=True):
    """Of one market: half of ask minus bid, and how far a taker's order moves the price, both in basis points of it;
    and how many times its margin a position may be worth (1 on spot)."""

    half_spread_bps: Decimal
    slippage_bps: Decimal
    max_leverage: Decimal = Decimal(1)


class PaperRules(msgspec.Struct, frozen=True):
    """`markets` by name (spot, usdm, fx). An order takes at most `participation` of a bar's volume in that bar."""

    markets: Mapping[str, MarketRules]
    participation: Decimal = Decimal("0.10")

    def __post_init__(self) -> None:
        if not 0 < self.participation <= 1:
            raise BadInput(
                f"participation is {self.participation}.", "It is a share of the volume: above 0, at most 1."
            )
        for market, rules in self.markets.items():
            if rules.half_spread_bps < 0 or rules.slippage_bps < 0 or rules.max_leverage < 1:
                raise BadInput(
                    f"Market {market} has a half spread of {rules.half_spread_bps} and a slippage of "
                    f"{rules.slippage_bps} basis points, and leverage {rules.max_leverage}.",
                    "Spread and slippage are 0 or more, leverage 1 or more.",
                )
            if market == "spot" and rules.max_leverage != 1:
                raise BadInput(
                    f"Market spot has leverage {rules.max_leverage}.", "On spot it is 1: a buy is paid whole."
                )

    def of(self, market: str) -> MarketRules:
        """The market's rules; BadInput when there are none."""
        try:
            return self.markets[market]
        except KeyError:
            known = ", ".join(sorted(self.markets)) or "none"
            raise BadInput(f"The paper venue has no rules for market '{market}'.", f"It knows: {known}.") from None


class Ground(msgspec.Struct, frozen=True):
    """What the orders of one symbol are accepted and matched under."""

    instrument: Instrument
    rules: MarketRules
    participation: Decimal


def taker_price(price: float, side: Side, rules: MarketRules, instrument: Instrument) -> Decimal:
    """`price` moved against us by half the spread and the slippage, then to the tick against us; at least one tick."""
    cost = (rules.half_spread_bps + rules.slippage_bps) / _BPS
    factor = 1 + cost if side is Side.BUY else 1 - cost
    moved = instrument.round_price(decimal_of(price) * factor, up=side is Side.BUY)
    return max(moved, instrument.price_tick)


def maker_price(limit: Decimal, open_price: float, side: Side, instrument: Instrument) -> Decimal:
    """The limit price, or the open where that is better (then to the tick against us)."""
    at_open = instrument.round_price(decimal_of(open_price), up=side is Side.BUY)
    return min(limit, at_open) if side is Side.BUY else max(limit, at_open)


def share_of(volume: float, participation: Decimal, instrument: Instrument) -> Decimal | None:
    """The largest size an order may trade in a bar of this volume; None where no volume is reported: no limit known."""
    return None if math.isnan(volume) else instrument.round_size(decimal_of(volume) * participation)


def fee_of(price: Decimal, size: Decimal, rate: Decimal) -> Decimal:
    """price × size × rate, to the last digit."""
    return EXACT.multiply(EXACT.multiply(price, size), rate)


def decimal_of(value: float) -> Decimal:
    """The shortest decimal that reads back as this double: the venue's own, up to 15 significant digits."""
    return Decimal(repr(float(value)))
