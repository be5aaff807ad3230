"""Where OANDA listens, and how much it allows: practice, live, or anywhere else that speaks v20. No behaviour here."""

from __future__ import annotations

import msgspec

from holdfast.ports.transport import Limited, RateLimit


class OandaEndpoints(msgspec.Struct, frozen=True):
    """Two origins: `rest` answers questions, `streams` never ends its answers."""

    rest: str
    streams: str


PRACTICE = OandaEndpoints("https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com")
LIVE = OandaEndpoints("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com")

# OANDA refuses above 120 requests a second and advises to stay at 100 (developer.oanda.com, best practices).
RATE_LIMITS = (RateLimit(Limited.REQUESTS, 1_000, 100),)
