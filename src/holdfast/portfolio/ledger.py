"""The books of one account: a fold of journal entries, the same on every machine that reads the same journal.

Lives here: which entries count, the positions and round trips they make, and what the account is worth at
given marks. Must not live here: the matching of lots and trips (lots.py, trips.py), orders, decisions,
limits, statistics (performance.py), or anything that rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType

import msgspec

from holdfast.model.entry import EntryKind, StoredEntry
from holdfast.model.errors import BadInput
from holdfast.model.fill import Fill
from holdfast.model.position import Position
from holdfast.model.symbol import Symbol
from holdfast.portfolio.equity import EquityLine, EquityMark, decode_equity_mark
from holdfast.portfolio.lots import bookable, exact
from holdfast.portfolio.trips import Book, RoundTrip, post

_ZERO = Decimal(0)


class DayResult(msgspec.Struct, frozen=True):
    """The round trips closed on one day in one currency: their net sum (after fees), their number, wins and
    losses."""

    net: Decimal
    trips: int
    wins: int
    losses: int


class _Opening(msgspec.Struct, frozen=True):
    """The part of a settings entry that the books read: opening balances per currency, if it has any."""

    balances: dict[str, Decimal] = {}


class Ledger:
    """The books of `account`. `apply` is the only way to change them, and applying an entry again changes
    nothing.

    Entries of other accounts, and kinds that carry no money (decision, order, kill), are passed over. `zone`
    says where a day begins, for day results and for the equity at the start of the day.
    """

    def __init__(self, account: str, *, zone: tzinfo = UTC) -> None:
        self.account = account
        self.zone = zone
        self.sequence = 0  # of the newest entry given to apply: read the journal after it
        self._opening: dict[str, Decimal] = {}
        self._books: dict[Symbol, Book] = {}
        self._fill_keys: set[str] = set()
        self._trips: list[RoundTrip] = []
        self._peak: dict[str, Decimal] = {}
        self._day_start: dict[str, Decimal] = {}
        self._last_mark: EquityMark | None = None
        self._losses_in_a_row = 0
        self._last_loss_time_ms: int | None = None

    # ---- the fold ----

    def apply(self, stored: StoredEntry) -> bool:
        """Counts one entry, once; True when the books changed. Raises BadInput for a body that is not what
        its kind says, or that cannot be booked exactly; the books are then as they were before."""
        if not isinstance(stored, StoredEntry):
            raise TypeError(f"A ledger folds StoredEntry values, not {type(stored).__name__}.")
        changed = False
        entry = stored.entry
        if entry.account == self.account:
            if entry.kind is EntryKind.FILL:
                changed = self._apply_fill(entry.key, entry.body)
            elif entry.kind is EntryKind.EQUITY:
                changed = self._apply_equity(decode_equity_mark(entry.body))
            elif entry.kind is EntryKind.SETTINGS:
                changed = self._apply_opening(entry.body)
        self.sequence = max(self.sequence, stored.sequence)
        return changed

    def apply_all(self, entries: Iterable[StoredEntry]) -> int:
        """Applies each in order; returns how many changed the books."""
        return sum(self.apply(stored) for stored in entries)

    def _apply_opening(self, body: bytes) -> bool:
        """An opening balance is a fact of the past: the first settings that name a currency set it for
        ever."""
        try:
            balances = msgspec.json.decode(body, type=_Opening).balances
        except msgspec.DecodeError as error:
            raise BadInput(
                f"A settings entry has unreadable balances: {error}.",
                'They are written as {"balances": {"USDT": "10000"}}.',
            ) from error
        for currency, amount in balances.items():
            if not bookable(amount) or amount < 0:
                raise BadInput(
                    f"The opening balance of {currency} is {amount}.",
                    "It is zero or more, below 10^30, with at most 30 decimal places.",
                )
        fresh = {currency: amount for currency, amount in balances.items() if currency not in self._opening}
        self._opening.update(fresh)
        return bool(fresh)

    def _apply_fill(self, key: str, body: bytes) -> bool:
        if key in self._fill_keys:
            return False
        fill = _decode_fill(key, body)
        old = self._books.get(fill.symbol)
        if old is None:
            old = Book(position=Position(self.account, fill.symbol, (), _ZERO, _ZERO), quote=fill.quote, trip=None)
        if old.quote != fill.quote:
            raise BadInput(
                f"Fill {key} is in {fill.quote}, but {fill.symbol} has been booked in {old.quote}.",
                "One symbol has one quote currency; check the venue's instrument.",
            )
        new, done = post(old, fill)
        self._books[fill.symbol] = new
        self._fill_keys.add(key)
        if done is not None:
            self._trips.append(done)
            self._count_streak(done)
        return True

    def _count_streak(self, trip: RoundTrip) -> None:
        if trip.net < 0:
            self._losses_in_a_row += 1
            self._last_loss_time_ms = trip.closed_at_ms
        else:
            self._losses_in_a_row = 0

    def _apply_equity(self, mark: EquityMark) -> bool:
        """Marks come in order of time, so one that is not newer than the last has been counted already."""
        if self._last_mark is not None and mark.time_ms <= self._last_mark.time_ms:
            return False
        for currency, line in mark.currencies.items():
            self._day_start[currency] = self._day_start_at(currency, mark.time_ms)
            self._peak[currency] = max(self._peak_before(currency), line.equity)
        self._last_mark = mark
        return True

    def _peak_before(self, currency: str) -> Decimal:
        return self._peak.get(currency, self._opening.get(currency, _ZERO))

    def _day_start_at(self, currency: str, time_ms: int) -> Decimal:
        opening = self._opening.get(currency, _ZERO)
        if self._last_mark is None or currency not in self._last_mark.currencies:
            return self._day_start.get(currency, opening)
        if self.day_of(self._last_mark.time_ms) == self.day_of(time_ms):
            return self._day_start.get(currency, opening)
        return self._last_mark.currencies[currency].equity

    # ---- reading the books ----

    def day_of(self, time_ms: int) -> date:
        """The calendar day of a moment, in the ledger's zone."""
        return datetime.fromtimestamp(time_ms // 1000, self.zone).date()

    @property
    def opening(self) -> Mapping[str, Decimal]:
        """Opening balance per currency."""
        return MappingProxyType(self._opening)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency with an opening balance or a fill, sorted."""
        return tuple(sorted({*self._opening, *(kept.quote for kept in self._books.values())}))

    @property
    def positions(self) -> Mapping[Symbol, Position]:
        """Every symbol ever traded, flat ones too (they keep their realised profit and fees)."""
        return {symbol: kept.position for symbol, kept in self._books.items()}

    @property
    def open_positions(self) -> Mapping[Symbol, Position]:
        """The symbols that are not flat."""
        return {symbol: kept.position for symbol, kept in self._books.items() if kept.position.lots}

    def quote_of(self, symbol: Symbol) -> str:
        """The quote currency a symbol is booked in; KeyError when it was never traded."""
        return self._books[symbol].quote

    @property
    def open_trips(self) -> Mapping[Symbol, RoundTrip]:
        """The round trips that are still open, by symbol."""
        return {symbol: kept.trip for symbol, kept in self._books.items() if kept.trip is not None}

    @property
    def trips(self) -> Sequence[RoundTrip]:
        """The closed round trips, in the order in which they closed."""
        return tuple(self._trips)

    def fees_paid(self, currency: str) -> Decimal:
        """Every fee ever paid in a currency, less rebates."""
        with exact():
            return sum((kept.position.fees for kept in self._books.values() if kept.quote == currency), _ZERO)

    @property
    def fill_count(self) -> int:
        return len(self._fill_keys)

    @property
    def wins(self) -> int:
        """Closed round trips that made money after fees."""
        return sum(trip.net > 0 for trip in self._trips)

    @property
    def losses(self) -> int:
        """Closed round trips that lost money after fees. A trip of exactly zero is neither."""
        return sum(trip.net < 0 for trip in self._trips)

    @property
    def consecutive_losses(self) -> int:
        """How many of the newest closed trips lost money in a row."""
        return self._losses_in_a_row

    @property
    def last_loss_time_ms(self) -> int | None:
        return self._last_loss_time_ms

    def days(self) -> dict[str, dict[str, DayResult]]:
        """Per day of closing ('2021-05-19') and currency: what the round trips closed that day made after
        fees."""
        results: dict[str, dict[str, DayResult]] = {}
        with exact():
            for trip in self._trips:
                assert trip.closed_at_ms is not None
                day = results.setdefault(self.day_of(trip.closed_at_ms).isoformat(), {})
                old = day.get(trip.quote, DayResult(_ZERO, 0, 0, 0))
                day[trip.quote] = DayResult(
                    net=old.net + trip.net,
                    trips=old.trips + 1,
                    wins=old.wins + (trip.net > 0),
                    losses=old.losses + (trip.net < 0),
                )
        return results

    def standing(self, marks: Mapping[Symbol, Decimal], time_ms: int) -> dict[str, EquityLine]:
        """What the account is worth per currency at `time_ms`, if every open position were closed at its
        mark.

        equity = opening + realised - fees + unrealised, exact. `peak` is the highest equity of any mark in
        the journal or of now; `day_start` the equity of the last mark before this day (the opening balance
        when there is none). Raises BadInput when an open position has no mark: a worth with a part missing is
        not a worth.
        """
        lines: dict[str, EquityLine] = {}
        with exact():
            for currency in self.currencies:
                realised = fees = unrealised = _ZERO
                for symbol, kept in self._books.items():
                    if kept.quote == currency:
                        realised += kept.position.realised
                        fees += kept.position.fees
                        if kept.position.lots:
                            unrealised += kept.position.unrealised(_mark_of(marks, symbol))
                equity = self._opening.get(currency, _ZERO) + realised - fees + unrealised
                lines[currency] = EquityLine(
                    equity=equity,
                    realised=realised,
                    unrealised=unrealised,
                    fees=fees,
                    peak=max(self._peak_before(currency), equity),
                    day_start=self._day_start_at(currency, time_ms),
                )
        return lines


def _decode_fill(key: str, body: bytes) -> Fill:
    try:
        fill = msgspec.json.decode(body, type=Fill)
    except msgspec.DecodeError as error:
        raise BadInput(f"Fill entry {key} is unreadable: {error}.", "Its body is a Fill as JSON.") from error
    expected = f"{fill.symbol}:{fill.trade_id}"
    if key != expected:
        raise BadInput(f"Fill entry {key} holds the fill {expected}.", "A fill is kept under its own trade id.")
    for name, value, positive in (("price", fill.price, True), ("size", fill.size, True), ("fee", fill.fee, False)):
        if not bookable(value) or (positive and value <= 0):
            raise BadInput(
                f"Fill {key} has the {name} {value}.",
                "Prices and sizes are above zero; all are below 10^30 with at most 30 decimal places.",
            )
    return fill


def _mark_of(marks: Mapping[Symbol, Decimal], symbol: Symbol) -> Decimal:
    mark = marks.get(symbol)
    if mark is None:
        raise BadInput(
            f"There is no price for the open position in {symbol}.", "Give its last known price as its mark."
        )
    if not isinstance(mark, Decimal):
        raise TypeError(f"The mark of {symbol} is a {type(mark).__name__}; marks are Decimal, so that equity is exact.")
    if not bookable(mark) or mark <= 0:
        raise BadInput(
            f"The mark of {symbol} is {mark}.", "A mark is a price above zero, with at most 30 decimal places."
        )
    return mark
