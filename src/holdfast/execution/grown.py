"""A set of texts that only grows and never changes in place: each version shares almost everything with the one before.

It lets `book.py` be an immutable value although it remembers every signal ever decided. Nothing else lives here.
"""

from __future__ import annotations

from collections.abc import Iterable


class GrownSet:
    """Layers of frozen sets, each larger than the next. Adding merges small layers into one, so that n single additions
    copy O(n log n) items and leave at most log2(n) layers to look through."""

    __slots__ = ("_layers",)

    def __init__(self, items: Iterable[str] = ()) -> None:
        first = frozenset(items)
        self._layers: tuple[frozenset[str], ...] = (first,) if first else ()

    def plus(self, *items: str) -> GrownSet:
        """The set with `items` in it; itself when they are there already."""
        fresh = frozenset(item for item in items if item not in self)
        if not fresh:
            return self
        layers = list(self._layers)
        while layers and len(layers[-1]) <= len(fresh):
            fresh |= layers.pop()
        grown = GrownSet()
        grown._layers = (*layers, fresh)
        return grown

    def __contains__(self, item: object) -> bool:
        return any(item in layer for layer in self._layers)

    def __len__(self) -> int:
        return sum(map(len, self._layers))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GrownSet):
            return NotImplemented
        return frozenset().union(*self._layers) == frozenset().union(*other._layers)

    def __hash__(self) -> int:
        return hash(frozenset().union(*self._layers))

    def __repr__(self) -> str:
        return f"GrownSet({len(self)} items)"
