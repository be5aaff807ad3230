"""How Binance writes numbers: spot with eight decimals, futures with as many as the figure needs."""

from __future__ import annotations

from decimal import Decimal

from holdfast.model.order import Side

INTERVALS_MS = {
    **{f"{n}m": n * 60_000 for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 3_600_000 for n in (1, 2, 4, 6, 8, 12)},
    **{f"{n}d": n * 86_400_000 for n in (1, 3)},
}


def fixed(value: Decimal) -> str:
    """Eight decimals: '0.00658000'."""
    return format(value, ".8f")


def plain(value: Decimal) -> str:
    """As few digits as it takes: '800', '0.006628', '0'."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def average(spent: Decimal, filled: Decimal, tick: Decimal) -> Decimal:
    """The price of what was filled, to two digits beyond the tick; 0 for nothing."""
    return (spent / filled).quantize(tick / 100) if filled else Decimal(0)


def side_word(side: Side) -> str:
    return side.value.upper()
