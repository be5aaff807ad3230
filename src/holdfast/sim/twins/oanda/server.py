"""The OANDA v20 twin: a server on loopback that other people's v20 clients take for the venue.

REST and streams share one port; a client's two base addresses are both `url`. What is served comes from `routes.py`
and `streams.py`; here are the token, the request limit, the faults that bite on requests, and life and death.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from aiohttp import web

from holdfast.ports.clock import Clock
from holdfast.sim.twins.control import Control
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.sim.twins.oanda.routes import ROUTES, Handler
from holdfast.sim.twins.oanda.session import Session, open_session
from holdfast.sim.twins.oanda.streams import Line, Prices, Transactions
from holdfast.sim.twins.oanda.wire import Json, Refusal, encode
from holdfast.world.clock import RecordedClock, SystemClock
from holdfast.world.port import listen
from holdfast.world.recording import Recording, merge_recordings, read_recording

REQUESTS_PER_S = 120
Serving = Callable[[web.Request], Awaitable[web.StreamResponse]]
_IDLE_S = 1.0


class OandaTwin:
    """One account on a recorded market, behind the v20 protocol.

    `token` is the bearer token that it takes. `update_ms` is how often prices change within a recorded bar (None: at
    its turning points only). `session` gives tests the account and the exchange; `faults` is the menu.
    """

    def __init__(
        self,
        recording: Recording,
        clock: Clock,
        *,
        token: str = "twin-token",
        account_id: str = "101-004-1435156-001",
        home: str = "USD",
        balance: Decimal = Decimal(100_000),
        faults: Faults | None = None,
        update_ms: int | None = 1000,
        requests_per_s: int = REQUESTS_PER_S,
    ) -> None:
        self.faults = faults or Faults()
        self.token = token
        self.clock = clock
        self.session: Session = open_session(
            recording, clock, self.faults, account_id=account_id, home=home, balance=balance, update_ms=update_ms
        )
        self._requests_per_s = requests_per_s
        self._arrivals: deque[float] = deque()
        self._runner: web.AppRunner | None = None
        self._player: asyncio.Task[None] | None = None
        self.host, self.port = "", 0
        self.control = Control(self.faults, clock, {"fx": self.session.account.exchange})

    @property
    def url(self) -> str:
        """What replaces https://api-fxpractice.oanda.com and https://stream-fxpractice.oanda.com."""
        return f"http://{self.host}:{self.port}"

    # ---- life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens (port 0: any free one) and begins to play. Raises BadInput when the port is taken."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/v3/accounts/{account}/pricing/stream", self._stream_prices)
        app.router.add_get("/v3/accounts/{account}/transactions/stream", self._stream_transactions)
        for method, path, handler in ROUTES:
            app.router.add_route(method, path, self._serve(handler))
        listening = listen(host, port)
        self.host, self.port = host, listening.getsockname()[1]
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self._player = asyncio.create_task(self._play())

    async def stop(self) -> None:
        """Closes every connection and stops the market."""
        await self.control.stop()
        if self._player is not None:
            self._player.cancel()
            with suppress(asyncio.CancelledError):
                await self._player
            self._player = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _play(self) -> None:
        while True:
            self.session.play()
            next_ms = self.session.source.next_ms()
            left_s = _IDLE_S if next_ms is None else (next_ms - self.clock.now_ms()) / 1000
            await self.clock.wait_s(min(max(left_s, 0.001), _IDLE_S))

    # ---- requests

    @web.middleware
    async def _guard(self, request: web.Request, handler: Serving) -> web.StreamResponse:
        """Every answer goes through here: limit, token, faults, and errors in the venue's form."""
        place = f"{request.method} {request.path}"
        try:
            if delay := self.faults.take(Fault.DELAY, place):
                await self.clock.wait_s(delay.value / 1000)
            self._admit(request, place)
            response = await handler(request)
            if failure := self.faults.take(Fault.ERROR_ALTHOUGH_DONE, place):
                raise Refusal(int(failure.value) or 503, "Internal server error")
        except Refusal as refusal:
            response = self._answer(request, refusal.status, refusal.body)
            if refusal.retry_after_s is not None:
                response.headers["Retry-After"] = str(refusal.retry_after_s)
        except web.HTTPException as missing:
            words = {404: "The endpoint specified does not exist", 405: "Method Not Allowed"}
            response = self._answer(
                request, missing.status, {"errorMessage": words.get(missing.status, missing.reason)}
            )
        if self.faults.take(Fault.DROP_REPLY, place) and request.transport is not None:
            request.transport.abort()
        return response

    def _admit(self, request: web.Request, place: str) -> None:
        """Raises Refusal for a request that is not to be carried out."""
        if self.faults.take(Fault.MAINTENANCE, place):
            raise Refusal(503, "Service unavailable, please try again later")
        if busy := self.faults.take(Fault.REFUSE_BUSY, place):
            raise Refusal(int(busy.value) or 503, "Service unavailable, please try again later")
        if limit := self.faults.take(Fault.RATE_LIMIT, place):
            raise Refusal(429, "Rate limit exceeded", retry_after_s=int(limit.value))
        if self._too_many():
            raise Refusal(429, "Rate limit exceeded")
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Insufficient authorization to perform request.")
        asked = request.match_info.get("account", self.session.account.id)
        if asked != self.session.account.id or self.faults.take(Fault.BAN, place):
            raise Refusal(403, "The provided request was forbidden.")
        self.session.play()

    def _too_many(self) -> bool:
        now_s = self.clock.monotonic_s()
        while self._arrivals and self._arrivals[0] <= now_s - 1:
            self._arrivals.popleft()
        if len(self._arrivals) >= self._requests_per_s:
            return True
        self._arrivals.append(now_s)
        return False

    def _serve(self, handler: Handler) -> Serving:
        async def serve(request: web.Request) -> web.StreamResponse:
            status, body = await handler(self.session, request)
            return self._answer(request, status, body)

        return serve

    def _answer(self, request: web.Request, status: int, body: Json) -> web.Response:
        headers = {"RequestID": self.session.stamp(request)[1]}
        if "orderCreateTransaction" in body:
            headers["Location"] = f"{request.path}/{body['orderCreateTransaction']['id']}"
        return web.Response(
            body=encode(body, unix=_wants_unix(request)), status=status, headers=headers,
            content_type="application/json",
        )  # fmt: skip

    # ---- streams

    async def _stream_prices(self, request: web.Request) -> web.StreamResponse:
        names = [tradable.name for tradable in self.session.named(request.query.get("instruments", ""))]
        prices = Prices(self.session.execution, names, self.session.now_ms, self.session.play)
        if request.query.get("snapshot", "true").lower() == "false":
            prices.note_present()
        return await self._stream(request, prices)

    async def _stream_transactions(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, Transactions(self.session.execution, self.session.now_ms))

    async def _stream(self, request: web.Request, source: Prices | Transactions) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        with suppress(ConnectionError):
            await source.run(Line(response, self.faults, request.path, unix=_wants_unix(request)), self.clock)
            if request.transport is not None:
                request.transport.abort()
        return response


def _wants_unix(request: web.Request) -> bool:
    return request.headers.get("Accept-Datetime-Format", "RFC3339").upper() == "UNIX"


async def run_twin(
    recordings: Sequence[Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    speed: float = 1.0,
    token: str = "twin-token",
    started: asyncio.Future[OandaTwin] | None = None,
) -> None:
    """Plays recorded files of one timeframe until cancelled. `started` is told the twin once it listens. At a speed
    other than 1 the twin's clock runs that much faster from now on."""
    clock: SystemClock | RecordedClock = SystemClock()
    if speed != 1.0:
        clock = RecordedClock(clock.now_ms(), speed=speed)
    twin = OandaTwin(merge_recordings([read_recording(path) for path in recordings]), clock, token=token)
    await twin.start(host, port)
    await twin.control.start(host, control_port)
    try:
        if started is not None:
            started.set_result(twin)
        while True:
            if isinstance(clock, RecordedClock):
                await clock.pace_to(clock.now_ms() + max(round(10 * speed), 1))
            else:
                await clock.wait_s(3600)
    finally:
        await twin.stop()
