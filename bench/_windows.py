"""Windows of real candles in any size, for the benchmarks that look at heads: cut out of the recordings the project
carries, with every optional input beside them. Nothing is measured here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from holdfast.model import window as w
from holdfast.model.candle import Floats
from holdfast.model.window import Window

DATA = Path(__file__).resolve().parents[1] / "data"
HOURS = DATA / "binance_spot_2021_wanderindev" / "candles_1h.parquet"
MINUTES = DATA / "binance_usdm_2025_typhonun" / "candles_1m.parquet"
FIELDS = ("open", "high", "low", "close", "volume")


def many(symbols: int, bars: int, *, inputs: bool) -> Window:
    """`symbols` rows of hourly candles, each another stretch of the recording: (symbols, bars)."""
    series = [part for part in _series(HOURS) if len(part) > bars]
    rounds = -(-symbols // len(series))
    cuts = [
        part[start : start + bars]
        for turn in range(rounds)
        for part in series
        for start in [(len(part) - bars) * turn // rounds]
    ]
    return _window(np.stack(cuts[:symbols]), 3_600_000, inputs=inputs)


def one(bars: int, *, inputs: bool) -> Window:
    """One row of minute candles: the recorded series one after the other, each scaled to open at the last close."""
    series = _series(MINUTES)
    pieces: list[Floats] = []
    held, last = 0, 100.0
    while held < bars:
        part = series[len(pieces) % len(series)].copy()
        part[:, :4] *= last / part[0, 0]
        # Far from where it began, a series begins anew: prices of any size are allowed, absurd ones are not.
        last = part[-1, 3] if 1.0 < part[-1, 3] < 10_000.0 else 100.0
        pieces.append(part)
        held += len(part)
    return _window(np.concatenate(pieces)[np.newaxis, :bars], 60_000, inputs=inputs)


def _series(path: Path) -> list[Floats]:
    frame = pl.read_parquet(path).sort("symbol", "ts")
    parts = frame.partition_by("symbol", maintain_order=True)
    return [part.select(pl.col(FIELDS).cast(pl.Float64)).to_numpy() for part in parts]


def _window(values: Floats, frame_ms: int, *, inputs: bool) -> Window:
    rows, bars = values.shape[:2]
    times = np.broadcast_to(1_609_459_200_000 + frame_ms * np.arange(bars), (rows, bars))
    fields = {name: np.ascontiguousarray(values[..., i]) for i, name in enumerate(FIELDS)}
    beside = _inputs(fields["close"], fields["volume"]) if inputs else {}
    return Window(frame_ms, np.ascontiguousarray(times), **fields, inputs=beside)


def _inputs(close: Floats, volume: Floats) -> dict[str, Floats]:
    """Every optional column, drawn from a seed: their values cost what real ones cost."""
    chance = np.random.default_rng(7)
    shape = close.shape
    walk = np.cumsum(chance.normal(0, 1, shape), axis=1)
    weight = chance.uniform(0, 3, shape)
    return {
        w.TAKER_BUY_VOLUME: volume * chance.uniform(0.2, 0.8, shape),
        w.FUNDING_RATE: np.repeat(chance.normal(1e-4, 4e-4, (shape[0], -(-shape[1] // 8))), 8, axis=1)[:, : shape[1]],
        w.MARK_PRICE: close * (1 + chance.normal(0, 5e-4, shape)),
        w.INDEX_PRICE: close * (1 + chance.normal(0, 1e-3, shape)),
        w.OPEN_INTEREST: 1e6 * (1.1 + np.tanh(walk / 30)),
        w.LONG_SHORT_RATIO: np.exp(np.tanh(walk / 20)),
        w.HEADLINE_TONE: weight * chance.uniform(-1, 1, shape),
        w.HEADLINE_WEIGHT: weight,
        w.HEADLINE_COUNT: np.ceil(weight * 2),
    }
