"""The exchange's log: every change of an order, a balance or a position, numbered from 1 without gaps."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.sim.exchange.account import Position
from holdfast.sim.exchange.order import ZERO, Group, Order, Trade


class EventKind(StrEnum):
    """PENDING: accepted, waits for its group's working order. OPENED: rests or is about to trade. TRIGGERED: a
    conditional order became live. GROUP: a group began or is done. FUNDED: funding paid (below 0) or received.
    TRANSFERRED: money came or went. CONFIGURED: leverage or position mode."""

    PENDING = "pending"
    OPENED = "opened"
    TRIGGERED = "triggered"
    TRADED = "traded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    GROUP = "group"
    FUNDED = "funded"
    TRANSFERRED = "transferred"
    CONFIGURED = "configured"


class Balance(msgspec.Struct, frozen=True):
    """One asset of an account: `total` includes `locked`."""

    asset: str
    total: Decimal
    locked: Decimal

    @property
    def free(self) -> Decimal:
        return self.total - self.locked


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `order` is the order after it; `balances` are the assets it touched, `position` the position it
    touched, after it. `amount` is of `asset` (funding, transfers). `cause` is the client id of a cancel request."""

    number: int
    time_ms: int
    kind: EventKind
    account: str
    symbol: str = ""
    order: Order | None = None
    trade: Trade | None = None
    group: Group | None = None
    position: Position | None = None
    position_side: str = ""
    balances: tuple[Balance, ...] = ()
    asset: str = ""
    amount: Decimal = ZERO
    cause: str = ""
