"""One symbol's market as the exchange sees it: the reference quote, what is left at it, and which orders are open."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.model.order import Side
from holdfast.sim.exchange.instrument import Instrument, Trading
from holdfast.sim.exchange.order import Kind, Order, OrderSpec, State


@dataclass(slots=True)
class Book:
    """`bid_left` and `ask_left` are what the quote still gives, None for any amount; a new quote fills them up."""

    instrument: Instrument
    trading: Trading = Trading.OPEN
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_left: Decimal | None = None
    ask_left: Decimal | None = None
    last: Decimal | None = None
    mark: Decimal | None = None
    time_ms: int = 0
    open: dict[int, None] = field(default_factory=dict)

    def touch(self, side: Side) -> Decimal | None:
        """The price at which this side can trade at once."""
        return self.ask if side is Side.BUY else self.bid

    def left(self, side: Side, wanted: Decimal) -> Decimal:
        """How much of `wanted` this side can trade at once, on the size step."""
        left = self.ask_left if side is Side.BUY else self.bid_left
        if left is None or left >= wanted:
            return wanted
        return left - left % self.instrument.size_step

    def take(self, side: Side, size: Decimal) -> None:
        """That much of the quote is gone."""
        if side is Side.BUY and self.ask_left is not None:
            self.ask_left -= size
        elif side is Side.SELL and self.bid_left is not None:
            self.bid_left -= size

    def reaches(self, spec: OrderSpec) -> bool:
        """Whether an order's limit can trade at the quote; an order without a limit always can."""
        touch = self.touch(spec.side)
        if touch is None:
            return False
        if not spec.kind.priced:
            return True
        assert spec.price is not None
        return touch <= spec.price if spec.side is Side.BUY else touch >= spec.price

    def triggers(self, spec: OrderSpec) -> bool:
        """Whether a conditional order's moment has come."""
        watched = self.touch(spec.side) if self.instrument.trigger_on_touch else self.last
        if spec.on_mark and self.mark is not None:
            watched = self.mark
        if watched is None or spec.trigger_price is None:
            return False
        waits_for_a_rise = (spec.side is Side.BUY) == (spec.kind in (Kind.STOP, Kind.STOP_LIMIT))
        return watched >= spec.trigger_price if waits_for_a_rise else watched <= spec.trigger_price

    @property
    def worth(self) -> Decimal | None:
        """The price that positions are valued at: the mark, else the last price."""
        return self.mark if self.mark is not None else self.last


def rests(order: Order) -> bool:
    """Whether an order is in the book at its limit price."""
    return order.state in (State.OPEN, State.PARTIAL) and order.spec.kind.priced and not order.waiting
