"""HTTP/1.1 over connections that are kept alive: the shortest way from a built request to its answer.

Here: sockets, TLS, one pool an origin, timeouts, and the one judgement that only this place can make: whether a request
whose answer is missing can have reached the server. Budgets and retries live elsewhere.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import httptools

from holdfast.model.errors import Retryable, Unknown
from holdfast.ports.transport import HttpAnswer, HttpRequest, RateLimit

MAX_BODY_BYTES = 64 * 2**20


class _Connection(asyncio.Protocol):
    """One socket: at most one request at a time. `unsent` says that bytes of the request wait in this process."""

    def __init__(self) -> None:
        self.usable = False
        self.unsent = False
        self.idle_since_s = 0.0
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline_s = self._limit_s = 0.0
        self._loop = asyncio.get_running_loop()

    # ---- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # With no room in the buffer we hear at once whether the system took the whole request.
        self._transport.set_write_buffer_limits(high=0)
        self._parser = httptools.HttpResponseParser(self)
        self.usable = True

    def pause_writing(self) -> None:
        self.unsent = True

    def resume_writing(self) -> None:
        self.unsent = False

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.drop("the server spoke without being asked")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.drop(f"the answer is no HTTP ({error})")

    def eof_received(self) -> None:
        self.usable = False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(f"the connection broke ({exc or 'closed by the server'})")

    # ---- the parser's side

    def on_message_begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self.drop(f"the answer is larger than {MAX_BODY_BYTES} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        answer = self._answer
        # An interim answer (1xx) only announces the real one.
        if status < 200 or answer is None or answer.done():
            return
        self.usable = self.usable and self._parser.should_keep_alive()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in self._headers}
        answer.set_result(HttpAnswer(status, headers, body))

    # ---- the client's side

    async def exchange(self, request: bytes, timeout_s: float) -> HttpAnswer:
        """Writes the request and waits for its answer; ConnectionError with what happened instead."""
        answer: asyncio.Future[HttpAnswer] = self._loop.create_future()
        self._answer = answer
        self._limit_s = timeout_s
        self._deadline_s = self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._deadline_s:
            self._watch()
        self.unsent = False
        try:
            self._transport.write(request)
            return await answer
        except asyncio.CancelledError:
            # Whoever asked went away: the answer that may still come must not be taken for the next one's.
            self.drop("the caller went away")
            raise
        finally:
            self._answer = None

    def _watch(self) -> None:
        """Keeps one timer for many requests: when it rings too early for the present one, it is set again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._answer is None:
            return
        if self._loop.time() >= self._deadline_s:
            self.drop(f"no answer within {self._limit_s:g} s")
        else:
            self._timer = self._loop.call_at(self._deadline_s, self._watch)

    def drop(self, why: str) -> None:
        self.usable = False
        self._transport.abort()
        self._fail(why)

    def _fail(self, why: str) -> None:
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(why))


class _Pool:
    """The connections of one origin, at most `most`, and who waits for one."""

    def __init__(self, origin: str, *, most: int, idle_s: float, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"'{origin}' is not an origin such as https://api.example.com.")
        self._host = parts.hostname
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self.host_header = parts.netloc
        self._most = most
        self._idle_s = idle_s
        self._open = 0
        self._closed = False
        self._idle: list[_Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()

    async def take(self, timeout_s: float) -> _Connection:
        """A connection nobody else has. The newest idle one, because old ones may be about to be closed."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if connection.usable and self._loop.time() - connection.idle_since_s < self._idle_s:
                    return connection
                self._forget(connection)
            if self._open < self._most:
                return await self._connect(timeout_s)
            turn = self._loop.create_future()
            self._waiting.append(turn)
            try:
                await asyncio.wait_for(turn, timeout_s)
            except (TimeoutError, asyncio.CancelledError) as ended:
                # A turn that came too late to be taken is the next one's.
                if turn in self._waiting:
                    self._waiting.remove(turn)
                elif not turn.cancelled():
                    self._next()
                if isinstance(ended, TimeoutError):
                    raise Retryable(f"All {self._most} connections to {self._host} stayed busy.") from None
                raise

    def give_back(self, connection: _Connection) -> None:
        if connection.usable and not self._closed:
            connection.idle_since_s = self._loop.time()
            self._idle.append(connection)
            self._next()
        else:
            self._forget(connection)

    def close(self) -> None:
        self._closed = True
        for connection in self._idle:
            connection.drop("closed")
        self._idle.clear()

    async def _connect(self, timeout_s: float) -> _Connection:
        self._open += 1
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await self._loop.create_connection(
                    _Connection,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except (OSError, TimeoutError) as error:
            self._open -= 1
            self._next()
            reason = str(error) or f"no answer within {timeout_s:g} s"
            raise Retryable(f"No connection to {self._host}:{self._port}: {reason}") from error
        except asyncio.CancelledError:
            self._open -= 1
            self._next()
            raise
        return connection

    def _forget(self, connection: _Connection) -> None:
        connection.drop("not kept")
        self._open -= 1
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class HttpClient:
    """Requests to any origins, over at most `connections` connections to each; an idle one is used for `idle_s`."""

    def __init__(self, *, connections: int = 8, idle_s: float = 30.0, tls: ssl.SSLContext | None = None) -> None:
        self._connections = connections
        self._idle_s = idle_s
        self._tls = tls
        self._pools: dict[str, _Pool] = {}

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See HttpTransport.send."""
        pool = self._pools.get(request.origin) or self._pool(request.origin)
        text = _encode(request, pool.host_header)
        connection = await pool.take(request.timeout_s)
        try:
            return await connection.exchange(text, request.timeout_s)
        except ConnectionError as error:
            what = f"{request.method} {request.origin}{request.path}: {error}"
            if request.method == "GET":
                raise Retryable(f"{what}.") from error
            if connection.unsent:
                raise Retryable(f"{what}, before the request was sent whole.") from error
            raise Unknown(f"{what}, after the request was sent.") from error
        finally:
            pool.give_back(connection)

    def learn_limits(self, origin: str, limits: Sequence[RateLimit]) -> None:
        """Nothing: a bare client has no budget."""

    async def close(self) -> None:
        """Closes the idle connections. Those in use go with their requests."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        # One turn of the loop, in which the sockets are really closed.
        await asyncio.sleep(0)

    def _pool(self, origin: str) -> _Pool:
        pool = _Pool(origin, most=self._connections, idle_s=self._idle_s, tls=self._tls)
        return self._pools.setdefault(origin, pool)


def _encode(request: HttpRequest, host: str) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body or request.method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(request.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1:
        raise ValueError("A line of the request holds a line break.")
    return f"{head}\r\n\r\n".encode("latin-1") + request.body
