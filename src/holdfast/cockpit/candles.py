"""The candlestick chart as ECharts options: bars, volume, the fills on them, and the lines of an open position.

Pure: values in, a dict out. Colours are variables of the style sheet, so that dark and light need no redrawing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from holdfast.api.views import FillView, PositionView
from holdfast.cockpit import words
from holdfast.model.candle import Candle

_LABEL = {"color": "var(--muted)", "fontSize": 11}
_BARE = {"axisLine": {"show": False}, "axisTick": {"show": False}}
_LINES = (
    ("entry_price", "entry", "var(--muted)", "solid"),
    ("stop_price", "stop", "var(--short)", [5, 4]),
    ("target_price", "target", "var(--long)", [5, 4]),
)


def options(
    candles: Sequence[Candle], *, frame_ms: int, fills: Sequence[FillView], position: PositionView | None
) -> dict[str, Any]:
    """The whole chart. `candles` oldest first, at least one; fills outside of them are left out."""
    labels = [words.minute(candle.open_time_ms) for candle in candles]
    lines = position_lines(position)
    has_volume = any(candle.volume is not None for candle in candles)
    return {
        "animation": False,
        "textStyle": {"fontFamily": "Roboto, system-ui, sans-serif"},
        "grid": [
            {"left": 6, "right": 66, "top": 12, "bottom": 92 if has_volume else 26},
            {"left": 6, "right": 66, "bottom": 26, "height": 52},
        ],
        "xAxis": [_time_axis(labels, 0, shown=not has_volume), _time_axis(labels, 1, shown=has_volume)],
        "yAxis": [_price_axis(candles, lines), _volume_axis()],
        "axisPointer": {"link": [{"xAxisIndex": "all"}], "lineStyle": {"color": "var(--faint)", "type": [3, 3]}},
        "tooltip": {"trigger": "axis", "className": "chart-note", ":formatter": "(points) => holdfast.bar(points)"},
        "series": [
            _bars(candles, lines),
            _volume(candles),
            *_marks(candles, fills, frame_ms),
        ],
    }


def _time_axis(labels: list[str], grid: int, *, shown: bool) -> dict[str, Any]:
    return {
        "type": "category",
        "gridIndex": grid,
        "data": labels,
        "axisLabel": {
            **_LABEL,
            "show": shown,
            "hideOverlap": True,
            "alignMinLabel": "left",
            "alignMaxLabel": "right",
            ":formatter": "(label) => label.slice(5)",
        },
        "splitLine": {"show": False},
        **_BARE,
    }


def _price_axis(candles: Sequence[Candle], lines: list[dict[str, Any]]) -> dict[str, Any]:
    # ECharts fits an axis to the bars alone; the lines of the position are to be seen as well.
    levels = [line["yAxis"] for line in lines]
    low = min([float(candle.low) for candle in candles] + levels)
    high = max([float(candle.high) for candle in candles] + levels)
    room = 0.05 * (high - low) or 0.01 * high
    pointer = {"color": "var(--surface)", "backgroundColor": "var(--text)", "fontSize": 11, "padding": [3, 5]}
    return {
        "min": low - room,
        "max": high + room,
        "position": "right",
        "splitNumber": 5,
        "axisLabel": {**_LABEL, "showMinLabel": False, "showMaxLabel": False},
        "splitLine": {"lineStyle": {"color": "var(--line)"}, "showMinLine": False, "showMaxLine": False},
        "axisPointer": {"show": True, "label": pointer, "lineStyle": {"color": "var(--faint)", "type": [3, 3]}},
        **_BARE,
    }


def _volume_axis() -> dict[str, Any]:
    hidden = {"show": False}
    return {"gridIndex": 1, "axisLabel": hidden, "splitLine": hidden, "axisPointer": hidden, **_BARE}


def _bars(candles: Sequence[Candle], lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "price",
        "type": "candlestick",
        "data": [[float(price) for price in (c.open, c.close, c.low, c.high)] for c in candles],
        "barMaxWidth": 14,
        "itemStyle": {
            "color": "var(--long)",
            "borderColor": "var(--long)",
            "color0": "var(--short)",
            "borderColor0": "var(--short)",
            "borderColorDoji": "var(--muted)",
        },
        "markLine": {"silent": True, "symbol": "none", "precision": 8, "data": lines},
    }


def position_lines(position: PositionView | None) -> list[dict[str, Any]]:
    """A line at the entry, the stop and the target, as far as the position has them."""
    lines = []
    for field, name, color, dash in _LINES:
        price = getattr(position, field) if position else None
        if price is not None:
            label = {
                "position": "insideStartTop",
                "formatter": f"{name} {words.exact(price)['text']}",
                "color": color,
                "fontSize": 11,
                "textBorderColor": "var(--surface)",
                "textBorderWidth": 4,
            }
            lines.append(
                {"yAxis": float(price), "lineStyle": {"color": color, "type": dash, "width": 1}, "label": label}
            )
    return lines


def _volume(candles: Sequence[Candle]) -> dict[str, Any]:
    return {
        "name": "volume",
        "type": "bar",
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "data": [None if c.volume is None else float(c.volume) for c in candles],
        "barMaxWidth": 14,
        "itemStyle": {"color": "var(--faint)", "opacity": 0.5},
    }


def _marks(candles: Sequence[Candle], fills: Sequence[FillView], frame_ms: int) -> list[dict[str, Any]]:
    """Entries as filled triangles, exits as hollow diamonds: buys below their bar, sells above it."""
    opens = [candle.open_time_ms for candle in candles]
    entries: list[dict[str, Any]] = []
    exits: list[dict[str, Any]] = []
    for fill in fills:
        at = bisect_right(opens, fill.time_ms) - 1
        if at < 0 or fill.time_ms >= opens[at] + frame_ms:
            continue
        (entries if fill.leg == "entry" else exits).append(_mark(fill, at, candles[at]))
    return [
        {"name": name, "type": "scatter", "symbolSize": size, "data": marks, "z": 5}
        for name, size, marks in (("entries", 11, entries), ("exits", 11, exits))
    ]


def _mark(fill: FillView, at: int, candle: Candle) -> dict[str, Any]:
    buy, entry = fill.side == "buy", fill.leg == "entry"
    color = "var(--long)" if buy else "var(--short)"
    return {
        "name": fill.leg,
        "words": f"{words.side(fill.side)['text']} {fill.size} at {words.exact(fill.price)['text']}",
        "value": [at, float(candle.low if buy else candle.high)],
        "symbol": "triangle" if entry else "diamond",
        "symbolRotate": 0 if buy else 180,
        "symbolOffset": [0, 12 if buy else -12],
        "itemStyle": {"color": color if entry else "var(--surface)", "borderColor": color, "borderWidth": 1.5},
    }
