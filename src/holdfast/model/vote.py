"""What a head says about one bar."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Direction(IntEnum):
    """Where a head or a signal expects the price to go. NONE is an abstention, never a vote."""

    SHORT = -1
    NONE = 0
    LONG = 1


class Vote(msgspec.Struct, frozen=True):
    """One head's answer for one bar.

    `probability` (0 to 1) that the direction is right, `confidence` (0 to 1) in that number; both None on abstention.
    `reasons` are the head's reason codes; `abstained` is the code that says why there is no vote;
    `measures` are the numbers the head looked at.
    """

    head: str
    head_version: int
    direction: Direction
    probability: float | None
    confidence: float | None
    reasons: tuple[str, ...]
    abstained: str | None
    measures: dict[str, float]
