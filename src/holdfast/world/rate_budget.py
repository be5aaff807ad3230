"""One budget for each venue and egress address: who may send now, and who waits. Requests are delayed, never dropped.

The venue's own words lead: what it says was used, what it forbids and for how long. Nothing here opens a socket.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

from holdfast.ports.clock import Clock
from holdfast.ports.transport import HttpAnswer, HttpRequest, HttpTransport, Limited, Priority, RateLimit

# Which part of a limit a priority may fill, so that there is always room for what comes before it.
SHARES = {Priority.CLOSE: 1.0, Priority.RECONCILE: 0.9, Priority.ENTRY: 0.8, Priority.BACKFILL: 0.6}
BUSY, BANNED, WALL = 429, 418, 403
# How long to be silent when the venue forbids without saying for how long.
_SILENCE_S = {BUSY: 60.0, BANNED: 180.0, WALL: 300.0}
_COUNT = re.compile(r"x-mbx-(used-weight|order-count)-(\d+)([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Cost = Mapping[Limited, int]


class _Count:
    """How much of one limit is used in its present window. What is under way counts until its answer came."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.counted = 0
        self.under_way = 0
        self._window = 0

    def turn(self, now_ms: int) -> None:
        if (window := now_ms // self.limit.window_ms) != self._window:
            self._window, self.counted = window, 0

    def fits(self, cost: int, share: float) -> bool:
        """A cost above the whole share fits into an unused window: it waits for that, not for ever."""
        return self.counted + self.under_way + cost <= max(cost, int(self.limit.most * share))

    def over_in_ms(self, now_ms: int) -> int:
        return self.limit.window_ms - now_ms % self.limit.window_ms


class _Waiter:
    def __init__(self, cost: Cost, turn: asyncio.Future[None]) -> None:
        self.cost = cost
        self.turn = turn


class RateBudget:
    """Counts and waits on the given clock. Within a priority the first come goes first; a request that does not fit
    holds back later ones that need the same limit, so that a heavy one is not passed by for ever."""

    def __init__(self, limits: Iterable[RateLimit], clock: Clock) -> None:
        self._clock = clock
        self._counts = [_Count(limit) for limit in limits]
        self._waiting: dict[Priority, list[_Waiter]] = {priority: [] for priority in sorted(Priority)}
        self._silent_until_ms = 0
        self._pump: asyncio.Task[None] | None = None

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        return tuple(count.limit for count in self._counts)

    @property
    def silent_until_ms(self) -> int:
        """Until when the venue forbade everything; in the past if it does not."""
        return self._silent_until_ms

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    def used(self) -> Mapping[RateLimit, int]:
        """What counts against each limit now, requests under way included."""
        self._turn()
        return {count.limit: count.counted + count.under_way for count in self._counts}

    def learn(self, limits: Iterable[RateLimit]) -> None:
        """Takes the venue's limits in place of those known, keeping what was counted."""
        known = {(count.limit.what, count.limit.window_ms): count for count in self._counts}
        for limit in limits:
            if (count := known.get((limit.what, limit.window_ms))) is not None:
                count.limit = limit
            else:
                self._counts.append(_Count(limit))
        self._let_go()

    async def wait(self, cost: Cost, priority: Priority) -> None:
        """Returns when the cost may be spent, and counts it as under way. Every return is followed by one `settle`."""
        if not self._waiting_before(priority) and self._take(cost, priority) is None:
            return
        waiter = _Waiter(cost, asyncio.get_running_loop().create_future())
        self._waiting[priority].append(waiter)
        self._let_go()
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting[priority]:
                self._waiting[priority].remove(waiter)
            elif not waiter.turn.cancelled():
                self.settle(cost, None)
            raise

    def settle(self, cost: Cost, answer: HttpAnswer | None) -> None:
        """The request is over. What the answer's headers say replaces our own count where it is more."""
        self._turn()
        told = dict(_told(answer.headers)) if answer is not None else {}
        for count in self._counts:
            spent = cost.get(count.limit.what, 0)
            count.under_way -= spent
            said = told.get((count.limit.what, count.limit.window_ms))
            count.counted = count.counted + spent if said is None else max(count.counted, said)
        if answer is not None and answer.status in _SILENCE_S:
            self._fall_silent(answer)
        if self.waiting:
            self._let_go()

    def _fall_silent(self, answer: HttpAnswer) -> None:
        try:
            seconds = float(answer.headers.get("retry-after", ""))
        except ValueError:
            seconds = _SILENCE_S[answer.status]
        self._silent_until_ms = max(self._silent_until_ms, self._clock.now_ms() + int(seconds * 1000))

    def _waiting_before(self, priority: Priority) -> bool:
        return any(waiters for other, waiters in self._waiting.items() if other <= priority)

    def _turn(self) -> None:
        now_ms = self._clock.now_ms()
        for count in self._counts:
            count.turn(now_ms)

    def _take(self, cost: Cost, priority: Priority, held: set[int] | None = None) -> list[int] | None:
        """None when the cost was taken, else the limits that were in the way."""
        self._turn()
        if self._clock.now_ms() < self._silent_until_ms:
            return []
        share = SHARES[priority]
        needed = [(number, count) for number, count in enumerate(self._counts) if cost.get(count.limit.what, 0)]
        short = [
            number
            for number, count in needed
            if (held and number in held) or not count.fits(cost[count.limit.what], share)
        ]
        if short:
            return short
        for _, count in needed:
            count.under_way += cost[count.limit.what]
        return None

    def _let_go(self) -> None:
        """Wakes who may go, most urgent first, and sets the clock for the rest."""
        held: set[int] = set()
        for priority, waiters in self._waiting.items():
            for waiter in list(waiters):
                short = self._take(waiter.cost, priority, held)
                if short is None:
                    waiters.remove(waiter)
                    waiter.turn.set_result(None)
                else:
                    held.update(short)
        if self.waiting and self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._wait_on())

    async def _wait_on(self) -> None:
        try:
            while self.waiting:
                now_ms = self._clock.now_ms()
                silent_ms = self._silent_until_ms - now_ms
                turns = [count.over_in_ms(now_ms) for count in self._counts]
                await self._clock.wait_s((silent_ms if silent_ms > 0 else min(turns, default=1000)) / 1000)
                self._let_go()
        finally:
            self._pump = None


def _told(headers: Mapping[str, str]) -> Iterable[tuple[tuple[Limited, int], int]]:
    for name, value in headers.items():
        if (found := _COUNT.fullmatch(name)) and value.isdigit():
            what = Limited.WEIGHT if found[1] == "used-weight" else Limited.ORDERS
            yield (what, int(found[2]) * _UNIT_MS[found[3]]), int(value)


class BudgetedTransport:
    """An HttpTransport whose requests wait for the budget of their origin; origins without one do not wait."""

    def __init__(self, client: HttpTransport, budgets: Mapping[str, RateBudget]) -> None:
        self._client = client
        self._budgets = budgets

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See HttpTransport.send."""
        budget = self._budgets.get(request.origin)
        if budget is None:
            return await self._client.send(request)
        cost = {Limited.WEIGHT: request.weight, Limited.ORDERS: request.orders, Limited.REQUESTS: 1}
        await budget.wait(cost, request.priority)
        answer = None
        try:
            answer = await self._client.send(request)
        finally:
            budget.settle(cost, answer)
        return answer

    def learn_limits(self, origin: str, limits: Sequence[RateLimit]) -> None:
        """See HttpTransport.learn_limits."""
        if (budget := self._budgets.get(origin)) is not None:
            budget.learn(limits)

    async def close(self) -> None:
        await self._client.close()
