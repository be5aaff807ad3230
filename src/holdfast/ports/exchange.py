"""The door to a real venue, over a network: what every venue answers, and the three ways in which an answer can fail.

Every call raises an error named by what the caller does next: Refused (definitely no), Retryable (it certainly had no
effect), Unknown (it may have had its effect: ask, do not repeat). A reading call whose transport fails is Retryable.
Calls are stamped by the caller, because a stamp is part of what the journal promises; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from holdfast.model.candle import CandleBlock
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderReport, OrderRequest
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.venue import GuaranteeTier


class Stamp(msgspec.Struct, frozen=True):
    """When a request was made, on the venue's clock, and for how long the venue may still accept it."""

    time_ms: int
    valid_ms: int


class Liquidity(msgspec.Struct, frozen=True):
    """What the choice of the universe needs to know of one symbol: `quote_volume_24h` in quote currency."""

    symbol: Symbol
    quote_volume_24h: Decimal
    last_price: Decimal


class StreamState(StrEnum):
    CONNECTED = "connected"
    LOST = "lost"
    STALE = "stale"  # the venue says that events may be missing: poll


class StreamNote(msgspec.Struct, frozen=True):
    """A private stream's word about itself."""

    state: StreamState
    reason: str = ""


class Capabilities(msgspec.Struct, frozen=True):
    """What a venue can do by itself. `dead_man_timer`: it cancels orders when it hears nothing from us.
    `attached_protection`: stop and target may travel with the entry. `max_symbols_per_stream`: of one connection."""

    dead_man_timer: bool
    attached_protection: bool
    private_stream: bool
    max_symbols_per_stream: int


PrivateEvent = Fill | OrderReport | StreamNote


class Exchange(Protocol):
    """One market of one venue, for one account (or none: then only the public calls answer)."""

    @property
    def venue(self) -> str: ...

    @property
    def market(self) -> str: ...

    @property
    def guarantee_tier(self) -> GuaranteeTier: ...

    @property
    def capabilities(self) -> Capabilities: ...

    # ---- public

    async def read_time_ms(self) -> int:
        """The venue's clock."""
        ...

    async def read_instruments(self) -> Mapping[Symbol, Instrument]:
        """Every symbol that is tradable now, with exact filters."""
        ...

    async def read_liquidity(self) -> Sequence[Liquidity]:
        """Every symbol's 24 h volume, for the choice of the universe."""
        ...

    async def read_candles(self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int) -> CandleBlock:
        """Closed bars that open after `after_ms`, oldest first, at most `limit`. A bar still forming is not among
        them."""
        ...

    # ---- account

    async def place(self, request: OrderRequest, stamp: Stamp) -> OrderReport: ...

    async def cancel(self, request: OrderRequest, stamp: Stamp) -> OrderReport: ...

    async def query(self, request: OrderRequest) -> OrderReport | None:
        """The venue's word on an order by our client id; None for 'no such order', which alone is no proof."""
        ...

    async def read_open_orders(self) -> Sequence[OrderReport]:
        """Every order that rests at the venue, conditional ones included, ours or not."""
        ...

    async def read_fills(self, symbol: Symbol, *, since: str) -> tuple[Sequence[Fill], str]:
        """Fills after the cursor ('' for the beginning of the venue's memory), and the new cursor."""
        ...

    async def read_positions(self) -> Mapping[Symbol, Decimal]: ...

    async def read_balances(self) -> Mapping[str, Decimal]: ...

    def private_events(self) -> AsyncIterator[PrivateEvent]:
        """Fills and reports as they happen; reconnects by itself and says so with StreamNote. Ends when closed."""
        ...

    async def arm_dead_man(self, symbol: Symbol, timeout_ms: int) -> None:
        """Asks the venue to cancel the symbol's orders unless called again in time; 0 disarms. Refused where there is
        no such thing."""
        ...

    async def close(self) -> None: ...
