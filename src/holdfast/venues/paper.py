"""The paper venue: an imagined exchange over real bars, behind the same door as a real one.

It accepts, refuses, fills and remembers like a venue: all it has said is durable in its own store before it is said, so
that it knows its orders when our process does not. Here: the door, and the order of things. Not here: what is accepted
(`paper_acceptance.py`), how bars fill orders (`paper_matching.py`), what it knows (`paper_state.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec

from holdfast.model.base_bars import BaseBars
from holdfast.model.errors import BadInput, Refused, Unknown
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderReport, OrderRequest, OrderState
from holdfast.model.symbol import Symbol
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.paper_acceptance import accept
from holdfast.venues.paper_matching import end_order, match_symbol
from holdfast.venues.paper_rules import Ground, PaperRules, decimal_of
from holdfast.venues.paper_state import PaperState, report_of
from holdfast.venues.paper_store import Moved, Opened, PaperStore, Placed, Record, Traded


class PaperVenue:
    """One account. Reopened on the same store it is as it was before; bars given again change nothing.

    Raises BadInput when the store holds another account or other opening balances, and for a market without rules.
    When the store says Unknown, the venue reads back what it holds and passes the error on: ask, do not repeat.
    """

    def __init__(
        self,
        *,
        account: str,
        instruments: Mapping[Symbol, Instrument],
        balances: Mapping[str, Decimal],
        rules: PaperRules,
        store: PaperStore,
    ) -> None:
        self._opened = Opened(account, dict(balances))
        self._rules = rules
        self._grounds: dict[Symbol, Ground] = {}
        self.list_more(instruments)
        self._store = store
        self._last: dict[Symbol, tuple[int, float]] = {}  # (close time, close) of the newest bar seen
        self._state = self._read_back()

    # ---- the door

    @property
    def guarantee_tier(self) -> GuaranteeTier:
        return GuaranteeTier.LOG_PROVABLE

    @property
    def absence_is_proof(self) -> bool:
        """Calls happen one after the other and are durable when they return, so what `query` does not know is not
        there, and no earlier `place` can still arrive."""
        return True

    def instruments(self) -> Mapping[Symbol, Instrument]:
        return {symbol: ground.instrument for symbol, ground in self._grounds.items()}

    def place(self, request: OrderRequest) -> OrderReport:
        """Accepts the order, matched from the first bar that opens at or after `placed_at_ms` and after every bar seen
        so far; raises Refused with a code of `paper_acceptance.REFUSALS`, or what the store raised."""
        ground, last = self._grounds.get(request.symbol), self._last.get(request.symbol)
        reserve_price = accept(request, ground, self._state, decimal_of(last[1]) if last else None)
        seen_to_ms = last[0] if last else 0
        self._commit([Placed(request, self._state.next_number, reserve_price, seen_to_ms)])
        return report_of(self._state.orders[request.client_order_id])

    def cancel(self, client_order_id: str, *, time_ms: int) -> OrderReport:
        """Cancels an open order; a final one is reported as it is. Raises Refused 'unknown_order'."""
        orders = self._state.orders
        order = orders.get(client_order_id)
        if order is not None and not order.state.final:
            legs = [replace(orders[leg.client_order_id]) for leg in order.request.protection]
            self._commit(end_order(replace(order), legs, OrderState.CANCELLED, "cancelled", time_ms=time_ms))
        report = self.query(client_order_id)
        if report is None:
            raise Refused("unknown_order")
        return report

    def query(self, client_order_id: str) -> OrderReport | None:
        """Also of an order that ended long ago; None when no order of this id was ever accepted."""
        order = self._state.orders.get(client_order_id)
        return report_of(order) if order is not None else self._state.closed.get(client_order_id)

    def open_orders(self) -> Sequence[OrderReport]:
        return [report_of(order) for order in self._state.orders.values() if not order.state.final]

    def fills_since(self, trade_number: int) -> Sequence[Fill]:
        return [event for event in self.events_since(trade_number) if isinstance(event, Fill)]

    def events_since(self, trade_number: int) -> Sequence[Fill | OrderReport]:
        """All that the venue has told after the n-th trade, in its order: what a process that died may have missed.
        BadInput when there were not that many."""
        if trade_number > self._state.trades:
            raise BadInput(
                f"The paper venue knows {self._state.trades} trades, and the journal {trade_number}: "
                "the venue's file is missing, or older than the journal.",
                "Restore both files from one backup, or begin in another data directory.",
            )
        return self._state.told_after(trade_number)

    def positions(self) -> Mapping[Symbol, Decimal]:
        return self._state.account.positions()

    def balances(self) -> Mapping[str, Decimal]:
        """What the account holds of each currency, reserved amounts included."""
        return dict(self._state.account.balances)

    def close(self) -> None:
        self._store.close()

    def list_more(self, instruments: Mapping[Symbol, Instrument]) -> None:
        """Trades these symbols too from now on; BadInput for a market without rules."""
        for symbol, instrument in instruments.items():
            self._grounds[symbol] = Ground(instrument, self._rules.of(symbol.market), self._rules.participation)

    # ---- bars

    def advance(self, symbol_bars: Mapping[Symbol, BaseBars]) -> list[Fill | OrderReport]:
        """Matches closed bars (each symbol's follow those given before; the same ones again change nothing) and gives
        what happened by (time, symbol, order), durable already. Calls that each cover the same span of time for every
        symbol tell the same, however long the span."""
        happened: list[tuple[int, Symbol, Moved | Traded]] = []
        for symbol, bars in symbol_bars.items():
            if len(bars) == 0:
                continue
            closed_ms = int(bars.close_time_ms[-1])
            if symbol not in self._last or self._last[symbol][0] <= closed_ms:
                self._last[symbol] = (closed_ms, float(bars.close[-1]))
            orders = self._state.by_symbol.get(symbol)
            if orders:
                position = self._state.account.position(symbol)
                for record in match_symbol(orders.values(), position, bars, self._grounds[symbol]):
                    time_ms = record.fill.time_ms if isinstance(record, Traded) else record.time_ms
                    happened.append((time_ms, symbol, record))
        if not happened:
            return []
        happened.sort(key=lambda item: item[:2])  # stable: within one symbol and moment the matching's order stays
        before = len(self._state.told)
        self._commit(self._numbered([record for _, _, record in happened]))
        return self._state.told[before:]

    def _numbered(self, records: Sequence[Moved | Traded]) -> list[Record]:
        """The records with the account's trade numbers put into the fills."""
        number = self._state.trades
        numbered: list[Record] = []
        for record in records:
            if isinstance(record, Traded):
                number += 1
                record = Traded(msgspec.structs.replace(record.fill, trade_id=str(number)))
            numbered.append(record)
        return numbered

    # ---- memory: the state changes only by records that the store holds

    def _commit(self, records: Sequence[Record]) -> None:
        try:
            self._store.append(records)
        except Unknown:
            self._state = self._read_back()
            raise
        for record in records:
            self._state.apply(record)

    def _read_back(self) -> PaperState:
        """The state from the store alone; an empty store gets its first record."""
        state = PaperState(self._opened, self._grounds)
        empty = True
        for record in self._store.load():
            empty = False
            state.apply(record)
        if empty:
            self._store.append([self._opened])
        return state
