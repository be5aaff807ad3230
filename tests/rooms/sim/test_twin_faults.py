"""Each entry of the menu of faults bites on the Binance twin, is counted, and leaves the exchange's truth readable."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from binance_client import MINUTE_MS, Client, hear, nothing_comes, playing, run

from holdfast.model.errors import BadInput
from holdfast.sim.twins.binance import BinanceTwin, run_twin
from holdfast.sim.twins.faults import Armed, Fault, Faults

ORDER = "/api/v3/order"
BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}


def test_a_fault_bites_where_and_as_often_as_it_was_armed() -> None:
    faults = Faults()
    faults.arm(Fault.DROP_REPLY, times=2, only="order", every=2)
    bites = [bool(faults.take(Fault.DROP_REPLY, "POST order")) for _ in range(6)]
    assert bites == [False, True, False, True, False, False]
    assert faults.take(Fault.DROP_REPLY, "GET time") is None
    assert faults.bitten[Fault.DROP_REPLY] == 2
    with pytest.raises(BadInput):
        faults.arm_all([Armed(fault=Fault.BAN, times=0)])


def trades(client: Client) -> int:
    return len(client.twin.spot.exchange.trades)


def test_a_dropped_reply_hides_an_order_that_was_carried_out() -> None:
    async def work() -> None:
        async with playing() as client:
            client.twin.faults.arm(Fault.DROP_REPLY, times=1, only="POST")
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await client.ask("POST", ORDER, **BUY, newClientOrderId="lost")
            found = await client.get(ORDER, symbol="BTCUSDT", origClientOrderId="lost")
            assert (found["status"], trades(client)) == ("FILLED", 1)

    run(work())


def test_a_5xx_may_hide_a_filled_order_or_one_that_never_was() -> None:
    async def work() -> None:
        async with playing() as client:
            client.twin.faults.arm(Fault.ERROR_ALTHOUGH_DONE, 503, times=1)
            assert (await client.refused("POST", ORDER, **BUY))[:2] == (503, -1007)
            assert trades(client) == 1
            client.twin.faults.arm(Fault.REFUSE_BUSY, times=1)
            assert (await client.refused("POST", ORDER, **BUY))[:2] == (503, -1008)
            client.twin.faults.arm(Fault.MAINTENANCE, times=1)
            assert (await client.refused("POST", ORDER, **BUY))[:2] == (503, -1001)
            assert trades(client) == 1

    run(work())


def test_bans_and_warnings_can_be_asked_for() -> None:
    async def work() -> None:
        async with playing() as client:
            for fault, status in ((Fault.RATE_LIMIT, 429), (Fault.BAN, 418)):
                client.twin.faults.arm(fault, 30, times=1)
                answer = await client.ask("GET", "/api/v3/time", signed=False)
                assert (answer[0], answer[1]["code"], answer[2]["Retry-After"]) == (status, -1003, "30")

    run(work())


def test_an_answer_can_be_held_back_after_the_order_was_carried_out() -> None:
    async def work() -> None:
        async with playing() as client:
            client.twin.faults.arm(Fault.DELAY_REPLY, 5000, times=1)
            asking = asyncio.create_task(client.ask("POST", ORDER, **BUY))
            while not client.twin.faults.bitten[Fault.DELAY_REPLY]:
                await asyncio.sleep(0.01)
            assert (trades(client), asking.done()) == (1, False)
            await client.pass_time(5000)
            assert (await asking)[0] == 200

    run(work())


def test_a_venue_whose_clock_is_ahead_refuses_what_is_right_here() -> None:
    async def work() -> None:
        async with playing() as client:
            client.twin.faults.arm(Fault.CLOCK_OFFSET, 6000)
            assert (await client.refused("GET", "/api/v3/account"))[1] == -1021
            ahead = await client.get("/api/v3/time", signed=False)
            assert ahead["serverTime"] - client.clock.now_ms() == 6000

    run(work())


async def tickers(client: Client) -> aiohttp.ClientWebSocketResponse:
    return await client.listen("/ws/btcusdt@trade")


def test_frames_are_doubled_and_swapped() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await tickers(client)
            client.twin.faults.arm(Fault.DUPLICATE_FRAME, times=1)
            await client.pass_time(20_000)
            first, second = await hear(socket, 2)
            assert first == second
            client.twin.faults.arm(Fault.SWAP_FRAMES, times=1)
            await client.pass_time(20_000)
            await client.pass_time(20_000)
            later, earlier = await hear(socket, 2)
            assert later["T"] > earlier["T"]

    run(work())


def test_a_silent_stream_still_answers() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await tickers(client)
            client.twin.faults.arm(Fault.SILENCE, only="btcusdt")
            await client.pass_time(20_000)
            await socket.ping(b"there?")
            kinds = [(await asyncio.wait_for(socket.receive(), 5)).type for _ in range(2)]
            assert kinds == [aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG]
            client.twin.faults.disarm(Fault.SILENCE)
            await client.pass_time(20_000)
            assert len(await hear(socket)) == 1

    run(work())


def test_a_half_open_stream_answers_nothing_at_all() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await tickers(client)
            client.twin.faults.arm(Fault.HALF_OPEN)
            await client.pass_time(20_000)
            await socket.ping(b"there?")
            assert await nothing_comes(socket)
            assert not socket.closed

    run(work())


@pytest.mark.parametrize(("code", "kind"), [(0, aiohttp.WSMsgType.CLOSED), (1001, aiohttp.WSMsgType.CLOSE)])
def test_all_streams_can_be_cut(code: int, kind: aiohttp.WSMsgType) -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await tickers(client)
            client.twin.faults.arm(Fault.CUT_STREAMS, code, times=1)
            client.twin.refresh()
            assert (await asyncio.wait_for(socket.receive(), 5)).type is kind

    run(work())


def test_a_fill_may_never_be_told() -> None:
    async def work() -> None:
        async with playing() as client:
            _, body, _ = await client.ask("POST", "/fapi/v1/listenKey", signed=False)
            socket = await client.listen(f"/private/ws?listenKey={body['listenKey']}")
            client.twin.faults.arm(Fault.LOST_FILL_FRAME)
            await client.place("/fapi/v1/order", type="MARKET", quantity="1")
            assert [frame["o"]["X"] for frame in await hear(socket)] == ["NEW"]
            assert await nothing_comes(socket)
            (row,) = await client.get("/fapi/v1/userTrades", symbol="BTCUSDT")
            assert row["qty"] == "1"

    run(work())


def test_a_candle_may_be_told_unfinished_after_its_end() -> None:
    async def work() -> None:
        async with playing() as client:
            socket = await client.listen("/ws/btcusdt@kline_1m")
            client.twin.faults.arm(Fault.LATE_PARTIAL, times=1)
            opened = client.clock.now_ms()
            for _ in range(3):
                await client.pass_time(20_000)
            frames = [frame["k"] for frame in await hear(socket, 4)]
            assert [(frame["x"], frame["t"]) for frame in frames[-2:]] == [(True, opened), (False, opened)]
            assert frames[-1]["c"] != frames[-2]["c"]

    run(work())


# ---- the control port


async def control(client: Client, method: str, path: str, body: object = None) -> Any:
    url = f"http://127.0.0.1:{client.twin.control.port}{path}"
    async with client.session.request(method, url, data=None if body is None else json.dumps(body)) as answer:
        return answer.status, await answer.json()


def test_faults_are_switched_over_the_control_port() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.twin.control.start()
            _, told = await control(client, "POST", "/faults", [{"fault": "ban", "times": 1, "only": "time"}])
            assert [one["fault"] for one in told["armed"]] == ["ban"]
            assert (await client.ask("GET", "/api/v3/time", signed=False))[0] == 418
            assert (await control(client, "GET", "/faults"))[1]["bitten"] == {"ban": 1}
            await control(client, "POST", "/faults", {"fault": "silence"})
            assert (await control(client, "DELETE", "/faults?fault=silence"))[1]["armed"] == []
            assert (await control(client, "POST", "/faults", {"fault": "no such"}))[0] == 400
            _, clock = await control(client, "POST", "/clock", {"offset_ms": -500})
            assert clock == {"now_ms": client.clock.now_ms() - 500, "offset_ms": -500}

    run(work())


def test_the_truth_is_read_over_the_control_port() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.twin.control.start()
            await client.place(type="MARKET", quantity="1", newClientOrderId="seen")
            await client.place("/fapi/v1/order", type="MARKET", quantity="2", side="SELL")
            (order,) = (await control(client, "GET", "/orders?market=spot"))[1]
            assert (order["spec"]["client_id"], order["state"]) == ("seen", "filled")
            assert len((await control(client, "GET", "/trades"))[1]) == 2
            _, account = await control(client, "GET", "/account?market=usdm&account=owner")
            assert [one["size"] for one in account["positions"]] == ["-2"]
            events = (await control(client, "GET", "/events?market=spot&after=1"))[1]
            assert [event["number"] for event in events] == [2]
            assert (await control(client, "GET", "/account?market=options"))[0] == 400

    run(work())


def test_filters_change_and_symbols_halt_under_open_orders() -> None:
    async def work() -> None:
        async with playing() as client:
            await client.twin.control.start()
            await client.place(quantity="0.5", price="1500")
            change = {"market": "spot", "symbol": "BTCUSDT", "size_step": "1", "min_size": "1"}
            assert (await control(client, "POST", "/filters", change))[0] == 200
            wrong = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            assert "LOT_SIZE" in (await client.refused("POST", ORDER, **wrong, quantity="0.5", price="1500"))[2]
            assert len(await client.get("/api/v3/openOrders")) == 1
            await control(client, "POST", "/trading", {"market": "spot", "symbol": "BTCUSDT", "trading": "halted"})
            info = await client.get("/api/v3/exchangeInfo", signed=False, symbol="BTCUSDT")
            assert info["symbols"][0]["status"] == "BREAK"
            assert (await client.refused("POST", ORDER, **BUY))[2] == "Market is closed."
            await client.pass_time(MINUTE_MS)
            assert client.twin.faults.bitten[Fault.HALT] == client.twin.faults.bitten[Fault.CHANGE_FILTER] == 1

    run(work())


def test_a_twin_is_run_from_files_and_ends_when_cancelled(project_data: Path) -> None:
    async def work() -> None:
        started: asyncio.Future[BinanceTwin] = asyncio.get_running_loop().create_future()
        files = [project_data / "binance_usdm_2025_typhonun" / "candles_1m.parquet"]
        running = asyncio.create_task(run_twin(files, speed=60, started=started))
        twin = await started
        async with aiohttp.ClientSession() as session, session.get(f"{twin.url}/fapi/v1/exchangeInfo") as answer:
            assert len((await answer.json())["symbols"]) == 12
            before = twin.clock.now_ms()
            async with session.get(f"http://127.0.0.1:{twin.control.port}/markets") as told:
                assert len((await told.json())["usdm"]) == 12
            await asyncio.sleep(0.1)
            assert twin.clock.now_ms() - before > 1000
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(work())
