"""The door to answers that never end: lines of text over one HTTP response, as some venues stream them."""

from __future__ import annotations

from typing import Protocol

from holdfast.ports.transport import FrameSink, HttpAnswer, HttpRequest


class LineStream(Protocol):
    """One answer that still goes on."""

    async def close(self) -> None:
        """Ends it. The sink hears `closed` if it has not yet."""
        ...


class LineTransport(Protocol):
    """Sends a request whose answer has no end, and hands each of its lines to a sink as one frame."""

    async def open(self, request: HttpRequest, sink: FrameSink) -> LineStream | HttpAnswer:
        """The stream, once the server has said 200; else its whole answer. `timeout_s` of the request bounds the wait
        for that. Empty lines are left out. Raises Retryable when no answer came about."""
        ...
