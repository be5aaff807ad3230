"""What an account holds of one symbol: open lots, first in first out, so that every sum is exact."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from holdfast.model.symbol import Symbol


class Lot(msgspec.Struct, frozen=True):
    """An open piece of a position: signed size (negative = short) in base units, entry price in quote currency."""

    size: Decimal
    price: Decimal
    time_ms: int


class Position(msgspec.Struct, frozen=True):
    """Open lots of one symbol. All lots have the same sign; no lots means flat."""

    account: str
    symbol: Symbol
    lots: tuple[Lot, ...]
    realised: Decimal
    fees: Decimal

    @property
    def size(self) -> Decimal:
        """Signed size in base units."""
        return sum((lot.size for lot in self.lots), Decimal(0))

    @property
    def cost(self) -> Decimal:
        """Signed entry value in quote currency."""
        return sum((lot.size * lot.price for lot in self.lots), Decimal(0))

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit or loss in quote currency if closed at `mark`, before fees."""
        return self.size * mark - self.cost
