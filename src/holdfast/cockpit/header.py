"""The head of the page: what this node is, which world it is in, its market clock, its health, its pace."""

from __future__ import annotations

from nicegui import ui

from holdfast.api.views import HealthView, MetricsView
from holdfast.cockpit import words
from holdfast.cockpit.facts import Facts
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.theme import ThemeSwitch
from holdfast.cockpit.words import Cell

_STATES = {
    "ready": ("● ready", "good"),
    "starting": ("◔ starting", "warn"),
    "degraded": ("▲ degraded", "bad"),
    "stopping": ("○ stopping", "warn"),
}
WORLDS = {
    "replay": "A recorded market drives the clock; fills are simulated",
    "paper": "Real market data; fills are simulated",
    "live": "Real market data and real orders",
}


class Header:
    def __init__(self, shared: SharedView) -> None:
        self._shared = shared
        with ui.element("div").classes("masthead"):
            with ui.element("div").classes("brand"):
                ui.html("holdfast", tag="h1", sanitize=False)
                self._world = Facts(label="world").classes("world")
            self._facts = Facts(label="node").classes("node-facts")
            ThemeSwitch()
        self._notices = Facts(label="notices").classes("notices").props('role="status"')

    def refresh(self) -> None:
        health, metrics = self._shared.health(), self._shared.metrics()
        self._world.show([("world", words.text(health.world, why=WORLDS.get(health.world, "")))])
        self._facts.show(facts(health, metrics))
        self._notices.show(notices(health))


def facts(health: HealthView, metrics: MetricsView) -> list[tuple[str, Cell]]:
    """The figures beside the name."""
    state, tone = _STATES.get(health.status, (health.status, "warn"))
    ran = f"version {health.version}, up {words.age(health.uptime_s)}, {metrics.memory_mb:,.0f} MB"
    moment = health.market_time_ms
    ready = words.text(
        f"{metrics.symbols_ready:,} / {metrics.symbols_tracked:,}",
        why="symbols whose series is trusted, of those followed",
    )
    rate = words.measured(metrics.candles_per_s, 1 if (metrics.candles_per_s or 0) < 100 else 0)
    rate.setdefault("why", f"over the last {metrics.window_s:.0f} s; {metrics.candles_total:,} since the start")
    return [
        (
            "market clock, UTC",
            words.absent("no bar has come yet") if moment is None else words.text(words.clock(moment)),
        ),
        ("state", words.text(state, tone=tone, why=ran)),
        ("symbols ready", ready),
        ("candles / s", rate),
    ]


def notices(health: HealthView) -> list[tuple[str, Cell]]:
    """What an operator should know now: problems, and the phases that are not ready."""
    problems = [("problem", words.text(problem, tone="bad")) for problem in health.problems]
    waiting = [
        (phase.name, words.text(f"{phase.state}: {phase.detail}" if phase.detail else phase.state, tone="warn"))
        for phase in health.phases
        if phase.state != "ready"
    ]
    return [
        (f"{name} {i}" if name == "problem" and i > 1 else name, cell) for i, (name, cell) in enumerate(problems, 1)
    ] + waiting
