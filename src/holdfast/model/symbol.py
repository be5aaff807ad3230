"""A tradable thing, by its full key: the same name on spot and on futures is two symbols."""

from __future__ import annotations

import msgspec

from holdfast.model.errors import BadInput


class Symbol(msgspec.Struct, frozen=True, order=True):
    """(venue, market, name), for example binance:spot:BTCUSDT. Markets in use: spot, usdm, fx."""

    venue: str
    market: str
    name: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.market}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """Reads `venue:market:name`; raises BadInput for anything else."""
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise BadInput(
                f"'{text}' is not a symbol key.",
                "Write it as venue:market:name, for example binance:spot:BTCUSDT.",
            )
        return cls(*parts)
