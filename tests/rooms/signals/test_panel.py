"""The panel: a large window is shown to a head in tiles, and nobody can tell from the votes."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.model.window import FUNDING_RATE, MARK_PRICE, Window
from holdfast.signals import panel
from holdfast.signals.head import Head
from holdfast.signals.panel import Panel, find_heads, vote_one

ARRAYS = ("direction", "probability", "confidence", "reasons", "abstained")


@pytest.fixture(scope="module")
def window() -> Window:
    """7 symbols × 900 bars of a random walk; the last symbol began 300 bars ago."""
    chance = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, (7, 900)), axis=1))
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    high = np.maximum(opened, close) * np.exp(np.abs(chance.normal(0, 0.004, close.shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(chance.normal(0, 0.004, close.shape)))
    volume = chance.lognormal(5, 1, close.shape)
    for column in (opened, high, low, close, volume):
        column[-1, :600] = np.nan
    times = np.broadcast_to(1_609_459_200_000 + 3_600_000 * np.arange(900), close.shape)
    inputs = {FUNDING_RATE: chance.normal(1e-4, 4e-4, close.shape), MARK_PRICE: close * 1.0003}
    return Window(3_600_000, times, opened, high, low, close, volume, inputs)


@pytest.mark.parametrize("head", find_heads(), ids=lambda head: head.name)
@pytest.mark.parametrize("columns", [1, 250, 900])
def test_votes_are_the_same_in_tiles_of_any_size(
    head: Head, columns: int, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = vote_one(head, window, columns)
    for tile_bars in (500, 1_100):  # rows and columns are cut; mostly rows
        monkeypatch.setattr(panel, "TILE_BARS", tile_bars)
        tiled = vote_one(head, window, columns)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(tiled, name), getattr(whole, name), err_msg=f"{name} {tile_bars}")
        assert tiled.measures.keys() == whole.measures.keys()
        for name, measure in whole.measures.items():
            np.testing.assert_array_equal(tiled.measures[name], measure, err_msg=f"{name} {tile_bars}")


def test_more_columns_than_there_are_bars_gives_a_vote_on_every_bar(window: Window) -> None:
    votes = Panel(find_heads()).vote(window.tail(50), 80)
    assert votes.direction.shape == (len(find_heads()), 7, 50)
