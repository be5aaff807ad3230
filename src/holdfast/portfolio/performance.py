"""How an account has done, in figures that can be recomputed by hand from its round trips and equity marks.

Lives here: statistics for people; ratios are floats, averages of money are rounded to 28 digits. Must not live
here: money (ledger.py), or a figure without its source: what cannot be known yet is None, never zero.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

import msgspec

from holdfast.portfolio.equity import EquityLine, EquityMark
from holdfast.portfolio.ledger import Ledger

_Z_95 = 1.959963984540054  # the 97.5 % point of the normal distribution
_SHARPE_MIN_DAYS = 30


class Performance(msgspec.Struct, frozen=True):
    """One currency. Ratios and returns are fractions (0.1 = 10 %); amounts are in the currency.

    `equity_curve` is (time_ms, line) per mark. `max_drawdown` is the deepest fall from a peak of the curve,
    as a fraction of that peak. `win_rate_low` and `win_rate_high` bound the 95 % interval. `profit_factor` is
    the sum of wins over the sum of losses. `sharpe_daily_annualised` needs 30 day returns. Whatever has no source is
    None.
    """

    currency: str
    equity_curve: tuple[tuple[int, EquityLine], ...]
    opening: Decimal
    total_return: float | None
    max_drawdown: float | None
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    profit_factor: float | None
    average_win: Decimal | None
    average_loss: Decimal | None
    fees_paid: Decimal
    sharpe_daily_annualised: float | None


def performance(ledger: Ledger, marks: Sequence[EquityMark], *, days_per_year: int = 365) -> dict[str, Performance]:
    """Per currency of the ledger. `marks` are the account's equity marks, oldest first; `days_per_year` is
    the number of trading days that the Sharpe ratio is scaled by (365 where the market never closes)."""
    return {currency: _of_currency(currency, ledger, marks, days_per_year) for currency in ledger.currencies}


def _of_currency(currency: str, ledger: Ledger, marks: Sequence[EquityMark], days_per_year: int) -> Performance:
    lines = tuple((mark.time_ms, mark.currencies[currency]) for mark in marks if currency in mark.currencies)
    curve = [(time_ms, line.equity) for time_ms, line in lines]
    opening = ledger.opening.get(currency, Decimal(0))
    nets = [trip.net for trip in ledger.trips if trip.quote == currency]
    wins = [net for net in nets if net > 0]
    losses = [net for net in nets if net < 0]
    interval = wilson_interval(len(wins), len(nets))
    return Performance(
        currency=currency,
        equity_curve=lines,
        opening=opening,
        total_return=float(curve[-1][1] / opening - 1) if curve and opening > 0 else None,
        max_drawdown=max_drawdown([opening, *(equity for _, equity in curve)]) if curve else None,
        trades=len(nets),
        wins=len(wins),
        losses=len(losses),
        win_rate=len(wins) / len(nets) if nets else None,
        win_rate_low=interval[0] if interval else None,
        win_rate_high=interval[1] if interval else None,
        profit_factor=float(sum(wins) / -sum(losses)) if losses else None,
        average_win=sum(wins, Decimal(0)) / len(wins) if wins else None,
        average_loss=sum(losses, Decimal(0)) / len(losses) if losses else None,
        fees_paid=ledger.fees_paid(currency),
        sharpe_daily_annualised=_sharpe(ledger, curve, days_per_year),
    )


def wilson_interval(wins: int, trials: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927); None without a
    trial."""
    if trials == 0:
        return None
    share, square = wins / trials, _Z_95 * _Z_95
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z_95 / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def max_drawdown(curve: Sequence[Decimal]) -> float | None:
    """The deepest fall from a running peak, as a fraction of that peak; None while no peak is above zero."""
    deepest: Decimal | None = None
    peak = curve[0]
    for equity in curve:
        peak = max(peak, equity)
        if peak > 0:
            fall = 1 - equity / peak
            deepest = fall if deepest is None else max(deepest, fall)
    return None if deepest is None else float(deepest)


def _sharpe(ledger: Ledger, curve: Sequence[tuple[int, Decimal]], days_per_year: int) -> float | None:
    """Mean over standard deviation (n - 1) of day returns, times the root of the days in a year, at no
    risk-free rate (W. F. Sharpe, J. Portfolio Management 21, 1994). A return is taken only between two
    neighbouring calendar days that both have a mark, so that an outage is not counted as a quiet day."""
    closes: dict[date, Decimal] = {ledger.day_of(time_ms): equity for time_ms, equity in curve}
    days = sorted(closes)
    returns = [
        float(closes[after] / closes[before] - 1)
        for before, after in pairwise(days)
        if (after - before).days == 1 and closes[before] > 0
    ]
    if len(returns) < _SHARPE_MIN_DAYS:
        return None
    spread = statistics.stdev(returns)
    return None if spread == 0 else statistics.fmean(returns) / spread * math.sqrt(days_per_year)
