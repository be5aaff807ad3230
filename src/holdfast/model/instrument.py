"""What a venue says about one symbol: its currencies, exact steps, and fees."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

import msgspec

from holdfast.model.symbol import Symbol


class Instrument(msgspec.Struct, frozen=True):
    """Exact trading rules of one symbol. Rates are fractions (0.001 = 10 basis points) of the traded value."""

    symbol: Symbol
    base: str
    quote: str
    price_tick: Decimal
    size_step: Decimal
    min_size: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    can_short: bool

    def round_size(self, size: Decimal) -> Decimal:
        """The largest tradable size not above `size`."""
        return (size / self.size_step).to_integral_value(ROUND_DOWN) * self.size_step

    def round_price(self, price: Decimal, *, up: bool) -> Decimal:
        """The nearest price on the tick grid, above (`up`) or below."""
        rounding = ROUND_CEILING if up else ROUND_FLOOR
        return (price / self.price_tick).to_integral_value(rounding) * self.price_tick
