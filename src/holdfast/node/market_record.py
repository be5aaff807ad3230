"""A recorded market, as a walk needs it: the candles, the instruments they are traded as, and the inputs beside them.

Funding rates and mark prices are found next to a candle file (`funding_rate.parquet`, `mark_8h.parquet`), headlines in
the files named for them. Whatever is not there is absent, and the heads that need it say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from holdfast.market.headlines import base_asset, find_assets
from holdfast.market.inputs import FUNDING_MAX_AGE_MS, MARK_MAX_AGE_MS, AsOf, Decayed, Inputs
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.model.window import FUNDING_RATE, MARK_PRICE
from holdfast.node.settings import PaperSettings
from holdfast.signals.tone import ToneScorer
from holdfast.venues.listing import list_instrument
from holdfast.world.observations import RecordedHeadlines, read_funding, read_headlines, read_marks
from holdfast.world.recording import Recording, merge_recordings, read_recording

HALF_LIFE_MS = 12 * 3_600_000
HORIZON_MS = 4 * HALF_LIFE_MS


def read_market(
    paths: Sequence[Path], *, venue: str | None = None, market: str | None = None, symbols: Sequence[str] = ()
) -> Recording:
    """The candles of all files as one recording; `symbols` keeps only those names. BadInput as read_recording."""
    recording = merge_recordings([read_recording(path, venue=venue, market=market) for path in paths])
    return recording.only(symbols) if symbols else recording


def list_instruments(recording: Recording, paper: PaperSettings) -> dict[Symbol, Instrument]:
    """The recorded symbols as instruments, ticks and steps read off the recording, fees from the settings.
    BadInput where those describe no such market."""
    listed = {}
    digits = zip(recording.symbols, recording.price_digits, recording.size_digits, strict=True)
    for symbol, price_digits, size_digits in digits:
        costs = paper.costs(symbol.market)
        listed[symbol] = list_instrument(
            symbol, price_digits, size_digits, maker_fee=costs.maker_fee, taker_fee=costs.taker_fee
        )
    return listed


def lay_inputs(
    symbols: Sequence[Symbol],
    paths: Sequence[Path],
    *,
    venue: str | None = None,
    market: str | None = None,
    headlines: Sequence[Path] = (),
) -> Inputs:
    """Every optional input that lies beside the candle files, and the headlines of the files named."""
    inputs = Inputs(symbols)
    for folder in sorted({path.parent for path in paths}):
        for file, read, name, max_age_ms in (
            ("funding_rate.parquet", read_funding, FUNDING_RATE, FUNDING_MAX_AGE_MS),
            ("mark_8h.parquet", read_marks, MARK_PRICE, MARK_MAX_AGE_MS),
        ):
            if (folder / file).is_file():
                observed = read(folder / file, venue=venue, market=market)
                for symbol in symbols:
                    times, values = observed.of(symbol)
                    if len(times):
                        inputs.attach(name, symbol, AsOf(times, values, max_age_ms))
    if headlines:
        _attach_headlines(inputs, symbols, [read_headlines(path) for path in headlines])
    return inputs


def _attach_headlines(inputs: Inputs, symbols: Sequence[Symbol], recorded: Sequence[RecordedHeadlines]) -> None:
    scorer = ToneScorer()
    told: dict[str, list[tuple[int, float]]] = {}
    for record in recorded:
        for time_ms, title in zip(record.time_ms.tolist(), record.titles, strict=True):
            if assets := find_assets(title):
                tone = scorer.tone(title)
                for asset in assets:
                    told.setdefault(asset, []).append((time_ms, tone))
    for asset, events in told.items():
        about = [symbol for symbol in symbols if base_asset(symbol) == asset]
        if about:
            events.sort()
            times = np.array([time_ms for time_ms, _ in events], dtype=np.int64)
            tones = np.array([tone for _, tone in events])
            stream = Decayed(times, tones, half_life_ms=HALF_LIFE_MS, horizon_ms=HORIZON_MS)
            inputs.attach_headlines(about, stream)
