"""Writes docs/settings.md from the settings themselves: their names, defaults and docstrings. Run as a script it renews
the page; a test holds the two equal. No test lives here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from holdfast.model.timeframe import Timeframe
from holdfast.node.settings import PaperMarket, Settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"

OPENING = """# Settings

One TOML file, given with `--settings`. Whatever is left out has its default. A name that does not exist is refused,
with the nearest one that does; so is a value of the wrong kind, out of range, or at odds with another one. Money,
shares of it, fees and basis points are exact: write them as text (`"0.005"`) or as a number; both are read as decimals.
A table of names (`balances`, `heads`, `calibration`, `markets`) is given whole: naming one leaves the others out.

`account`, `balances`, `market`, `quorum`, `weights`, `limits` and `paper` decide what is traded. They are put on record
in the journal before the first decision, and again whenever they have changed. The paper account keeps the balances
that it was opened with.

This page is made from the program (`python tests/rooms/node/settings_page.py`).
"""

EXAMPLE = """
## An example

What is not named here keeps its default; `[live]` and its tables matter only without a recording.

```toml
balances = { USDT = "5000" }

[market]
timeframe = "15m"

[quorum]
min_agreeing = 4

[limits]
risk_per_trade = "0.0025"
max_positions = 4

[paper.markets.usdm]
maker_fee = "0.0002"
taker_fee = "0.0004"
half_spread_bps = "0.5"
slippage_bps = "3"
max_leverage = "3"
```
"""


def render() -> str:
    """The whole page."""
    return OPENING + "".join(_sections(Settings(), ())) + EXAMPLE


def leaves(values: msgspec.Struct, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting that is not a table of named settings, with its default."""
    for name in values.__struct_fields__:
        value = getattr(values, name)
        if isinstance(value, msgspec.Struct):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _sections(values: msgspec.Struct, path: tuple[str, ...]) -> Iterator[str]:
    yield _section(path, type(values), _table(values))
    for name in values.__struct_fields__:
        value = getattr(values, name)
        if isinstance(value, msgspec.Struct):
            yield from _sections(value, (*path, name))
        elif isinstance(value, dict) and all(isinstance(inner, PaperMarket) for inner in value.values()) and value:
            yield _markets(value, (*path, name, "NAME"))
        elif (inner := _struct_inside(get_type_hints(type(values))[name])) is not None:
            title = (*path, name, "NAME") if isinstance(value, dict) else (*path, name)
            yield _section(title, inner, _table(inner()), listed=isinstance(value, tuple))


def _struct_inside(kind: Any) -> type[msgspec.Struct] | None:
    """The kind of table that a list or a table of names holds; None for one of plain values."""
    inside = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return inside[0] if inside else None


def _table(values: msgspec.Struct) -> list[str]:
    plain = [name for name in values.__struct_fields__ if not isinstance(getattr(values, name), msgspec.Struct)]
    rows = [f"| `{name}` | {_shown(getattr(values, name))} | {_kind(type(values), name)} |" for name in plain]
    return ["| setting | default | kind |", "|---|---|---|", *rows]


def _markets(markets: dict[str, PaperMarket], path: tuple[str, ...]) -> str:
    """One table for the tables of all markets, a column each."""
    rows = [
        f"| `{name}` | {' | '.join(_shown(getattr(market, name)) for market in markets.values())} | "
        f"{_kind(PaperMarket, name)} |"
        for name in PaperMarket.__struct_fields__
    ]
    names = " | ".join(f"`{name}`" for name in markets)
    return _section(path, PaperMarket, [f"| setting | {names} | kind |", f"|---|{'---|' * len(markets)}---|", *rows])


def _section(path: tuple[str, ...], struct: type[msgspec.Struct], table: list[str], *, listed: bool = False) -> str:
    title = f"[{'.'.join(path)}]" if path else "At the top"
    title = f"[{title}]" if listed else title
    return "\n".join(["", f"## {title}", "", inspect.cleandoc(struct.__doc__ or ""), "", *table, ""])


def _shown(value: object) -> str:
    if isinstance(value, dict) and any(isinstance(inner, msgspec.Struct) for inner in value.values()):
        return f"{', '.join(value)}: each a table, below"
    if isinstance(value, tuple) and any(isinstance(inner, msgspec.Struct) for inner in value):
        return "one, with its defaults below"
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_plain(one)}" for key, one in value.items())
        return f"`{{ {inner} }}`" if inner else "`{}`"
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_plain(one) for one in value)}]"
    if isinstance(value, Decimal | str):
        return f'"{value}"'
    return str(value)


def _kind(struct: type[msgspec.Struct], name: str) -> str:
    return _in_words(get_type_hints(struct)[name])


def _in_words(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "table"
    origin, inside = get_origin(kind), [one for one in get_args(kind) if one is not ...]
    if origin is dict:
        return f"{_in_words(inside[1])}, by name"
    assert origin is tuple and len(inside) == 1, kind
    return f"list of {_in_words(inside[0])}s"


_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "exact number",
    Timeframe: "timeframe",
    tuple[float, float]: "pair",
}


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
