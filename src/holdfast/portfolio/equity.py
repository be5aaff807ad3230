"""What an account was worth at a decision time, as it stands in the journal.

Lives here: the body of an EQUITY entry and how it is made and read. Must not live here: how the worth is
summed (ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from holdfast.model.entry import Entry, EntryKind, encode_body
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol


class EquityLine(msgspec.Struct, frozen=True):
    """One currency: equity = opening + realised - fees + unrealised; its highest so far; and that of the
    day's start."""

    equity: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    peak: Decimal
    day_start: Decimal


class EquityMark(msgspec.Struct, frozen=True):
    """The worth of an account at `time_ms`, per quote currency. Currencies are never added together."""

    time_ms: int
    currencies: dict[str, EquityLine]


class Books(Protocol):
    """What an equity entry is made from; Ledger is one."""

    account: str

    def standing(self, marks: Mapping[Symbol, Decimal], time_ms: int) -> dict[str, EquityLine]: ...


def make_equity_entry(books: Books, marks: Mapping[Symbol, Decimal], time_ms: int) -> Entry:
    """The EQUITY entry of the books at `time_ms`, under the key `str(time_ms)`. Raises BadInput as `standing`
    does."""
    mark = EquityMark(time_ms=time_ms, currencies=books.standing(marks, time_ms))
    return Entry(
        kind=EntryKind.EQUITY,
        key=str(time_ms),
        account=books.account,
        time_ms=time_ms,
        body=encode_equity_mark(mark),
    )


def encode_equity_mark(mark: EquityMark) -> bytes:
    """Canonical JSON, decimals as strings."""
    return encode_body(mark)


def decode_equity_mark(body: bytes) -> EquityMark:
    """The inverse; raises BadInput for anything else."""
    try:
        mark = msgspec.json.decode(body, type=EquityMark)
    except msgspec.DecodeError as error:
        raise BadInput(f"An equity entry is unreadable: {error}.", "Its body is an EquityMark as JSON.") from error
    for currency, line in mark.currencies.items():
        if not line.equity.is_finite():
            raise BadInput(f"An equity entry says that {currency} is worth {line.equity}.", "Equity is a number.")
    return mark
