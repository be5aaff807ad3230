"""Markets made by hand for the tests of the OANDA twin: minutes of which every price is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.sim.twins.faults import Faults
from holdfast.sim.twins.oanda.session import Session, open_session
from holdfast.sim.twins.oanda.wire import Refusal
from holdfast.world.clock import RecordedClock
from holdfast.world.recording import Recording

MINUTE_MS = 60_000
Bars = Sequence[tuple[int, float, float, float, float, float]]  # (open time, open, high, low, close, volume)


def ms(text: str) -> int:
    """Milliseconds of '2018-03-09 21:59' in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def recording_of(bars: Mapping[str, Bars], timeframe: Timeframe = Timeframe.M1) -> Recording:
    """A recording of several instruments by name."""
    names = sorted(bars)
    rows = sorted((bar[0], number, bar[1:]) for number, name in enumerate(names) for bar in bars[name])
    return Recording(
        symbols=tuple(Symbol("oanda", "fx", name) for name in names),
        timeframe=timeframe,
        symbol_index=np.array([number for _, number, _ in rows], dtype=np.int32),
        open_time_ms=np.array([time for time, _, _ in rows], dtype=np.int64),
        values=np.array([values for _, _, values in rows], dtype=np.float64).reshape(-1, 5),
    )


def flat(start_ms: int, prices: Sequence[float], *, step_ms: int = MINUTE_MS) -> Bars:
    """Bars that stand at one price each, one after the other."""
    return [(start_ms + number * step_ms, price, price, price, price, 10.0) for number, price in enumerate(prices)]


class Trader:
    """One who asks the desk directly, without a server: `quote` sets a price by hand."""

    def __init__(
        self, prices: Mapping[str, float], at: str = "2018-03-07 12:00", *, balance: int = 100_000, home: str = "USD"
    ) -> None:
        start_ms = ms(at)
        self.clock = RecordedClock(start_ms)
        self.faults = Faults()
        # The recorded hour begins the moment before, so that the market has a price and nothing moves by itself.
        bars = {name: flat(start_ms - MINUTE_MS, [price] * 2) for name, price in prices.items()}
        self.session: Session = open_session(
            recording_of(bars), self.clock, self.faults, account_id="101-004-1435156-001", home=home,
            balance=Decimal(balance), update_ms=None,
        )  # fmt: skip
        self.account = self.session.account
        self.desk = self.session.desk
        for name, price in prices.items():
            self.quote(name, price)

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def quote(self, name: str, bid: float | str, ask: float | str | None = None) -> None:
        """A new price, without a spread if only one side is given."""
        low, high = Decimal(str(bid)), Decimal(str(bid if ask is None else ask))
        self.session.execution.on_quote(name, low, high, now_ms=self.now_ms)

    def order(self, type_: str, units: int | str, **more: object) -> dict[str, Any]:
        """What the desk answers to an order in EUR_USD (or another `instrument`)."""
        asked = {"type": type_, "instrument": "EUR_USD", "units": str(units), **more}
        return self.desk.create_order({"order": asked}, self.now_ms, "1")[1]

    def refused(self, type_: str, units: int | str, **more: object) -> str:
        """The reject reason of an order, or the message where there is none."""
        try:
            self.order(type_, units, **more)
        except Refusal as refusal:
            return str(refusal.body.get("errorCode", refusal.body["errorMessage"]))
        return "accepted"

    def log(self, since: int = 3) -> list[tuple[str, str]]:
        """(type, reason or reject reason) of the transactions after one."""
        found = self.account.log.between(since + 1, self.account.log.last_id)
        return [(item["type"], str(item.get("rejectReason", item.get("reason", "")))) for item in found]

    def units(self, name: str = "EUR_USD") -> Decimal:
        return self.account.net_units(name)

    def check_the_books(self) -> None:
        """What must hold at every moment: no gap in the log, and the balance is what the log says."""
        items = self.account.log.between(1, self.account.log.last_id)
        assert [item["id"] for item in items] == [str(number) for number in range(1, len(items) + 1)]
        deposit = Decimal(next(item["amount"] for item in items if item["type"] == "TRANSFER_FUNDS"))
        fills = [item for item in items if item["type"] == "ORDER_FILL"]
        assert self.account.balance == deposit + sum(Decimal(item["pl"]) for item in fills)
        for name in self.account.traded_instruments():
            traded = sum(item["units"] for item in fills if item["instrument"] == name)
            assert self.account.net_units(name) == traded
            held = self.account.exchange.accounts[self.account.id].position(name)
            assert held.size == traded
            assert {lot.id for lot in held.lots} == {trade.lot for trade in self.account.open_trades(name)}
        for trade in self.account.trades.values():
            if not trade.is_open:
                assert not trade.protections()
