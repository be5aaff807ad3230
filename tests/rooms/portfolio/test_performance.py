"""Figures for people, each against a value worked out by hand."""

import math
from decimal import Decimal
from itertools import pairwise

import pytest

from holdfast.model.entry import Entry, EntryKind, StoredEntry, encode_body
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol
from holdfast.portfolio.equity import EquityLine, EquityMark
from holdfast.portfolio.ledger import Ledger
from holdfast.portfolio.performance import max_drawdown, performance, wilson_interval

BTC = Symbol("binance", "spot", "BTCUSDT")
DAY_MS = 86_400_000


def ledger_with(*nets: str) -> Ledger:
    """A ledger of one round trip per net result, each with 1 USDT of fees."""
    ledger = Ledger("main")
    bodies = [(EntryKind.SETTINGS, "v1", encode_body({"balances": {"USDT": "1000"}}))]
    for number, net in enumerate(nets):
        for part, side, price in (("a", Side.BUY, Decimal(100)), ("b", Side.SELL, Decimal(101) + Decimal(net))):
            trade_id = f"{number}{part}"
            fee = Decimal(1) if part == "a" else Decimal(0)
            fill = Fill(trade_id, "o", BTC, side, Leg.ENTRY, price, Decimal(1), fee, "USDT", False, number)
            bodies.append((EntryKind.FILL, f"{BTC}:{trade_id}", encode_body(fill)))
    for kind, key, body in bodies:
        ledger.apply(StoredEntry(1, "0" * 64, Entry(kind, key, "main", 0, body)))
    return ledger


def marks_of(*equities: str, step_ms: int = DAY_MS) -> list[EquityMark]:
    return [
        EquityMark(
            number * step_ms,
            {"USDT": EquityLine(*map(Decimal, (equity, "0", "0", "0", equity, equity)))},
        )
        for number, equity in enumerate(equities)
    ]


def test_without_trades_or_marks_every_figure_is_absent() -> None:
    shown = performance(ledger_with(), [])["USDT"]
    assert shown.trades == 0
    assert shown.equity_curve == ()
    for name in [
        "total_return",
        "max_drawdown",
        "win_rate",
        "win_rate_low",
        "win_rate_high",
        "profit_factor",
        "average_win",
        "average_loss",
        "sharpe_daily_annualised",
    ]:
        assert getattr(shown, name) is None, name


def test_trades_are_counted_after_fees() -> None:
    shown = performance(ledger_with("30", "10", "-20", "0"), marks_of("1000", "1200", "900", "1020"))["USDT"]
    assert (shown.trades, shown.wins, shown.losses) == (4, 2, 1)
    assert shown.win_rate == 0.5
    assert shown.profit_factor == 2.0
    assert (shown.average_win, shown.average_loss) == (20, -20)
    assert (shown.opening, shown.fees_paid) == (1000, 4)
    assert shown.total_return == pytest.approx(0.02)
    assert shown.max_drawdown == pytest.approx(0.25)
    assert [(time_ms, line.equity) for time_ms, line in shown.equity_curve][1] == (DAY_MS, 1200)


def test_only_wins_give_no_profit_factor_rather_than_an_endless_one() -> None:
    shown = performance(ledger_with("5"), [])["USDT"]
    assert shown.profit_factor is None
    assert shown.average_loss is None


def test_the_wilson_interval_agrees_with_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 gives .2553 to .3662; 0 of 20 gives 0 to .1611.
    low, high = wilson_interval(81, 263) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson_interval(0, 20) or (1, 1)
    assert (round(low, 4), round(high, 4)) == (0.0, 0.1611)
    assert wilson_interval(0, 0) is None


def test_drawdown_is_measured_from_the_running_peak() -> None:
    assert max_drawdown([Decimal(100), Decimal(80), Decimal(200), Decimal(150), Decimal(210)]) == 0.25
    assert max_drawdown([Decimal(1), Decimal(2)]) == 0.0
    assert max_drawdown([Decimal(0), Decimal(-5)]) is None


def test_a_sharpe_ratio_needs_thirty_day_returns() -> None:
    equities = [str(1000 + 10 * (day % 2) + day) for day in range(31)]
    assert performance(ledger_with(), marks_of(*equities[:30]))["USDT"].sharpe_daily_annualised is None
    shown = performance(ledger_with(), marks_of(*equities))["USDT"].sharpe_daily_annualised
    values = [float(equity) for equity in equities]
    returns = [after / before - 1 for before, after in pairwise(values)]
    mean = sum(returns) / 30
    spread = math.sqrt(sum((r - mean) ** 2 for r in returns) / 29)
    assert shown == pytest.approx(mean / spread * math.sqrt(365))


def test_a_day_without_marks_is_not_a_day_without_risk() -> None:
    equities = [str(1000 + 10 * (day % 2) + day) for day in range(40)]
    gappy = [mark for mark in marks_of(*equities) if mark.time_ms // DAY_MS % 3]
    assert performance(ledger_with(), gappy)["USDT"].sharpe_daily_annualised is None


def test_an_equity_that_never_moves_has_no_sharpe_ratio() -> None:
    assert performance(ledger_with(), marks_of(*["1000"] * 40))["USDT"].sharpe_daily_annualised is None
