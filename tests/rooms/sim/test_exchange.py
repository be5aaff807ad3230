"""The exchange without a protocol: what rests, what trades, what is held, and that the log tells all of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from holdfast.model.order import Side
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.events import EventKind
from holdfast.sim.exchange.instrument import Instrument, Reason, Rejected, Trading
from holdfast.sim.exchange.order import GroupKind, Kind, Lasting, Order, OrderSpec, State

D = Decimal
ME = "me"


def spot(**changed: object) -> Exchange:
    fields = {
        "name": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "price_tick": D("0.01"),
        "size_step": D("0.00001"),
        "min_size": D("0.00001"),
        "max_size": D(1000),
        "min_notional": D(5),
        "percent_up": D(5),
        "percent_down": D("0.2"),
        "maker_fee": D("0.001"),
        "taker_fee": D("0.001"),
    } | changed
    exchange = Exchange([Instrument(**fields)])  # type: ignore[arg-type]
    exchange.open_account(ME, {"USDT": D(10_000), "BTC": D(1)})
    exchange.on_price("BTCUSDT", D(99), D(101), time_ms=1, last=D(100))
    return exchange


def perp() -> Exchange:
    return spot(margined=True, maker_fee=D(0), taker_fee=D(0), min_notional=None)


_NUMBERS = iter(range(1, 1_000_000))


def spec(side: Side, kind: Kind, size: str, numbers: Iterator[int] = _NUMBERS, **more: object) -> OrderSpec:
    given = {"client_id": f"c{next(numbers)}"} | more
    return OrderSpec(symbol="BTCUSDT", side=side, kind=kind, size=D(size), **given)  # type: ignore[arg-type]


def place(exchange: Exchange, *args: object, **more: object) -> Order:
    return exchange.place(ME, spec(*args, **more), time_ms=2)  # type: ignore[arg-type]


def refused(exchange: Exchange, *args: object, **more: object) -> Reason:
    events, totals = len(exchange.events), dict(exchange.accounts[ME].totals)
    with pytest.raises(Rejected) as refusal:
        place(exchange, *args, **more)
    assert (len(exchange.events), exchange.accounts[ME].totals) == (events, totals)
    return refusal.value.reason


def test_a_market_buy_takes_the_ask_and_pays_its_fee_in_what_it_bought() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.MARKET, "2")
    account = exchange.accounts[ME]
    assert (order.state, order.spent) == (State.FILLED, D(202))
    assert (account.total("USDT"), account.total("BTC")) == (D(9798), D("2.998"))


def test_a_market_order_may_name_what_it_spends() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.MARKET, "0", quote_size=D(1000))
    assert (order.state, order.filled, order.size) == (State.FILLED, D("9.90099"), D("9.90099"))


def test_a_resting_order_holds_its_money_and_fills_at_its_own_price() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(90))
    account = exchange.accounts[ME]
    assert (order.state, account.locked("USDT"), account.free("USDT")) == (State.OPEN, D(90), D(9910))
    exchange.on_price("BTCUSDT", D(88), D(89), time_ms=3)
    assert exchange.orders[order.id].state is State.FILLED
    assert (account.total("USDT"), account.locked("USDT")) == (D(9910), D(0))
    assert exchange.trades[-1].maker


def test_what_the_quote_does_not_give_rests_and_fills_later() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(90))
    exchange.on_price("BTCUSDT", D(88), D(89), time_ms=3, available=D("0.4"))
    assert (exchange.orders[order.id].state, exchange.orders[order.id].filled) == (State.PARTIAL, D("0.4"))
    assert exchange.accounts[ME].locked("USDT") == D(54)
    exchange.on_price("BTCUSDT", D(88), D(89), time_ms=4, available=D("0.6"))
    assert exchange.orders[order.id].state is State.FILLED
    assert [event.kind for event in exchange.events] == [EventKind.OPENED, EventKind.TRADED, EventKind.TRADED]


@pytest.mark.parametrize(
    ("lasting", "state", "filled"),
    [
        (Lasting.IOC, State.EXPIRED, "0.4"),
        (Lasting.FOK, State.EXPIRED, "0"),
        (Lasting.GTC, State.PARTIAL, "0.4"),
    ],
)
def test_how_long_an_order_lasts_decides_about_its_rest(lasting: Lasting, state: State, filled: str) -> None:
    exchange = spot()
    exchange.on_price("BTCUSDT", D(99), D(101), time_ms=1, available=D("0.4"))
    order = place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(101), lasting=lasting)
    assert (order.state, order.filled) == (state, D(filled))


def test_an_order_for_a_date_ends_on_it() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(90), lasting=Lasting.DATE, expires_ms=50)
    exchange.expire(49)
    assert exchange.orders[order.id].state is State.OPEN
    exchange.expire(50)
    assert exchange.orders[order.id].state is State.EXPIRED


def test_a_client_id_is_unique_only_among_open_orders() -> None:
    exchange = spot()
    place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(90), client_id="same")
    assert refused(exchange, Side.BUY, Kind.MARKET, "1", client_id="same") is Reason.DUPLICATE_ID
    exchange.on_price("BTCUSDT", D(88), D(89), time_ms=3)
    first = exchange.latest_order_with(ME, "same", "")
    again = place(exchange, Side.BUY, Kind.MARKET, "1", client_id="same")
    assert first is not None
    assert again.id != first.id
    assert again.state is State.FILLED


@pytest.mark.parametrize(
    ("reason", "side", "kind", "size", "more"),
    [
        (Reason.PRICE_TICK, Side.BUY, Kind.LIMIT, "1", {"price": D("90.001")}),
        (Reason.SIZE_STEP, Side.BUY, Kind.MARKET, "0.1000001", {}),
        (Reason.SIZE_RANGE, Side.BUY, Kind.MARKET, "0", {}),
        (Reason.SIZE_RANGE, Side.BUY, Kind.MARKET, "1001", {}),
        (Reason.NOTIONAL, Side.BUY, Kind.LIMIT, "0.01", {"price": D(90)}),
        (Reason.PERCENT_PRICE, Side.BUY, Kind.LIMIT, "1", {"price": D(501)}),
        (Reason.BALANCE, Side.BUY, Kind.LIMIT, "200", {"price": D(90)}),
        (Reason.BALANCE, Side.SELL, Kind.MARKET, "1.1", {}),
        (Reason.WOULD_TRADE, Side.BUY, Kind.LIMIT, "1", {"price": D(101), "lasting": Lasting.POST}),
        (Reason.WOULD_TRIGGER, Side.SELL, Kind.STOP, "1", {"trigger_price": D(100)}),
        (Reason.PRICE_MISSING, Side.SELL, Kind.LIMIT, "1", {}),
    ],
)
def test_a_refused_order_changes_nothing(reason: Reason, side: Side, kind: Kind, size: str, more: dict) -> None:
    assert refused(spot(), side, kind, size, **more) is reason


def test_a_stop_waits_for_its_price_and_then_takes_the_market() -> None:
    exchange = spot()
    order = place(exchange, Side.SELL, Kind.STOP, "1", trigger_price=D(95))
    assert exchange.accounts[ME].free("BTC") == 0
    exchange.on_price("BTCUSDT", D(95), D(97), time_ms=3, last=D(96))
    assert exchange.orders[order.id].waiting
    exchange.on_price("BTCUSDT", D(92), D(94), time_ms=4, last=D(93))
    assert (exchange.orders[order.id].state, exchange.orders[order.id].spent) == (State.FILLED, D(92))


def test_a_triggered_stop_limit_rests_at_its_limit() -> None:
    exchange = spot()
    order = place(exchange, Side.SELL, Kind.STOP_LIMIT, "1", trigger_price=D(95), price=D(94))
    exchange.on_price("BTCUSDT", D(90), D(92), time_ms=3, last=D(91))
    assert (exchange.orders[order.id].state, exchange.orders[order.id].waiting) == (State.OPEN, False)
    exchange.on_price("BTCUSDT", D(94), D(96), time_ms=4, last=D(95))
    assert exchange.orders[order.id].state is State.FILLED


def protected(exchange: Exchange) -> tuple[int, int]:
    legs = [
        spec(Side.SELL, Kind.LIMIT, "1", price=D(110)),
        spec(Side.SELL, Kind.STOP, "1", trigger_price=D(95)),
    ]
    group = exchange.place_group(ME, GroupKind.OCO, legs, client_id="oco", time_ms=2)
    return group.orders[0], group.orders[1]


def test_an_oco_holds_once_and_one_order_ends_the_other() -> None:
    exchange = spot()
    target, stop = protected(exchange)
    assert exchange.accounts[ME].locked("BTC") == D(1)
    exchange.on_price("BTCUSDT", D(90), D(91), time_ms=3)
    assert exchange.orders[stop].state is State.FILLED
    assert exchange.orders[target].state is State.EXPIRED
    assert exchange.accounts[ME].locked("BTC") == 0
    assert exchange.groups[exchange.orders[stop].group].done


def test_cancelling_one_order_of_an_oco_cancels_both() -> None:
    exchange = spot()
    target, stop = protected(exchange)
    exchange.cancel(ME, target, time_ms=3)
    assert {exchange.orders[number].state for number in (target, stop)} == {State.CANCELLED}
    with pytest.raises(Rejected):
        exchange.cancel(ME, stop, time_ms=3)


def test_an_oco_on_the_wrong_sides_of_the_market_is_refused() -> None:
    exchange = spot()
    legs = [spec(Side.SELL, Kind.LIMIT, "1", price=D(98)), spec(Side.SELL, Kind.STOP, "1", trigger_price=D(95))]
    with pytest.raises(Rejected) as refusal:
        exchange.place_group(ME, GroupKind.OCO, legs, client_id="oco", time_ms=2)
    assert refusal.value.reason is Reason.BAD_GROUP
    assert not exchange.open_orders(ME)


def otoco(exchange: Exchange, size: str, entry: OrderSpec) -> tuple[int, int, int]:
    legs = [
        entry,
        spec(Side.SELL, Kind.LIMIT, size, price=D(110)),
        spec(Side.SELL, Kind.STOP, size, trigger_price=D(80)),
    ]
    first, second, third = exchange.place_group(ME, GroupKind.OTOCO, legs, client_id="l", time_ms=2).orders
    return first, second, third


def test_the_orders_of_an_otoco_wake_when_the_first_is_filled() -> None:
    exchange = spot()
    entry, target, stop = otoco(exchange, "1", spec(Side.BUY, Kind.LIMIT, "1", price=D(90)))
    assert exchange.orders[target].state is State.PENDING
    exchange.on_price("BTCUSDT", D(88), D(90), time_ms=3)
    assert exchange.orders[entry].state is State.FILLED
    assert {exchange.orders[number].state for number in (target, stop)} == {State.OPEN}
    exchange.on_price("BTCUSDT", D(110), D(111), time_ms=4)
    assert (exchange.orders[target].state, exchange.orders[stop].state) == (State.FILLED, State.EXPIRED)


def test_the_orders_of_an_otoco_end_with_a_cancelled_first_one() -> None:
    exchange = spot()
    entry, target, stop = otoco(exchange, "1", spec(Side.BUY, Kind.LIMIT, "1", price=D(90)))
    exchange.cancel(ME, entry, time_ms=3)
    assert {exchange.orders[number].state for number in (entry, target, stop)} == {State.CANCELLED}
    assert not exchange.open_orders(ME)


def test_a_waiting_order_that_the_fee_made_too_large_expires_when_it_wakes() -> None:
    exchange = spot()
    exchange.transfer(ME, "BTC", D(-1), time_ms=1)
    _, target, stop = otoco(exchange, "1", spec(Side.BUY, Kind.MARKET, "1"))
    assert {exchange.orders[number].state for number in (target, stop)} == {State.EXPIRED}
    assert exchange.orders[target].reason == Reason.BALANCE.value


def test_a_perpetual_position_realises_against_its_average_price() -> None:
    exchange = perp()
    place(exchange, Side.BUY, Kind.MARKET, "1")
    exchange.on_price("BTCUSDT", D(109), D(111), time_ms=3)
    place(exchange, Side.BUY, Kind.MARKET, "1")
    account = exchange.accounts[ME]
    assert (account.position("BTCUSDT").size, account.position("BTCUSDT").entry_price) == (D(2), D(106))
    place(exchange, Side.SELL, Kind.MARKET, "3")
    assert (account.position("BTCUSDT").size, account.position("BTCUSDT").entry_price) == (D(-1), D(109))
    assert account.total("USDT") == D(10_006)


def test_lots_close_first_in_first_out_or_by_their_number() -> None:
    exchange = spot(margined=True, fifo_lots=True, maker_fee=D(0), taker_fee=D(0))
    place(exchange, Side.BUY, Kind.MARKET, "1")
    exchange.on_price("BTCUSDT", D(109), D(111), time_ms=3)
    place(exchange, Side.BUY, Kind.MARKET, "1")
    first, second = exchange.accounts[ME].position("BTCUSDT").lots
    place(exchange, Side.SELL, Kind.MARKET, "1", closes_lot=second.id)
    assert [lot.id for lot in exchange.accounts[ME].position("BTCUSDT").lots] == [first.id]
    assert exchange.trades[-1].realised == D(-2)


def test_a_reduce_only_order_never_turns_a_position() -> None:
    exchange = perp()
    assert refused(exchange, Side.SELL, Kind.MARKET, "1", reduce_only=True) is Reason.REDUCE_ONLY
    place(exchange, Side.BUY, Kind.MARKET, "1")
    place(exchange, Side.SELL, Kind.MARKET, "5", reduce_only=True)
    assert exchange.accounts[ME].position("BTCUSDT").size == 0


def test_an_order_that_closes_the_position_closes_whatever_it_is_by_then() -> None:
    exchange = perp()
    place(exchange, Side.BUY, Kind.MARKET, "1")
    stop = place(exchange, Side.SELL, Kind.STOP, "0", trigger_price=D(90), close_position=True)
    place(exchange, Side.BUY, Kind.MARKET, "2")
    exchange.on_price("BTCUSDT", D(88), D(89), time_ms=3)
    assert (exchange.orders[stop.id].state, exchange.orders[stop.id].filled) == (State.FILLED, D(3))
    assert exchange.accounts[ME].position("BTCUSDT").size == 0


def test_margin_is_needed_for_what_opens_and_not_for_what_closes() -> None:
    exchange = perp()
    exchange.accounts[ME].leverage["BTCUSDT"] = 1
    assert refused(exchange, Side.BUY, Kind.MARKET, "100") is Reason.MARGIN
    place(exchange, Side.BUY, Kind.MARKET, "98")
    assert refused(exchange, Side.BUY, Kind.MARKET, "20") is Reason.MARGIN
    assert place(exchange, Side.SELL, Kind.MARKET, "98").state is State.FILLED


def test_funding_flows_from_longs_to_shorts_at_the_mark() -> None:
    exchange = perp()
    place(exchange, Side.SELL, Kind.MARKET, "2")
    exchange.on_mark("BTCUSDT", D(100), time_ms=3)
    before = exchange.accounts[ME].total("USDT")
    exchange.pay_funding("BTCUSDT", D("0.0001"), time_ms=4)
    assert exchange.accounts[ME].total("USDT") - before == D("0.02")
    assert (exchange.events[-1].kind, exchange.events[-1].amount) == (EventKind.FUNDED, D("0.02"))


def test_a_halted_symbol_neither_takes_orders_nor_matches() -> None:
    exchange = spot()
    order = place(exchange, Side.BUY, Kind.LIMIT, "1", price=D(90))
    exchange.set_trading("BTCUSDT", Trading.HALTED)
    exchange.on_price("BTCUSDT", D(80), D(81), time_ms=3)
    assert exchange.orders[order.id].state is State.OPEN
    assert refused(exchange, Side.BUY, Kind.MARKET, "1") is Reason.NOT_TRADING


def test_a_whole_candle_visits_the_far_side_first() -> None:
    exchange = spot()
    target, stop = protected(exchange)
    exchange.on_candle("BTCUSDT", (D(100), D(112), D(94), D(111)), time_ms=3)
    assert (exchange.orders[stop].state, exchange.orders[target].state) == (State.FILLED, State.EXPIRED)


def test_the_log_is_numbered_without_gaps_and_tells_every_balance() -> None:
    exchange = spot()
    protected(exchange)
    place(exchange, Side.BUY, Kind.MARKET, "1")
    exchange.on_price("BTCUSDT", D(90), D(91), time_ms=3)
    told: dict[str, Decimal] = {}
    for event in exchange.events:
        told |= {balance.asset: balance.total for balance in event.balances}
    assert [event.number for event in exchange.events] == list(range(1, len(exchange.events) + 1))
    assert told == exchange.accounts[ME].totals
