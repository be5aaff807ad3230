"""Where things are when nothing else is said: the recording of the demo, and the directory of a lasting run."""

from __future__ import annotations

from pathlib import Path

import holdfast
from holdfast.model.errors import BadInput

DEFAULT_DATA_DIR = Path("holdfast-data")
_DEMO_CANDLES = Path("data", "binance_spot_2021_wanderindev", "candles_1h.parquet")


def checkout() -> Path:
    """The folder of the project, when the program runs from one."""
    return Path(holdfast.__file__).resolve().parents[2]


def demo_candles(root: Path | None = None) -> Path:
    """The recorded market that the project carries. BadInput when the program runs from somewhere else."""
    path = (root or checkout()) / _DEMO_CANDLES
    if not path.is_file():
        raise BadInput(
            f"The demo's recording is not there: {path}.",
            "Run from a checkout of holdfast, or play a recording of your own: holdfast run --candles FILE.",
        )
    return path
