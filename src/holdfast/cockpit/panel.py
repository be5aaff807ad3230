"""The frame of a part of the page: a section with a heading, and room at its right for what is chosen in it."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element


def heading(title: str, *, note: str = "") -> Element:
    """The heading line of a panel, to be entered for whatever stands at its right."""
    line = ui.element("header")
    with line:
        ui.html(title, tag="h2", sanitize=False)
        if note:
            ui.html(note, tag="small", sanitize=False)
    return line


def panel(title: str, *, area: str) -> Element:
    """A section of the page; `area` names its place in the layout of the style sheet."""
    return ui.element("section").classes(f"panel {area}").props(f'aria-label="{title}"')


def choices(options: list[str], value: str | None) -> ui.toggle:
    """A row of small buttons of which one is pressed."""
    return ui.toggle(options, value=value).props("flat dense no-caps unelevated no-wrap").classes("choices")
