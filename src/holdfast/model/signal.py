"""A consensus of heads on one bar of one symbol, with everything needed to replay it."""

from __future__ import annotations

import msgspec

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction, Vote


class Signal(msgspec.Struct, frozen=True):
    """Emitted when a bar closes. `consensus` is the agreeing heads' share of the weight of all qualified votes;
    `probability` and `confidence` are their weighted means (docs/signals.md).

    `close` and `atr` are the bar's close price and its average true range, in quote currency.
    `data_hash` is the SHA-256 of the candles and inputs the heads read; `policy` names the version of heads, weights
    and thresholds. `outcome` is 'signal', or the code that says why the votes gave none.
    """

    id: str
    symbol: Symbol
    timeframe: Timeframe
    bar_open_ms: int
    bar_close_ms: int
    direction: Direction
    probability: float | None
    confidence: float | None
    consensus: float | None
    agreeing: tuple[str, ...]
    votes: tuple[Vote, ...]
    close: float
    atr: float | None
    data_hash: str
    policy: str
    outcome: str
