"""Puts the page on the application that already serves the API: one port, one process."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from nicegui import app as pages
from nicegui import ui
from nicegui.client import Client

from holdfast import __version__
from holdfast.api.views import NodeView
from holdfast.cockpit.page import build
from holdfast.cockpit.shared import SharedView
from holdfast.ports.clock import Clock

_STATIC = Path(__file__).parent / "static"
_HEAD = f"""
<meta name="description" content="holdfast cockpit">
<link rel="stylesheet" href="/cockpit/page.css?{__version__}">
<script defer src="/cockpit/page.js?{__version__}"></script>
"""


def mount(app: FastAPI, view: NodeView, clock: Clock) -> None:
    """Serves the cockpit at `/` of `app`. Called once a process, after every route of the API has been added."""
    shared = SharedView(view, clock)
    pages.add_static_files("/cockpit", _STATIC, max_cache_age=0)

    @ui.page("/", title="holdfast", favicon=_STATIC / "mark.svg", language="en-US")
    async def first(client: Client) -> None:
        ui.add_head_html(_HEAD)
        await build(shared, client)

    # Our own style sheet does all; the compiler of utility classes would only be downloaded and run for nothing.
    ui.run_with(app, title="holdfast", dark=None, tailwind=False, show_welcome_message=False)
