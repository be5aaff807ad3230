"""The account's orders and trades as v20 shows them. What they are worth is in `account.py`; what moves them, in
`desk.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.sim.twins.oanda.requests import Asked
from holdfast.sim.twins.oanda.wire import Json, Moment, money

ZERO = Decimal(0)


@dataclass(slots=True)
class OrderRecord:
    """One order. `number` is that of the transaction that made it; `engine_id` is the exchange's, None before it went
    there. `instrument` is the trade's for a take profit or stop loss."""

    number: int
    asked: Asked
    instrument: str
    created_ms: int
    state: str = "PENDING"
    engine_id: int | None = None
    replaces: int | None = None
    replaced_by: int | None = None
    ended_by: int | None = None
    ended_ms: int | None = None
    opened: int | None = None
    reduced: int | None = None
    closed: list[int] = field(default_factory=list)

    @property
    def client_id(self) -> str:
        return self.asked.client_id

    def to_json(self) -> Json:
        filled, cancelled = self.state == "FILLED", self.state == "CANCELLED"
        ended = None if self.ended_ms is None else Moment(self.ended_ms)
        return {
            "id": str(self.number),
            "createTime": Moment(self.created_ms),
            "type": self.asked.type,
            **self.asked.to_json(),
            "partialFill": None if self.asked.type == "MARKET" or self.asked.trade_id else "DEFAULT_FILL",
            "state": self.state,
            "fillingTransactionID": _text(self.ended_by) if filled else None,
            "filledTime": ended if filled else None,
            "tradeOpenedID": _text(self.opened),
            "tradeReducedID": _text(self.reduced),
            "tradeClosedIDs": [str(number) for number in self.closed] or None,
            "cancellingTransactionID": _text(self.ended_by) if cancelled else None,
            "cancelledTime": ended if cancelled else None,
            "replacesOrderID": _text(self.replaces),
            "replacedByOrderID": _text(self.replaced_by),
        }


@dataclass(slots=True)
class TradeRecord:
    """One trade: `number` is that of the fill that opened it, `lot` the exchange's number of the same. Units are
    signed; `realised` is in the account's currency."""

    number: int
    lot: int
    instrument: str
    price: Decimal
    price_text: str
    opened_ms: int
    initial_units: Decimal
    units: Decimal
    margin: Decimal
    extensions: Json | None = None
    realised: Decimal = ZERO
    closed_value: Decimal = ZERO
    average_close: str | None = None
    closing: list[int] = field(default_factory=list)
    closed_ms: int | None = None
    take_profit: OrderRecord | None = None
    stop_loss: OrderRecord | None = None

    @property
    def client_id(self) -> str:
        return str((self.extensions or {}).get("id", ""))

    @property
    def is_open(self) -> bool:
        return self.closed_ms is None

    def protections(self) -> list[OrderRecord]:
        """Its pending take profit and stop loss."""
        found = (self.take_profit, self.stop_loss)
        return [order for order in found if order is not None and order.state == "PENDING"]

    def to_json(self, unrealised: Decimal, margin_used: Decimal, *, summary: bool) -> Json:
        """A summary names the ids of its orders; otherwise the orders themselves are there."""
        orders: Json = {}
        for name, order in (("takeProfitOrder", self.take_profit), ("stopLossOrder", self.stop_loss)):
            if order is not None and order.state == "PENDING":
                orders |= {f"{name}ID": str(order.number)} if summary else {name: order.to_json()}
        return {
            "id": str(self.number),
            "instrument": self.instrument,
            "price": self.price_text,
            "openTime": Moment(self.opened_ms),
            "initialUnits": self.initial_units,
            "initialMarginRequired": money(self.margin),
            "state": "OPEN" if self.is_open else "CLOSED",
            "currentUnits": self.units,
            "realizedPL": money(self.realised),
            "unrealizedPL": money(unrealised) if self.is_open else None,
            "marginUsed": money(margin_used) if self.is_open else None,
            "averageClosePrice": self.average_close,
            "closingTransactionIDs": [str(number) for number in self.closing] or None,
            "financing": money(ZERO),
            "closeTime": None if self.closed_ms is None else Moment(self.closed_ms),
            "clientExtensions": self.extensions,
            **orders,
        }


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
