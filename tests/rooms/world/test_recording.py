"""Reading recorded candles: what a good file gives, and what the owner is told about a bad one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.world.recording import Recording, merge_recordings, read_recording

HOUR = 3_600_000


def hours(*numbers: int) -> list[datetime]:
    return [datetime.fromtimestamp(number * 3600, UTC) for number in numbers]


def candles(**changes: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "symbol": ["AUSDT", "AUSDT", "BUSDT"],
        "timeframe": ["1h"] * 3,
        "ts": hours(10, 11, 10),
        "open": [1.5, 1.25, 20.0],
        "high": [2.0, 1.5, 21.0],
        "low": [1.0, 1.0, 19.0],
        "close": [1.25, 1.125, 20.5],
        "volume": [10.0, 11.5, None],
    }
    columns.update(changes)
    frame = pl.DataFrame({name: column for name, column in columns.items() if column is not ...})
    return frame.with_columns(pl.col("ts").dt.cast_time_unit("ms")) if "timeframe" not in changes else frame


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., Path]:
    def write(frame: pl.DataFrame, name: str = "candles_1h.parquet") -> Path:
        path = tmp_path / "binance_spot_test" / name
        path.parent.mkdir(exist_ok=True)
        frame.write_parquet(path)
        return path

    return write


def test_rows_come_by_open_time_then_symbol_and_the_folder_names_the_market(store: Callable[..., Path]) -> None:
    recording = read_recording(store(candles()))
    assert recording.symbols == (Symbol("binance", "spot", "AUSDT"), Symbol("binance", "spot", "BUSDT"))
    assert recording.timeframe is Timeframe.H1
    assert recording.open_time_ms.tolist() == [10 * HOUR, 10 * HOUR, 11 * HOUR]
    assert recording.symbol_index.tolist() == [0, 1, 0]
    assert recording.values[0].tolist() == [1.5, 2.0, 1.0, 1.25, 10.0]
    assert np.isnan(recording.values[1, 4])
    assert recording.values.flags.c_contiguous and recording.values.dtype == np.float64
    assert recording.symbol_index.dtype == np.int32 and recording.open_time_ms.dtype == np.int64


def test_venue_and_market_may_be_named_by_the_caller(store: Callable[..., Path]) -> None:
    recording = read_recording(store(candles()), venue="kraken", market="usdm")
    assert recording.symbols[0] == Symbol("kraken", "usdm", "AUSDT")


@pytest.mark.parametrize(
    ("folder", "name", "venue", "market"),
    [
        ("binance_usdm_2025_typhonun", "candles_1h.parquet", "binance", "usdm"),
        ("oanda_fx_lean", "candles_1h.parquet", "oanda", "fx"),
        ("fxcm_m1_nautilus", "candles_1h.parquet", "fxcm", "fx"),
        ("ftx_2022_nautilus", "candles_1h.parquet", "ftx", "usdm"),
        ("bittrex_2018_octobot", "candles_1h.parquet", "bittrex", "spot"),
        ("binance_2025_songjonghyun", "usdm_candles_1h.parquet", "binance", "usdm"),
    ],
)
def test_folder_names_tell_venue_and_market(tmp_path: Path, folder: str, name: str, venue: str, market: str) -> None:
    path = tmp_path / folder / name
    path.parent.mkdir()
    candles(timeframe=...).write_parquet(path)
    recording = read_recording(path)
    assert (recording.symbols[0].venue, recording.symbols[0].market) == (venue, market)
    assert recording.timeframe is Timeframe.H1


def test_digits_are_the_fewest_that_write_every_value(store: Callable[..., Path]) -> None:
    recording = read_recording(store(candles(open=[1.5, 1.25, 20.0], close=[1.00123, 1.125, 20.5])))
    assert recording.price_digits == (5, 1)
    assert recording.size_digits == (1, 0)


def test_noise_of_the_source_in_the_last_bits_is_taken_away(store: Callable[..., Path]) -> None:
    noisy = candles(close=[1.2017799999999998, 1.00000000012, 20.5], volume=[123456789.0000001, 1e17, float("inf")])
    recording = read_recording(store(noisy))
    assert recording.values[[0, 2], 3].tolist() == [1.20178, 1.00000000012]
    assert recording.values[:, 4].tolist() == [123456789.0000001, float("inf"), 1e17]


def test_blocks_hold_the_candles_that_close_in_each_span_of_the_grid(store: Callable[..., Path]) -> None:
    recording = read_recording(store(candles()))
    spans = [(until // HOUR, block.open_time_ms.tolist()) for until, block in recording.blocks(None, HOUR)]
    assert spans == [(11, [10 * HOUR, 10 * HOUR]), (12, [11 * HOUR])]
    late = [(until // HOUR, len(block)) for until, block in recording.blocks(11 * HOUR, HOUR)]
    assert late == [(12, 1)]
    assert [len(block) for _, block in recording.blocks(None, 24 * HOUR)] == [3]


def test_short_silence_yields_empty_blocks_and_long_silence_is_jumped_over(store: Callable[..., Path]) -> None:
    recording = read_recording(store(candles(ts=hours(10, 14, 1000), symbol=["AUSDT"] * 3)))
    spans = [(until // HOUR, len(block)) for until, block in recording.blocks(None, HOUR)]
    assert spans == [(11, 1), (12, 0), (13, 0), (14, 0), (15, 1), (1001, 1)]


def test_recordings_of_one_timeframe_play_together(store: Callable[..., Path]) -> None:
    spot = read_recording(store(candles()))
    perpetual = read_recording(store(candles(), "other.parquet"), market="usdm")
    merged = merge_recordings([spot, perpetual])
    assert len(merged) == 6 and len(merged.symbols) == 4
    assert [str(merged.symbols[i]) for i in merged.symbol_index[:4]] == [
        "binance:spot:AUSDT",
        "binance:spot:BUSDT",
        "binance:usdm:AUSDT",
        "binance:usdm:BUSDT",
    ]
    assert (np.diff(merged.open_time_ms) >= 0).all()
    with pytest.raises(BadInput, match="different timeframes: 1h, 5m"):
        merge_recordings([spot, read_recording(store(candles(timeframe=["5m"] * 3)))])
    with pytest.raises(BadInput, match="no recording"):
        merge_recordings([])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volume": ...}, "has no column volume"),
        ({"timeframe": ["1h", "1h", "5m"]}, "mixes the timeframes 1h, 5m"),
        ({"timeframe": ["7m"] * 3}, "'7m' is not a timeframe"),
        ({"ts": [1, 2, 3], "timeframe": ["1h"] * 3}, "not a timestamp"),
        ({"close": ["a", "b", "c"]}, "Column close of .* is String, not numbers"),
        ({"symbol": [1, 2, 3]}, "not text"),
        ({"symbol": ["AUSDT", None, "BUSDT"]}, "1 rows of .* have no symbol"),
    ],
)
def test_a_foreign_table_is_refused_in_plain_words(
    store: Callable[..., Path], change: dict[str, object], words: str
) -> None:
    path = store(candles(**change))
    with pytest.raises(BadInput, match=words):
        read_recording(path)


def test_a_file_that_is_no_recording_is_refused_in_plain_words(store: Callable[..., Path], tmp_path: Path) -> None:
    good = store(candles())
    with pytest.raises(BadInput, match="There is no file"):
        read_recording(tmp_path / "absent.parquet")
    with pytest.raises(BadInput, match=r"is a folder\. Name one file in it: it holds candles_1h.parquet"):
        read_recording(good.parent)
    with pytest.raises(BadInput, match="holds no rows"):
        read_recording(store(candles().clear(), "empty.parquet"))
    with pytest.raises(BadInput, match="no column timeframe"):
        read_recording(store(candles(timeframe=...), "prices.parquet"))
    text = good.with_name("text.parquet")
    text.write_text("symbol,open\n")
    with pytest.raises(BadInput, match="not a Parquet file"):
        read_recording(text)
    stranger = tmp_path / "somewhere" / "candles_1h.parquet"
    stranger.parent.mkdir()
    stranger.write_bytes(good.read_bytes())
    with pytest.raises(BadInput, match="does not say which venue"):
        read_recording(stranger)


@pytest.mark.parametrize("damage", ["tail", "footer", "page"])
def test_a_damaged_file_is_refused_as_damaged(store: Callable[..., Path], damage: str) -> None:
    path = store(candles())
    content = bytearray(path.read_bytes())
    if damage == "tail":
        del content[len(content) // 2 :]
    elif damage == "footer":
        length = int.from_bytes(content[-8:-4], "little")
        content[-8 - length : -8] = bytes(length)
    else:
        content[4:60] = bytes(56)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is damaged"):
        read_recording(path)


def test_the_carried_recordings_are_whole(project_data: Path) -> None:
    spot: Recording = read_recording(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet")
    assert (len(spot), len(spot.symbols), spot.timeframe) == (126_801, 42, Timeframe.H1)
    assert dict(zip(spot.symbols, spot.price_digits, strict=True))[Symbol("binance", "spot", "BTTUSDT")] == 7
    euro = read_recording(project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet")
    assert euro.symbols == (Symbol("oanda", "fx", "EUR_USD"),) and euro.price_digits == (5,)
