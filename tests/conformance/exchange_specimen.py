"""What a venue brings to the tests that every exchange has to pass: itself, and its answers, good and bad.

One file a venue in `exchanges/`, found by its being there. It holds answers in the venue's own words; what the answers
mean is only said by the tests.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from holdfast.model.errors import Retryable, Unknown
from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Exchange, Stamp
from holdfast.ports.transport import HttpAnswer, HttpRequest
from holdfast.ports.venue import GuaranteeTier

NOW_MS = 1_699_999_999_000
MINUTE_MS = 60_000
# The last closed minute, one before it, and the one that is still forming.
CLOSED_MS = NOW_MS // MINUTE_MS * MINUTE_MS - MINUTE_MS
OLDER_MS, FORMING_MS = CLOSED_MS - MINUTE_MS, CLOSED_MS + MINUTE_MS
STAMP = Stamp(NOW_MS, 2_000)
OUR_ID, SECRET = "hfconformance", "the-very-secret"


class Situation(StrEnum):
    """How the venue answers."""

    GOOD = "all is well"
    SERVER_ERROR = "it says 5xx"
    LIMITED = "too many requests"
    REJECTED = "it refuses the order or the key"
    GARBLED = "it says yes in a shape that nobody knows"
    LOST = "the connection broke after the request"
    UNSENT = "there was no connection"
    ABSENT = "it has no such order"


@dataclass
class Opened:
    """An exchange and what left it: `writes` are the requests that would change something."""

    exchange: Exchange
    requests: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Specimen:
    """`open_exchange(situation, keys)`: one that meets the venue in that situation, with or without keys.

    In GOOD, candles are answered of OLDER, CLOSED and FORMING (and one before), orders with OUR_ID, and one fill with
    the trade number `trade_id`.
    """

    name: str
    symbol: Symbol
    tier: GuaranteeTier
    trade_id: str
    open_exchange: Callable[[Situation, bool], Opened]

    @property
    def order(self) -> OrderRequest:
        """A plain order to buy one tenth at the market."""
        return OrderRequest(
            client_order_id=OUR_ID,
            symbol=self.symbol,
            side=Side.BUY,
            type=OrderType.MARKET,
            size=Decimal("100") if self.symbol.market == "fx" else Decimal("0.1"),
            price=None,
            reduce_only=False,
            leg=Leg.ENTRY,
            placed_at_ms=NOW_MS,
        )


class Wire:
    """An HttpTransport that answers by the situation: `good` when all is well, `bad` with the venue's refusals."""

    def __init__(
        self,
        situation: Situation,
        good: Callable[[HttpRequest], Any],
        bad: Callable[[Situation, HttpRequest], HttpAnswer],
    ) -> None:
        self._situation = situation
        self._good = good
        self._bad = bad
        self.requests: list[str] = []
        self.writes: list[str] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        writing = request.method != "GET"
        (self.writes if writing else self.requests).append(f"{request.method} {request.path}")
        match self._situation:
            case Situation.SERVER_ERROR:
                return HttpAnswer(503, {}, b"<html>out of order</html>")
            case Situation.GARBLED:
                return HttpAnswer(200, {}, b'{"unheard": [')
            case Situation.LOST if writing:
                raise Unknown("broke after the request was sent")
            case Situation.LOST | Situation.UNSENT:
                raise Retryable("no connection")
            case Situation.GOOD:
                return HttpAnswer(200, {}, msgspec.json.encode(self._good(request)))
        return self._bad(self._situation, request)

    def learn_limits(self, origin: str, limits: object) -> None:
        return

    async def close(self) -> None:
        return


def find_specimens() -> list[Specimen]:
    """The SPECIMENS of every file in `exchanges/`."""
    found: list[Specimen] = []
    for path in sorted((Path(__file__).parent / "exchanges").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"exchange_specimens_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.SPECIMENS
    return found
