"""What the endpoints share: the account with its desk, the market that is played, the clock as the venue shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web

from holdfast.model.errors import BadInput
from holdfast.ports.clock import Clock
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.sim.twins.market import MarketSource
from holdfast.sim.twins.oanda.account import Account
from holdfast.sim.twins.oanda.candles import period_of
from holdfast.sim.twins.oanda.desk import Desk
from holdfast.sim.twins.oanda.execution import Execution
from holdfast.sim.twins.oanda.history import CandleQuery
from holdfast.sim.twins.oanda.hours import is_open
from holdfast.sim.twins.oanda.instruments import Tradable, list_tradables
from holdfast.sim.twins.oanda.log import TransactionLog
from holdfast.sim.twins.oanda.wire import invalid, money
from holdfast.world.recording import Recording

_WEEK_MS = 7 * 86_400_000
# Margin is judged in the account's currency over all instruments, which the exchange cannot; it is given enough.
_AMPLE = Decimal(10) ** 15


@dataclass
class Session:
    """One account of one twin."""

    clock: Clock
    source: MarketSource
    account: Account
    execution: Execution
    desk: Desk
    faults: Faults
    _requests: int = field(default=0)

    def now_ms(self) -> int:
        """The venue's clock, by which it stamps and judges; a fault can set it off."""
        offset = self.faults.peek(Fault.CLOCK_OFFSET)
        return self.clock.now_ms() + (int(offset.value) if offset else 0)

    def stamp(self, _request: web.Request) -> tuple[int, str]:
        """When a request is carried out, and its number."""
        self._requests += 1
        return self.now_ms(), str(60_000_000_000_000_000 + self._requests)

    def play(self) -> None:
        """Brings the market up to the clock. Prices of hours in which the market is closed are nobody's."""
        self.account.follow_filters()
        for tick in self.source.advance(self.clock.now_ms()):
            if is_open(tick.time_ms):
                self.execution.on_quote(tick.symbol, tick.bid, tick.ask, now_ms=tick.time_ms)
        self.execution.on_time(self.clock.now_ms())

    def named(self, names: str) -> list[Tradable]:
        """The instruments of a comma-separated list; Refusal for one that is not there."""
        listed = self.account.tradables
        wanted = [name for name in names.replace("%2C", ",").split(",") if name]
        if not wanted or any(name not in listed for name in wanted):
            raise invalid("instruments")
        return [listed[name] for name in dict.fromkeys(wanted)]

    def before_this_period(self, query: CandleQuery, now_ms: int) -> int:
        """The last moment before the period that is forming now."""
        return period_of(now_ms, query.granularity, query.alignment)[0] - 1


def open_session(
    recording: Recording, clock: Clock, faults: Faults, *, account_id: str, home: str, balance: Decimal,
    update_ms: int | None,
) -> Session:  # fmt: skip
    """A funded account on the market of a recording; BadInput for one that has no instruments of OANDA's."""
    for symbol in recording.symbols:
        if symbol.name.count("_") != 1:
            raise BadInput(f"{symbol} is no instrument of OANDA.", "Its instruments are named like EUR_USD.")
    now_ms = clock.now_ms()
    source = MarketSource(recording, now_ms, update_ms=update_ms, align_ms=_WEEK_MS)
    tradables = list_tradables({name: tape.price_digits for name, tape in source.tapes.items()}, home)
    exchange = Exchange((tradable.to_exchange() for tradable in tradables.values()), refuse_immediate_trigger=False)
    exchange.open_account(account_id, {tradable.quote: _AMPLE for tradable in tradables.values()})
    log = TransactionLog(account_id, user_id=int(account_id.split("-")[2]))
    account = Account(
        id=account_id, home=home, user_id=log.user_id, created_ms=now_ms, exchange=exchange, tradables=tradables,
        log=log, balance=balance,
    )  # fmt: skip
    with log.batch():
        log.write("CREATE", now_ms, divisionID=4, siteID=101, accountUserID=log.user_id, accountNumber=1,
                  homeCurrency=home)  # fmt: skip
        log.write("CLIENT_CONFIGURE", now_ms, alias=account.alias, marginRate="0.02")
    log.write(
        "TRANSFER_FUNDS", now_ms, amount=money(balance), fundingReason="ADJUSTMENT", accountBalance=money(balance)
    )
    execution = Execution(account)
    session = Session(clock, source, account, execution, Desk(account, execution), faults)
    for tick in source.now_ticks():
        execution.on_quote(tick.symbol, tick.bid, tick.ask, now_ms=tick.time_ms)
    return session
