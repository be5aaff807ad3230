"""What the paper venue knows: a fold of its records. The same records give the same state, live and reopened.

Here: the state, and `apply`, the only way in which it changes. Not here: where records come from (`paper.py`,
`paper_matching.py`), or where they are kept (`paper_store.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from holdfast.model.errors import BadInput
from holdfast.model.fill import Fill
from holdfast.model.order import OrderReport, OrderState
from holdfast.model.symbol import Symbol
from holdfast.venues.paper_account import PaperAccount
from holdfast.venues.paper_matching import Resting
from holdfast.venues.paper_rules import Ground
from holdfast.venues.paper_store import Moved, Opened, Placed, Record, Traded

_ZERO = Decimal(0)


class PaperState:
    """`orders` are those of every group (entry and legs) that has one open; `closed` the last word on all others."""

    def __init__(self, opened: Opened, grounds: Mapping[Symbol, Ground]) -> None:
        self.orders: dict[str, Resting] = {}
        self.by_symbol: dict[Symbol, dict[str, Resting]] = {}
        self.closed: dict[str, OrderReport] = {}
        self.told: list[Fill | OrderReport] = []
        self.next_number = 1
        self.account = PaperAccount(opened.balances, grounds)
        self._opened = opened
        self._grounds = grounds
        self._trade_places: list[int] = []  # where in `told` the n-th trade is

    @property
    def trades(self) -> int:
        """How many trades there were; the last one's number."""
        return len(self._trade_places)

    def knows(self, client_order_id: str) -> bool:
        """Whether an order of this id was ever accepted."""
        return client_order_id in self.orders or client_order_id in self.closed

    def told_after(self, trade_number: int) -> Sequence[Fill | OrderReport]:
        """All that was told after the n-th trade (0: everything)."""
        return self.told[self._trade_places[trade_number - 1] + 1 if trade_number else 0 :]

    def free(self, quote: str) -> Decimal:
        """What of a currency no position and no working order binds."""
        reserved = (
            (order.size - order.filled) * order.reserve_price
            for order in self.orders.values()
            if order.reserve_price
            and not order.state.final
            and self._grounds[order.request.symbol].instrument.quote == quote
        )
        return self.account.free(quote) - sum(reserved, _ZERO)

    def apply(self, record: Record) -> None:
        """Raises BadInput when the record is of another account than the one opened, or of a symbol not listed."""
        if isinstance(record, Placed):
            self._apply_placed(record)
        elif isinstance(record, Moved):
            self._apply_moved(record)
        elif isinstance(record, Traded):
            self._trade_places.append(len(self.told))
            self.told.append(record.fill)
            self.account.apply(record.fill)
        elif record != self._opened:
            raise BadInput(
                f"The paper venue was opened for account '{record.account}' with {_amounts(record.balances)}, "
                f"not for '{self._opened.account}' with {_amounts(self._opened.balances)}.",
                "Put the settings back, or start a new data folder.",
            )

    def _apply_placed(self, record: Placed) -> None:
        request = record.request
        if request.symbol not in self._grounds:
            raise BadInput(f"The paper venue has an order in {request.symbol}, which is not listed.", "List it.")
        for place, order in enumerate((request, *request.protection)):
            resting = Resting(
                request=order,
                number=record.number + place,
                entry=request.client_order_id if place else None,
                reserve_price=_ZERO if place else record.reserve_price,
                state=OrderState.HELD if place else OrderState.WORKING,
                size=_ZERO if place else order.size,
                filled=_ZERO,
                matched_to_ms=record.seen_to_ms,
                triggered=False,
                time_ms=request.placed_at_ms,
                reason="",
            )
            self.orders[resting.id] = resting
            self.by_symbol.setdefault(request.symbol, {})[resting.id] = resting
        self.next_number = record.number + 1 + len(request.protection)
        self.told.append(report_of(self.orders[request.client_order_id]))

    def _apply_moved(self, record: Moved) -> None:
        order = self.orders[record.client_order_id]
        order.state, order.size, order.filled = record.state, record.size, record.filled
        order.matched_to_ms, order.triggered = record.matched_to_ms, record.triggered
        order.time_ms, order.reason = record.time_ms, record.reason
        if record.told:
            self.told.append(report_of(order))
        if record.state.final:
            self._close_group(order)

    def _close_group(self, order: Resting) -> None:
        """Puts an order and its legs away when none of them is open any more."""
        first = self.orders[order.entry or order.id]
        group = [first, *(self.orders[leg.client_order_id] for leg in first.request.protection)]
        if all(member.state.final for member in group):
            for member in group:
                self.closed[member.id] = report_of(member)
                del self.orders[member.id]
                del self.by_symbol[member.request.symbol][member.id]


def report_of(order: Resting) -> OrderReport:
    """The venue's word on an order, as it is."""
    return OrderReport(
        client_order_id=order.id,
        venue_order_id=str(order.number),
        state=order.state,
        size=order.size,
        filled_size=order.filled,
        time_ms=order.time_ms,
        reason=order.reason,
    )


def _amounts(balances: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in sorted(balances.items())) or "nothing"
