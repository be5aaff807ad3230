"""A small real market for the command line: the first days of a few symbols of the recording in the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from holdfast.cli.main import build_app
from holdfast.cli.project import demo_candles

SYMBOLS = ("BTCUSDT", "ETHUSDT", "FTMUSDT", "SOLUSDT")
DAYS = 14

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of 1h candles of four symbols."""
    path = tmp_path_factory.mktemp("market") / "binance_spot_short" / "candles_1h.parquet"
    path.parent.mkdir()
    end = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=DAYS)
    frame = pl.read_parquet(demo_candles())
    frame.filter(pl.col("symbol").is_in(SYMBOLS) & (pl.col("ts") < end)).write_parquet(path)
    return path


@pytest.fixture(scope="session")
def run() -> Run:
    """Types a command, and gives what came of it; a HoldfastError never reaches the caller."""

    def type_in(*words: object) -> Result:
        return CliRunner().invoke(build_app(), [str(word) for word in words], prog_name="holdfast")

    return type_in


@pytest.fixture(scope="session")
def walked(run: Run, candles: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A data directory in which the small market has been walked to its end, and what the command said of it."""
    data_dir = tmp_path_factory.mktemp("walked")
    result = run("replay", "--candles", candles, "--data-dir", data_dir, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return data_dir, found
