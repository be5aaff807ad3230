"""Binance's market streams by name: where each is found, how it is subscribed, how many fit on a connection. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.binance.endpoints import SpotEndpoints, UsdmEndpoints

# Spot allows 1024. Futures pages name 1024 and 200, so that the smaller is kept.
SPOT_STREAMS_PER_CONNECTION = 1024
USDM_STREAMS_PER_CONNECTION = 200
# Messages a client may send each second, pings and pongs included: spot 5, futures 10.
SPOT_MESSAGES_PER_S = 5
USDM_MESSAGES_PER_S = 10
LIFE_S = 24 * 3600.0
_LONGEST_ADDRESS = 1800


def kline_stream(symbol: Symbol, timeframe: Timeframe) -> str:
    return f"{symbol.name.lower()}@kline_{timeframe.value}"


def quote_stream(symbol: Symbol) -> str:
    """The best bid and ask, whenever they change."""
    return f"{symbol.name.lower()}@bookTicker"


def mark_price_stream(symbol: Symbol) -> str:
    """Futures: mark price, index price and funding rate, each second."""
    return f"{symbol.name.lower()}@markPrice@1s"


def stream_root(endpoints: SpotEndpoints | UsdmEndpoints, stream: str) -> str:
    """The WebSocket root below which a stream flows. On futures, one under the wrong root connects and is silent."""
    if isinstance(endpoints, SpotEndpoints):
        return endpoints.streams
    kind = stream.partition("@")[2]
    return endpoints.public if kind.startswith(("bookTicker", "depth")) else endpoints.market


def combined_url(root: str, streams: Sequence[str] = ()) -> str:
    """A connection whose frames name their stream. As many streams as fit the address; the rest are subscribed."""
    fitting: list[str] = []
    length = 0
    for stream in streams:
        length += len(stream) + 1
        if length > _LONGEST_ADDRESS:
            break
        fitting.append(stream)
    return f"{root}/stream?streams={'/'.join(fitting)}" if fitting else f"{root}/stream"


def subscribe(streams: Iterable[str], number: int) -> bytes:
    """The message that adds streams; Binance answers {"result":null,"id":number}."""
    return msgspec.json.encode({"method": "SUBSCRIBE", "params": list(streams), "id": number})


def unsubscribe(streams: Iterable[str], number: int) -> bytes:
    return msgspec.json.encode({"method": "UNSUBSCRIBE", "params": list(streams), "id": number})


def list_subscriptions(number: int) -> bytes:
    """Asks what is subscribed; Binance answers {"result":[…],"id":number}."""
    return msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": number})
