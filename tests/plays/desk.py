"""The smallest driver there can be: it carries execution's commands to a journal and a paper venue and brings the
answers back as events. Tests of execution, its laws and the plays use it; it can die between any two commands.

Here: markets and bars made by hand, the driver, its crash. Not here: what any test expects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from holdfast.execution import protocol as on
from holdfast.execution.book import Book, replay
from holdfast.execution.identity import intent_id
from holdfast.journal.memory import MemoryJournal, Record
from holdfast.model.base_bars import BaseBars
from holdfast.model.errors import Refused, Retryable, Unknown
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.intent import Intent
from holdfast.model.order import Leg, OrderReport, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.listing import list_instrument
from holdfast.venues.paper import PaperVenue
from holdfast.venues.paper_rules import MarketRules, PaperRules
from holdfast.venues.paper_store import MemoryPaperStore, PaperStore

ACCOUNT = "demo"
MINUTE = 60_000
BTC = Symbol("binance", "usdm", "BTCUSDT")
ETH = Symbol("binance", "usdm", "ETHUSDT")
SPOT = Symbol("binance", "spot", "BTCUSDT")
FREE = PaperRules(
    {m: MarketRules(Decimal(0), Decimal(0), Decimal(n)) for m, n in (("usdm", 5), ("spot", 1))}, Decimal(1)
)


class Crash(BaseException):
    """The process dies here. Not an Exception, so that nothing on the way survives it."""


def d(text: str | int) -> Decimal:
    return Decimal(text)


def instruments() -> dict[Symbol, Instrument]:
    fees = {"maker_fee": d("0.0002"), "taker_fee": d("0.0004")}
    return {symbol: list_instrument(symbol, 1, 2, min_notional=d(5), **fees) for symbol in (BTC, ETH, SPOT)}


def bars(*rows: Sequence[float], first: int = 0) -> BaseBars:
    """One-minute bars from (open, high, low, close) or (open, high, low, close, volume); volume 1000 unless given."""
    full = np.array([[*row, 1000.0][:5] for row in rows], dtype=np.float64).reshape(-1, 5)
    opens = (np.arange(len(full), dtype=np.int64) + first) * MINUTE
    columns = [np.ascontiguousarray(full[:, column]) for column in range(5)]
    return BaseBars(opens, opens + MINUTE, *columns)


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def intent(signal: str, **changes: object) -> Intent:
    """Buy 1 BTC at about 100, stop 90, target 120, decided at minute 1, good for an hour."""
    leg = changes.get("leg", Leg.ENTRY)
    assert isinstance(leg, Leg)
    values: dict[str, object] = {
        "id": intent_id(ACCOUNT, signal, leg),
        "account": ACCOUNT,
        "signal_id": signal,
        "symbol": BTC,
        "timeframe": Timeframe.M1,
        "leg": leg,
        "side": Side.BUY,
        "size": d(1),
        "reference_price": d(100),
        "stop_price": d(90) if leg is Leg.ENTRY else None,
        "target_price": d(120) if leg is Leg.ENTRY else None,
        "risk_amount": d(10),
        "decided_at_ms": MINUTE,
        "expires_at_ms": 61 * MINUTE,
    }
    return Intent(**{**values, **changes})  # type: ignore[arg-type]


def paper(store: PaperStore, rules: PaperRules = FREE, **balances: Decimal) -> PaperVenue:
    return PaperVenue(
        account=ACCOUNT,
        instruments=instruments(),
        balances=balances or {"USDT": d(100_000)},
        rules=rules,
        store=store,
    )


@dataclass
class Desk:
    """One process at a time over a journal and a venue that outlive it. `crash_before` counts down the commands that
    are still carried out; at 0 the process dies before the next one."""

    rules: PaperRules = FREE
    record: Record = field(default_factory=Record)
    store: PaperStore = field(default_factory=MemoryPaperStore)
    crash_before: int | None = None
    log: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start(())

    def start(self, seen: Iterable[Mapping[Symbol, BaseBars]]) -> None:
        """A new process: the book is replayed, the venue reopened and shown the bars it had seen; then what the venue
        told meanwhile is heard, and what is not known is asked."""
        self.crash_before = None
        self.journal = MemoryJournal(self.record)
        self.epoch = self.journal.take_epoch(ACCOUNT, "desk")
        self.book = replay(self.journal.read(), ACCOUNT)
        self.venue = paper(self.store, self.rules)
        self.now_ms = 0
        missed = self.venue.events_since(self._trades_in_journal())
        for shown in seen:
            self._tick(shown)
            missed = [*missed, *self.venue.advance(shown)]
        self.hear(missed)
        self.carry_out(on.resume(self.book))

    def _trades_in_journal(self) -> int:
        return sum(stored.entry.kind == "fill" for stored in self.journal.read())

    def show(self, symbol_bars: Mapping[Symbol, BaseBars]) -> None:
        """The market moves on."""
        self._tick(symbol_bars)
        self.hear(self.venue.advance(symbol_bars))

    def _tick(self, symbol_bars: Mapping[Symbol, BaseBars]) -> None:
        self.now_ms = max([self.now_ms, *(int(shown.close_time_ms[-1]) for shown in symbol_bars.values())])

    def hear(self, told: Iterable[Fill | OrderReport]) -> None:
        for word in told:
            self.happen(on.FillSeen(word) if isinstance(word, Fill) else on.VenueReported(word))

    def happen(self, event: on.Event) -> None:
        self.book, commands = on.step(self.book, event)
        self.carry_out(commands)

    def carry_out(self, commands: Sequence[on.Command]) -> None:
        for command in commands:
            if self.crash_before is not None:
                if self.crash_before == 0:
                    raise Crash
                self.crash_before -= 1
            for event in self._answer(command):
                self.happen(event)

    def _answer(self, command: on.Command) -> list[on.Event]:
        if isinstance(command, on.StoreMark):
            for stored in self.journal.append(ACCOUNT, self.epoch, command.entries):
                self.log.append(f"journal {stored.entry.kind.value}")
            return [on.MarkStored(tuple((entry.kind, entry.key) for entry in command.entries))]
        if isinstance(command, on.Send):
            return [self._send(command)]
        if isinstance(command, on.Cancel):
            return [on.VenueReported(self.venue.cancel(command.client_order_id, time_ms=command.time_ms))]
        if isinstance(command, on.Query):
            report = self.venue.query(command.client_order_id)
            if report is not None:
                return [on.VenueReported(report)]
            assert self.venue.absence_is_proof
            return [on.NotFoundProven(command.client_order_id, self.now_ms)]
        raise AssertionError(f"the venue knows of {command}")

    def _send(self, command: on.Send) -> on.Event:
        request = command.request
        self.sent.append(request.client_order_id)
        try:
            return on.VenueReported(self.venue.place(request))
        except Refused as error:
            return on.VenueRefused(request.client_order_id, str(error), request.placed_at_ms)
        except Retryable:
            return on.VenueNotReached(request.client_order_id, request.placed_at_ms)
        except Unknown:
            return on.VenueUnknown(request.client_order_id, request.placed_at_ms)

    def restored(self) -> Book:
        """What a process that starts now would find."""
        return replay(self.journal.read(), ACCOUNT)
