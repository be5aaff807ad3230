"""One market of the twin: its exchange, the recordings that move it, its limits, and what a handler is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.instrument import Instrument, Rejected
from holdfast.sim.exchange.order import Order, OrderSpec, Trade
from holdfast.sim.twins.binance.errors import ApiError, bad_symbol, translated
from holdfast.sim.twins.binance.limits import Meter
from holdfast.sim.twins.binance.listen_keys import ListenKeys
from holdfast.sim.twins.binance.parameters import Parameters
from holdfast.sim.twins.market import FUNDING_RATE, MarketSource, Tape, Tick

QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USD", "BTC", "ETH", "BNB", "EUR", "TRY", "GBP")
FIRST_ALGO_ID = 2_000_000_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it; `account` is '' for a public one, `now_ms` is the venue's clock."""

    parameters: Parameters
    account: str
    now_ms: int


@dataclass(slots=True)
class Desk:
    """`sources` move `exchange`. `funding` gives the rate of a symbol at a moment."""

    spot: bool
    exchange: Exchange
    sources: list[MarketSource]
    meter: Meter
    funding: Callable[[str, int], Decimal] = field(default=lambda symbol, time_ms: FUNDING_RATE)
    paid: list[tuple[str, int, Decimal, Decimal]] = field(default_factory=list)
    dead_man: dict[tuple[str, str], int] = field(default_factory=dict)
    margin_types: dict[tuple[str, str], str] = field(default_factory=dict)
    listen_keys: ListenKeys = field(default_factory=ListenKeys)
    _trades_of: dict[int, list[Trade]] = field(default_factory=dict)
    _known_trades: int = 0
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def tapes(self) -> dict[str, Tape]:
        return {symbol: tape for source in self.sources for symbol, tape in source.tapes.items()}

    def instrument(self, symbol: str) -> Instrument:
        """A listed symbol's filters; raises ApiError."""
        if (book := self.exchange.books.get(symbol)) is None:
            raise bad_symbol()
        return book.instrument

    def instruments(self, call: Call) -> list[Instrument]:
        """The symbols that `symbol` or `symbols` name, or all."""
        if "symbol" in call.parameters:
            return [self.instrument(call.parameters.symbol())]
        if "symbols" in call.parameters:
            names = call.parameters.get("symbols").strip("[]").replace('"', "").split(",")
            return [self.instrument(name.strip()) for name in names]
        return [book.instrument for book in self.exchange.books.values()]

    def market_ms(self, symbol: str) -> int:
        """Where the symbol's recording stands."""
        return next(source.done_ms for source in self.sources if symbol in source.tapes)

    def tick(self, symbol: str) -> Tick | None:
        """The market of a symbol now; None before its first bar."""
        return self.tapes[symbol].at(self.market_ms(symbol))

    def new_client_id(self) -> str:
        """What the venue names an order whose client did not."""
        return f"twin{next(self._ids):018d}"

    def trades_of(self, order: Order) -> list[Trade]:
        """The trades of an order, in order."""
        for trade in self.exchange.trades[self._known_trades :]:
            self._trades_of.setdefault(trade.order_id, []).append(trade)
        self._known_trades = len(self.exchange.trades)
        return self._trades_of.get(order.id, [])

    def refusal(self, rejected: Rejected, spec: OrderSpec | None = None) -> ApiError:
        """The venue's answer to a refusal of the exchange."""
        book = self.exchange.books.get(spec.symbol) if spec is not None else None
        return translated(rejected, spec, book.instrument if book else None, spot=self.spot)

    def place(self, call: Call, spec: OrderSpec) -> Order:
        """Hands a request to the exchange; raises ApiError."""
        try:
            return self.exchange.place(call.account, spec, time_ms=call.now_ms)
        except Rejected as rejected:
            raise self.refusal(rejected, spec) from rejected

    def check(self, call: Call, spec: OrderSpec) -> None:
        """What `place` would refuse; raises ApiError."""
        try:
            self.exchange.check(call.account, spec)
        except Rejected as rejected:
            raise self.refusal(rejected, spec) from rejected

    def cancel(self, call: Call, order: Order, *, cause: str = "") -> Order:
        try:
            return self.exchange.cancel(call.account, order.id, time_ms=call.now_ms, cause=cause)
        except Rejected as rejected:
            raise self.refusal(rejected) from rejected


def listed(tapes: Iterable[Tape], *, spot: bool) -> list[Instrument]:
    """Instruments with the filters that the venue has for such symbols: steps from the recording, bounds and fees as
    they are for most symbols there."""
    return [_listed(tape, spot=spot) for tape in tapes]


def _listed(tape: Tape, *, spot: bool) -> Instrument:
    base, quote = _split(tape.symbol)
    tick, step = tape.price_tick, tape.size_step
    rate = Decimal("0.001") if spot else Decimal("0.0005")
    return Instrument(
        name=tape.symbol,
        base=base,
        quote=quote,
        price_tick=tick,
        size_step=step,
        min_size=step,
        max_size=Decimal(9_000_000) if step < 1 else Decimal(900_000_000),
        max_market_size=Decimal(100_000) if step < 1 else Decimal(90_000_000),
        min_price=tick,
        max_price=Decimal(1_000_000),
        min_notional=Decimal(5),
        percent_up=Decimal(5) if spot else Decimal("1.15"),
        percent_down=Decimal("0.2") if spot else Decimal("0.85"),
        one_sided_band=not spot,
        max_orders=200,
        max_conditional=5 if spot else 100,
        maker_fee=rate if spot else Decimal("0.0002"),
        taker_fee=rate,
        margined=not spot,
    )


def _split(name: str) -> tuple[str, str]:
    for quote in QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return name.removesuffix(quote), quote
    return name[:3], name[3:]
