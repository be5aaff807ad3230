"""Reading what was recorded beside candles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.world.observations import read_funding, read_headlines, read_marks

BITCOIN = Symbol("binance", "usdm", "BTCUSDT")


def test_funding_is_read_by_symbol_in_order_of_time(project_data: Path) -> None:
    funding = read_funding(project_data / "binance_usdm_2025_typhonun" / "funding_rate.parquet")
    assert len(funding.symbols) == 15 and len(funding.value) == 3_583
    times, values = funding.of(BITCOIN)
    assert len(times) == 223 and (np.diff(times) > 0).all()
    assert np.abs(values).max() < 0.01
    assert len(funding.of(Symbol("binance", "spot", "BTCUSDT"))[0]) == 0


def test_a_mark_price_is_the_opening_one_because_its_time_is_known(project_data: Path) -> None:
    path = project_data / "binance_usdm_2025_typhonun" / "mark_8h.parquet"
    times, values = read_marks(path).of(BITCOIN)
    raw = pl.read_parquet(path).filter(pl.col("symbol") == "BTCUSDT").sort("ts")
    assert values.tolist() == raw["open"].to_list()
    assert times.tolist() == raw["ts"].dt.epoch("ms").to_list()


def test_headlines_come_in_order_with_their_titles(project_data: Path) -> None:
    headlines = read_headlines(project_data / "news_2022_nyu" / "headlines.parquet")
    assert len(headlines.titles) == len(headlines.time_ms) == 7_464
    assert (np.diff(headlines.time_ms) >= 0).all()
    assert headlines.titles[0].startswith("Celo to Be Fastest EVM Chain")


def test_the_wrong_table_is_refused(project_data: Path) -> None:
    candles = project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet"
    with pytest.raises(BadInput, match="has no column funding_rate"):
        read_funding(candles)
    with pytest.raises(BadInput, match="has no column title"):
        read_headlines(candles)
