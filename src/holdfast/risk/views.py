"""What risk looks at when it decides: the account and the market at one moment, as plain frozen values.

Lives here: the values and their own soundness. Must not live here: where they come from (the node fills them
in), or a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from holdfast.model.symbol import Symbol

READY = "ready"


class Funds(msgspec.Struct, frozen=True):
    """An account's worth in one quote currency: now, at its highest, and when the day began."""

    equity: Decimal
    peak: Decimal
    day_start: Decimal

    def __post_init__(self) -> None:
        _require_finite(self, "equity", "peak", "day_start")


class Exposure(msgspec.Struct, frozen=True):
    """An open position, or an entry that is still pending and counted as if all of it had been filled.

    `size` is signed (negative = short), in base units, never zero; `price` is its mark, or the entry's
    reference price, in quote currency.
    """

    symbol: Symbol
    base: str
    quote: str
    size: Decimal
    price: Decimal

    def __post_init__(self) -> None:
        _require_finite(self, "size", "price")
        if self.size == 0 or self.price <= 0:
            raise ValueError(f"An exposure in {self.symbol} has the size {self.size} at the price {self.price}.")

    @property
    def notional(self) -> Decimal:
        """Unsigned value in quote currency."""
        return abs(self.size) * self.price

    @property
    def sign(self) -> int:
        return 1 if self.size > 0 else -1


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One account at `now_ms`. `funds` is per quote currency.

    `pending` holds entries without a final answer, those whose answer was lost included; `closing` the
    symbols with a close under way. `consecutive_losses` counts round trips; `intents_this_bar` the entries
    decided for the bar that closes now. `frozen_reason` says who froze entries and why, when `entries_frozen`
    is set. `disabled` holds the symbols that an operator disabled, each with who did it and why.
    """

    account: str
    now_ms: int
    funds: Mapping[str, Funds]
    positions: tuple[Exposure, ...] = ()
    pending: tuple[Exposure, ...] = ()
    closing: frozenset[Symbol] = frozenset()
    consecutive_losses: int = 0
    last_loss_time_ms: int | None = None
    intents_this_bar: int = 0
    entries_frozen: bool = False
    frozen_reason: str = ""
    disabled: Mapping[Symbol, str] = {}

    def __post_init__(self) -> None:
        if self.consecutive_losses > 0 and self.last_loss_time_ms is None:
            raise ValueError(f"{self.consecutive_losses} losses in a row, but no time of the last one.")

    def position_in(self, symbol: Symbol) -> Exposure | None:
        """The open position in a symbol, None when flat."""
        return next((held for held in self.positions if held.symbol == symbol), None)

    def pending_in(self, symbol: Symbol) -> Exposure | None:
        """An entry pending in a symbol, None when there is none."""
        return next((held for held in self.pending if held.symbol == symbol), None)


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol at the close of its bar, in quote currency.

    `atr` is None when there are too few bars; `half_spread` is half of ask minus bid. `trust` is the state of
    the series ('ready', or the code that says why it is not). `correlations` of this symbol's returns with
    those of every symbol the account is exposed to, -1 to 1; one that is missing counts as the worst.
    """

    close: Decimal
    atr: Decimal | None
    half_spread: Decimal
    trust: str = READY
    correlations: Mapping[Symbol, float] = {}

    def __post_init__(self) -> None:
        _require_finite(self, "close", "half_spread")
        if self.atr is not None:
            _require_finite(self, "atr")
        if self.close <= 0 or self.half_spread < 0:
            raise ValueError(f"A market closes at {self.close} with half a spread of {self.half_spread}.")


def _require_finite(view: object, *names: str) -> None:
    """Raises TypeError for a float: an inexact number must not enter the way of money unnoticed."""
    for name in names:
        value = getattr(view, name)
        if not isinstance(value, Decimal):
            raise TypeError(f"{type(view).__name__}.{name} is a {type(value).__name__}; it must be a Decimal.")
        if not value.is_finite():
            raise ValueError(f"{type(view).__name__}.{name} is {value}; it must be a number.")
