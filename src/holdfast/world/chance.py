"""Chance for what may not come all at once, such as many nodes that reconnect. Nothing that decides asks for it."""

from __future__ import annotations

import random


def fraction() -> float:
    """A number in [0, 1), another one each time."""
    return random.random()
