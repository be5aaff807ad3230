"""A list of named values in the browser: the header's figures, the account's, a signal's."""

from __future__ import annotations

from nicegui.element import Element

from holdfast.cockpit.words import Cell


class Facts(Element, component="static/facts.js"):
    """Drawn as a description list, in the order given."""

    def __init__(self, *, label: str) -> None:
        super().__init__()
        self._props["items"] = []
        self._props["label"] = label

    def show(self, items: list[tuple[str, Cell]]) -> None:
        """Draws (name, value) pairs; nothing is sent when they are the ones already shown."""
        shown = [{"name": name, "cell": cell} for name, cell in items]
        if shown != self._props["items"]:
            self._props["items"] = shown
            self.update()
