"""Runs the heads over a window: finds them, gives each the bars it reads, and holds them to the common rules.

The panel never weighs or counts votes; that is the consensus.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.model.errors import BadInput
from holdfast.model.vote import Direction, Vote
from holdfast.model.window import Window
from holdfast.signals import heads as heads_folder
from holdfast.signals.head import Head, Votes

LONGEST_MEMORY = 200
TILE_BARS = 32_768  # symbols × bars shown to a head at once: a column of it, 256 kB, stays in the processor's cache


def find_heads() -> tuple[Head, ...]:
    """Every head: the files of `heads/` in name order, then those other packages offer as `holdfast.heads`."""
    found = [
        importlib.import_module(f"{heads_folder.__name__}.{module.name}").HEAD
        for module in sorted(pkgutil.iter_modules(heads_folder.__path__), key=lambda module: module.name)
    ]
    found += [point.load() for point in sorted(entry_points(group="holdfast.heads"), key=lambda point: point.name)]
    names = [head.name for head in found]
    for head in found:
        if names.count(head.name) > 1:
            raise BadInput(f"Two heads are called '{head.name}'.", "Rename one: a head's name is its key everywhere.")
        if not 1 <= head.memory <= LONGEST_MEMORY:
            raise BadInput(f"Head '{head.name}' reads {head.memory} bars.", f"A head may read 1 to {LONGEST_MEMORY}.")
        if len(head.reasons) > 64:
            raise BadInput(f"Head '{head.name}' names {len(head.reasons)} reasons.", "A head may name at most 64.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PanelVotes:
    """The votes of H heads on the newest bars of S symbols; arrays are (heads, symbols, bars)."""

    heads: tuple[Head, ...]
    direction: NDArray[np.int8]
    probability: Floats
    confidence: Floats
    reasons: NDArray[np.uint64]
    abstained: NDArray[np.uint8]
    measures: tuple[Mapping[str, Floats], ...]

    def read(self, symbol: int, column: int) -> tuple[Vote, ...]:
        """The votes on one bar, in words."""
        return tuple(self._read_one(index, symbol, column) for index in range(len(self.heads)))

    def _read_one(self, index: int, symbol: int, column: int) -> Vote:
        head, at = self.heads[index], (index, symbol, column)
        bits, abstained = int(self.reasons[at]), int(self.abstained[at])
        numbers = ((name, float(values[symbol, column])) for name, values in self.measures[index].items())
        return Vote(
            head=head.name,
            head_version=head.version,
            direction=Direction(int(self.direction[at])),
            probability=None if abstained else float(self.probability[at]),
            confidence=None if abstained else float(self.confidence[at]),
            reasons=tuple(code for i, code in enumerate(head.reason_codes) if bits >> i & 1),
            abstained=head.abstention_codes[abstained - 1] if abstained else None,
            measures={name: number for name, number in numbers if np.isfinite(number)},
        )


class Panel:
    """The heads that vote, in a fixed order."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = tuple(heads)

    def vote(self, window: Window, columns: int) -> PanelVotes:
        """The votes of all heads on the newest `columns` bars of `window`."""
        votes = [vote_one(head, window, columns) for head in self.heads]
        return PanelVotes(
            heads=self.heads,
            direction=np.stack([v.direction for v in votes]),
            probability=np.stack([v.probability for v in votes]),
            confidence=np.stack([v.confidence for v in votes]),
            reasons=np.stack([v.reasons for v in votes]),
            abstained=np.stack([v.abstained for v in votes]),
            measures=tuple(v.measures for v in votes),
        )


def vote_one(head: Head, window: Window, columns: int) -> Votes:
    """One head's votes on the newest `columns` bars; it is shown only the bars that those votes may read.

    A bar with fewer than `head.memory` bars of history gets no vote (short_history). A large window is shown in tiles:
    a vote depends on nothing but its own row and its newest `head.memory` bars, so that changes only the speed.
    """
    rows, bars = window.shape
    columns, past = min(columns, bars), head.memory - 1
    wide = max(1, min(columns, TILE_BARS - past))
    tall = max(1, TILE_BARS // (wide + past))
    bands = []
    for top in range(0, rows, tall):
        tiles = []
        for first in range(bars - columns, bars, wide):
            stop = min(first + wide, bars)
            shown = window.part(slice(top, top + tall), slice(max(0, first - past), stop))
            tiles.append(_vote_tile(head, shown, stop - first))
        bands.append(_join(tiles, axis=1))
    return _join(bands, axis=0)


def _vote_tile(head: Head, shown: Window, columns: int) -> Votes:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        votes = head.vote(shown)
    history = np.cumsum(shown.present, axis=1)[:, -columns:]
    enough = history >= head.memory
    voted = enough & (votes.direction[:, -columns:] != 0)
    abstained = np.where(enough, votes.abstained[:, -columns:], np.uint8(1))
    return Votes(
        direction=np.where(voted, votes.direction[:, -columns:], np.int8(0)),
        probability=np.where(voted, votes.probability[:, -columns:], 0.5),
        confidence=np.where(voted, votes.confidence[:, -columns:], 0.0),
        reasons=np.where(enough, votes.reasons[:, -columns:], np.uint64(0)),
        abstained=abstained,
        measures={name: np.where(enough, column[:, -columns:], np.nan) for name, column in votes.measures.items()},
    )


def _join(parts: Sequence[Votes], *, axis: int) -> Votes:
    """Votes on neighbouring tiles as one: side by side (axis 1), or one below the other (axis 0)."""
    if len(parts) == 1:
        return parts[0]
    return Votes(
        direction=np.concatenate([part.direction for part in parts], axis),
        probability=np.concatenate([part.probability for part in parts], axis),
        confidence=np.concatenate([part.confidence for part in parts], axis),
        reasons=np.concatenate([part.reasons for part in parts], axis),
        abstained=np.concatenate([part.abstained for part in parts], axis),
        measures={name: np.concatenate([p.measures[name] for p in parts], axis) for name in parts[0].measures},
    )
