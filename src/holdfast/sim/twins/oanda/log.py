"""The account's transaction log: every change is a numbered transaction, in batches that were applied together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from holdfast.sim.twins.oanda.wire import Json, Moment

_ORDER_TYPES = ("MARKET_ORDER", "LIMIT_ORDER", "STOP_ORDER", "MARKET_IF_TOUCHED_ORDER", "TAKE_PROFIT_ORDER")
_OF_ORDERS = (*_ORDER_TYPES, "STOP_LOSS_ORDER", "TRAILING_STOP_LOSS_ORDER", "FIXED_PRICE_ORDER")
_WITH_ORDERS = ("ORDER_FILL", "ORDER_CANCEL", "ORDER_CANCEL_REJECT", "ORDER_CLIENT_EXTENSIONS_MODIFY")
_FILTERS = {
    "ORDER": frozenset((*_OF_ORDERS, *(f"{name}_REJECT" for name in _OF_ORDERS), *_WITH_ORDERS)),
    "FUNDING": frozenset(("TRANSFER_FUNDS", "TRANSFER_FUNDS_REJECT")),
    "ADMIN": frozenset(("CREATE", "CLOSE", "REOPEN", "CLIENT_CONFIGURE", "CLIENT_CONFIGURE_REJECT")),
}


class TransactionLog:
    """Transactions from number 1, without gaps. `listeners` hear each one as it is written."""

    def __init__(self, account_id: str, user_id: int) -> None:
        self.account_id = account_id
        self.user_id = user_id
        self.listeners: list[Callable[[Json], None]] = []
        self._all: list[Json] = []
        self._batch = 0
        self._request_id = ""

    @property
    def last_id(self) -> int:
        return len(self._all)

    @contextmanager
    def batch(self, request_id: str = "") -> Iterator[Callable[[], list[str]]]:
        """What is written within belongs together. Yields what gives the numbers written so far, as text."""
        self._batch, self._request_id, before = self.last_id + 1, request_id, self.last_id
        try:
            yield lambda: [str(number) for number in range(before + 1, self.last_id + 1)]
        finally:
            self._batch, self._request_id = 0, ""

    def write(self, kind: str, time_ms: int, **fields: object) -> Json:
        """Appends a transaction and returns it."""
        number = self.last_id + 1
        transaction: Json = {
            "id": str(number),
            "accountID": self.account_id,
            "userID": self.user_id,
            "batchID": str(self._batch or number),
            "requestID": self._request_id or None,
            "time": Moment(time_ms),
            "type": kind,
            **fields,
        }
        self._all.append(transaction)
        for listener in self.listeners:
            listener(transaction)
        return transaction

    def get(self, number: int) -> Json | None:
        return self._all[number - 1] if 1 <= number <= self.last_id else None

    def between(self, first: int, last: int, kinds: Iterable[str] = ()) -> list[Json]:
        """Transactions by number, both ends included; `kinds` are types or the filters ORDER, FUNDING, ADMIN."""
        wanted = {name for kind in kinds for name in _FILTERS.get(kind, (kind,))}
        found = self._all[max(first, 1) - 1 : max(last, 0)]
        return [item for item in found if not wanted or item["type"] in wanted]

    def within(self, from_ms: int, to_ms: int, kinds: Iterable[str] = ()) -> list[Json]:
        """Transactions by time, both ends included."""
        return [item for item in self.between(1, self.last_id, kinds) if from_ms <= item["time"].ms <= to_ms]


def known_filter(kind: str) -> bool:
    """Whether v20 knows this transaction filter."""
    return kind in _FILTERS or any(kind in kinds for kinds in _FILTERS.values()) or kind in _OTHERS


_OTHERS = frozenset(
    f"{name}{end}"
    for name in ("ORDER_CLIENT_EXTENSIONS_MODIFY", "TRADE_CLIENT_EXTENSIONS_MODIFY", "ONE_CANCELS_ALL_ORDER")
    for end in ("", "_REJECT")
) | {"DAILY_FINANCING", "DELAYED_TRADE_CLOSURE", "RESET_RESETTABLE_PL", "MARGIN_CALL_ENTER", "MARGIN_CALL_EXIT"}
