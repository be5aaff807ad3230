"""What the paper venue remembers, as records, and the small door it keeps them behind.

Here: the records, the door and its engine in memory. Not here: what the records mean (`paper.py`), SQLite
(`paper_sqlite.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from holdfast.model.fill import Fill
from holdfast.model.order import OrderRequest, OrderState


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The first record: whose account it is, and what it held."""

    account: str
    balances: dict[str, Decimal]


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """An accepted order with its protection. It has the venue's order number `number`, its protective legs those that
    follow; `reserve_price` is what is set aside for each unfilled base unit, in quote currency. Bars that closed by
    `seen_to_ms` were there before it and never fill it, however late it came."""

    request: OrderRequest
    number: int
    reserve_price: Decimal
    seen_to_ms: int


class Moved(msgspec.Struct, frozen=True, tag="moved"):
    """An order as it is from here on. Bars that open before `matched_to_ms` have been matched with it; `triggered`: a
    stop whose price was touched and which now trades like a market order; `told`: the account's owner is told."""

    client_order_id: str
    state: OrderState
    size: Decimal
    filled: Decimal
    matched_to_ms: int
    triggered: bool
    time_ms: int
    reason: str
    told: bool


class Traded(msgspec.Struct, frozen=True, tag="traded"):
    """A fill; it moves position and balances."""

    fill: Fill


Record = Opened | Placed | Moved | Traded


class PaperStore(Protocol):
    """Keeps records in order. Errors of `append`: Retryable when nothing was kept, Unknown when that is not known, and
    HoldfastError itself when nothing was kept and it makes no sense to go on (the disk is full)."""

    def load(self) -> Iterable[Record]:
        """Every record ever appended, in order."""
        ...

    def append(self, records: Sequence[Record]) -> None:
        """Keeps all of `records`, durably, or none of them."""
        ...

    def close(self) -> None: ...


class MemoryPaperStore:
    """Records in a list: they outlive a PaperVenue, but not the process."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def load(self) -> Iterable[Record]:
        return tuple(self._records)

    def append(self, records: Sequence[Record]) -> None:
        self._records.extend(records)

    def close(self) -> None:
        """Nothing to let go."""
