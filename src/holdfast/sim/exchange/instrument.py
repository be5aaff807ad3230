"""What can be traded, and its exact filters. A filter of None (or 0 digits of it) does not bind."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.model.errors import Refused
from holdfast.model.order import Side
from holdfast.sim.exchange.order import Kind, Lasting, OrderSpec


class Reason(StrEnum):
    """Why the exchange refuses. The twins translate these into their venue's codes and words."""

    UNKNOWN_SYMBOL = "unknown symbol"
    NOT_TRADING = "not trading"
    DUPLICATE_ID = "duplicate client id among open orders"
    UNKNOWN_ORDER = "unknown order"
    PRICE_MISSING = "price missing"
    PRICE_TICK = "price not on the tick"
    PRICE_RANGE = "price out of range"
    PERCENT_PRICE = "price too far from the market"
    SIZE_STEP = "size not on the step"
    SIZE_RANGE = "size out of range"
    NOTIONAL = "value out of range"
    MAX_ORDERS = "too many open orders"
    MAX_CONDITIONAL = "too many open conditional orders"
    MAX_POSITION = "position would be too large"
    BALANCE = "insufficient balance"
    MARGIN = "insufficient margin"
    REDUCE_ONLY = "nothing to reduce"
    WOULD_TRADE = "a post-only order would trade"
    WOULD_TRIGGER = "a conditional order would trigger at once"
    BAD_GROUP = "the prices of the group are in the wrong order"
    NO_PRICE = "no price yet"


class Rejected(Refused):
    """The exchange refuses; nothing has changed. `reason` is what a twin translates; `detail` is for people."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class Trading(StrEnum):
    """OPEN trades; CANCEL_ONLY lets orders be cancelled only; HALTED neither, and prices match nothing."""

    OPEN = "open"
    CANCEL_ONLY = "cancel_only"
    HALTED = "halted"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """`margined`: positions against collateral in `quote` (perpetuals, FX); otherwise base and quote change hands.
    Rates are fractions of the traded value. `percent_up` and `percent_down` multiply the last price into the band
    that limit prices stay in (`one_sided_band`: buys only not above it, sells only not below it). `fifo_lots`: profit
    is realised first in, first out; otherwise at the average price. `trigger_on_touch`: conditional orders watch the
    price they would trade at (ask for a buy) and not the last one."""

    name: str
    base: str
    quote: str
    price_tick: Decimal
    size_step: Decimal
    min_size: Decimal
    max_size: Decimal
    max_market_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_notional: Decimal | None = None
    percent_up: Decimal | None = None
    percent_down: Decimal | None = None
    one_sided_band: bool = False
    max_orders: int | None = None
    max_conditional: int | None = None
    max_position: Decimal | None = None
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal(0)
    margined: bool = False
    fifo_lots: bool = False
    trigger_on_touch: bool = False

    def check_price(self, price: Decimal) -> None:
        """Raises Rejected for a price outside its range or off the tick."""
        low, high = self.min_price or Decimal(0), self.max_price
        if price <= 0 or price < low or (high is not None and price > high):
            raise Rejected(Reason.PRICE_RANGE, str(price))
        if price % self.price_tick:
            raise Rejected(Reason.PRICE_TICK, str(price))

    def check_band(self, side: Side, price: Decimal, last: Decimal | None) -> None:
        """Raises Rejected for a limit price too far from the last one."""
        if last is None:
            return
        for most, bound_side in ((self.percent_up, Side.BUY), (self.percent_down, Side.SELL)):
            if most is None or (self.one_sided_band and side is not bound_side):
                continue
            bound = last * most
            if price > bound if bound_side is Side.BUY else price < bound:
                raise Rejected(Reason.PERCENT_PRICE, format(bound.quantize(self.price_tick).normalize(), "f"))

    def check_size(self, size: Decimal, *, market: bool) -> None:
        """Raises Rejected for a size outside its range or off the step."""
        most = self.max_market_size if market and self.max_market_size is not None else self.max_size
        if size <= 0 or size < self.min_size or size > most:
            raise Rejected(Reason.SIZE_RANGE, str(size))
        if size % self.size_step:
            raise Rejected(Reason.SIZE_STEP, str(size))

    def check_spec(self, spec: OrderSpec, last: Decimal | None, expected_price: Decimal | None) -> None:
        """The filters over one request; `expected_price` values a market order. Raises Rejected."""
        if spec.kind.priced:
            if spec.price is None:
                raise Rejected(Reason.PRICE_MISSING)
            self.check_price(spec.price)
            self.check_band(spec.side, spec.price, last)
        if spec.kind.conditional:
            if spec.trigger_price is None:
                raise Rejected(Reason.PRICE_MISSING)
            self.check_price(spec.trigger_price)
        if spec.lasting is Lasting.DATE and spec.expires_ms is None:
            raise Rejected(Reason.PRICE_MISSING, "an order for a date needs its date")
        if spec.close_position:
            return
        value = spec.quote_size
        if value is None:
            self.check_size(spec.size, market=not spec.kind.priced)
            price = spec.price or spec.trigger_price or expected_price
            value = None if price is None else price * spec.size
        if self.min_notional is not None and value is not None and value < self.min_notional and not spec.reduce_only:
            raise Rejected(Reason.NOTIONAL, f"{value} is less than {self.min_notional}")


__all__ = ["Instrument", "Kind", "Reason", "Rejected", "Trading"]
