"""Instruments for recorded symbols, whose files carry no exchange filters: currencies are read from the name.

Not here: the filters of a live venue, which come from the venue itself.
"""

from __future__ import annotations

from decimal import Decimal

from holdfast.model.errors import BadInput
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol

# How FTX named its perpetuals, all of which were settled in dollars.
_PERPETUAL = "-PERP"

# Currencies that pairs without a separator are quoted in.
QUOTES = (
    *("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "PAX", "DAI", "USD"),
    *("BTC", "ETH", "BNB", "TRX", "XRP"),
    *("EUR", "GBP", "TRY", "AUD", "BRL", "JPY", "RUB", "UAH", "NGN", "ZAR", "IDRT", "BIDR", "BVND"),
)
_LONGEST_FIRST = sorted(QUOTES, key=lambda quote: (-len(quote), quote))


def list_instrument(
    symbol: Symbol,
    price_digits: int,
    size_digits: int,
    *,
    maker_fee: Decimal,
    taker_fee: Decimal,
    min_notional: Decimal = Decimal(0),
) -> Instrument:
    """The instrument of a recorded symbol: ticks of 10^-price_digits, sizes in steps of 10^-size_digits (digits below 0
    give tens and hundreds), fees as fractions of the traded value. A spot symbol cannot be sold short."""
    base, quote = split_name(symbol.name)
    step = Decimal(10) ** -size_digits
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_tick=Decimal(10) ** -price_digits,
        size_step=step,
        min_size=step,
        min_notional=min_notional,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        can_short=symbol.market != "spot",
    )


def split_name(name: str) -> tuple[str, str]:
    """(base, quote) of 'BTCUSDT', 'EUR_USD', 'BTC-USD', 'BTC/USD' or 'BTC-PERP'; raises BadInput for anything else."""
    if name.endswith(_PERPETUAL) and name != _PERPETUAL:
        return name.removesuffix(_PERPETUAL), "USD"
    for separator in "_-/":
        if separator in name:
            base, _, quote = name.partition(separator)
            if base and quote.isalnum():
                return base, quote
            raise _unreadable(name)
    for quote in _LONGEST_FIRST:
        if name.endswith(quote) and len(name) > len(quote):
            return name.removesuffix(quote), quote
    raise _unreadable(name)


def _unreadable(name: str) -> BadInput:
    return BadInput(
        f"The currencies of '{name}' cannot be read from its name.",
        f"Write it as BASE_QUOTE, or as BASE followed by one of {', '.join(sorted(QUOTES))}.",
    )
