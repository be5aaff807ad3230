"""Where ccxt is imported: a client of one of its venues, made when such a venue is configured and not before."""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.model.errors import BadInput
from holdfast.venues.long_tail.reading import kind_of


def open_client(
    venue: str, market: str, *, key: str = "", secret: str = "", password: str = "", sandbox: bool = False
) -> tuple[Any, type[Exception]]:
    """ccxt's client of a venue by ccxt's name for it, and the root of the errors it raises. BadInput without ccxt, or
    for a venue that it does not know. `password`: what some venues want beside key and secret."""
    kind = kind_of(market)
    try:
        ccxt = importlib.import_module("ccxt.async_support")
    except ImportError as error:
        raise BadInput("Venues other than Binance and OANDA need ccxt.", "Install holdfast[venues].") from error
    if venue not in ccxt.exchanges:
        raise BadInput(f"ccxt has no venue '{venue}'.", "Its names are listed at github.com/ccxt/ccxt.")
    client = getattr(ccxt, venue)(
        {
            "apiKey": key,
            "secret": secret,
            "password": password,
            "enableRateLimit": True,
            # Open orders are read of all symbols at once, which costs more and leaves none out.
            "options": {"defaultType": kind, "warnOnFetchOpenOrdersWithoutSymbol": False}
            | ({"defaultSubType": "linear"} if kind == "swap" else {}),
        }
    )
    if sandbox:
        client.set_sandbox_mode(True)
    return client, ccxt.BaseError
