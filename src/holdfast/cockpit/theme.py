"""The switch between the system's colours, dark and light. It works in the browser alone and is remembered there."""

from __future__ import annotations

from nicegui.element import Element


class ThemeSwitch(Element, component="static/theme.js"):
    """A button that goes through: as the system, dark, light."""
