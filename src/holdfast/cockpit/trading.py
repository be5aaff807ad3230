"""What the account holds and does: positions, orders, fills, and what risk decided, refusals with their numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from nicegui import ui

from holdfast.api.views import DecisionView, FillView, OrderView, PositionView
from holdfast.cockpit import words
from holdfast.cockpit.panel import choices, heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.table import Row, Table
from holdfast.cockpit.words import Cell
from holdfast.model.symbol import Symbol

_STATE_TONES = {
    "filled": "good",
    "working": "accent",
    "partial": "accent",
    "held": "accent",
    "unknown": "warn",
    "rejected": "bad",
}


class Positions:
    _COLUMNS = (
        ("symbol", "title"),
        ("side", "mark"),
        ("size", "number"),
        ("entry", "number"),
        ("mark", "number"),
        ("unrealised", "number"),
        ("realised", "number"),
        ("stop", "number"),
        ("target", "number"),
        ("since, UTC", "text"),
    )

    def __init__(self, shared: SharedView, look_at: Callable[[Symbol], None]) -> None:
        self._shared = shared

        def picked(key: str) -> None:
            look_at(Symbol.parse(key))

        with panel("Positions", area="area-positions"):
            heading("Positions")
            self._table = Table(self._COLUMNS, label="positions", empty="No open position.", on_pick=picked)
            self._table.classes("positions")

    def refresh(self) -> None:
        self._table.show([position_row(position) for position in self._shared.positions()])


class Activity:
    """Orders, fills or decisions: one of three tables is shown, and only that one is kept up to date."""

    _ORDERS = (
        ("placed, UTC", "text"),
        ("symbol", "title"),
        ("leg", "text"),
        ("side", "text"),
        ("filled / size", "number"),
        ("price", "number"),
        ("state", "mark"),
    )
    _FILLS = (
        ("time, UTC", "text"),
        ("symbol", "title"),
        ("leg", "text"),
        ("side", "mark"),
        ("size", "number"),
        ("price", "number"),
        ("fee", "number"),
    )
    _DECISIONS = (
        ("time, UTC", "text"),
        ("symbol", "title"),
        ("side", "text"),
        ("decision", "mark"),
        ("size", "number"),
        ("numbers", "words"),
    )

    def __init__(self, shared: SharedView) -> None:
        self._shared = shared
        with panel("Activity", area="area-activity"):
            with heading("Activity"):
                self._choice = choices(["orders", "fills", "decisions"], value="orders")
            with ui.element("div").classes("scroll"):
                self._tables = {
                    "orders": Table(self._ORDERS, label="orders", empty="No order yet."),
                    "fills": Table(self._FILLS, label="fills", empty="No fill yet."),
                    "decisions": Table(
                        self._DECISIONS, label="decisions", empty="No decision yet: risk decides on signals."
                    ),
                }
        self._choice.on_value_change(self.refresh)

    def refresh(self) -> None:
        chosen = self._choice.value
        for name, table in self._tables.items():
            table.set_visibility(name == chosen)
        if chosen == "orders":
            self._tables["orders"].show([order_row(order) for order in self._shared.orders()])
        elif chosen == "fills":
            self._tables["fills"].show([fill_row(fill) for fill in self._shared.fills()])
        else:
            self._tables["decisions"].show([decision_row(decision) for decision in self._shared.decisions()])


def position_row(position: PositionView) -> Row:
    size = Decimal(position.size)
    cells: list[Cell] = [
        words.market(position.symbol, position.market, position.venue),
        words.direction("long" if size > 0 else "short"),
        words.exact(f"{abs(size):f}"),
        words.exact(position.entry_price),
        words.exact(position.mark, why="no price has come yet"),
        _with_unit(words.rounded(position.unrealised, 2, signed=True, why="no price has come yet"), position.quote),
        _with_unit(words.rounded(position.realised, 2, signed=True), position.quote),
        words.exact(position.stop_price, why="no stop rests at the venue"),
        words.exact(position.target_price, why="no target rests at the venue"),
        words.time(position.opened_at_ms),
    ]
    key = f"{position.venue}:{position.market}:{position.symbol}"
    return {"key": key, "cells": cells}


def _with_unit(cell: Cell, unit: str) -> Cell:
    return cell if cell.get("tone") == "absent" else {**cell, "sub": unit}


def order_row(order: OrderView) -> Row:
    state = words.text(
        words.plain(order.state), tone=_STATE_TONES.get(order.state, "muted"), sub=words.plain(order.reason)
    )
    return {
        "key": order.client_order_id,
        "cells": [
            {
                **words.time(order.placed_at_ms),
                "why": f"{words.clock(order.placed_at_ms)} UTC, {order.client_order_id}",
            },
            words.market(order.symbol, order.market, order.venue),
            words.text(order.leg, sub=order.type),
            words.side(order.side),
            words.text(f"{words.exact(order.filled_size)['text']} / {words.exact(order.size)['text']}"),
            words.exact(order.price, why="a market order has no price of its own"),
            state,
        ],
    }


def fill_row(fill: FillView) -> Row:
    taken = "resting (maker)" if fill.maker else "taking (taker)"
    return {
        "key": f"{fill.venue}:{fill.market}:{fill.symbol}:{fill.trade_id}",
        "cells": [
            {**words.time(fill.time_ms), "why": f"{words.clock(fill.time_ms)} UTC, trade {fill.trade_id}, {taken}"},
            words.market(fill.symbol, fill.market, fill.venue),
            words.text(fill.leg),
            words.side(fill.side),
            words.exact(fill.size),
            words.exact(fill.price),
            _with_unit(words.exact(fill.fee), fill.quote),
        ],
    }


def decision_row(decision: DecisionView) -> Row:
    traded = decision.outcome == "intent"
    made = (
        words.text("● intent", tone="good", why="risk agreed: an order follows")
        if traded
        else words.text(words.plain(decision.outcome), tone="refused", why=f"refused: {decision.outcome}")
    )
    numbers = " · ".join(f"{words.plain(name)} {value}" for name, value in decision.numbers.items())
    return {
        "key": f"{decision.signal_id}:{decision.time_ms}:{decision.outcome}",
        "cells": [
            words.time(decision.time_ms),
            words.market(decision.symbol, decision.market, decision.venue),
            words.side(decision.side),
            made,
            words.exact(decision.size, why="a refusal has no size"),
            words.text(numbers) if numbers else words.absent("no number was compared"),
        ],
    }
