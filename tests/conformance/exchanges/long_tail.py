"""What ccxt answers of any other venue, for the tests of every exchange."""

from __future__ import annotations

from typing import Any

from exchange_specimen import (
    CLOSED_MS,
    FORMING_MS,
    MINUTE_MS,
    NOW_MS,
    OLDER_MS,
    OUR_ID,
    SECRET,
    Opened,
    Situation,
    Specimen,
)

from holdfast.model.symbol import Symbol
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.long_tail.exchange import CcxtExchange, Doors
from holdfast.world.clock import RecordedClock


class BaseError(Exception):
    """The root of ccxt's errors, and below it some of its names, in its order."""


class OperationFailed(BaseError):
    pass


class ExchangeError(BaseError):
    pass


class ExchangeNotAvailable(OperationFailed):
    pass


class RequestTimeout(OperationFailed):
    pass


class RateLimitExceeded(OperationFailed):
    pass


class InsufficientFunds(ExchangeError):
    pass


class OrderNotFound(ExchangeError):
    pass


_MARKET = {
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "type": "spot",
    "active": True,
    "precision": {"price": 0.01, "amount": 0.001},
    "limits": {},
}
_ORDER = {"id": "28", "clientOrderId": OUR_ID, "symbol": "BTC/USDT", "status": "closed", "amount": 0.1, "filled": 0.1}
_TRADE = {"id": "5", "order": "28", "side": "buy", "price": 100.0, "amount": 0.1, "timestamp": NOW_MS}
_GOOD: dict[str, Any] = {
    "create_order": _ORDER,
    "fetch_order": _ORDER,
    "fetch_balance": {"total": {"USDT": 10.0}},
    "fetch_my_trades": [_TRADE],
    "fetch_ohlcv": [
        [open_ms, 1.0, 2.0, 0.5, 1.5, 10.0] for open_ms in (OLDER_MS - MINUTE_MS, OLDER_MS, CLOSED_MS, FORMING_MS)
    ],
    "fetch_open_orders": [],
    "fetch_closed_orders": [],
}
_FAILURES = {
    Situation.SERVER_ERROR: ExchangeNotAvailable("503"),
    Situation.LIMITED: RateLimitExceeded("429"),
    Situation.REJECTED: InsufficientFunds("no"),
    Situation.GARBLED: KeyError("id"),
    Situation.LOST: RequestTimeout("no answer"),
    # Of the requests that did not leave, ccxt tells only of those that were held back by a limit.
    Situation.UNSENT: RateLimitExceeded("held back"),
    Situation.ABSENT: OrderNotFound("no such order"),
}


class _Client:
    id = "elsewhere"

    def __init__(self, situation: Situation, opened: Opened, *, keys: bool) -> None:
        self.precisionMode = 4
        self.apiKey, self.secret = ("a-key", SECRET) if keys else ("", "")
        self.has = dict.fromkeys(
            ("fetchOHLCV", "fetchOrder", "fetchOpenOrders", "fetchClosedOrders", "fetchMyTrades"), True
        )
        self._situation = situation
        self._opened = opened

    async def load_markets(self, *_: object) -> dict[str, Any]:
        return {"BTC/USDT": _MARKET}

    async def close(self) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        async def answer(*_: object) -> Any:
            (self._opened.writes if name == "create_order" else self._opened.requests).append(name)
            looking = self._situation is Situation.ABSENT and name.endswith("_orders")
            if self._situation is Situation.GOOD or looking:
                return _GOOD[name]
            raise _FAILURES[self._situation]

        return answer


def _open(situation: Situation, keys: bool) -> Opened:
    clock = RecordedClock(NOW_MS)
    opened = Opened(exchange=None)  # type: ignore[arg-type]
    client = _Client(situation, opened, keys=keys)
    opened.exchange = CcxtExchange(client, BaseError, "spot", Doors(clock, clock.now_ms))
    return opened


SPECIMENS = [Specimen("ccxt", Symbol("elsewhere", "spot", "BTC-USDT"), GuaranteeTier.BEST_EFFORT, "5", _open)]
