"""A table in the browser whose rows are kept by key, so that a refresh moves only what changed.

In a narrow panel each row becomes a card; the style sheet decides that, not this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from holdfast.cockpit.words import Cell


class Row(TypedDict):
    """`key` is unique in its table and is what a click tells."""

    key: str
    cells: list[Cell]


class Table(Element, component="static/table.js"):
    """`columns`: (heading, kind) with kind 'text', 'number' or 'words'; on a card a 'title' stands first, with
    a 'mark' at its right. `empty` is said when there is no row.
    `on_pick` is called with the key of a row that was clicked or opened from the keyboard."""

    def __init__(
        self,
        columns: Sequence[tuple[str, str]],
        *,
        label: str,
        empty: str,
        on_pick: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._props["columns"] = [{"label": heading, "kind": kind} for heading, kind in columns]
        self._props["rows"] = []
        self._props["label"] = label
        self._props["empty"] = empty
        self._props["picks"] = on_pick is not None
        if on_pick is not None:

            def picked(event: GenericEventArguments) -> None:
                on_pick(str(event.args))

            self.on("pick", picked)

    def show(self, rows: list[Row]) -> None:
        """Draws these rows; nothing is sent when they are the ones already shown."""
        if rows != self._props["rows"]:
            self._props["rows"] = rows
            self.update()

    def say(self, empty: str) -> None:
        """What an empty table says."""
        if empty != self._props["empty"]:
            self._props["empty"] = empty
            self.update()
