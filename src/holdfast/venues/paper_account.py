"""What the paper venue's account holds: balances and positions, exact sums of its fills.

Here: how a fill moves them, and what is free to open more. Not here: orders and their prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

from holdfast.model.fill import Fill
from holdfast.model.order import Side
from holdfast.model.symbol import Symbol
from holdfast.venues.paper_rules import EXACT, Ground

_ZERO = Decimal(0)


class PaperAccount:
    """Spot trades exchange base for quote; on every other market only fees and the profit of what is closed (first in,
    first out) move the quote balance, and a position binds margin."""

    def __init__(self, balances: Mapping[str, Decimal], grounds: Mapping[Symbol, Ground]) -> None:
        self.balances = dict(balances)
        self._grounds = grounds
        self._lots: dict[Symbol, list[tuple[Decimal, Decimal]]] = {}  # (signed size, price), oldest first

    def position(self, symbol: Symbol) -> Decimal:
        """Signed size; 0 when flat."""
        return sum((size for size, _ in self._lots.get(symbol, ())), _ZERO)

    def positions(self) -> dict[Symbol, Decimal]:
        """Signed size of everything that is not flat."""
        return {symbol: self.position(symbol) for symbol in sorted(self._lots)}

    def apply(self, fill: Fill) -> None:
        """Books one fill."""
        signed = fill.size if fill.side is Side.BUY else -fill.size
        with localcontext(EXACT):
            profit = self._book(fill.symbol, signed, fill.price)
            if fill.symbol.market == "spot":
                self._move(self._grounds[fill.symbol].instrument.base, signed)
                self._move(fill.quote, -signed * fill.price - fill.fee)
            else:
                self._move(fill.quote, profit - fill.fee)

    def free(self, currency: str) -> Decimal:
        """The balance less the margin that positions quoted in `currency` bind. The division may round: the result
        decides what is accepted, and is never booked."""
        free = self.balances.get(currency, _ZERO)
        for symbol, lots in self._lots.items():
            ground = self._grounds[symbol]
            if symbol.market != "spot" and ground.instrument.quote == currency:
                cost = sum((abs(size) * price for size, price in lots), _ZERO)
                free -= cost / ground.rules.max_leverage
        return free

    def _move(self, currency: str, amount: Decimal) -> None:
        self.balances[currency] = self.balances.get(currency, _ZERO) + amount

    def _book(self, symbol: Symbol, signed: Decimal, price: Decimal) -> Decimal:
        """Closes opposite lots, oldest first, and opens one with the rest; gives the profit of what was closed."""
        lots, profit, rest = list(self._lots.get(symbol, ())), _ZERO, signed
        while rest and lots and (lots[0][0] > 0) != (rest > 0):
            size, entry = lots[0]
            closed = -rest if abs(rest) < abs(size) else size  # signed like the lot
            profit += closed * (price - entry)
            rest += closed
            lots[:1] = [(size - closed, entry)] if size != closed else []
        if rest:
            lots.append((rest, price))
        self._lots[symbol] = lots
        if not lots:
            del self._lots[symbol]
        return profit
