"""The rows of the cockpit's tables and its named values: that each says what the node said."""

from __future__ import annotations

import pytest
from fixture_view import BTC_USDM, HEADS, KEYS, FixtureView, votes

from holdfast.cockpit.chosen import Chosen
from holdfast.cockpit.equity import figures, worth
from holdfast.cockpit.header import facts, notices
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.symbols import symbol_row
from holdfast.cockpit.trading import decision_row, fill_row, order_row, position_row
from holdfast.cockpit.votes import pips, rows, summary
from holdfast.cockpit.words import DASH
from holdfast.model.timeframe import Timeframe

FULL, EMPTY = FixtureView.full(), FixtureView.empty()


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 0.0

    def now_ms(self) -> int:
        return round(1000 * self.s)

    def monotonic_s(self) -> float:
        return self.s

    async def wait_s(self, seconds: float) -> None:
        self.s += seconds


def _texts(row: object) -> list[str]:
    return [cell["text"] for cell in row["cells"]]  # type: ignore[index]


def test_all_nine_votes_are_shown_each_with_reasons_or_with_why_it_abstains() -> None:
    heads = {head.name: head for head in FULL.heads()}
    shown = rows(votes(1), heads)
    assert {row["key"] for row in shown} == set(HEADS)
    said = {row["key"]: row["cells"][-1]["text"] for row in shown}
    assert said["ict"].startswith("price ran a confirmed low and closed back above it; a fair value gap")
    assert said["crypto_metrics"] == "no source gives funding rates"
    assert said["harmonic"] == "sees nothing that speaks for either side"


def test_an_abstention_has_no_probability_and_says_why() -> None:
    row = next(row for row in rows(votes(1), {}) if row["key"] == "sentiment")
    assert _texts(row)[1:4] == ["– abstains", DASH, DASH]
    assert row["cells"][2]["why"] == "no headlines"


def test_the_marks_count_longs_shorts_and_abstentions() -> None:
    assert pips(votes(1))["pips"] == "lllllsnnn"
    assert pips(votes(-1))["text"] == "1 long, 5 short, 3 abstain"


def test_a_bar_without_a_signal_says_which_rule_held_it_back() -> None:
    signal = FixtureView(3).signal(KEYS[0], Timeframe.H1)
    assert signal is not None
    said = {name: cell["text"] for name, cell in summary(signal)}
    assert said["result"] == "no signal" and "too much weight stands against them" in said["because"]


def test_a_position_without_price_stop_or_target_says_so() -> None:
    long, short = (position_row(position) for position in FULL.positions())
    assert _texts(long)[1] == "▲ long" and _texts(short)[1] == "▼ short"
    absent = {cell["why"] for cell in short["cells"] if cell["text"] == DASH}
    assert absent == {"no price has come yet", "no stop rests at the venue", "no target rests at the venue"}


def test_a_refusal_shows_its_code_and_the_numbers_that_were_compared() -> None:
    refused, intended, *_ = (decision_row(decision) for decision in FULL.decisions(limit=3))
    assert _texts(refused)[3:] == ["max positions", DASH, "positions 3 · max positions 3"]
    assert _texts(intended)[3:5] == ["● intent", "0.0205"]


def test_orders_and_fills_keep_their_exact_sizes_and_prices() -> None:
    assert _texts(order_row(FULL.orders(limit=9)[3]))[4:] == ["0.020 / 0.020", "48,100.20", "filled"]
    fill = FULL.fills(symbol=None, limit=1)[0]
    assert _texts(fill_row(fill))[4] == "0.020" and fill_row(fill)["cells"][-1]["sub"] == "USDT"


def test_the_trust_of_a_symbol_and_its_refused_candles_are_said_in_words() -> None:
    shown = [symbol_row(symbol) for symbol in FULL.symbols()]
    assert [_texts(row)[1] for row in shown if row["key"].endswith("SOLUSDT")] == ["◌ gap"]
    assert [_texts(row)[-1] for row in shown if row["key"].endswith("SOLUSDT")] == ["duplicate 2, late 1"]
    disabled = FULL.symbols()[0].model_copy(update={"enabled": False})
    assert _texts(symbol_row(disabled))[1].startswith("disabled")
    assert _texts(symbol_row(EMPTY.symbols()[0]))[3:5] == [DASH, DASH]


def test_before_the_first_trade_the_ratios_are_absent_and_the_sums_are_zero() -> None:
    account = EMPTY.performance()[0]
    said = {name: cell["text"] for name, cell in worth(account) + figures(account)}
    assert said["realised"] == "0.00" and said["trades"] == "0"
    assert {said[name] for name in ("drawdown", "win rate", "profit factor", "mean win", "Sharpe")} == {DASH}


def test_the_header_shows_what_is_not_ready_and_every_problem_once() -> None:
    assert dict(facts(EMPTY.health(), EMPTY.metrics()))["market clock, UTC"]["text"] == DASH
    assert [name for name, _ in notices(EMPTY.health())] == ["market"]
    troubled = EMPTY.health().model_copy(update={"problems": ["one", "two"]})
    assert [(name, cell["text"]) for name, cell in notices(troubled)][:2] == [("problem", "one"), ("problem 2", "two")]
    assert notices(FULL.health()) == []


def test_a_page_stays_with_the_first_symbol_it_saw_traded_until_another_is_picked() -> None:
    view, clock = FixtureView.empty(), HandClock()
    shared, chosen = SharedView(view, clock), Chosen(timeframe=Timeframe.H1)
    assert chosen.symbol(shared) == KEYS[0] and chosen.pinned is None
    view.bars, clock.s = 260, 1.0
    held = chosen.symbol(shared)
    assert held == chosen.pinned == KEYS[0]
    chosen.pinned = BTC_USDM
    assert chosen.symbol(shared) == BTC_USDM


def test_ten_pages_ask_the_node_as_often_as_one() -> None:
    asked: list[str] = []

    class Counted(FixtureView):
        def symbols(self) -> list:  # type: ignore[type-arg]
            asked.append("symbols")
            return super().symbols()

    clock = HandClock()
    shared = SharedView(Counted(3), clock)
    answers = [shared.symbols() for _ in range(10)]
    assert asked == ["symbols"] and all(answer is answers[0] for answer in answers)
    clock.s = 1.0
    assert shared.symbols() is not answers[0] and len(asked) == 2


@pytest.mark.parametrize("view", [FULL, EMPTY], ids=["full", "empty"])
def test_every_absent_cell_carries_its_reason_and_every_row_its_own_key(view: FixtureView) -> None:
    tables = [
        rows(votes(1), {}),
        [position_row(position) for position in view.positions()],
        [order_row(order) for order in view.orders(limit=40)],
        [fill_row(fill) for fill in view.fills(symbol=None, limit=40)],
        [decision_row(decision) for decision in view.decisions(limit=40)],
        [symbol_row(symbol) for symbol in view.symbols()],
    ]
    for table in tables:
        assert len({row["key"] for row in table}) == len(table)
        assert all(cell["why"] for row in table for cell in row["cells"] if cell["text"] == DASH)
