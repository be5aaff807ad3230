"""The transport door: bytes to a server and back, over HTTP and over WebSockets, within a budget.

Only `world` opens sockets; an adapter in `venues` builds requests, reads answers, and is handed these. An answer is an
answer whatever its status: what a status means is the adapter's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec


class Priority(IntEnum):
    """Who goes first when a budget is short."""

    CLOSE = 0  # closing, cancelling, protecting
    RECONCILE = 1
    ENTRY = 2
    BACKFILL = 3


class Limited(IntEnum):
    """What a venue counts."""

    WEIGHT = 0  # request weight, per egress address
    ORDERS = 1  # new orders, per account
    REQUESTS = 2  # requests of any weight, per egress address


class RateLimit(msgspec.Struct, frozen=True):
    """At most `most` of `what` in each window of `window_ms`, windows beginning at multiples of their length."""

    what: Limited
    window_ms: int
    most: int


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. `origin` is scheme, host and port (https://api.example.com); `query` is percent-encoded already.

    `weight` and `orders` are what the venue will count for it.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = {}
    weight: int = 1
    orders: int = 0
    priority: Priority = Priority.RECONCILE
    timeout_s: float = 10.0


class HttpAnswer(msgspec.Struct, frozen=True):
    """`headers` has lower-case names; of a repeated one, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpTransport(Protocol):
    """Sends requests over connections that it keeps."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """The server's answer. Raises Retryable when the request certainly had no effect (it was never sent whole, or
        it is a GET), else Unknown."""
        ...

    def learn_limits(self, origin: str, limits: Sequence[RateLimit]) -> None:
        """The limits that a venue tells about itself, in place of those assumed."""
        ...

    async def close(self) -> None: ...


class FrameSink(Protocol):
    """Who receives the frames of one WebSocket."""

    def frame(self, payload: memoryview) -> None:
        """One whole text or binary message; the memory is valid only during the call."""
        ...

    def batch_end(self) -> None:
        """No further frame is at hand: time to use what came since the last call."""
        ...

    def closed(self, code: int, reason: str) -> None:
        """The connection is gone, whoever ended it; 1006 is a connection that broke. Called once, and last."""
        ...


class FrameStream(Protocol):
    """One open WebSocket."""

    def send(self, text: bytes) -> None:
        """Sends a text message; nothing happens on a connection that is gone."""
        ...

    async def close(self) -> None:
        """Says goodbye and waits, for a bounded time, until the connection is gone."""
        ...


class FrameTransport(Protocol):
    """Opens WebSockets."""

    async def connect(self, url: str, sink: FrameSink, *, timeout_s: float = 10.0) -> FrameStream:
        """Raises Retryable when no connection came about."""
        ...
