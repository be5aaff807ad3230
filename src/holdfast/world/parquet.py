"""Opening a recorded Parquet file, and saying in the owner's words what is wrong with it.

Polars is imported on use: a start that reads no recording does not pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holdfast.model.candle import Floats, Times
from holdfast.model.errors import BadInput

if TYPE_CHECKING:
    import polars

LAYOUT = "data/README.md describes the layout of a recording."


def read_columns(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> polars.DataFrame:
    """The named columns of a Parquet file, `ts` as UTC milliseconds (int64) and in whatever order the file has.

    Raises BadInput when the file is missing, is not Parquet, is damaged, lacks a column or a row, or holds a row
    without a symbol or time.
    """
    import polars as pl

    if not path.exists():
        raise BadInput(f"There is no file {path}.", "Check the path; it should end in .parquet.")
    if path.is_dir():
        inside = ", ".join(sorted(file.name for file in path.glob("*.parquet"))) or "no .parquet file"
        raise BadInput(f"{path} is a folder.", f"Name one file in it: it holds {inside}.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic != b"PAR1":
            raise BadInput(f"{path} is not a Parquet file.", LAYOUT)
        present = pl.read_parquet_schema(path)
        missing = [name for name in needed if name not in present]
        if missing:
            raise BadInput(f"{path} has no column {', '.join(missing)}; it has {', '.join(present)}.", LAYOUT)
        frame = pl.read_parquet(path, columns=[*needed, *(name for name in optional if name in present)])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Some damage makes the decoder panic instead of answering; to the owner that is the same news.
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path} is damaged: {reason}.", "Fetch or copy the file again.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    if frame.height == 0:
        raise BadInput(f"{path} holds no rows.", "Choose a recording with candles in it.")
    return _with_times(path, frame)


def _with_times(path: Path, frame: polars.DataFrame) -> polars.DataFrame:
    import polars as pl

    kind = frame.schema["ts"]
    if not isinstance(kind, pl.Datetime):
        raise BadInput(f"Column ts of {path} is {kind}, not a timestamp.", LAYOUT)
    for name in ("ts", "symbol"):
        if name in frame.columns and frame[name].null_count():
            raise BadInput(f"{frame[name].null_count()} rows of {path} have no {name}.", LAYOUT)
    if "symbol" in frame.columns and frame.schema["symbol"] not in (pl.String, pl.Categorical):
        raise BadInput(f"Column symbol of {path} is {frame.schema['symbol']}, not text.", LAYOUT)
    return frame.with_columns(pl.col("ts").dt.epoch("ms"))


def to_floats(path: Path, frame: polars.DataFrame, name: str) -> Floats:
    """A numeric column as float64, NaN where the file has no value; BadInput for anything but numbers."""
    import polars as pl

    column = frame[name]
    if column.dtype == pl.Null:
        return np.full(frame.height, np.nan)
    if not column.dtype.is_numeric():
        raise BadInput(f"Column {name} of {path} is {column.dtype}, not numbers.", LAYOUT)
    return np.ascontiguousarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy())


def to_times(frame: polars.DataFrame) -> Times:
    """The column ts as int64 milliseconds."""
    return np.ascontiguousarray(frame["ts"].to_numpy())
