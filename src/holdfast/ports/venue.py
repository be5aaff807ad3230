"""The venue door: where orders rest and trades happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderReport, OrderRequest
from holdfast.model.symbol import Symbol


class GuaranteeTier(StrEnum):
    """How a venue lets absence of an order be proved (docs/howto/add-a-venue.md)."""

    TIME_BOUNDED = "time-bounded"
    LOG_PROVABLE = "log-provable"
    BEST_EFFORT = "best-effort"


class Venue(Protocol):
    """Outcomes are errors named by what the caller does next: Refused, Retryable, Unknown."""

    @property
    def guarantee_tier(self) -> GuaranteeTier: ...

    @property
    def absence_is_proof(self) -> bool:
        """Whether one `query` that answers None proves that the order is not there and never will be."""
        ...

    def instruments(self) -> Mapping[Symbol, Instrument]: ...

    def place(self, request: OrderRequest) -> OrderReport:
        """Accepts the order, or raises Refused (rejected for good), Retryable (did not arrive), Unknown."""
        ...

    def cancel(self, client_order_id: str, *, time_ms: int) -> OrderReport: ...

    def query(self, client_order_id: str) -> OrderReport | None:
        """The venue's word on an order by our id; None when the venue does not know it."""
        ...

    def open_orders(self) -> Sequence[OrderReport]: ...

    def fills_since(self, trade_number: int) -> Sequence[Fill]:
        """Fills after the n-th of this account, in the venue's order."""
        ...

    def events_since(self, trade_number: int) -> Sequence[Fill | OrderReport]:
        """All the venue has told after the n-th trade of this account, in its order, as far as it keeps that: what a
        process that died may have missed."""
        ...

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Signed size of every open position."""
        ...
