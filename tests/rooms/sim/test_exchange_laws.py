"""Laws of the exchange over random orders and prices: money is conserved, holds are what open orders need."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.order import Side
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.events import EventKind
from holdfast.sim.exchange.instrument import Instrument, Rejected
from holdfast.sim.exchange.order import GroupKind, Kind, Lasting, OrderSpec, State

D = Decimal
START = {"USDT": D(10_000), "BTC": D(10)}


def exchange(*, margined: bool) -> Exchange:
    made = Exchange(
        [
            Instrument(
                name="BTCUSDT",
                base="BTC",
                quote="USDT",
                price_tick=D(1),
                size_step=D("0.1"),
                min_size=D("0.1"),
                max_size=D(1000),
                taker_fee=D("0.001"),
                maker_fee=D("0.0002"),
                margined=margined,
            )
        ]
    )
    made.open_account("me", dict(START))
    made.on_price("BTCUSDT", D(99), D(101), time_ms=0)
    return made


PRICES = st.integers(60, 140).map(D)
SIZES = st.integers(1, 60).map(lambda tenths: D(tenths) / 10)
SIDES = st.sampled_from(list(Side))
ORDERS = st.tuples(
    SIDES, st.sampled_from(list(Kind)), SIZES, PRICES, PRICES, st.sampled_from([Lasting.GTC, Lasting.IOC, Lasting.FOK]),
    st.booleans(),
)  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("place"), ORDERS),
    st.tuples(st.just("oco"), ORDERS),
    st.tuples(st.just("otoco"), ORDERS),
    st.tuples(st.just("price"), st.tuples(PRICES, SIZES)),
    st.tuples(st.just("cancel"), st.integers(0, 40)),
)


def spec(number: int, asked: Any, **more: Any) -> OrderSpec:
    side, kind, size, price, trigger, lasting, reduce_only = asked
    fields = {
        "symbol": "BTCUSDT",
        "side": side,
        "kind": kind,
        "size": size,
        "client_id": f"o{number}",
        "price": price if kind.priced else None,
        "trigger_price": trigger if kind.conditional else None,
        "lasting": lasting,
        "reduce_only": reduce_only,
    }
    return OrderSpec(**(fields | more))


def play(made: Exchange, steps: list[Any], *, margined: bool) -> None:
    for time_ms, (what, asked_for) in enumerate(steps, 1):
        with suppress(Rejected):
            if what == "price":
                mid, available = asked_for
                made.on_price("BTCUSDT", mid - 1, mid + 1, time_ms=time_ms, available=available)
            elif what == "cancel":
                made.cancel("me", asked_for, time_ms=time_ms)
            else:
                asked = (*asked_for[:-1], asked_for[-1] and margined)
                one = spec(3 * time_ms, asked)
                if what == "place":
                    made.place("me", one, time_ms=time_ms)
                    continue
                side, size = asked_for[0].opposite if what == "otoco" else asked_for[0], asked_for[2]
                legs = [
                    spec(3 * time_ms + 1, (side, Kind.LIMIT, size, asked_for[3], None, Lasting.GTC, False)),
                    spec(3 * time_ms + 2, (side, Kind.STOP, size, None, asked_for[4], Lasting.GTC, False)),
                ]
                kind = GroupKind.OTOCO if what == "otoco" else GroupKind.OCO
                specs = [one, *legs] if what == "otoco" else legs
                made.place_group("me", kind, specs, client_id=f"g{time_ms}", time_ms=time_ms)


def expect_sound(made: Exchange) -> None:
    account = made.accounts["me"]
    opened = [order for order in made.orders.values() if not order.state.final]
    assert {order.id for order in opened} == set(made.books["BTCUSDT"].open)
    for asset in START:
        keys: dict[str, Decimal] = {}
        for order in opened:
            held, amount = made.needed(order)
            if held == asset:
                key = f"group {order.group}" if order.group else f"order {order.id}"
                keys[key] = max(keys.get(key, D(0)), amount)
        assert account.locked(asset) == sum(keys.values(), D(0))
    for order in made.orders.values():
        trades = [trade for trade in made.trades if trade.order_id == order.id]
        assert order.filled == sum((trade.size for trade in trades), D(0)) <= order.size
        assert order.spent == sum((trade.size * trade.price for trade in trades), D(0))
        assert (order.state is State.FILLED) == (order.filled == order.size > 0)
    numbers = [event.trade.id for event in made.events if event.kind is EventKind.TRADED and event.trade]
    assert numbers == [trade.id for trade in made.trades]


@settings(deadline=None, max_examples=150)
@given(st.lists(STEPS, max_size=30))
def test_money_on_a_cash_exchange_is_exactly_what_the_trades_say(steps: list[Any]) -> None:
    made = exchange(margined=False)
    play(made, steps, margined=False)
    expect_sound(made)
    totals = dict(START)
    for trade in made.trades:
        sign = 1 if trade.side is Side.BUY else -1
        totals["BTC"] += sign * trade.size
        totals["USDT"] -= sign * trade.size * trade.price
        totals[trade.fee_asset] -= trade.fee
    assert totals == made.accounts["me"].totals
    assert all(total >= 0 for total in totals.values())


@settings(deadline=None, max_examples=150)
@given(st.lists(STEPS, max_size=30))
def test_a_position_is_the_sum_of_its_trades_and_the_wallet_of_what_they_realised(steps: list[Any]) -> None:
    made = exchange(margined=True)
    play(made, steps, margined=True)
    expect_sound(made)
    size = sum((t.size if t.side is Side.BUY else -t.size for t in made.trades), D(0))
    position = made.accounts["me"].position("BTCUSDT")
    assert position.size == size
    assert position.realised == sum((trade.realised for trade in made.trades), D(0))
    fees = sum((trade.fee for trade in made.trades), D(0))
    assert made.accounts["me"].total("USDT") == START["USDT"] + position.realised - fees
