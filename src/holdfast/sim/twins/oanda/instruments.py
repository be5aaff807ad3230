"""What the twin can trade: the instruments of a recording with OANDA's precisions and margin rates, and what one unit
of a quote currency is worth in the account's currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from holdfast.sim.exchange.instrument import Instrument
from holdfast.sim.twins.oanda.wire import Json

_METALS = frozenset({"XAU", "XAG", "XPT", "XPD"})
_CRYPTO = frozenset({"BTC", "ETH", "LTC", "BCH"})
_FACTOR_STEP = Decimal("1e-10")


class Tradable(msgspec.Struct, frozen=True):
    """One instrument: `digits` of its price, `unit_digits` of its units, `margin_rate` a fraction of the value.
    `available` is whether this account may trade it."""

    name: str
    digits: int
    unit_digits: int
    min_units: Decimal
    max_units: Decimal
    margin_rate: Decimal
    available: bool = True

    @property
    def base(self) -> str:
        return self.name.split("_")[0]

    @property
    def quote(self) -> str:
        return self.name.split("_")[1]

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.digits)

    @property
    def unit_step(self) -> Decimal:
        return Decimal(1).scaleb(-self.unit_digits)

    def to_exchange(self) -> Instrument:
        """The exchange's form of it."""
        return Instrument(
            name=self.name,
            base=self.base,
            quote=self.quote,
            price_tick=self.tick,
            size_step=self.unit_step,
            min_size=self.min_units,
            max_size=self.max_units,
            margined=True,
            fifo_lots=True,
            trigger_on_touch=True,
        )

    def with_filters(self, of: Instrument) -> Tradable:
        """This instrument with the filters that the exchange has now."""
        return msgspec.structs.replace(
            self,
            digits=max(-int(of.price_tick.normalize().as_tuple().exponent), 0),
            unit_digits=max(-int(of.size_step.normalize().as_tuple().exponent), 0),
            min_units=of.min_size,
            max_units=of.max_size,
        )

    def price_text(self, price: Decimal) -> str:
        """A price with all the instrument's digits."""
        return format(price.quantize(self.tick), "f")

    def to_json(self) -> Json:
        kind = "METAL" if self.base in _METALS else "CFD" if self.base in _CRYPTO else "CURRENCY"
        return {
            "name": self.name,
            "type": kind,
            "displayName": self.name.replace("_", "/"),
            "pipLocation": 1 - _usual_digits(self.base, self.quote),
            "displayPrecision": self.digits,
            "tradeUnitsPrecision": self.unit_digits,
            "minimumTradeSize": self.min_units,
            "maximumTrailingStopDistance": self.price_text(10_000 * self.tick * 10),
            "minimumTrailingStopDistance": self.price_text(50 * self.tick),
            "maximumPositionSize": "0",
            "maximumOrderUnits": self.max_units,
            "marginRate": self.margin_rate,
        }


def list_tradables(digits_of: Mapping[str, int], home: str) -> dict[str, Tradable]:
    """The instruments of a recording by name, from the digits of their prices. One whose quote currency cannot be
    turned into the account's by another recorded instrument is listed, but not available to the account."""
    pairs = [tuple(name.split("_")) for name in digits_of]
    listed = {}
    for name, digits in digits_of.items():
        base, quote = name.split("_")
        known = quote == home or (quote, home) in pairs or (home, quote) in pairs
        listed[name] = Tradable(
            name=name,
            digits=max(digits, _usual_digits(base, quote)),
            unit_digits=2 if base in _CRYPTO else 0,
            min_units=Decimal("0.01") if base in _CRYPTO else Decimal(1),
            max_units=Decimal(1_000 if base in _CRYPTO else 100_000_000),
            margin_rate=Decimal("0.5") if base in _CRYPTO else Decimal("0.02"),
            available=known,
        )
    return listed


def _usual_digits(base: str, quote: str) -> int:
    """How many decimals the venue gives such a price."""
    return 3 if quote in ("JPY", "HUF") else 1 if base in _CRYPTO else 5


def home_factor(quote: str, home: str, mid_of: Callable[[str], Decimal | None], names: Iterable[str]) -> Decimal | None:
    """What one unit of `quote` is worth in `home`; None when no price says it yet."""
    if quote == home:
        return Decimal(1)
    listed = set(names)
    if f"{quote}_{home}" in listed:
        return mid_of(f"{quote}_{home}")
    mid = mid_of(f"{home}_{quote}") if f"{home}_{quote}" in listed else None
    return None if mid is None else (1 / mid).quantize(_FACTOR_STEP)
