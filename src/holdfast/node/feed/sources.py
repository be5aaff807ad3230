"""Where live candles come from: one market of one venue, the language of its streams, and the door for requests.

No socket and no state machine here: those are in `connections`, and what to do with candles is in `live`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.market.stream_words import StreamLimits
from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Exchange
from holdfast.ports.transport import FrameTransport
from holdfast.venues.binance import streams as binance
from holdfast.venues.binance.endpoints import SpotEndpoints, UsdmEndpoints
from holdfast.venues.binance.market import MarketFrames

_NAMED = b'{"stream":"'


@dataclass(frozen=True, slots=True)
class Heard:
    """A venue's word about a connection: the answer to a request, or (without one) that it will close."""

    request: int | None
    accepted: bool = True
    reason: str = ""


class Dialect(Protocol):
    """How the streams of one market are named, asked for and read. One object serves all connections of the market."""

    @property
    def limits(self) -> StreamLimits: ...

    def follow(self, symbols: Sequence[Symbol]) -> Mapping[str, str]:
        """Reads these symbols from now on; the streams that tell of them, each with its group."""
        ...

    def symbol_of(self, stream: str) -> Symbol | None: ...

    def url(self, group: str) -> str: ...

    def subscribe(self, streams: Sequence[str], request: int) -> bytes: ...

    def unsubscribe(self, streams: Sequence[str], request: int) -> bytes: ...

    def frame(self, payload: memoryview) -> None:
        """Takes one frame; never raises for what is in it."""
        ...

    def stream_of(self, payload: memoryview) -> str:
        """Which stream a frame came on; '' if it does not say."""
        ...

    def take_candles(self) -> CandleBlock | None:
        """The candles that the venue called closed since the last call."""
        ...

    def take_heard(self) -> list[Heard]:
        """What the venue has said about the connection whose frames came since the last call."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LiveMarket:
    """One market. Without a dialect its candles come by requests alone, as where the stream tells quotes and no bars.
    `most_bars` is what one request gives at most. A bar that ended more than `settle_ms` ago and is not in an answer
    does not exist; keep it short where silent minutes are usual, as on OANDA."""

    exchange: Exchange
    dialect: Dialect | None = None
    frames: FrameTransport | None = None
    most_bars: int = 1000
    settle_ms: int = 60_000

    def has(self, symbol: Symbol) -> bool:
        return (symbol.venue, symbol.market) == (self.exchange.venue, self.exchange.market)


class BinanceDialect:
    """Binance's combined streams: a kline stream for each symbol, and on request its quotes and mark prices too.
    `reader` holds the newest of those, and counts what it did not understand."""

    def __init__(
        self,
        endpoints: SpotEndpoints | UsdmEndpoints,
        timeframe: Timeframe,
        *,
        quotes: bool = False,
        marks: bool = False,
    ) -> None:
        spot = isinstance(endpoints, SpotEndpoints)
        self.limits = StreamLimits(
            streams_per_connection=binance.SPOT_STREAMS_PER_CONNECTION if spot else binance.USDM_STREAMS_PER_CONNECTION,
            messages_per_s=binance.SPOT_MESSAGES_PER_S if spot else binance.USDM_MESSAGES_PER_S,
            life_ms=int(binance.LIFE_S * 1000),
        )
        self.reader = MarketFrames((), timeframe)
        self._endpoints = endpoints
        self._timeframe = timeframe
        self._quotes = quotes
        self._marks = marks and not spot
        self._symbols: dict[str, Symbol] = {}

    def follow(self, symbols: Sequence[Symbol]) -> Mapping[str, str]:
        """See Dialect. What the reader knew of symbols that stay is kept."""
        names = {symbol.name for symbol in symbols}
        old, self.reader = self.reader, MarketFrames(symbols, self._timeframe)
        self.reader.quotes = {name: quote for name, quote in old.quotes.items() if name in names}
        self.reader.marks = {name: mark for name, mark in old.marks.items() if name in names}
        self.reader.odd, self.reader.closed, self.reader.partial = old.odd, old.closed, old.partial
        self._symbols = {}
        for symbol in symbols:
            self._symbols[binance.kline_stream(symbol, self._timeframe)] = symbol
            if self._quotes:
                self._symbols[binance.quote_stream(symbol)] = symbol
            if self._marks:
                self._symbols[binance.mark_price_stream(symbol)] = symbol
        return {stream: binance.stream_root(self._endpoints, stream) for stream in self._symbols}

    def symbol_of(self, stream: str) -> Symbol | None:
        """See Dialect."""
        return self._symbols.get(stream)

    def url(self, group: str) -> str:
        """See Dialect."""
        return binance.combined_url(group)

    def subscribe(self, streams: Sequence[str], request: int) -> bytes:
        """See Dialect."""
        return binance.subscribe(streams, request)

    def unsubscribe(self, streams: Sequence[str], request: int) -> bytes:
        """See Dialect."""
        return binance.unsubscribe(streams, request)

    def frame(self, payload: memoryview) -> None:
        """See Dialect."""
        self.reader.frame(payload)

    def stream_of(self, payload: memoryview) -> str:
        """See Dialect. The name is the first thing in a combined frame."""
        begin = bytes(payload[:96])
        if not begin.startswith(_NAMED):
            return ""
        return begin[len(_NAMED) :].partition(b'"')[0].decode("ascii", "replace")

    def take_candles(self) -> CandleBlock | None:
        """See Dialect."""
        return self.reader.take_candles()

    def take_heard(self) -> list[Heard]:
        """See Dialect."""
        if not self.reader.notices:
            return []
        notices, self.reader.notices = self.reader.notices, []
        heard = []
        for said in notices:
            request = said.get("id")
            if said.get("e") == "serverShutdown":
                heard.append(Heard(None, reason="serverShutdown"))
            elif isinstance(request, int):
                error = said.get("error")
                heard.append(Heard(request, error is None, "" if error is None else str(error)))
        return heard
