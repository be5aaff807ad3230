"""How long all heads take over many symbols, and each of them over one long series; one core.

"Nine heads and consensus" goes from arrays to outcomes (Panel.vote, count); a single head is vote_one. The windows are
real candles (_windows.py), with every optional input beside them or without any. Limits: _limits.py.
"""

from __future__ import annotations

from collections.abc import Callable

from _figures import Report, Timing, arguments, interleave
from _limits import SIX, by_numpy, by_reading, by_talib, candles_by_talib
from _windows import many, one
from holdfast.model.window import Window
from holdfast.signals.consensus import Quorum, count
from holdfast.signals.panel import Panel, find_heads, vote_one
from holdfast.signals.weights import WeightSet

HEADS = find_heads()
PANEL, WEIGHTS, QUORUM = Panel(HEADS), WeightSet(), Quorum()


def vote(window: Window, columns: int) -> None:
    count(PANEL.vote(window, columns), WEIGHTS, QUORUM)


def newest_bars(report: Report, symbols: int, *, target_ms: float, repeats: int) -> None:
    """The newest bar of `symbols` windows of 200 bars."""
    full, bare = many(symbols, 200, inputs=True), many(symbols, 200, inputs=False)
    works: dict[str, Callable[[], object]] = {
        "vote": lambda: vote(full, 1),
        "bare": lambda: vote(bare, 1),
        "numpy": lambda: by_numpy(full),
        "talib": lambda: by_talib(full),
    }
    works |= {head.name: lambda head=head: vote_one(head, full, 1) for head in HEADS}
    took = interleave(works, repeats=repeats)
    size = f"{symbols:,} × 200, newest bar"
    limit = {"limit": 1e3 * took["talib"].seconds, "limit_is": f"TA-Lib: {SIX}"}
    for name, words in (("vote", "nine heads and consensus"), ("bare", "the same, no optional inputs")):
        _add_ms(report, words, size, took[name], target=target_ms, **limit)
    _add_ms(report, "bare NumPy over all symbols", size, took["numpy"], **limit)
    for head in HEADS:
        _add_ms(report, f"  {head.name}", size, took[head.name])


def _add_ms(report: Report, what: str, size: str, took: Timing, **more: object) -> None:
    report.add(what, size, 1e3 * took.seconds, "ms", spread=took.spread, **more)


def long_series(report: Report, bars: int, *, repeats: int) -> None:
    """Every bar of one long series."""
    window = one(bars, inputs=True)
    works: dict[str, Callable[[], object]] = {
        head.name: lambda head=head: vote_one(head, window, bars) for head in HEADS
    }
    works |= {"talib": lambda: by_talib(window), "candles": lambda: candles_by_talib(window)}
    works["reading"] = lambda: by_reading(window)
    rate = {name: (bars / took.seconds / 1e6, took.spread) for name, took in interleave(works, repeats=repeats).items()}
    size = f"1 × {bars:,}, every bar"
    for head in HEADS:
        limit, limit_is = rate["talib"][0], f"TA-Lib: {SIX}"
        if head.name == "rules":
            limit, limit_is = rate["candles"][0], "TA-Lib: the same candle patterns"
        elif head.name == "sentiment":
            limit, limit_is = rate["reading"][0], "reading every array once"
        value, spread = rate[head.name]
        report.add(
            f"  {head.name}",
            size,
            value,
            "M bars/s",
            spread=spread,
            target=1.0,
            limit=limit,
            limit_is=limit_is,
            more_is_better=True,
        )


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("heads", asked)
    newest_bars(report, 100, target_ms=50.0, repeats=5 if asked.quick else 41)
    newest_bars(report, 1_000 if asked.quick else 10_000, target_ms=5_000.0, repeats=1 if asked.quick else 5)
    long_series(report, 100_000 if asked.quick else 1_000_000, repeats=1 if asked.quick else 5)
    report.print()


if __name__ == "__main__":
    main()
