"""The style sheet's colours: every one that carries text can be read, in dark and in light (WCAG 2 level AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import holdfast.cockpit

SHEET = (Path(holdfast.cockpit.__file__).parent / "static" / "page.css").read_text()
TEXT = ("text", "muted", "accent", "long", "short", "warn")
GROUND = ("bg", "surface", "raised")


def _scheme(selector: str) -> dict[str, str]:
    block = SHEET[SHEET.index(selector) :].split("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("selector", [":root {", "body.body--dark {"])
@pytest.mark.parametrize("ground", GROUND)
def test_every_text_colour_stands_out_from_every_ground(selector: str, ground: str) -> None:
    scheme = _scheme(selector)
    for name in TEXT:
        lighter, darker = sorted((_luminance(scheme[name]), _luminance(scheme[ground])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name


def test_dark_and_light_name_the_same_colours() -> None:
    assert set(_scheme(":root {")) == set(_scheme("body.body--dark {"))


def test_the_style_sheet_loads_nothing_from_elsewhere() -> None:
    assert "@import" not in SHEET and "url(" not in SHEET
