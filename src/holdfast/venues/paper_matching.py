"""How bars fill the resting orders of one symbol: a pure function of orders, position and bars.

Here: what touches an order, in which order things happen within a bar, and what one fill does to its siblings. Not
here: what is accepted (`paper.py`), balances (`paper_account.py`), or anything durable. The rules, and why they lean
against us, are in docs/decisions/0003-paper-fills.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from holdfast.model.base_bars import BaseBars
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderRequest, OrderState, OrderType, Side
from holdfast.venues.paper_rules import EXACT, Ground, fee_of, maker_price, share_of, taker_price
from holdfast.venues.paper_store import Moved, Traded

_ZERO = Decimal(0)
_ACTIVE = (OrderState.WORKING, OrderState.PARTIAL)


@dataclass(slots=True)
class Resting:
    """An order at the paper venue. `entry` is the id of the order a protective leg came with. Times in ms, sizes in
    base units; the rest as in `Moved`."""

    request: OrderRequest
    number: int
    entry: str | None
    reserve_price: Decimal
    state: OrderState
    size: Decimal
    filled: Decimal
    matched_to_ms: int
    triggered: bool
    time_ms: int
    reason: str

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def starts_ms(self) -> int:
        """The earliest opening of a bar that may still do something to it."""
        return max(self.request.placed_at_ms, self.matched_to_ms)


def match_symbol(orders: Iterable[Resting], position: Decimal, bars: BaseBars, ground: Ground) -> list[Moved | Traded]:
    """What `bars` do to one symbol's orders (every group whole: entry and legs), in order of time; the same bars given
    one by one do the same. `position` is signed. Fills have no trade id yet."""
    if first_touch(orders, bars, 0) == len(bars):
        return []
    match = _Match({order.id: replace(order) for order in orders}, position, bars, ground)
    index = 0
    while (index := first_touch(match.orders.values(), bars, index)) < len(bars):
        match.play_bar(index)
        index += 1
    return match.out


def first_touch(orders: Iterable[Resting], bars: BaseBars, start: int) -> int:
    """The first bar from `start` on that may do something to one of the orders; len(bars) when none does."""
    end = len(bars)
    for order in orders:
        if order.state in _ACTIVE:
            end = min(end, _touch(order, bars, start, end))
    return end


def _touch(order: Resting, bars: BaseBars, start: int, end: int) -> int:
    """The same for one order, looking no further than `end`."""
    request = order.request
    begin = max(start, int(np.searchsorted(bars.open_time_ms, order.starts_ms)))
    if request.expires_at_ms is not None:
        end = min(end, max(begin, int(np.searchsorted(bars.open_time_ms, request.expires_at_ms))))
    if begin >= end:
        return end
    cut = slice(begin, end)
    mask: NDArray[np.bool_] = bars.volume[cut] != 0  # a missing volume (NaN) is not zero
    if request.price is not None and not order.triggered:
        price = float(request.price)
        mask &= bars.low[cut] <= price if _waits_for_fall(request) else bars.high[cut] >= price
    first = int(mask.argmax())
    return begin + first if mask[first] else end


def _waits_for_fall(request: OrderRequest) -> bool:
    """A buy limit and a sell stop are touched from above, the others from below."""
    return (request.side is Side.BUY) == (request.type is OrderType.LIMIT)


class _Match:
    """The orders of one symbol on their way through the bars."""

    def __init__(self, orders: dict[str, Resting], position: Decimal, bars: BaseBars, ground: Ground) -> None:
        self.orders = orders
        self.position = position
        self.bars = bars
        self.ground = ground
        self.out: list[Moved | Traded] = []
        self._index = 0
        self._filled_at: dict[str, int] = {}  # what has traded in this bar, and when: once a bar is enough
        self._in_order = sorted(orders.values(), key=lambda order: order.number)

    # ---- one bar

    def play_bar(self, index: int) -> None:
        """The open first, for every order by its number; then the range: entries, then stops, then targets."""
        self._index = index
        self._filled_at = {}
        for order in self._eligible():
            self._expire(order)
        if self.bars.volume[index] == 0:
            return
        for order in self._eligible():
            if order.state in _ACTIVE:
                self._at_open(order)
        self._in_range([o for o in self._in_order if o.request.type is OrderType.LIMIT and o.entry is None])
        self._in_range([o for o in self._in_order if o.request.type is OrderType.STOP])
        self._in_range([o for o in self._in_order if o.request.type is OrderType.LIMIT and o.entry is not None])

    @property
    def _open_ms(self) -> int:
        return int(self.bars.open_time_ms[self._index])

    @property
    def _range_ms(self) -> int:
        """The last moment of the bar: when in its range a price was touched is not known."""
        return int(self.bars.close_time_ms[self._index]) - 1

    def _eligible(self) -> list[Resting]:
        """Legs that the entry's fill at this open wakes are in it: they follow their entry."""
        return [order for order in self._in_order if order.starts_ms <= self._open_ms]

    def _expire(self, order: Resting) -> None:
        expires = order.request.expires_at_ms
        if order.state in _ACTIVE and expires is not None and expires <= self._open_ms:
            self._end(order, OrderState.EXPIRED, "expired", self._open_ms)

    def _at_open(self, order: Resting) -> None:
        """Market orders and triggered stops trade; stops and limits that the open has passed trade there, too."""
        request, price = order.request, float(self.bars.open[self._index])
        if request.type is OrderType.MARKET or order.triggered:
            self._trade_as_taker(order, price, self._open_ms)
        elif request.price is not None and self._passed(request, price):
            if request.type is OrderType.STOP:
                self._trigger(order, price, self._open_ms)
            else:
                self._trade_as_maker(order, request.price, price, self._open_ms)

    def _in_range(self, orders: list[Resting]) -> None:
        for order in orders:
            request = order.request
            if order.state not in _ACTIVE or order.triggered or order.id in self._filled_at or request.price is None:
                continue
            if order.starts_ms > self._open_ms or self._ends_within(request):
                continue
            extreme = (self.bars.low if _waits_for_fall(request) else self.bars.high)[self._index]
            if not self._passed(request, float(extreme)):
                continue
            if request.type is OrderType.STOP:
                self._trigger(order, float(request.price), self._range_ms)
            elif self._target_may_trade(order):
                self._trade_as_maker(order, request.price, float(request.price), self._range_ms)

    def _ends_within(self, request: OrderRequest) -> bool:
        """Whether the order expires before the bar is over: a touch in its range may have come too late."""
        return request.expires_at_ms is not None and request.expires_at_ms <= self._range_ms

    def _target_may_trade(self, order: Resting) -> bool:
        """Not while its stop has been touched, and not in the bar in whose range its entry was filled: which of the two
        came first is not known, and the worse is taken."""
        if order.entry is None:
            return True
        stopped = any(member.triggered for member in self._legs(order.entry))
        return not stopped and self._filled_at.get(order.entry) != self._range_ms

    @staticmethod
    def _passed(request: OrderRequest, price: float) -> bool:
        assert request.price is not None, "only orders with a price wait for one"
        limit = float(request.price)
        return price <= limit if _waits_for_fall(request) else price >= limit

    # ---- one trade

    def _trigger(self, order: Resting, price: float, time_ms: int) -> None:
        order.triggered = True
        before = len(self.out)
        self._trade_as_taker(order, price, time_ms)
        if len(self.out) == before:
            self._note(order, time_ms, told=False)

    def _trade_as_taker(self, order: Resting, price: float, time_ms: int) -> None:
        ground = self.ground
        exact = taker_price(price, order.request.side, ground.rules, ground.instrument)
        self._trade(order, exact, maker=False, time_ms=time_ms)

    def _trade_as_maker(self, order: Resting, limit: Decimal, price: float, time_ms: int) -> None:
        exact = maker_price(limit, price, order.request.side, self.ground.instrument)
        self._trade(order, exact, maker=True, time_ms=time_ms)

    def _trade(self, order: Resting, price: Decimal, *, maker: bool, time_ms: int) -> None:
        """As much as the bar's volume, the order and, when it reduces, the position allow."""
        ground, request = self.ground, order.request
        reducible = self._reducible(order)
        if reducible == 0:
            self._end(order, OrderState.CANCELLED, "nothing_to_reduce", time_ms)
            return
        share = share_of(float(self.bars.volume[self._index]), ground.participation, ground.instrument)
        size = min(limit for limit in (self._open_size(order), reducible, share) if limit is not None)
        if size <= 0:
            return
        rate = ground.instrument.maker_fee if maker else ground.instrument.taker_fee
        fill = Fill(
            trade_id="",
            client_order_id=order.id,
            symbol=request.symbol,
            side=request.side,
            leg=request.leg,
            price=price,
            size=size,
            fee=fee_of(price, size, rate),
            quote=ground.instrument.quote,
            maker=maker,
            time_ms=time_ms,
        )
        self.out.append(Traded(fill))
        self._filled_at[order.id] = time_ms
        order.filled = EXACT.add(order.filled, size)
        self.position = EXACT.add(self.position, size if request.side is Side.BUY else -size)
        if order.entry is None:
            self._after_own_fill(order, time_ms)
        else:
            self._after_exit(order, order.entry, time_ms)
        self._drop_idle_protection(time_ms)

    def _reducible(self, order: Resting) -> Decimal | None:
        """How much of the position a reducing order may close; None for an order that may open."""
        request = order.request
        if not reduces(request, self.ground.instrument):
            return None
        return max(_ZERO, self.position if request.side is Side.SELL else -self.position)

    def _open_size(self, order: Resting) -> Decimal:
        """What is left to trade; for a leg, what of its entry's fills neither leg has closed."""
        if order.entry is None:
            return EXACT.subtract(order.size, order.filled)
        size = self.orders[order.entry].filled
        for leg in self._legs(order.entry):
            size = EXACT.subtract(size, leg.filled)
        return size

    # ---- what a fill does to others

    def _after_own_fill(self, order: Resting, time_ms: int) -> None:
        """The order itself, and its legs: they wake, and grow with it."""
        done = order.filled == order.size
        order.state = OrderState.FILLED if done else OrderState.PARTIAL
        self._note(order, time_ms, told=True)
        for leg in self._legs(order.id):
            if leg.state is OrderState.HELD or leg.state in _ACTIVE:
                woken = leg.state is OrderState.HELD
                leg.state = OrderState.WORKING if woken else leg.state
                leg.size = order.filled
                self._note(leg, time_ms, told=woken)

    def _after_exit(self, leg: Resting, entry: str, time_ms: int) -> None:
        """A leg has traded: when its part of the position is closed, the other leg and the entry's rest end, too."""
        closed = self._open_size(leg) == 0
        leg.state = OrderState.FILLED if closed else OrderState.PARTIAL
        self._note(leg, time_ms, told=True)
        if closed:
            for sibling in self._legs(entry):
                if sibling.state in _ACTIVE:
                    self._end(sibling, OrderState.CANCELLED, "sibling_filled", time_ms)
            if self.orders[entry].state in _ACTIVE:
                self._end(self.orders[entry], OrderState.CANCELLED, "exit_filled", time_ms)

    def _drop_idle_protection(self, time_ms: int) -> None:
        """Reduce-only orders without a position to reduce end, and with them the rest of an entry whose legs they are:
        it must not go on filling without protection."""
        for order in self._in_order:
            if order.state in _ACTIVE and order.request.reduce_only and self._reducible(order) == 0:
                self._end(order, OrderState.CANCELLED, "position_closed", time_ms)
                if order.entry is not None and self.orders[order.entry].state in _ACTIVE:
                    self._end(self.orders[order.entry], OrderState.CANCELLED, "position_closed", time_ms)

    def _legs(self, entry: str) -> list[Resting]:
        return [self.orders[leg.client_order_id] for leg in self.orders[entry].request.protection]

    def _end(self, order: Resting, state: OrderState, reason: str, time_ms: int) -> None:
        self.out.extend(end_order(order, self._legs(order.id), state, reason, time_ms=time_ms))

    def _note(self, order: Resting, time_ms: int, *, told: bool) -> None:
        order.time_ms = time_ms
        self.out.append(snapshot(order, told=told, matched_to_ms=int(self.bars.close_time_ms[-1])))


def end_order(order: Resting, legs: Iterable[Resting], state: OrderState, reason: str, *, time_ms: int) -> list[Moved]:
    """Ends an order, and with it the legs that it never woke."""
    order.state, order.reason, order.time_ms = state, reason, time_ms
    records = [snapshot(order, told=True, matched_to_ms=order.matched_to_ms)]
    for leg in legs:
        if leg.state is OrderState.HELD:
            leg.state, leg.reason, leg.time_ms = OrderState.CANCELLED, "entry_ended", time_ms
            records.append(snapshot(leg, told=False, matched_to_ms=leg.matched_to_ms))
    return records


def snapshot(order: Resting, *, told: bool, matched_to_ms: int) -> Moved:
    """The order as a record."""
    return Moved(
        client_order_id=order.id,
        state=order.state,
        size=order.size,
        filled=order.filled,
        matched_to_ms=matched_to_ms,
        triggered=order.triggered,
        time_ms=order.time_ms,
        reason=order.reason,
        told=told,
    )


def reduces(request: OrderRequest, instrument: Instrument) -> bool:
    """Whether the order may only make a position smaller: asked for, or because the symbol cannot be sold short."""
    return request.reduce_only or (request.side is Side.SELL and not instrument.can_short)
