"""The twin's one port: HTTP and WebSocket requests as bytes, handed to gate, streams and socket API.

Paths are the venue's. They may begin with the name of one of its hosts (/fapi.binance.com/fapi/v1/time), so that one
port stands for all of them and a client finds in its addresses what it looks for there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import parse_qsl

import msgspec
from aiohttp import WSMsgType, web

from holdfast.ports.clock import Clock
from holdfast.sim.twins.binance.connection import POLICY, WITHOUT_A_WORD, Connection
from holdfast.sim.twins.binance.desk import Desk
from holdfast.sim.twins.binance.errors import ApiError
from holdfast.sim.twins.binance.gate import Gate, Request
from holdfast.sim.twins.binance.parameters import Parameters
from holdfast.sim.twins.binance.routes import COIN_M, SPOT, USDM, WALLET, Route
from holdfast.sim.twins.binance.security import ApiKey, split_signature
from holdfast.sim.twins.binance.socket_api import Session, SocketApi
from holdfast.sim.twins.binance.streams import SILENT_ROOT, Streams
from holdfast.sim.twins.faults import Faults

_ROOTS = ("public", "market", "private")
_VENUE = ".binance."
_FUTURES = "fstream"


class Server:
    """Answers requests of both markets."""

    def __init__(
        self, clock: Clock, faults: Faults, gate: Gate, *, spot: Streams, usdm: Streams, socket_api: SocketApi
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._gate = gate
        self._spot = spot
        self._usdm = usdm
        self._socket_api = socket_api
        self._tables: dict[str, tuple[Desk, dict[tuple[str, str], Route]]] = {
            "/api/v3/": (spot.desk, SPOT),
            "/fapi/": (usdm.desk, USDM),
            "/sapi/": (spot.desk, WALLET),
            "/dapi/": (usdm.desk, COIN_M),
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, of whatever kind."""
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return await self._socket(request)
        path, _, query = request.raw_path.partition("?")
        path = _split_host(path)[1]
        found = self._find(request.method, path)
        if found is None:
            return _unknown_path(request.method, path)
        desk, route = found
        raw = query + (await request.read()).decode("utf-8", "replace")
        given = Request(
            place=f"{request.method} {path}",
            address=request.remote or "",
            key=request.headers.get("X-MBX-APIKEY", ""),
            parameters=Parameters(dict(parse_qsl(_joined(query, raw), keep_blank_values=True))),
            verify=lambda key: _verify(key, raw),
        )
        answer = await self._gate.perform(desk, route, given)
        if answer.dropped and request.transport is not None:
            request.transport.close()
        return web.Response(
            body=msgspec.json.encode(answer.body),
            status=answer.status,
            headers=answer.headers,
            content_type="application/json",
        )

    def _find(self, method: str, path: str) -> tuple[Desk, Route] | None:
        for prefix, (desk, table) in self._tables.items():
            if path.startswith(prefix) and (route := table.get((method, path.removeprefix(prefix)))) is not None:
                return desk, route
        return None

    # ---- sockets

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        host, path = _split_host(request.path)
        parts = [part for part in path.split("/") if part]
        futures = host.split(".")[0] == _FUTURES
        if parts[:1] == ["ws-api"]:
            return await self._serve_socket_api(request)
        root = parts.pop(0) if parts[:1] and parts[0] in _ROOTS else ""
        if not parts or parts[0] not in ("ws", "stream"):
            return _unknown_path(request.method, request.path)
        streams = self._usdm if root or futures else self._spot
        combined = parts[0] == "stream"
        named = request.query.get("streams", "").split("/") if combined else parts[1:]
        wanted = [name for name in named if name]
        if len(wanted) > streams.limits.streams:
            return web.Response(status=400)
        key = request.query.get("listenKey", "")
        if root == "private":
            key, wanted = (key or (wanted[0] if wanted else "")), []
        connection = await self._open(request, streams, root or (SILENT_ROOT if futures else ""))
        connection.combined = combined
        account = streams.desk.listen_keys.account_of(key, self._gate.venue_ms()) if root == "private" else None
        if account is not None:
            streams.users[connection] = account
        streams.add(connection, wanted)
        return await self._talk(connection, streams)

    async def _open(self, request: web.BaseRequest, streams: Streams, root: str) -> Connection:
        socket = web.WebSocketResponse(autoping=False, compress=False, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(socket, request.transport, self._clock, self._faults, root=root)
        connection.start()
        return connection

    async def _talk(self, connection: Connection, streams: Streams) -> web.StreamResponse:
        """Reads until the connection ends."""
        limits = streams.limits
        pinging = asyncio.create_task(connection.keep_alive(limits.ping_s, limits.patience_s))
        try:
            async for message in connection.socket:
                control = await connection.control(message)
                if connection.ending:
                    continue
                if connection.asks_too_much(limits.asked_a_second):
                    connection.cut(POLICY)
                elif not control and message.type is WSMsgType.TEXT:
                    streams.asked(connection, message.data)
        finally:
            streams.remove(connection)
            pinging.cancel()
            await connection.stop()
        return connection.socket

    async def _serve_socket_api(self, request: web.BaseRequest) -> web.StreamResponse:
        self._spot.desk.meter.charge(request.remote or "", 2, self._clock.now_ms())
        connection = await self._open(request, self._spot, "")
        session = Session(connection, request.remote or "")
        self._socket_api.sessions.append(session)
        limits = self._spot.limits
        pinging = asyncio.create_task(connection.keep_alive(limits.ping_s, limits.patience_s))
        asking: set[asyncio.Task[None]] = set()
        try:
            async for message in connection.socket:
                if not await connection.control(message) and message.type is WSMsgType.TEXT:
                    task = asyncio.create_task(self._ask(session, message.data))
                    asking.add(task)
                    task.add_done_callback(asking.discard)
        finally:
            self._socket_api.sessions.remove(session)
            pinging.cancel()
            for task in asking:
                task.cancel()
            await connection.stop()
        return connection.socket

    async def _ask(self, session: Session, text: str) -> None:
        if not await self._socket_api.asked(session, text):
            session.connection.cut(WITHOUT_A_WORD)

    def connections(self) -> Iterable[Connection]:
        """Every open connection."""
        yield from list(self._spot.connections)
        yield from list(self._usdm.connections)
        yield from [session.connection for session in self._socket_api.sessions]


def _split_host(path: str) -> tuple[str, str]:
    """(host, path) of a path that may begin with one of the venue's host names, or just with `fstream`; host '' where
    it does not."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return (first, slash + rest) if _VENUE in first or first == _FUTURES else ("", path)


def _joined(query: str, raw: str) -> str:
    """Query and body as one list of parameters (they are signed without anything between them)."""
    body = raw[len(query) :]
    return f"{query}&{body}" if query and body else raw


def _verify(key: ApiKey, raw: str) -> None:
    payload, signature = split_signature(raw)
    key.verify(payload, signature)


def _unknown_path(method: str, path: str) -> web.Response:
    if path.startswith("/fapi/"):
        refusal = ApiError(-5000, f"Path {path}, Method {method} is invalid", status=404)
        return web.Response(body=msgspec.json.encode(refusal.body), status=404, content_type="application/json")
    return web.Response(text="<html><body><h2>404 Not found</h2></body></html>", status=404, content_type="text/html")
