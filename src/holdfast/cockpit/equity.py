"""The account: what it is worth, what it made, how far it fell, and the curve of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from holdfast.api.views import EquityPointView, PerformanceView
from holdfast.cockpit import words
from holdfast.cockpit.facts import Facts
from holdfast.cockpit.panel import choices, heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.words import Cell

POINTS = 400
_NO_TRADES = "no trade has been closed yet"
_DEPTHS = (1, 2, 5, 10, 20, 50, 100, 1_000_000)  # where the axis of the fall may end, in per cent
_AXIS = {"axisLine": {"show": False}, "axisTick": {"show": False}}
_TIMES = {"year": "{yyyy}", "month": "{yyyy}-{MM}", "day": "{MM}-{dd}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}"}
_LABEL = {"color": "var(--muted)", "fontSize": 11}


class Equity:
    def __init__(self, shared: SharedView) -> None:
        self._shared = shared
        self._last: tuple[object, ...] = ()
        with panel("Account", area="area-equity"):
            with heading("Account"):
                self._currency = choices([], value=None)
            with ui.element("div").classes("equity-body"):
                with ui.element("div").classes("equity-facts"):
                    self._worth = Facts(label="equity").classes("headline")
                    self._facts = Facts(label="performance").classes("figures")
                with ui.element("div").classes("plot"):
                    self._empty = ui.label("The curve begins with the first closed bar.").classes("empty")
                    self._curve = ui.echart({}, renderer="svg").classes("equity-curve")
        self._currency.on_value_change(self.refresh)

    def refresh(self) -> None:
        accounts = {account.currency: account for account in self._shared.performance()}
        if list(accounts) != self._currency.options:
            kept = self._currency.value if self._currency.value in accounts else next(iter(accounts), None)
            self._currency.set_options(list(accounts), value=kept)
        self._currency.set_visibility(len(accounts) > 1)
        account = accounts.get(self._currency.value or "")
        if account is None:
            self._worth.show([("equity", words.absent("the account has no balance yet"))])
            return
        self._worth.show(worth(account))
        self._facts.show(figures(account))
        curve = account.equity_curve
        drawn = (account.currency, len(curve), curve[-1] if curve else None)
        if drawn != self._last:
            self._last = drawn
            self._empty.set_visibility(len(curve) < 2)
            self._curve.set_visibility(len(curve) > 1)
            if len(curve) > 1:
                self._curve.options.clear()
                self._curve.options.update(curve_options(thinned(curve, POINTS), account.opening_balance))
                self._curve.update()


def worth(account: PerformanceView) -> list[tuple[str, Cell]]:
    """The large figures."""
    equity = words.rounded(account.equity, 2)
    fall = words.percent(account.max_drawdown, 2, why="there is no equity curve yet")
    fall.setdefault("why", "the deepest fall of the curve from a peak, as a share of that peak")
    return [
        ("equity", {**equity, "sub": account.currency}),
        ("return", words.percent(account.total_return, 2, signed=True)),
        ("drawdown", fall),
    ]


def figures(account: PerformanceView) -> list[tuple[str, Cell]]:
    """The small figures."""
    rate = words.percent(account.win_rate, 0, why=_NO_TRADES)
    if account.win_rate_low is not None and account.win_rate_high is not None and account.win_rate is not None:
        low, high = 100 * account.win_rate_low, 100 * account.win_rate_high
        rate = {**rate, "sub": f"{low:.0f}–{high:.0f}", "why": "the second figures bound it with 95 % confidence"}
    trades = words.text(f"{account.trades:,}", why=f"{account.wins:,} won, {account.losses:,} lost")
    factor = words.measured(account.profit_factor, 2, why=_NO_TRADES if not account.trades else "no trade has lost yet")
    factor.setdefault("why", "the sum of the wins over the sum of the losses")
    sharpe = words.measured(account.sharpe_daily_annualised, 2, why="needs 30 days of equity")
    sharpe.setdefault("why", "of daily returns, a year's worth")
    return [
        ("unrealised", words.rounded(account.unrealised, 2, signed=True)),
        ("realised", words.rounded(account.realised, 2, signed=True)),
        ("fees", words.rounded(account.fees, 2)),
        ("trades", trades),
        ("win rate", rate),
        ("profit factor", factor),
        ("mean win", words.rounded(account.average_win, 2, why="no trade has won yet", signed=True)),
        ("mean loss", words.rounded(account.average_loss, 2, why="no trade has lost yet", signed=True)),
        ("Sharpe", sharpe),
    ]


def thinned(curve: Sequence[EquityPointView], most: int) -> list[EquityPointView]:
    """At most about `most` points that keep the lowest, the highest and the last of every stretch."""
    if len(curve) <= most:
        return list(curve)
    stretch = -(-3 * len(curve) // most)
    kept: list[EquityPointView] = []
    for start in range(0, len(curve), stretch):
        part = curve[start : start + stretch]
        ends = {point.time_ms: point for point in (min(part, key=_equity), max(part, key=_equity), part[-1])}
        kept.extend(ends[time_ms] for time_ms in sorted(ends))
    return kept


def _equity(point: EquityPointView) -> float:
    return float(point.equity)


def curve_options(curve: Sequence[EquityPointView], opening: str) -> dict[str, Any]:
    """The equity above, the fall from its peak below, over time in UTC."""
    equity = [[point.time_ms, float(point.equity)] for point in curve]
    fall = [[p.time_ms, round(100 * (float(p.equity) / float(p.peak) - 1), 3) if float(p.peak) else 0.0] for p in curve]
    depth = next(depth for depth in _DEPTHS if depth >= -min(share for _, share in fall))
    start = {"yAxis": float(opening), "lineStyle": {"color": "var(--faint)", "type": [2, 4]}}
    return {
        "useUTC": True,
        "animation": False,
        "textStyle": {"fontFamily": "Roboto, system-ui, sans-serif"},
        "grid": [
            {"left": 6, "right": 58, "top": 10, "height": "60%"},
            {"left": 6, "right": 58, "bottom": 22, "height": "16%"},
        ],
        "xAxis": [
            {
                "type": "time",
                "gridIndex": i,
                "axisLabel": {**_LABEL, "show": i == 1, "hideOverlap": True, "formatter": _TIMES},
                **_AXIS,
            }
            for i in (0, 1)
        ],
        "yAxis": [
            _value_axis(0, scale=True, parts=3, words="{value}"),
            {**_value_axis(1, scale=False, parts=1, words="{value} %"), "min": -depth, "max": 0, "interval": depth},
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}], "lineStyle": {"color": "var(--faint)"}},
        "tooltip": {"trigger": "axis", "className": "chart-note", ":formatter": "(points) => holdfast.equity(points)"},
        "series": [
            {
                "name": "equity",
                "type": "line",
                "data": equity,
                "showSymbol": False,
                "lineStyle": {"width": 1.8, "color": "var(--accent)"},
                "itemStyle": {"color": "var(--accent)"},
                "markLine": {"silent": True, "symbol": "none", "label": {"show": False}, "data": [start]},
            },
            {
                "name": "from peak",
                "type": "line",
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": fall,
                "showSymbol": False,
                "lineStyle": {"width": 0},
                "itemStyle": {"color": "var(--short)"},
                "areaStyle": {"color": "var(--short)", "opacity": 0.35},
            },
        ],
    }


def _value_axis(grid: int, *, scale: bool, parts: int, words: str) -> dict[str, Any]:
    return {
        "gridIndex": grid,
        "position": "right",
        "scale": scale,
        "splitNumber": parts,
        "axisLabel": {**_LABEL, "formatter": words},
        "splitLine": {"lineStyle": {"color": "var(--line)"}},
        "axisPointer": {"show": False},
        **_AXIS,
    }
