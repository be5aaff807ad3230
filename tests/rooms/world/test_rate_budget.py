"""The rate budget on a driven clock: delays, never drops; the urgent first; the venue's own words lead."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from holdfast.model.errors import Retryable
from holdfast.ports.transport import HttpAnswer, HttpRequest, Limited, Priority, RateLimit
from holdfast.world.clock import RecordedClock
from holdfast.world.rate_budget import BudgetedTransport, RateBudget

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # a whole minute
WEIGHT = RateLimit(Limited.WEIGHT, MINUTE_MS, 100)
ORDERS = RateLimit(Limited.ORDERS, 10_000, 5)
ORIGIN = "https://api.example.com"


class Venue:
    """Answers at once and notes who came, in order."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.answer = HttpAnswer(200, {}, b"")
        self.hold: asyncio.Event | None = None

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.came.append(request.path)
        if self.hold is not None:
            await self.hold.wait()
        return self.answer

    def learn_limits(self, origin: str, limits: object) -> None:
        raise AssertionError("A budget learns by itself.")

    async def close(self) -> None:
        return


def ask(path: str, weight: int = 1, priority: Priority = Priority.RECONCILE, orders: int = 0) -> HttpRequest:
    return HttpRequest("GET", ORIGIN, path, weight=weight, priority=priority, orders=orders)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Scene:
    def __init__(self, *limits: RateLimit) -> None:
        self.clock = RecordedClock(START_MS)
        self.venue = Venue()
        self.budget = RateBudget(limits or (WEIGHT,), self.clock)
        self.transport = BudgetedTransport(self.venue, {ORIGIN: self.budget})
        self.tasks: list[asyncio.Task[HttpAnswer]] = []

    def start(self, *requests: HttpRequest) -> None:
        self.tasks += [asyncio.create_task(self.transport.send(request)) for request in requests]

    async def at(self, second: float) -> list[str]:
        """Who has come by this second."""
        await settle()
        target = START_MS + int(second * 1000)
        while self.clock.now_ms() < target:
            self.clock.advance_to(min(target, self.clock.now_ms() + 500))
            await settle()
        return self.venue.came


def play(scene: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


def test_an_exhausted_budget_delays_to_the_next_minute_and_drops_nothing() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(*(ask(f"/{number}", 40) for number in range(5)))
        assert await s.at(59) == ["/0", "/1"]
        assert await s.at(60.5) == ["/0", "/1", "/2", "/3"]
        assert await s.at(121) == ["/0", "/1", "/2", "/3", "/4"]
        await asyncio.gather(*s.tasks)

    play(scene())


def test_the_urgent_pass_the_others_and_always_find_room() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(*(ask(f"/backfill{number}", 20, Priority.BACKFILL) for number in range(5)))
        assert await s.at(1) == ["/backfill0", "/backfill1", "/backfill2"]
        s.start(ask("/entry", 10, Priority.ENTRY), ask("/entry2", 20, Priority.ENTRY))
        s.start(ask("/reconcile", 15), ask("/cancel", 15, Priority.CLOSE))
        assert (await s.at(2))[3:] == ["/entry", "/reconcile", "/cancel"]
        assert (await s.at(61))[6:] == ["/entry2", "/backfill3", "/backfill4"]

    play(scene())


def test_within_a_priority_the_first_come_is_not_passed_by_lighter_ones() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(ask("/first", 80), ask("/heavy", 40), ask("/light", 5))
        assert await s.at(1) == ["/first"]
        assert await s.at(61) == ["/first", "/heavy", "/light"]

    play(scene())


def test_a_spent_order_limit_holds_back_orders_only() -> None:
    async def scene() -> None:
        s = Scene(WEIGHT, ORDERS)
        s.start(*(ask(f"/order{number}", 1, Priority.ENTRY, orders=1) for number in range(6)), ask("/query"))
        assert await s.at(1) == ["/order0", "/order1", "/order2", "/order3", "/query"]
        assert (await s.at(10.5))[5:] == ["/order4", "/order5"]

    play(scene())


def test_a_request_heavier_than_its_share_waits_for_an_unused_minute_and_goes() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(ask("/light"), ask("/whole", 90, Priority.BACKFILL))
        assert await s.at(1) == ["/light"]
        assert await s.at(61) == ["/light", "/whole"]

    play(scene())


def test_what_the_venue_says_was_used_counts_although_it_was_not_ours() -> None:
    async def scene() -> None:
        s = Scene()
        s.venue.answer = HttpAnswer(200, {"x-mbx-used-weight-1m": "89"}, b"")
        s.start(ask("/first"))
        assert await s.at(1) == ["/first"]
        assert s.budget.used() == {WEIGHT: 89}
        s.venue.answer = HttpAnswer(200, {"x-mbx-used-weight-1m": "90"}, b"")
        s.start(ask("/second"), ask("/third"))
        assert await s.at(2) == ["/first", "/second"]
        assert await s.at(61) == ["/first", "/second", "/third"]

    play(scene())


def test_an_order_that_the_venue_weighs_nothing_costs_nothing() -> None:
    async def scene() -> None:
        s = Scene()
        s.venue.answer = HttpAnswer(200, {"x-mbx-used-weight-1m": "0"}, b"")
        s.start(*(ask(f"/{number}", 50) for number in range(4)))
        assert len(await s.at(1)) == 4
        assert s.budget.used() == {WEIGHT: 0}

    play(scene())


def test_429_and_418_silence_everybody_for_as_long_as_asked() -> None:
    async def scene() -> None:
        for status in (429, 418):
            s = Scene()
            s.venue.answer = HttpAnswer(status, {"retry-after": "130"}, b"")
            s.start(ask("/first"))
            await s.at(0.1)
            s.venue.answer = HttpAnswer(200, {}, b"")
            s.start(ask("/backfill", 1, Priority.BACKFILL), ask("/close", 1, Priority.CLOSE))
            assert await s.at(129.5) == ["/first"]
            assert s.budget.silent_until_ms == START_MS + 130_000
            assert await s.at(131) == ["/first", "/close", "/backfill"]

    play(scene())


def test_a_forbidding_answer_without_a_time_still_silences() -> None:
    async def scene() -> None:
        s = Scene()
        s.venue.answer = HttpAnswer(418, {}, b"")
        s.start(ask("/first"))
        await s.at(0.1)
        s.start(ask("/second"))
        assert await s.at(170) == ["/first"]
        assert await s.at(181) == ["/first", "/second"]

    play(scene())


def test_a_failed_request_was_sent_and_counts() -> None:
    async def scene() -> None:
        s = Scene()

        async def lost(request: HttpRequest) -> HttpAnswer:
            raise Retryable("lost")

        s.venue.send = lost  # type: ignore[method-assign]
        s.start(ask("/first", 30))
        await s.at(0.1)
        assert isinstance(s.tasks[0].exception(), Retryable)
        assert s.budget.used() == {WEIGHT: 30}

    play(scene())


def test_a_caller_that_gives_up_waiting_takes_nothing_from_the_others() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(ask("/first", 80), ask("/gone", 80), ask("/third", 80))
        await s.at(1)
        s.tasks[1].cancel()
        assert await s.at(61) == ["/first", "/third"]
        assert s.budget.waiting == 0

    play(scene())


def test_limits_that_the_venue_tells_replace_the_assumed_ones() -> None:
    async def scene() -> None:
        s = Scene()
        s.start(ask("/first", 90), ask("/second", 90))
        assert await s.at(1) == ["/first"]
        s.transport.learn_limits(ORIGIN, [RateLimit(Limited.WEIGHT, MINUTE_MS, 1000), ORDERS])
        assert await s.at(2) == ["/first", "/second"]
        assert s.budget.limits == (RateLimit(Limited.WEIGHT, MINUTE_MS, 1000), ORDERS)

    play(scene())


def test_requests_under_way_count_before_their_answers_come() -> None:
    async def scene() -> None:
        s = Scene()
        s.venue.hold = asyncio.Event()
        s.start(ask("/first", 60), ask("/second", 60))
        assert await s.at(1) == ["/first"]
        assert s.budget.used() == {WEIGHT: 60}
        assert await s.at(61) == ["/first"], "what is under way is not forgotten with the minute it began in"
        s.venue.hold.set()
        assert await s.at(122) == ["/first", "/second"]

    play(scene())


def test_origins_without_a_budget_do_not_wait() -> None:
    async def scene() -> None:
        s = Scene()
        answer = await s.transport.send(HttpRequest("GET", "http://elsewhere", "/", weight=10_000))
        assert answer.status == 200

    play(scene())
