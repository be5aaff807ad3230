"""Instruments for recorded symbols: currencies from names, steps from digits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.venues.listing import list_instrument, split_name


@pytest.mark.parametrize(
    ("name", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("BRDBTC", "BRD", "BTC"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("BTCTUSD", "BTC", "TUSD"),
        ("USDTTRY", "USDT", "TRY"),
        ("1000SHIBUSDT", "1000SHIB", "USDT"),
        ("EUR_USD", "EUR", "USD"),
        ("USD_CHF", "USD", "CHF"),
        ("BTC-USD", "BTC", "USD"),
        ("BTC-PERP", "BTC", "USD"),
    ],
)
def test_the_currencies_are_read_from_the_name(name: str, base: str, quote: str) -> None:
    assert split_name(name) == (base, quote)


@pytest.mark.parametrize("name", ["USDT", "ABCXYZ", "EUR_", "_USD", "EUR_USD_X", "-PERP", ""])
def test_an_unknown_form_is_bad_input(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be read from its name"):
        split_name(name)


def test_digits_become_steps() -> None:
    listed = list_instrument(
        Symbol("binance", "spot", "BTCUSDT"), 2, 5, maker_fee=Decimal("0.001"), taker_fee=Decimal("0.001")
    )
    assert (str(listed.price_tick), str(listed.size_step), str(listed.min_size)) == ("0.01", "0.00001", "0.00001")
    assert (listed.base, listed.quote, listed.can_short, listed.min_notional) == ("BTC", "USDT", False, 0)


def test_digits_below_zero_give_tens_and_hundreds_written_out() -> None:
    symbol = Symbol("oanda", "fx", "EUR_USD")
    listed = list_instrument(symbol, 5, -2, maker_fee=Decimal(0), taker_fee=Decimal(0), min_notional=Decimal(5))
    assert (str(listed.size_step), listed.can_short, listed.min_notional) == ("100", True, 5)
