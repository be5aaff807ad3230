"""An order, its legs, and what a venue says about it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.model.symbol import Symbol


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class Leg(StrEnum):
    """What an order is for: opening, protecting (stop, target), or closing a position by decision."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    CLOSE = "close"


class OrderState(StrEnum):
    """MARKED: in the journal, not sent. SENT: handed to the venue, no answer yet. UNKNOWN: the answer was lost.
    HELD: a protective leg the venue will activate on the entry's fill. WORKING and PARTIAL rest at the venue.
    FILLED, CANCELLED, REJECTED and EXPIRED are final."""

    MARKED = "marked"
    SENT = "sent"
    UNKNOWN = "unknown"
    HELD = "held"
    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})


class OrderRequest(msgspec.Struct, frozen=True):
    """What is asked of a venue. `size` in base units; `price` is the limit price or the stop trigger, None for market.

    `protection` rests at the venue with the order and is activated by the venue itself as the order fills: reduce-only
    requests whose size follows the filled size, of which one cancels the other.
    """

    client_order_id: str
    symbol: Symbol
    side: Side
    type: OrderType
    size: Decimal
    price: Decimal | None
    reduce_only: bool
    leg: Leg
    placed_at_ms: int
    expires_at_ms: int | None = None
    protection: tuple[OrderRequest, ...] = ()


class OrderReport(msgspec.Struct, frozen=True):
    """The venue's word on one order. `reason` names why it was rejected, cancelled or expired."""

    client_order_id: str
    venue_order_id: str
    state: OrderState
    size: Decimal
    filled_size: Decimal
    time_ms: int
    reason: str = ""
