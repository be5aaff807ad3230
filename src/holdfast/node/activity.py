"""What has been traded, as an owner wants to see it: positions, orders, fills, decisions and results, read from the
journal's entries as they are heard. Nothing is decided or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from holdfast.api.views import (
    DecisionView,
    EquityPointView,
    FillView,
    OrderView,
    PerformanceView,
    PositionView,
)
from holdfast.execution.marks import Decision, decode_decision, decode_fill, decode_report
from holdfast.model.entry import EntryKind, StoredEntry
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState
from holdfast.model.position import Position
from holdfast.model.symbol import Symbol
from holdfast.portfolio.equity import EquityLine, EquityMark, decode_equity_mark
from holdfast.portfolio.ledger import Ledger
from holdfast.portfolio.performance import Performance, performance

_SHOWN = Context(prec=12, rounding=ROUND_HALF_EVEN)
_CURVE_POINTS = 600


class Activity:
    """The journal's entries of one account, decoded once: `decisions`, `fills` and `marks` oldest first, every order
    that was marked with the newest word on it."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.fills: list[Fill] = []
        self.marks: list[EquityMark] = []
        self.requests: dict[str, OrderRequest] = {}
        self._words: dict[str, OrderReport] = {}
        self._filled: dict[str, Decimal] = {}

    def hear(self, stored: StoredEntry) -> None:
        """Takes in one entry."""
        entry = stored.entry
        if entry.kind is EntryKind.DECISION:
            decision = decode_decision(entry)
            self.decisions.append(decision)
            if decision.order is not None:
                for request in (decision.order, *decision.order.protection):
                    self.requests[request.client_order_id] = request
        elif entry.kind is EntryKind.ORDER:
            report = decode_report(entry)
            self._words[report.client_order_id] = report
        elif entry.kind is EntryKind.FILL:
            fill = decode_fill(entry)
            self.fills.append(fill)
            self._filled[fill.client_order_id] = self._filled.get(fill.client_order_id, Decimal(0)) + fill.size
        elif entry.kind is EntryKind.EQUITY:
            self.marks.append(decode_equity_mark(entry.body))

    def orders(self, *, limit: int) -> list[OrderView]:
        """Orders at work first, each group newest first."""
        shown = [self._order(request) for request in reversed(self.requests.values())]
        shown.sort(key=lambda order: OrderState(order.state).final)
        return shown[:limit]

    def _order(self, request: OrderRequest) -> OrderView:
        word = self._words.get(request.client_order_id)
        resting = OrderState.HELD if request.leg in (Leg.STOP, Leg.TARGET) else OrderState.MARKED
        return OrderView(
            client_order_id=request.client_order_id,
            venue=request.symbol.venue,
            market=request.symbol.market,
            symbol=request.symbol.name,
            leg=request.leg.value,
            side=request.side.value,
            type=request.type.value,
            size=plain(word.size if word else request.size),
            filled_size=plain(self._filled.get(request.client_order_id, Decimal(0))),
            price=None if request.price is None else plain(request.price),
            state=(word.state if word else resting).value,
            reason=word.reason if word else "",
            placed_at_ms=request.placed_at_ms,
        )

    def show_fills(self, *, symbol: Symbol | None, limit: int) -> list[FillView]:
        """Newest first."""
        chosen = (fill for fill in reversed(self.fills) if symbol is None or fill.symbol == symbol)
        return [_fill(fill) for fill, _ in zip(chosen, range(limit), strict=False)]

    def show_decisions(self, *, limit: int) -> list[DecisionView]:
        """Newest first."""
        return [_decision(decision.decision) for decision in self.decisions[: -limit - 1 : -1]]

    def positions(self, ledger: Ledger, marks: Mapping[Symbol, Decimal]) -> list[PositionView]:
        """Every open position, with the protection that rests for it."""
        return [
            self._position(ledger, position, marks.get(symbol)) for symbol, position in ledger.open_positions.items()
        ]

    def _position(self, ledger: Ledger, position: Position, mark: Decimal | None) -> PositionView:
        symbol = position.symbol
        protection = {
            request.leg: request.price for request in self._resting(symbol) if request.leg in (Leg.STOP, Leg.TARGET)
        }
        with localcontext(_SHOWN):
            entry_price = position.cost / position.size
        return PositionView(
            venue=symbol.venue,
            market=symbol.market,
            symbol=symbol.name,
            size=plain(position.size),
            entry_price=plain(entry_price),
            mark=None if mark is None else plain(mark),
            unrealised=None if mark is None else plain(position.unrealised(mark)),
            realised=plain(position.realised),
            quote=ledger.quote_of(symbol),
            stop_price=_optional(protection.get(Leg.STOP)),
            target_price=_optional(protection.get(Leg.TARGET)),
            opened_at_ms=position.lots[0].time_ms,
        )

    def _resting(self, symbol: Symbol) -> Iterable[OrderRequest]:
        for request in self.requests.values():
            word = self._words.get(request.client_order_id)
            if request.symbol == symbol and word is not None and word.state in _RESTING:
                yield request

    def results(self, ledger: Ledger) -> list[PerformanceView]:
        """What the account has come to, per currency it was opened with; those that were traded first."""
        found = performance(ledger, self.marks)
        traded = {ledger.quote_of(symbol) for symbol in ledger.positions}
        order = sorted(ledger.opening, key=lambda currency: currency not in traded)
        return [_result(ledger, found[currency]) for currency in order]


_RESTING = (OrderState.WORKING, OrderState.PARTIAL)


def _result(ledger: Ledger, found: Performance) -> PerformanceView:
    curve, zero = found.equity_curve, Decimal(0)
    last = curve[-1][1] if curve else EquityLine(found.opening, zero, zero, zero, found.opening, found.opening)
    return PerformanceView(
        account=ledger.account,
        currency=found.currency,
        opening_balance=plain(found.opening),
        equity=plain(last.equity),
        realised=plain(last.realised),
        unrealised=plain(last.unrealised),
        fees=plain(last.fees),
        total_return=found.total_return,
        max_drawdown=found.max_drawdown,
        trades=found.trades,
        wins=found.wins,
        losses=found.losses,
        win_rate=found.win_rate,
        win_rate_low=found.win_rate_low,
        win_rate_high=found.win_rate_high,
        profit_factor=found.profit_factor,
        average_win=_optional(found.average_win),
        average_loss=_optional(found.average_loss),
        sharpe_daily_annualised=found.sharpe_daily_annualised,
        equity_curve=[_point(time_ms, line) for time_ms, line in thin(curve)],
    )


def thin(curve: tuple[tuple[int, EquityLine], ...]) -> list[tuple[int, EquityLine]]:
    """At most about 600 points of a curve: every n-th, and always the last."""
    step = -(-len(curve) // _CURVE_POINTS) or 1
    kept = list(curve[::step])
    if curve and kept[-1] is not curve[-1]:
        kept.append(curve[-1])
    return kept


def plain(number: Decimal) -> str:
    """A decimal without an exponent and without idle zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _optional(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _point(time_ms: int, line: EquityLine) -> EquityPointView:
    return EquityPointView(
        time_ms=time_ms,
        equity=plain(line.equity),
        realised=plain(line.realised),
        unrealised=plain(line.unrealised),
        fees=plain(line.fees),
        peak=plain(line.peak),
    )


def _fill(fill: Fill) -> FillView:
    return FillView(
        trade_id=fill.trade_id,
        client_order_id=fill.client_order_id,
        venue=fill.symbol.venue,
        market=fill.symbol.market,
        symbol=fill.symbol.name,
        leg=fill.leg.value,
        side=fill.side.value,
        price=plain(fill.price),
        size=plain(fill.size),
        fee=plain(fill.fee),
        quote=fill.quote,
        maker=fill.maker,
        time_ms=fill.time_ms,
    )


def _decision(decision: Intent | Refusal) -> DecisionView:
    if isinstance(decision, Intent):
        named = {
            "reference_price": decision.reference_price,
            "stop_price": decision.stop_price,
            "target_price": decision.target_price,
            "risk_amount": decision.risk_amount,
        }
        outcome, size = "intent", plain(decision.size)
        numbers = {name: plain(number) for name, number in named.items() if number is not None}
    else:
        outcome, size, numbers = decision.code, None, dict(decision.numbers)
    return DecisionView(
        signal_id=decision.signal_id,
        venue=decision.symbol.venue,
        market=decision.symbol.market,
        symbol=decision.symbol.name,
        time_ms=decision.decided_at_ms,
        outcome=outcome,
        side=decision.side.value,
        size=size,
        numbers=numbers,
    )
