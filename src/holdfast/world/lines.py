"""HTTP answers that never end, line by line, each over a connection of its own.

Here: the socket, TLS, and cutting lines. How long a silence may last, and when to ask again, is somebody else's.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast
from urllib.parse import urlsplit

import httptools

from holdfast.model.errors import Retryable
from holdfast.ports.transport import FrameSink, HttpAnswer, HttpRequest

BROKEN, ENDED = 1006, 1000
MAX_LINE_BYTES = 2**20
_GOODBYE_S = 2.0


class _Stream(asyncio.Protocol):
    """One connection, from the request to the last line. `begun` resolves to None once the answer is a stream."""

    def __init__(self, sink: FrameSink, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[HttpAnswer | None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._sink = sink
        self._request = request
        self._headers: dict[str, str] = {}
        self._rest = b""
        self._reason: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._drop(BROKEN, f"the answer is no HTTP ({error})")
        if self._streaming:
            self._sink.batch_end()

    def connection_lost(self, exc: Exception | None) -> None:
        code, reason = self._reason or (BROKEN, f"the connection broke ({exc or 'closed by the server'})")
        if not self.begun.done():
            self.begun.set_exception(ConnectionError(reason))
        elif not self.begun.cancelled() and self.begun.exception() is None and self.begun.result() is None:
            self._sink.closed(code, reason)
        if not self._gone.done():
            self._gone.set_result(None)

    # ---- the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() == 200 and not self.begun.done():
            self.begun.set_result(None)

    def on_body(self, body: bytes) -> None:
        *lines, rest = (self._rest + body).split(b"\n") if self._streaming else (self._rest + body,)
        for line in lines:
            if line := line.rstrip(b"\r"):
                self._sink.frame(memoryview(line))
        self._rest = rest
        if len(rest) > MAX_LINE_BYTES:
            self._drop(BROKEN, f"a line is longer than {MAX_LINE_BYTES} bytes")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        if not self.begun.done():
            self.begun.set_result(HttpAnswer(status, self._headers, self._rest))
        self._drop(ENDED, "the server ended the answer")

    # ---- the client's side

    async def close(self) -> None:
        """See LineStream."""
        self._drop(ENDED, "closed by us")
        await asyncio.wait((self._gone,), timeout=_GOODBYE_S)

    def _drop(self, code: int, reason: str) -> None:
        self._reason = self._reason or (code, reason)
        self._transport.abort()

    @property
    def _streaming(self) -> bool:
        if not self.begun.done() or self.begun.cancelled() or self.begun.exception() is not None:
            return False
        return self.begun.result() is None


class LineClient:
    """See LineTransport. Each stream has a connection of its own."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls

    async def open(self, request: HttpRequest, sink: FrameSink) -> _Stream | HttpAnswer:
        """See LineTransport.open."""
        parts = urlsplit(request.origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{request.origin}' is not an origin such as https://api.example.com.")
        tls = (self._tls or ssl.create_default_context()) if parts.scheme == "https" else None
        stream: _Stream | None = None
        try:
            async with asyncio.timeout(request.timeout_s):
                _, stream = await asyncio.get_running_loop().create_connection(
                    lambda: _Stream(sink, _encode(request, parts.netloc)),
                    parts.hostname,
                    parts.port or (443 if tls else 80),
                    ssl=tls,
                    server_hostname=parts.hostname if tls else None,
                )
                answer = await stream.begun
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            if stream is not None:
                await stream.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            reason = str(error) or f"no answer within {request.timeout_s:g} s"
            raise Retryable(f"No stream from {request.origin}{request.path}: {reason}.") from error
        if answer is None:
            return stream
        await stream.close()
        return answer


def _encode(request: HttpRequest, host: str) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1:
        raise ValueError("A line of the request holds a line break.")
    return f"{head}\r\n\r\n".encode("latin-1")
