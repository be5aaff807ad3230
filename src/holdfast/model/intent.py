"""What risk made of a signal: an intent to trade, or a refusal with its numbers."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe


class Intent(msgspec.Struct, frozen=True, tag="intent"):
    """A decision to open (`leg` entry) or close a position. One intent becomes at most one order at the venue.

    `size` in base units; prices in quote currency. `risk_amount` is what is lost, in quote currency, if the stop is
    filled at its price. `stop_price` and `target_price` are None on a close.
    """

    id: str
    account: str
    signal_id: str
    symbol: Symbol
    timeframe: Timeframe
    leg: Leg
    side: Side
    size: Decimal
    reference_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    risk_amount: Decimal
    decided_at_ms: int
    expires_at_ms: int


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """Why a signal became no intent: a named code, and the numbers that were compared (as decimal strings)."""

    code: str
    account: str
    signal_id: str
    symbol: Symbol
    timeframe: Timeframe
    side: Side
    decided_at_ms: int
    numbers: dict[str, str]
