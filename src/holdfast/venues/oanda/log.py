"""Reading OANDA's numbered log: whole, in order, and with every gap in the numbers noticed.

Every change of an account is a transaction, numbered without gaps, so that a place in the log is one number and what
happened since is a question that OANDA can answer in full. What transactions mean is known in `tale.py`, `fills.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

from holdfast.model.errors import Retryable
from holdfast.venues.oanda import wire
from holdfast.venues.oanda.session import Session
from holdfast.venues.oanda.wire import Order, Trade, Transaction

# Before the first transaction that can be asked for: OANDA numbers from 1, which is the account's own creation.
BEGINNING = 1
_PAGE = 1_000
_MOST_PAGES = 1_000


class Log:
    """One account's log. `odd` counts numbers that OANDA skipped."""

    def __init__(self, session: Session, odd: Counter[str]) -> None:
        self._session = session
        self._odd = odd

    async def read_last(self) -> int:
        """The number of the newest transaction."""
        body = await self._session.read(f"{self._session.account_path}/summary")
        return int(wire.read_account(body).last_transaction_id)

    async def read_since(self, number: int) -> AsyncIterator[Transaction]:
        """Every transaction after that number, in order, up to the newest at the time of the last request."""
        for _ in range(_MOST_PAGES):
            path = f"{self._session.account_path}/transactions/sinceid"
            answer = wire.read_transactions(await self._session.read(path, (("id", number),)))
            last = int(answer.last_transaction_id)
            found = {one.number: one for one in answer.transactions if one.number > number}
            if not found and last <= number:
                return
            if not found:
                # OANDA says that there are some and gives none: the range is asked for by its ends.
                found = await self._read_range(number + 1, min(last, number + _PAGE))
            async for one in self._whole(found, number):
                yield one
            number = max(found)
            if number >= last:
                return
        raise Retryable(f"OANDA's log went on after {_MOST_PAGES} pages.")

    async def read_from(self, moment_ms: int) -> AsyncIterator[Transaction]:
        """Every transaction since a moment, in order."""
        path = f"{self._session.account_path}/transactions"
        params = (("from", wire.time_text(moment_ms)), ("pageSize", _PAGE))
        for page in wire.read_pages(await self._session.read(path, params)).pages:
            ends = parse_qs(urlsplit(page).query)
            try:
                first, last = int(ends["from"][0]), int(ends["to"][0])
            except (LookupError, ValueError) as error:
                raise wire.Unreadable(f"OANDA named a page of its log '{page}'.") from error
            for _, one in sorted((await self._read_range(first, last)).items()):
                yield one

    async def read_transaction(self, number: int) -> Transaction:
        body = await self._session.read(f"{self._session.account_path}/transactions/{number}")
        return wire.read_transaction(body).transaction

    async def read_order(self, specifier: str) -> Order:
        """An order by its number, or by '@' and its client id, percent-encoded."""
        body = await self._session.read(f"{self._session.account_path}/orders/{specifier}")
        return wire.read_order(body).order

    async def read_trade(self, number: int) -> Trade:
        body = await self._session.read(f"{self._session.account_path}/trades/{number}")
        return wire.read_trade(body).trade

    async def _whole(self, found: dict[int, Transaction], before: int) -> AsyncIterator[Transaction]:
        """The found ones in order; those whose numbers are missing between them are asked for once more."""
        missing = sorted(set(range(before + 1, max(found) + 1)) - found.keys())
        if missing:
            found |= await self._read_range(missing[0], missing[-1])
            self._odd["transactions missing in the log"] += len(set(missing) - found.keys())
        for number in sorted(found):
            yield found[number]

    async def _read_range(self, first: int, last: int) -> dict[int, Transaction]:
        """Both ends included."""
        found: dict[int, Transaction] = {}
        while first <= last:
            end = min(last, first + _PAGE - 1)
            path = f"{self._session.account_path}/transactions/idrange"
            body = await self._session.read(path, (("from", first), ("to", end)))
            found |= {one.number: one for one in wire.read_transactions(body).transactions}
            first = end + 1
        return found
