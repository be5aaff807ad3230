"""How fast the candle book takes minute candles in and makes the longer bars (5m, 15m, 1h, 4h, 1d) of them.

Day blocks are what a replay hands over, minute steps what a live feed does: one candle of every symbol, once a minute.
The limit for both is bare NumPy that checks the rows, puts them into preallocated columns and, for day blocks, makes
the same longer bars; it finds no gaps, duplicates or late bars, and knows no trust.
"""

from __future__ import annotations

import numpy as np

from _figures import Report, arguments, interleave, recording
from holdfast.market.book import CandleBook
from holdfast.model.candle import CandleBlock, Floats
from holdfast.model.timeframe import Timeframe
from holdfast.world.recording import Recording, read_recording

FILES = ("binance_spot_1m_2021_tooyipjee/candles_1m.parquet", "binance_usdm_2025_typhonun/candles_1m.parquet")
FRAMES = (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
DAY_MS, MINUTE_MS = 86_400_000, 60_000
Blocks = list[tuple[int, CandleBlock]]


def ingest(played: Recording, blocks: Blocks) -> None:
    book = CandleBook(played.symbols, played.timeframe, FRAMES, base_room=1440)
    for end_ms, block in blocks:
        for part, until_ms in book.parts(block, now_ms=end_ms):
            book.ingest(part, now_ms=until_ms)


def fill_columns(played: Recording, blocks: Blocks) -> None:
    """The limit: sound rows into columns (symbols × bars), and longer bars where a block is a day."""
    columns = np.full((5, len(played.symbols), 1440 + 200), np.nan)
    for _, block in blocks:
        o, h, l, c, v = block.values.T
        sound = (l > 0) & (l <= o) & (o <= h) & (l <= c) & (c <= h) & ~(v < 0)
        sound &= block.open_time_ms % MINUTE_MS == 0
        symbol, place = block.symbol_index[sound], block.open_time_ms[sound] // MINUTE_MS % 1440
        columns[:, symbol, 200 + place] = block.values[sound].T
        if len(block) > len(played.symbols):
            for frame in FRAMES:
                longer(columns[:, :, 200:], frame.ms // MINUTE_MS)


def longer(columns: Floats, bars: int) -> Floats:
    parts = columns.reshape(*columns.shape[:2], -1, bars)
    o, h, l, c, v = parts
    return np.stack((o[..., 0], h.max(axis=-1), l.min(axis=-1), c[..., -1], v.sum(axis=-1)))


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("book", asked)
    played = read_recording(recording(asked.data, *FILES, report))
    days = 2 if asked.quick else 30
    until_ms = played.first_open_ms + days * DAY_MS
    for what, span_ms, repeats in (("day blocks", DAY_MS, 15), ("minute steps", MINUTE_MS, 5)):
        blocks = [(end, block) for end, block in played.blocks(None, span_ms) if end <= until_ms]
        rows = sum(len(block) for _, block in blocks)
        took = interleave(
            {
                "book": lambda blocks=blocks: ingest(played, blocks),
                "bare": lambda blocks=blocks: fill_columns(played, blocks),
            },
            repeats=1 if asked.quick else repeats,
        )
        size = f"{rows:,} rows of {len(played.symbols)} symbols, {len(blocks):,} blocks"
        report.add(
            f"{what} ingested",
            size,
            rows / took["book"].seconds,
            "rows/s",
            spread=took["book"].spread,
            limit=rows / took["bare"].seconds,
            limit_is="check, put into columns" + (", make longer bars" if span_ms == DAY_MS else ""),
            more_is_better=True,
        )
        report.add("  each", size, 1e6 * took["book"].seconds / len(blocks), "µs")
    report.print()


if __name__ == "__main__":
    main()
