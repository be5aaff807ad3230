"""What is asked of the exchange, what it made of that, and trades: frozen values; a change makes a new value."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.model.order import Side

ZERO = Decimal(0)


class Kind(StrEnum):
    """STOP waits until the price has moved against the side's interest (a buy: risen to the trigger), TAKE until it
    has moved in its favour; then they become a market order, or with _LIMIT a limit order at `price`."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE = "take"
    TAKE_LIMIT = "take_limit"

    @property
    def conditional(self) -> bool:
        return self not in (Kind.MARKET, Kind.LIMIT)

    @property
    def priced(self) -> bool:
        """Whether it trades at a limit price (at once, or when triggered)."""
        return self in (Kind.LIMIT, Kind.STOP_LIMIT, Kind.TAKE_LIMIT)


class Lasting(StrEnum):
    """Time in force. POST never takes: it is refused where it would. DATE ends at `expires_ms`."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    DATE = "date"
    POST = "post"


class State(StrEnum):
    """PENDING waits for the working order of its group; OPEN and PARTIAL rest; the others are final."""

    PENDING = "pending"
    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        return self in (State.FILLED, State.CANCELLED, State.EXPIRED)


class OrderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `size` in base units; a market order on a cash exchange may give `quote_size` (what to spend or to
    earn) instead. `id_space` keeps client ids of different services apart. `close_position` trades whatever the
    position is when it is triggered. `closes_lot` reduces that lot (the trade number that opened it) before others.
    `position` names the side of a hedged account ('' = one net position). `note` is the twin's own, and comes back."""

    symbol: str
    side: Side
    kind: Kind
    size: Decimal = ZERO
    client_id: str
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    quote_size: Decimal | None = None
    lasting: Lasting = Lasting.GTC
    expires_ms: int | None = None
    reduce_only: bool = False
    close_position: bool = False
    closes_lot: int | None = None
    position: str = ""
    id_space: str = ""
    on_mark: bool = False
    note: object = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's record of an order. `spent` is the traded value so far, in quote currency. `group` is the number
    of its group, or 0. `triggered_ms` is when a conditional order became live. `reason` says why it ended."""

    id: int
    account: str
    spec: OrderSpec
    state: State
    created_ms: int
    changed_ms: int
    size: Decimal
    filled: Decimal = ZERO
    spent: Decimal = ZERO
    group: int = 0
    working_ms: int | None = None
    triggered_ms: int | None = None
    reason: str = ""

    @property
    def left(self) -> Decimal:
        return self.size - self.filled

    @property
    def waiting(self) -> bool:
        """Conditional, and not yet triggered."""
        return self.spec.kind.conditional and self.triggered_ms is None


class LotChange(msgspec.Struct, frozen=True):
    """A piece of a lot that a trade opened (`size` signed as the lot) or closed (`realised` in quote currency)."""

    lot: int
    size: Decimal
    price: Decimal
    realised: Decimal
    opened: bool


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One match. `fee` is in `fee_asset`; `realised` (margined exchanges) in quote currency, before the fee."""

    id: int
    order_id: int
    account: str
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    time_ms: int
    realised: Decimal = ZERO
    lots: tuple[LotChange, ...] = ()
    position: str = ""


class GroupKind(StrEnum):
    """OCO: one cancels the others. OTOCO: a working order first; its complete fill wakes an OCO of the others (OTO
    when there is but one other)."""

    OCO = "oco"
    OTOCO = "otoco"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that know each other. `cancel_together`: cancelling one by hand cancels all."""

    id: int
    account: str
    client_id: str
    kind: GroupKind
    symbol: str
    orders: tuple[int, ...]
    created_ms: int
    cancel_together: bool = True
    done: bool = False
