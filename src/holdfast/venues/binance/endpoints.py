"""Where Binance listens: live, its test networks, or anywhere else that speaks its protocols. No behaviour here."""

from __future__ import annotations

import msgspec


class SpotEndpoints(msgspec.Struct, frozen=True):
    """`rest` is an origin; `streams` and `private` are WebSocket addresses: market data, and the WebSocket API."""

    rest: str
    streams: str
    private: str


class UsdmEndpoints(msgspec.Struct, frozen=True):
    """`rest` is an origin; the rest are WebSocket roots, which Binance parted by what flows there (2026-03): `public`
    quotes and depth, `market` klines, trades and mark prices, `private` what belongs to a listen key."""

    rest: str
    public: str
    market: str
    private: str


def usdm_at(rest: str, streams: str) -> UsdmEndpoints:
    """The futures endpoints with the usual roots below one WebSocket origin."""
    return UsdmEndpoints(rest, f"{streams}/public", f"{streams}/market", f"{streams}/private")


SPOT_LIVE = SpotEndpoints(
    "https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443/ws-api/v3"
)
SPOT_TESTNET = SpotEndpoints(
    "https://testnet.binance.vision",
    "wss://stream.testnet.binance.vision",
    "wss://ws-api.testnet.binance.vision/ws-api/v3",
)
USDM_LIVE = usdm_at("https://fapi.binance.com", "wss://fstream.binance.com")
USDM_TESTNET = usdm_at("https://testnet.binancefuture.com", "wss://fstream.binancefuture.com")
