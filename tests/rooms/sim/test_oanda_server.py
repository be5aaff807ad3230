"""The OANDA twin as a server: its token, its limit, its streams and what the menu of faults does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from oanda_market import MINUTE_MS, flat, ms, recording_of

from holdfast.model.errors import BadInput
from holdfast.sim.twins.faults import Fault
from holdfast.sim.twins.oanda import OandaTwin, run_twin
from holdfast.world.clock import RecordedClock

_STEPS_MOST = 2_000
Json = dict[str, Any]
ORDER = {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "10"}}


class Visitor:
    """A bare HTTP client; time goes on only when it says so."""

    def __init__(self, twin: OandaTwin, clock: RecordedClock, http: aiohttp.ClientSession) -> None:
        self.twin = twin
        self.clock = clock
        self.http = http
        self.root = f"{twin.url}/v3/accounts/{twin.session.account.id}"

    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> tuple[int, Json]:
        async with self.http.request(method, self.root + path, json=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    @asynccontextmanager
    async def listen(self, path: str) -> AsyncIterator[list[Json]]:
        """The lines of a stream, as they come."""
        lines: list[Json] = []
        async with self.http.get(self.root + path) as answer:
            assert answer.status == 200

            async def read() -> None:
                while line := await answer.content.readline():
                    lines.append(json.loads(line))

            reader = asyncio.create_task(read())
            try:
                yield lines
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    async def until(self, reached: Callable[[], bool], step_ms: int = 50) -> None:
        """Lets recorded time pass until something is so; fails when it never is."""
        for _ in range(_STEPS_MOST):
            if reached():
                return
            self.clock.advance_to(self.clock.now_ms() + step_ms)
            await asyncio.sleep(0.001)
        pytest.fail("it never came to that")


def visit(work: Callable[[Visitor], Awaitable[None]], start: str = "2018-03-07 12:00", **more: Any) -> None:
    """Runs a visit to a twin on five recorded minutes around `start`."""

    async def run() -> None:
        bars = flat(ms(start) - MINUTE_MS, [1.20001, 1.21001, 1.22001, 1.21001, 1.20001])
        clock = RecordedClock(ms(start))
        twin = OandaTwin(recording_of({"EUR_USD": bars}), clock, **more)
        await twin.start()
        try:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {twin.token}"}) as http:
                await work(Visitor(twin, clock, http))
        finally:
            await twin.stop()

    asyncio.run(run())


def test_more_requests_than_the_limit_are_refused_for_the_rest_of_the_second() -> None:
    async def work(visitor: Visitor) -> None:
        found = [(await visitor.ask("GET", "/summary"))[0] for _ in range(122)]
        assert found == [200] * 120 + [429] * 2
        visitor.clock.advance_to(visitor.clock.now_ms() + 1000)
        assert (await visitor.ask("GET", "/summary"))[0] == 200

    visit(work)


def test_a_wrong_token_a_wrong_path_and_a_wrong_method_get_the_venues_bodies() -> None:
    async def work(visitor: Visitor) -> None:
        assert await visitor.ask("GET", "/summary", Authorization="Bearer wrong") == (
            401,
            {"errorMessage": "Insufficient authorization to perform request."},
        )
        assert (await visitor.ask("GET", "/nothing"))[0] == 404
        assert (await visitor.ask("DELETE", "/orders"))[0] == 405
        visitor.root = f"{visitor.twin.url}/v3/accounts/001-001-1-001"
        assert await visitor.ask("GET", "/summary") == (403, {"errorMessage": "The provided request was forbidden."})

    visit(work)


def test_a_body_that_is_no_object_is_refused() -> None:
    async def work(visitor: Visitor) -> None:
        for raw in (b"[]", b"{", b""):
            async with visitor.http.post(f"{visitor.root}/orders", data=raw) as answer:
                assert answer.status == 400
                assert "JSON" in json.loads(await answer.read())["errorMessage"]

    visit(work)


def test_times_are_written_as_the_request_asks() -> None:
    async def work(visitor: Visitor) -> None:
        headers = {"Accept-Datetime-Format": "UNIX"}
        _, body = await visitor.ask("GET", "/pricing?instruments=EUR_USD", **headers)
        assert body["time"] == "1520424000.000000000"
        _, body = await visitor.ask("GET", "/pricing?instruments=EUR_USD")
        assert body["time"] == "2018-03-07T12:00:00.000000000Z"

    visit(work)


def test_the_price_stream_sends_at_most_four_prices_a_second_and_a_heartbeat_every_five() -> None:
    async def work(visitor: Visitor) -> None:
        async with visitor.listen("/pricing/stream?instruments=EUR_USD") as lines:
            await visitor.until(lambda: sum(line["type"] == "HEARTBEAT" for line in lines) == 4)
            beats = [_seconds(line) for line in lines if line["type"] == "HEARTBEAT"]
            assert all(5 <= later - earlier < 6 for earlier, later in pairwise(beats))
            prices = [_seconds(line) for line in lines if line["type"] == "PRICE"]
            passed = prices[-1] - prices[0]
            assert passed > 10
            assert passed < len(prices) <= 4 * passed + 1

    visit(work, update_ms=50)


def _seconds(line: Json) -> float:
    """Within the hour."""
    return int(line["time"][14:16]) * 60 + float(line["time"][17:26])


def test_a_closed_market_says_so_once_and_then_only_beats() -> None:
    async def work(visitor: Visitor) -> None:
        async with visitor.listen("/pricing/stream?instruments=EUR_USD") as lines:
            await visitor.until(lambda: any(line.get("tradeable") is False for line in lines))
            before = len(lines)
            await visitor.until(lambda: len(lines) >= before + 3, step_ms=250)
            assert {line["type"] for line in lines[before:]} == {"HEARTBEAT"}
            status, body = await visitor.ask("POST", "/orders", ORDER)
            assert (status, body["orderCancelTransaction"]["reason"]) == (201, "MARKET_HALTED")

    visit(work, "2018-03-09 21:59")


def test_a_lost_fill_frame_leaves_a_gap_that_the_numbers_show() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(Fault.LOST_FILL_FRAME, times=1)
        async with visitor.listen("/transactions/stream") as lines:
            await visitor.until(lambda: len(lines) > 0)
            for _ in range(2):
                await visitor.ask("POST", "/orders", ORDER)
            await visitor.until(lambda: any(line.get("id") == "7" for line in lines))
            heard = [int(line["id"]) for line in lines if "id" in line]
            assert heard == [4, 6, 7]
            _, body = await visitor.ask("GET", "/transactions/sinceid?id=4")
            assert [item["type"] for item in body["transactions"]] == ["ORDER_FILL", "MARKET_ORDER", "ORDER_FILL"]

    visit(work)


@pytest.mark.parametrize(("fault", "expected"), [(Fault.DUPLICATE_FRAME, [4, 4, 5]), (Fault.SWAP_FRAMES, [5, 4])])
def test_frames_come_twice_or_in_the_wrong_order(fault: Fault, expected: list[int]) -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(fault, times=1, only="transactions")
        async with visitor.listen("/transactions/stream") as lines:
            await visitor.until(lambda: len(lines) > 0)
            await visitor.ask("POST", "/orders", ORDER)
            await visitor.until(lambda: sum("id" in line for line in lines) == len(expected))
            assert [int(line["id"]) for line in lines if "id" in line] == expected
        assert visitor.twin.faults.bitten[fault] == 1

    visit(work)


def test_a_silent_stream_stays_connected_and_a_cut_one_does_not() -> None:
    async def work(visitor: Visitor) -> None:
        async with visitor.listen("/pricing/stream?instruments=EUR_USD") as lines:
            await visitor.until(lambda: len(lines) > 1)
            visitor.twin.faults.arm(Fault.SILENCE)
            before, since_ms = len(lines), visitor.clock.now_ms()
            await visitor.until(lambda: visitor.clock.now_ms() > since_ms + 20_000)
            assert len(lines) == before
            visitor.twin.faults.disarm()
            await visitor.until(lambda: len(lines) > before)
            visitor.twin.faults.arm(Fault.CUT_STREAMS, times=1)
            await visitor.until(lambda: visitor.twin.faults.bitten[Fault.CUT_STREAMS] == 1)
            before = len(lines)
            await visitor.until(lambda: visitor.clock.now_ms() > since_ms + 60_000)
            assert len(lines) == before

    visit(work)


def test_a_dropped_reply_leaves_the_order_filled_and_findable() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(Fault.DROP_REPLY, times=1, only="POST")
        named = {"order": ORDER["order"] | {"clientExtensions": {"id": "mine"}}}
        with pytest.raises(aiohttp.ClientError):
            await visitor.ask("POST", "/orders", named)
        _, body = await visitor.ask("GET", "/orders/@mine")
        assert body["order"]["state"] == "FILLED"

    visit(work)


@pytest.mark.parametrize(
    ("fault", "value", "status", "carried_out"),
    [
        (Fault.ERROR_ALTHOUGH_DONE, 502, 502, True),
        (Fault.REFUSE_BUSY, 0, 503, False),
        (Fault.MAINTENANCE, 0, 503, False),
        (Fault.RATE_LIMIT, 7, 429, False),
        (Fault.BAN, 0, 403, False),
    ],
)
def test_a_fault_of_a_request_says_whether_it_was_carried_out(
    fault: Fault, value: float, status: int, carried_out: bool
) -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(fault, value, times=1)
        found, body = await visitor.ask("POST", "/orders", ORDER)
        assert (found, "errorMessage" in body) == (status, True)
        assert visitor.twin.session.account.log.last_id == (5 if carried_out else 3)
        assert (await visitor.ask("GET", "/summary"))[0] == 200

    visit(work)


def test_a_clock_that_is_off_stamps_what_it_writes() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(Fault.CLOCK_OFFSET, -3000)
        _, body = await visitor.ask("POST", "/orders", ORDER)
        assert body["orderCreateTransaction"]["time"] == "2018-03-07T11:59:57.000000000Z"

    visit(work)


def test_a_delayed_answer_waits_for_the_clock() -> None:
    async def work(visitor: Visitor) -> None:
        visitor.twin.faults.arm(Fault.DELAY, 2000, times=1)
        since_ms = visitor.clock.now_ms()
        asked = asyncio.create_task(visitor.ask("GET", "/summary"))
        await visitor.until(asked.done)
        assert visitor.clock.now_ms() >= since_ms + 2000
        assert (await asked)[0] == 200

    visit(work)


def test_a_late_partial_candle_is_marked_incomplete() -> None:
    async def work(visitor: Visitor) -> None:
        path = "/instruments/EUR_USD/candles?granularity=M1&count=2"
        _, before = await visitor.ask("GET", path)
        visitor.twin.faults.arm(Fault.LATE_PARTIAL, times=1)
        _, late = await visitor.ask("GET", path)
        assert [row["complete"] for row in before["candles"]] == [True, False]
        assert late["candles"][-1]["time"] == before["candles"][0]["time"]
        assert late["candles"][-1]["complete"] is False

    visit(work)


def test_the_market_goes_on_without_being_asked_and_stops_with_the_twin() -> None:
    async def work(visitor: Visitor) -> None:
        limit = {"order": ORDER["order"] | {"type": "LIMIT", "price": "1.20500", "units": "-10"}}
        await visitor.ask("POST", "/orders", {"order": limit["order"] | {"price": "1.21500"}})
        await visitor.until(lambda: visitor.twin.session.account.log.last_id == 5, step_ms=1000)
        fill = visitor.twin.session.account.log.get(5)
        assert fill is not None
        assert fill["type"] == "ORDER_FILL"

    visit(work)


def test_a_control_port_halts_a_symbol_arms_faults_and_shows_the_exchange() -> None:
    async def work(visitor: Visitor) -> None:
        control = visitor.twin.control
        await control.start()
        steer = f"http://127.0.0.1:{control.port}"
        halt = {"market": "fx", "symbol": "EUR_USD", "trading": "halted"}
        async with visitor.http.post(f"{steer}/trading", json=halt) as answer:
            assert answer.status == 200
        _, body = await visitor.ask("GET", "/pricing?instruments=EUR_USD")
        assert body["prices"][0]["tradeable"] is False
        async with visitor.http.post(f"{steer}/trading", json=halt | {"trading": "open"}) as answer:
            assert answer.status == 200
        async with visitor.http.post(f"{steer}/faults", json={"fault": "rate_limit", "value": 3, "times": 1}) as answer:
            assert answer.status == 200
        async with visitor.http.get(f"{visitor.root}/summary") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        await visitor.ask("POST", "/orders", ORDER)
        async with visitor.http.get(f"{steer}/account") as answer:
            (position,) = json.loads(await answer.read())["positions"]
        assert (position["symbol"], position["size"]) == ("EUR_USD", "10")

    visit(work)


def test_a_recorded_file_is_played_until_the_twin_is_told_to_stop(project_data: Path) -> None:
    async def run() -> None:
        started: asyncio.Future[OandaTwin] = asyncio.get_running_loop().create_future()
        recorded = project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet"
        playing = asyncio.create_task(run_twin([recorded], speed=1000.0, started=started))
        twin = await asyncio.wait_for(started, 30)
        before_ms = twin.session.source.done_ms
        headers = {"Authorization": f"Bearer {twin.token}"}
        path = "/v3/instruments/EUR_USD/candles?granularity=H1&count=3"
        async with aiohttp.ClientSession(twin.url, headers=headers) as http, http.get(path) as answer:
            found = json.loads(await answer.read())["candles"]
        assert [candle["complete"] for candle in found][:2] == [True, True]
        for _ in range(_STEPS_MOST):
            if twin.session.source.done_ms > before_ms:
                break
            await asyncio.sleep(0.001)
        assert twin.session.source.done_ms > before_ms
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        with pytest.raises(aiohttp.ClientConnectionError):
            async with aiohttp.ClientSession() as http:
                await http.get(twin.url)

    asyncio.run(run())


def test_a_recording_of_another_venue_is_refused_with_a_reason() -> None:
    recording = recording_of({"BTCUSDT": flat(ms("2018-03-07 12:00"), [1.0])})
    with pytest.raises(BadInput, match="named like EUR_USD"):
        OandaTwin(recording, RecordedClock(ms("2018-03-07 12:00")))
