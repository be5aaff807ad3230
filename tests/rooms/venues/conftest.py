"""The tests of the venues use the markets of the plays; this puts them where they can be imported."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "plays"))
