"""A news headline, as published."""

from __future__ import annotations

import msgspec


class Headline(msgspec.Struct, frozen=True, order=True):
    """`assets` are base currencies the headline is about (BTC, ETH), as found in its text."""

    time_ms: int
    title: str
    assets: tuple[str, ...]
