"""When orders trade, and what a trade does: to the quote, the order, its group, the balances and the position."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import msgspec

from holdfast.model.order import Side
from holdfast.sim.exchange.account import signed
from holdfast.sim.exchange.book import Book, rests
from holdfast.sim.exchange.events import EventKind
from holdfast.sim.exchange.instrument import Reason, Rejected, Trading
from holdfast.sim.exchange.order import ZERO, GroupKind, Lasting, LotChange, Order, State, Trade
from holdfast.sim.exchange.state import ExchangeState, hold_key

_FEE_STEP = Decimal("1e-8")


def arrive(state: ExchangeState, order: Order, time_ms: int) -> Order:
    """An order that has just become live takes what the quote gives; what is left rests or expires."""
    book, spec = state.books[order.spec.symbol], order.spec
    if book.reaches(spec):
        price = book.touch(spec.side)
        assert price is not None
        wanted = _wanted(state, order, price)
        size = book.left(spec.side, wanted)
        if spec.lasting is Lasting.FOK and size < wanted:
            return end(state, order, State.EXPIRED, time_ms, "not all of it could be filled")
        if size > 0:
            order = trade(state, order, price, size, time_ms=time_ms, maker=False)
    if order.state.final:
        return order
    if spec.kind.priced and spec.lasting not in (Lasting.IOC, Lasting.FOK):
        return order
    if spec.quote_size is not None and order.filled:
        return state.change(order, EventKind.EXPIRED, time_ms, state=State.FILLED)
    return end(state, order, State.EXPIRED, time_ms, "nothing more at the quote")


def _wanted(state: ExchangeState, order: Order, price: Decimal) -> Decimal:
    """How much an order may trade now: what is left of it, within its quote size and what it may reduce."""
    spec = order.spec
    if spec.quote_size is not None:
        step = state.books[spec.symbol].instrument.size_step
        return (spec.quote_size / price / step).to_integral_value(ROUND_DOWN) * step
    if spec.reduce_only or spec.close_position:
        return min(order.left, reducible(state, order))
    return order.left


def reducible(state: ExchangeState, order: Order) -> Decimal:
    """The size by which the order's side could reduce its position (or the lot it names)."""
    spec = order.spec
    position = state.accounts[order.account].position(spec.symbol, spec.position)
    size = position.size
    if spec.closes_lot is not None:
        size = sum((lot.size for lot in position.lots if lot.id == spec.closes_lot), ZERO)
    against = size < 0 if spec.side is Side.BUY else size > 0
    return abs(size) if against else ZERO


def sweep(state: ExchangeState, book: Book, time_ms: int) -> None:
    """After a new quote: resting orders first, best price and oldest first, then conditional ones."""
    if book.trading is not Trading.OPEN:
        return
    resting = [order for number in book.open if rests(order := state.orders[number]) and book.reaches(order.spec)]
    resting.sort(key=lambda order: (-signed(order.spec.side, order.spec.price or ZERO), order.id))
    for found in resting:
        order = state.orders[found.id]
        if not rests(order):
            continue
        assert order.spec.price is not None
        wanted = _wanted(state, order, order.spec.price)
        if not wanted:
            end(state, order, State.EXPIRED, time_ms, Reason.REDUCE_ONLY.value)
        elif (size := book.left(order.spec.side, wanted)) > 0:
            trade(state, order, order.spec.price, size, time_ms=time_ms, maker=True)
    for number in list(book.open):
        order = state.orders[number]
        if order.state is State.OPEN and order.waiting and book.triggers(order.spec):
            trigger(state, order, time_ms)


def trigger(state: ExchangeState, order: Order, time_ms: int) -> None:
    """A conditional order becomes live."""
    spec, size = order.spec, order.size
    if spec.close_position or spec.reduce_only:
        size = reducible(state, order) if spec.close_position else min(size, reducible(state, order))
        if not size:
            end(state, order, State.EXPIRED, time_ms, Reason.REDUCE_ONLY.value)
            return
    order = state.change(order, EventKind.TRIGGERED, time_ms, triggered_ms=time_ms, working_ms=time_ms, size=size)
    _end_siblings(state, order, time_ms)
    try:
        if not spec.kind.priced:
            price = state.books[spec.symbol].touch(spec.side)
            asset, amount = state.price_of(spec, order.account, size, price or ZERO)
            state.require_funds(state.accounts[order.account], asset, amount, key=hold_key(order))
    except Rejected as refusal:
        end(state, order, State.EXPIRED, time_ms, refusal.reason.value)
        return
    arrive(state, order, time_ms)


def trade(state: ExchangeState, order: Order, price: Decimal, size: Decimal, *, time_ms: int, maker: bool) -> Order:
    """One match, and all that follows from it. Returns the order after it."""
    spec, account = order.spec, state.accounts[order.account]
    book = state.books[spec.symbol]
    book.take(spec.side, size)
    number = state.new_id()
    fee, fee_asset = _fee(book, spec.side, price, size, maker=maker)
    lots = _settle(state, order, price, size, trade_id=number, time_ms=time_ms)
    account.add(fee_asset, -fee)
    done = Trade(
        id=number,
        order_id=order.id,
        account=account.name,
        symbol=spec.symbol,
        side=spec.side,
        price=price,
        size=size,
        fee=fee,
        fee_asset=fee_asset,
        maker=maker,
        time_ms=time_ms,
        realised=sum((lot.realised for lot in lots), ZERO),
        lots=lots,
        position=spec.position,
    )
    filled = order.filled + size
    after = msgspec.structs.replace(
        order,
        filled=filled,
        size=filled if spec.quote_size is not None else order.size,
        spent=order.spent + price * size,
        state=State.FILLED if filled >= order.size or spec.quote_size is not None else State.PARTIAL,
        changed_ms=time_ms,
    )
    state.put(after)
    if book.instrument.margined:
        state.hold_again(account.name, spec.symbol)
    state.trades.append(done)
    state.emit(
        EventKind.TRADED, account, time_ms, order=after, trade=done, assets=(*state.assets_of(spec.symbol), fee_asset)
    )
    _end_siblings(state, after, time_ms)
    if after.state is State.FILLED:
        after_end(state, after, time_ms)
    return state.orders[after.id]


def _fee(book: Book, side: Side, price: Decimal, size: Decimal, *, maker: bool) -> tuple[Decimal, str]:
    """The fee is taken from what the trade brings: base when buying, quote when selling or margined."""
    instrument = book.instrument
    rate = instrument.maker_fee if maker else instrument.taker_fee
    in_base = side is Side.BUY and not instrument.margined
    amount = size if in_base else price * size
    fee = (amount * rate).quantize(_FEE_STEP, ROUND_HALF_UP) if rate else ZERO
    return fee, instrument.base if in_base else instrument.quote


def _settle(
    state: ExchangeState, order: Order, price: Decimal, size: Decimal, *, trade_id: int, time_ms: int
) -> tuple[LotChange, ...]:
    """Moves base and quote, or changes the position and adds what it realised."""
    spec, account = order.spec, state.accounts[order.account]
    instrument, change = state.books[spec.symbol].instrument, signed(spec.side, size)
    if not instrument.margined:
        account.add(instrument.base, change)
        account.add(instrument.quote, -change * price)
        return ()
    position, lots = account.position(spec.symbol, spec.position).traded(
        trade_id, change, price, fifo=instrument.fifo_lots, first_lot=spec.closes_lot, time_ms=time_ms
    )
    account.positions[(spec.symbol, spec.position)] = position
    account.add(instrument.quote, sum((lot.realised for lot in lots), ZERO))
    return lots


def end(state: ExchangeState, order: Order, final: State, time_ms: int, reason: str, *, cause: str = "") -> Order:
    """Ends an order that is not filled, and what hangs on it."""
    kind = EventKind.CANCELLED if final is State.CANCELLED else EventKind.EXPIRED
    ended = state.change(order, kind, time_ms, state=final, reason=reason, cause=cause)
    after_end(state, ended, time_ms)
    return ended


def _end_siblings(state: ExchangeState, order: Order, time_ms: int) -> None:
    """What a first trade or a trigger does to the others of an OCO."""
    for other in siblings(state, order):
        if other.state is State.OPEN:
            end(state, other, State.EXPIRED, time_ms, "the other order of its group became live")


def siblings(state: ExchangeState, order: Order) -> list[Order]:
    """The open orders that an order excludes: none for an OTOCO's working order."""
    group = state.groups.get(order.group)
    if group is None or _working(state, order):
        return []
    return [other for number in group.orders if number != order.id and not (other := state.orders[number]).state.final]


def _working(state: ExchangeState, order: Order) -> bool:
    group = state.groups[order.group]
    return group.kind is GroupKind.OTOCO and group.orders[0] == order.id


def after_end(state: ExchangeState, order: Order, time_ms: int) -> None:
    """An order is final: a working order wakes or ends those that wait for it; a group without open orders is done."""
    group = state.groups.get(order.group)
    if group is None or group.done:
        return
    if _working(state, order):
        for number in group.orders[1:]:
            waiting = state.orders[number]
            if waiting.state is not State.PENDING:
                continue
            if order.state is State.FILLED:
                _wake(state, waiting, time_ms)
            else:
                end(state, waiting, State.EXPIRED, time_ms, "its working order ended unfilled")
    group = state.groups[order.group]
    if not group.done and all(state.orders[number].state.final for number in group.orders):
        done = state.groups[group.id] = msgspec.structs.replace(group, done=True)
        state.emit(EventKind.GROUP, state.accounts[group.account], time_ms, group=done)


def _wake(state: ExchangeState, order: Order, time_ms: int) -> None:
    """A pending order opens, or expires where the account cannot pay for it."""
    opened = msgspec.structs.replace(order, state=State.OPEN)
    asset, amount = state.needed(opened)
    try:
        state.require_funds(state.accounts[order.account], asset, amount, key=hold_key(order))
    except Rejected as refusal:
        end(state, order, State.EXPIRED, time_ms, refusal.reason.value)
        return
    working = None if order.spec.kind.conditional else time_ms
    opened = state.change(order, EventKind.OPENED, time_ms, state=State.OPEN, working_ms=working)
    book = state.books[order.spec.symbol]
    if opened.waiting:
        if book.triggers(opened.spec):
            trigger(state, opened, time_ms)
    else:
        arrive(state, opened, time_ms)
