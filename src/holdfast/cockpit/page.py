"""The first page: where everything stands, and the second-by-second refresh of it.

Each part asks for itself and sends only what has changed; here they are only put in their places. The style sheet
makes two columns of them on a wide screen, and one, in an order of its own, on a narrow one.
"""

from __future__ import annotations

from nicegui import ui
from nicegui.client import Client

from holdfast.cockpit.chart import Chart
from holdfast.cockpit.chosen import Chosen
from holdfast.cockpit.equity import Equity
from holdfast.cockpit.header import Header
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.signals import Signals
from holdfast.cockpit.symbols import Symbols
from holdfast.cockpit.trading import Activity, Positions
from holdfast.cockpit.votes import NewestVotes

REFRESH_S = 1.0
_NARROW_PX = 600


async def build(shared: SharedView, client: Client) -> None:
    """Builds the page for one browser and keeps it live while it is open."""
    chosen = Chosen(timeframe=shared.timeframes()[0])
    header = Header(shared)
    with ui.element("main").classes("desk"):

        def refresh_choice() -> None:
            chart.refresh()
            votes.refresh()

        with ui.element("div").classes("column-main"):
            equity = Equity(shared)
            chart = Chart(shared, chosen, refresh_choice)
            positions = Positions(shared, chart.look_at)
            activity = Activity(shared)
            symbols = Symbols(shared, chart.look_at)
        with ui.element("div").classes("column-side"):
            votes = NewestVotes(shared, chosen)
            signals = Signals(shared)
    parts = (header, equity, chart, votes, signals, positions, activity, symbols)

    def refresh() -> None:
        for part in parts:
            part.refresh()

    refresh()
    ui.timer(REFRESH_S, refresh)
    await client.connected()
    if await ui.run_javascript("window.innerWidth") < _NARROW_PX:
        chart.show_bars(60)
