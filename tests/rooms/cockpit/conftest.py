"""The cockpit is tested over the API's fixture view; this only says where that lies."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "api"))
