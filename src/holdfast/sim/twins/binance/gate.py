"""Every request's way through the twin, whether it came by REST or by WebSocket: faults, limits, key, signature, time,
handler. Pure but for the waiting that a fault asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from holdfast.ports.clock import Clock
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.errors import ApiError
from holdfast.sim.twins.binance.limits import banned, too_much
from holdfast.sim.twins.binance.parameters import Parameters
from holdfast.sim.twins.binance.routes import Route, Security
from holdfast.sim.twins.binance.security import ApiKey, Keys, check_time
from holdfast.sim.twins.faults import Fault, Faults

_BUSY = "Server is currently overloaded with other requests. Please try again in a few minutes."
_UNKNOWN_STATUS = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."


@dataclass(frozen=True, slots=True)
class Request:
    """`place` names it for faults ('POST /api/v3/order'). `verify` checks the signature with the key it is given;
    None where a session has done so before."""

    place: str
    address: str
    key: str
    parameters: Parameters
    verify: Callable[[ApiKey], None] | None
    logged_on: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`dropped`: it was carried out (or not), and nobody shall hear of it."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False


class Gate:
    """`refresh` brings the markets up to now, so that an order meets the price of its moment."""

    def __init__(self, clock: Clock, faults: Faults, keys: Keys, refresh: Callable[[], None]) -> None:
        self._clock = clock
        self._faults = faults
        self._keys = keys
        self._refresh = refresh

    def venue_ms(self) -> int:
        """The venue's clock."""
        offset = self._faults.peek(Fault.CLOCK_OFFSET)
        return self._clock.now_ms() + (int(offset.value) if offset else 0)

    async def perform(self, desk: Desk, route: Route, request: Request) -> Answer:
        """Carries a request out, or says why not."""
        now_ms = self._clock.now_ms()
        account = ""
        try:
            self._refuse_by_fault(desk, request, now_ms)
            desk.meter.charge(request.address, route.weighs(request.parameters), now_ms)
            account = self._authorise(route, request)
            answer = await self._carry_out(desk, route, request, account)
        except ApiError as refusal:
            answer = Answer(refusal.status, refusal.body, refusal.headers)
        counts = desk.meter.headers(request.address, account, self._clock.now_ms(), ordered=bool(route.orders))
        return Answer(answer.status, answer.body, {**counts, **answer.headers}, answer.dropped)

    def _refuse_by_fault(self, desk: Desk, request: Request, now_ms: int) -> None:
        faults, place = self._faults, request.place
        if not faults.armed:
            return
        if faults.take(Fault.MAINTENANCE, place):
            raise ApiError(-1001, "Internal error; unable to process your request. Please try again.", status=503)
        if armed := faults.take(Fault.BAN, place):
            raise banned(now_ms + int(armed.value or 120) * 1000, now_ms)
        if armed := faults.take(Fault.RATE_LIMIT, place):
            raise too_much(desk.meter.limits.weight, int(armed.value or 1) * 1000)
        if armed := faults.take(Fault.REFUSE_BUSY, place):
            raise ApiError(-1008, _BUSY, status=int(armed.value or 503))

    def _authorise(self, route: Route, request: Request) -> str:
        """The account a request is of, '' for a public one; raises ApiError."""
        if route.security is Security.NONE:
            return ""
        if request.logged_on:
            account = request.logged_on
        else:
            key = self._keys.find(request.key)
            if route.security is Security.SIGNED and request.verify is not None:
                request.verify(key)
            account = key.account
        if route.security is Security.SIGNED:
            check_time(request.parameters, self.venue_ms())
        return account

    async def _carry_out(self, desk: Desk, route: Route, request: Request, account: str) -> Answer:
        faults, place = self._faults, request.place
        if faults.armed and (armed := faults.take(Fault.DELAY, place)):
            await self._clock.wait_s(armed.value / 1000)
        if route.engine and desk.spot:
            # The second check, right before the engine: what was held up on its way is refused and cannot trade.
            check_time(request.parameters, self.venue_ms())
        if route.orders:
            desk.meter.count_orders(account, route.orders, self._clock.now_ms())
        self._refresh()
        try:
            body = route.handler(desk, Call(request.parameters, account, self.venue_ms()))
        except ApiError:
            if route.orders:
                desk.meter.count_orders(account, -route.orders, self._clock.now_ms())
            raise
        if route.free_if_done:
            desk.meter.give_back(request.address, route.weighs(request.parameters), self._clock.now_ms())
        if not faults.armed:
            return Answer(200, body)
        if armed := faults.take(Fault.DELAY_REPLY, place):
            await self._clock.wait_s(armed.value / 1000)
        if faults.take(Fault.DROP_REPLY, place):
            return Answer(200, body, dropped=True)
        if armed := faults.take(Fault.ERROR_ALTHOUGH_DONE, place):
            raise ApiError(-1007, _UNKNOWN_STATUS, status=int(armed.value or 504))
        return Answer(200, body)
