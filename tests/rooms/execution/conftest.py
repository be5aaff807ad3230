"""The tests of execution use the driver of the plays; this puts it where they can import it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "plays"))
