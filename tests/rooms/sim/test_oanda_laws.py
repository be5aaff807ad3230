"""What must hold of the OANDA twin's account after anything that may be asked of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from oanda_market import Trader

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.integers(90, 110)),
        st.tuples(st.just("market"), st.integers(-300, 300).filter(bool)),
        st.tuples(st.just("protected"), st.integers(-300, 300).filter(bool)),
        st.tuples(st.just("limit"), st.integers(-300, 300).filter(bool)),
        st.tuples(st.just("stop"), st.integers(-300, 300).filter(bool)),
        st.tuples(st.just("reduce"), st.integers(-300, 300).filter(bool)),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("close"), st.integers(0, 5)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_whatever_is_asked_the_log_has_no_gap_and_the_money_is_what_the_log_says(steps: list[tuple[str, int]]) -> None:
    trader, price = Trader({"EUR_USD": 1.0}, balance=10), 100
    for action, number in steps:
        if action == "quote":
            price = number
            trader.quote("EUR_USD", f"{number / 100}", f"{number / 100 + 0.001}")
        elif action == "cancel" and len(trader.account.pending()) > number:
            trader.desk.cancel_order(str(trader.account.pending()[number].number), trader.now_ms, "2")
        elif action == "close" and len(trader.account.open_trades()) > number:
            trader.desk.close_trade(str(trader.account.open_trades()[number].number), {}, trader.now_ms, "3")
        elif action in ("market", "reduce"):
            trader.order("MARKET", number, positionFill="REDUCE_ONLY" if action == "reduce" else "DEFAULT")
        elif action == "protected":
            sign = 1 if number > 0 else -1
            trader.order(
                "MARKET", number, stopLossOnFill={"price": f"{price / 100 - sign * 0.02:.5f}"},
                takeProfitOnFill={"price": f"{price / 100 + sign * 0.03:.5f}"},
            )  # fmt: skip
        elif action in ("limit", "stop"):
            sign = (1 if number > 0 else -1) * (1 if action == "limit" else -1)
            trader.order(action.upper(), number, price=f"{price / 100 - sign * 0.01:.5f}")
        trader.check_the_books()
