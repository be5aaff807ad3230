"""A long day at the paper venue, the same every time: what the test that kills it runs in another process.

Started again on the same file it does everything again from the first bar; the venue knows what it has done.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

sys.path.append(str(Path(__file__).resolve().parents[2] / "plays"))

import msgspec
import numpy as np
from desk import BTC, ETH, FREE, MINUTE, bars, d, intent, paper

from holdfast.execution.marks import request_for
from holdfast.model.errors import Refused
from holdfast.venues.paper_rules import PaperRules
from holdfast.venues.paper_sqlite import SqlitePaperStore

_ROUNDS = 40


def run(path: str, out: TextIO | None = None) -> list[str]:
    """Plays the day on the file; a line to `out` after each step. Gives all that the venue has told."""
    venue = paper(SqlitePaperStore(Path(path)), PaperRules(FREE.markets, d("0.10")))
    steps = np.random.default_rng(5).integers(-4, 5, size=(2, _ROUNDS * 3))
    closes = 100 + np.cumsum(steps, axis=1) % 23
    for number in range(_ROUNDS):
        shown = {}
        for row, symbol in enumerate((BTC, ETH)):
            part = closes[row, number * 3 : number * 3 + 3]
            rows = [(c, c + 3, c - 3, c + 1, 4 + 3 * (c % 4)) for c in map(float, part)]
            shown[symbol] = bars(*rows, first=number * 3)
        venue.advance(shown)
        decided = intent(
            f"s{number}",
            symbol=(BTC, ETH)[number % 2],
            decided_at_ms=(number * 3 + 3) * MINUTE,
            expires_at_ms=(number * 3 + 9) * MINUTE,
        )
        try:
            venue.place(request_for(decided, attempt=1, placed_at_ms=decided.decided_at_ms))
        except Refused as error:
            assert str(error) == "duplicate_client_id", error
        if out is not None:
            print(number, file=out, flush=True)
    told = [msgspec.json.encode(word).decode() for word in venue.events_since(0)]
    told.append(str(sorted(venue.balances().items())))
    venue.close()
    return told
