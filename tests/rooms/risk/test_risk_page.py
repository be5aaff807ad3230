"""docs/risk.md names every limit with its default, and every refusal with its numbers."""

import re
from decimal import Decimal
from pathlib import Path

import msgspec

from holdfast.risk.decide import REFUSALS
from holdfast.risk.limits import TIGHTER, Limits

PAGE = (Path(__file__).parents[3] / "docs" / "risk.md").read_text(encoding="utf-8")


def rows_under(title: str) -> list[list[str]]:
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if re.match(r"\| `", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_every_limit_with_its_default_and_its_tighter_way() -> None:
    listed = {name.strip("`"): (Decimal(default), way) for name, default, _, way in rows_under("Limits")}
    assert listed == {
        field.name: (Decimal(field.default), TIGHTER[field.name].value) for field in msgspec.structs.fields(Limits)
    }


def test_the_page_lists_every_refusal_in_the_order_in_which_it_is_asked() -> None:
    assert [row[0].strip("`") for row in rows_under("Refusals")] == list(REFUSALS)
