"""Values as an operator reads them: numbers, times in UTC, directions, and why something is absent.

A `Cell` is plain text with a tone; it reaches the browser as text and never as HTML. An absent value is a dash that
carries its reason, never a zero.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypedDict

from holdfast.api.views import HeadView
from holdfast.signals.consensus import OUTCOMES


class Cell(TypedDict, total=False):
    """`tone` is a class of the style sheet, `why` a note shown on hover, focus and touch, `sub` a second, smaller text.
    `pips` draws one mark a vote (l long, s short, n none), `meter` a bar from 0 to 1; `text` says the same in words."""

    text: str
    tone: str
    why: str
    sub: str
    pips: str
    meter: float


DASH = "—"
TRUST = {
    "ready": ("● ready", "good", ""),
    "warming": ("◔ warming", "muted", "too few bars yet"),
    "gap": ("◌ gap", "warn", "bars are missing: no entries until enough sound ones have come"),
    "stale": ("○ stale", "warn", "the newest bar is overdue"),
}
_PANEL_ABSTENTIONS = {
    "short_history": "too few bars for this head yet",
    "neutral": "sees nothing that speaks for either side",
}
_UNKNOWN_DIRECTION = ("– none", "muted")
_DIRECTIONS = {"long": ("▲ long", "long"), "short": ("▼ short", "short"), "none": _UNKNOWN_DIRECTION}
_SIDES = {"buy": ("▲ buy", "long"), "sell": ("▼ sell", "short")}


def absent(why: str) -> Cell:
    return {"text": DASH, "tone": "absent", "why": why}


def text(value: str, *, tone: str = "", why: str = "", sub: str = "") -> Cell:
    """A cell without the fields that are empty."""
    cell: Cell = {"text": value}
    if tone:
        cell["tone"] = tone
    if why:
        cell["why"] = why
    if sub:
        cell["sub"] = sub
    return cell


def exact(value: str | None, *, why: str = "not known yet", signed: bool = False) -> Cell:
    """A decimal string with all its digits, thousands set apart; `signed` shows its sign and colours it."""
    if value is None:
        return absent(why)
    number = Decimal(value)
    return text(f"{number:{'+' if signed and number else ''},f}", tone=tone_of(number) if signed else "")


def rounded(value: str | None, digits: int, *, why: str = "not known yet", signed: bool = False) -> Cell:
    """A decimal string at so many digits; the whole value is in the note."""
    if value is None:
        return absent(why)
    number = Decimal(value)
    shown = f"{number:{'+' if signed and number else ''},.{digits}f}"
    return text(
        shown, tone=tone_of(number) if signed else "", why="" if Decimal(shown.replace(",", "")) == number else value
    )


def measured(value: float | None, digits: int, *, unit: str = "", why: str = "not measured yet") -> Cell:
    """A float; None and what is not finite are absent."""
    if value is None or not math.isfinite(value):
        return absent(why)
    return text(f"{value:,.{digits}f}{unit}")


def percent(value: float | None, digits: int = 1, *, why: str = "not known yet", signed: bool = False) -> Cell:
    """A fraction as per cent."""
    if value is None or not math.isfinite(value):
        return absent(why)
    return text(f"{100 * value:{'+' if signed and value else ''}.{digits}f} %", tone=tone_of(value) if signed else "")


def tone_of(number: Decimal | float) -> str:
    return "gain" if number > 0 else "loss" if number < 0 else ""


def time(ms: int | None, *, why: str = "not yet") -> Cell:
    """Date and time to the minute, in UTC; the second is in the note."""
    if ms is None:
        return absent(why)
    return text(f"{_utc(ms):%m-%d %H:%M}", why=f"{_utc(ms):%Y-%m-%d %H:%M:%S} UTC")


def clock(ms: int) -> str:
    return f"{_utc(ms):%Y-%m-%d %H:%M:%S}"


def minute(ms: int) -> str:
    return f"{_utc(ms):%Y-%m-%d %H:%M}"


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def direction(name: str) -> Cell:
    """Long and short are told by arrow and word, not by colour alone."""
    shown, tone = _DIRECTIONS.get(name, (name, "muted"))
    return text(shown, tone=tone)


def side(name: str) -> Cell:
    shown, tone = _SIDES.get(name, (name, "muted"))
    return text(shown, tone=tone)


def market(symbol: str, of_market: str, venue: str) -> Cell:
    return text(symbol, sub=of_market, why=f"{venue}:{of_market}:{symbol}", tone="symbol")


def plain(code: str) -> str:
    """A code without its underscores: what is left when nobody says what it means."""
    return code.replace("_", " ")


def outcome(code: str) -> str:
    return OUTCOMES.get(code, plain(code))


def reason(head: HeadView | None, code: str) -> str:
    return head.reasons.get(code, plain(code)) if head else plain(code)


def abstention(head: HeadView | None, code: str) -> str:
    own = head.abstentions if head else {}
    return own.get(code) or _PANEL_ABSTENTIONS.get(code, plain(code))


def age(seconds: float) -> str:
    """How long, in its two largest units."""
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
