"""Where tests find recorded markets. Only data paths live here; a room's own fixtures live beside its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project_data() -> Path:
    """The small recorded market that the project carries."""
    return _PROJECT / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The larger recorded markets that may lie beside a checkout; a test that needs them is skipped without them."""
    folder = _PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the larger recorded markets (../shared/data) are not here")
    return folder
