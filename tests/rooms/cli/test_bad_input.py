"""What a wrong file is answered with: which candles were refused, and why a walk cannot begin. No server here."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl


def altered(candles: Path, folder: Path, **columns: object) -> Path:
    """The recording with the 100th candle changed."""
    frame = pl.read_parquet(candles).with_row_index()
    here = pl.col("index") == 100
    changed = [
        pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    ]
    path = folder / "binance_spot_altered" / candles.name
    path.parent.mkdir()
    frame.with_columns(changed).drop("index").write_parquet(path)
    return path


def test_a_refused_candle_is_counted_by_its_defect(run: Any, candles: Path, tmp_path: Path) -> None:
    path = altered(candles, tmp_path, volume=-1.0)
    command = ("replay", "--candles", path, "--until", "2021-01-06")
    assert json.loads(run(*command, "--json").stdout)["defects"] == {"negative_volume": 1}
    assert "1 negative_volume" in run(*command).stdout


def test_a_candle_of_the_future_is_refused_before_the_clock_jumps_to_it(
    run: Any, candles: Path, tmp_path: Path
) -> None:
    path = altered(candles, tmp_path, ts=datetime(2999, 1, 1, tzinfo=UTC))
    result = run("replay", "--candles", path)
    assert result.exit_code == 2
    assert "candles of the future (1); the last one closes at 2999-01-01 01:00 UTC" in result.stderr
    assert run("replay", "--candles", path, "--until", "2021-01-06").exit_code == 0


def test_a_weight_of_a_head_that_does_not_exist_names_the_nearest(run: Any, candles: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    for table in ("heads = { technicall = 1.0 }", "calibration = { technicall = [[0.5, 0.5], [0.9, 0.8]] }"):
        settings.write_text(f"[weights]\n{table}\n", encoding="utf-8")
        result = run("replay", "--candles", candles, "--settings", settings)
        assert result.exit_code == 2 and "Did you mean 'technical'?" in result.stderr


def test_a_journal_without_its_paper_venue_is_refused(
    run: Any, candles: Path, walked: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    data_dir = shutil.copytree(walked[0], tmp_path / "kept")
    (data_dir / "paper.sqlite").unlink()
    result = run("replay", "--candles", candles, "--data-dir", data_dir)
    assert result.exit_code == 2
    assert "is missing, or older than the journal" in result.stderr
    assert "Restore both files from one backup" in result.stderr


def test_a_paper_venue_without_its_journal_is_refused(
    run: Any, candles: Path, walked: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    data_dir = shutil.copytree(walked[0], tmp_path / "kept")
    for file in data_dir.glob("journal.sqlite*"):
        file.unlink()
    result = run("replay", "--candles", candles, "--data-dir", data_dir)
    assert result.exit_code == 2
    assert "has traded for this account, and the journal is empty" in result.stderr
