"""The lengths of a bar. A bar is named by its OPEN time; it closes `ms` later."""

from __future__ import annotations

from enum import StrEnum

from holdfast.model.errors import BadInput

_LENGTHS_MS = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "8h": 28_800_000,
    "1d": 86_400_000,
}


class Timeframe(StrEnum):
    """A bar length, in the notation of the venues."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    H8 = "8h"
    D1 = "1d"

    @property
    def ms(self) -> int:
        """The length in milliseconds."""
        return _LENGTHS_MS[self.value]

    def __str__(self) -> str:
        return self.value

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Reads '1h' and its like; raises BadInput naming the known ones."""
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(frame.value for frame in cls)
            raise BadInput(f"'{text}' is not a timeframe.", f"Known timeframes: {known}.") from None
