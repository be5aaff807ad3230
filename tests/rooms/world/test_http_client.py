"""The HTTP client against a real socket: kept connections, and what a missing answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from holdfast.model.errors import Retryable, Unknown
from holdfast.ports.transport import HttpRequest
from holdfast.world.http import HttpClient

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-MBX-USED-WEIGHT-1M: 7\r\n\r\nok"


@asynccontextmanager
async def served(handle: Handler) -> AsyncIterator[str]:
    peers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for peer in peers:
            peer.close()
        await asyncio.sleep(0.01)


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)


def ask(origin: str, method: str = "GET", **more: object) -> HttpRequest:
    return HttpRequest(method, origin, "/path", "a=1", timeout_s=2.0, **more)  # type: ignore[arg-type]


def test_requests_follow_each_other_on_one_connection() -> None:
    connections = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(reader, writer)

    async def play() -> None:
        async with served(counting) as origin:
            client = HttpClient()
            answers = [await client.send(ask(origin)) for _ in range(5)]
            await client.close()
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 5
        assert answers[0].headers["x-mbx-used-weight-1m"] == "7"

    asyncio.run(play())
    assert connections == 1


def test_the_server_gets_exactly_the_request_that_was_built() -> None:
    got = b""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got = await reader.readexactly(len(wanted))
        writer.write(OK)

    wanted = b"POST /path?a=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-K: v\r\nContent-Length: 3\r\n\r\nabc"

    async def play() -> None:
        nonlocal wanted
        async with served(keep) as origin:
            wanted = wanted % int(origin.rpartition(":")[2])
            await HttpClient().send(ask(origin, "POST", headers={"X-K": "v"}, body=b"abc"))

    asyncio.run(play())
    assert got == wanted


def test_a_chunked_answer_in_pieces_is_put_together() -> None:
    async def chunked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in (
            b"HTTP/1.1 200 OK\r\nTransfer-",
            b"Encoding: chunked\r\n\r\n3\r\nab",
            b"c\r\n2\r\nde\r\n",
            b"0\r\n\r\n",
        ):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)

    async def play() -> bytes:
        async with served(chunked) as origin:
            return (await HttpClient().send(ask(origin))).body

    assert asyncio.run(play()) == b"abcde"


def test_no_more_connections_than_allowed_and_everybody_is_served() -> None:
    now = most = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        while True:
            await reader.readuntil(b"\r\n\r\n")
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.005)
            now -= 1
            writer.write(OK)

    async def play() -> int:
        async with served(slow) as origin:
            client = HttpClient(connections=3)
            answers = await asyncio.gather(*(client.send(ask(origin)) for _ in range(20)))
            await client.close()
            return len(answers)

    assert asyncio.run(play()) == 20
    assert most == 3


def test_a_refused_connection_certainly_had_no_effect() -> None:
    async def play() -> None:
        async with served(answering) as origin:
            pass
        with pytest.raises(Retryable, match="No connection"):
            await HttpClient().send(ask(origin, "POST"))

    asyncio.run(play())


@pytest.mark.parametrize(("method", "error"), [("POST", Unknown), ("DELETE", Unknown), ("GET", Retryable)])
def test_an_answer_that_never_comes_is_unknown_for_what_writes(method: str, error: type[Exception]) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def play() -> None:
        async with served(hang_up) as origin:
            with pytest.raises(error):
                await HttpClient().send(ask(origin, method))

    asyncio.run(play())


def test_a_timeout_after_sending_is_unknown_and_its_connection_is_not_used_again() -> None:
    connections = 0

    async def deaf_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections == 1:
            await asyncio.sleep(0.2)
            writer.write(OK.replace(b"ok", b"ex"))
            await asyncio.sleep(0.2)
        writer.write(OK)

    async def play() -> bytes:
        async with served(deaf_once) as origin:
            client = HttpClient()
            request = HttpRequest("POST", origin, "/", timeout_s=0.05)
            with pytest.raises(Unknown, match=r"0\.05 s"):
                await client.send(request)
            answer = await client.send(ask(origin, "POST"))
            await client.close()
            return answer.body

    assert asyncio.run(play()) == b"ok"
    assert connections == 2


def test_a_request_that_the_system_did_not_take_whole_is_safe_to_repeat() -> None:
    async def reads_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)

    async def play() -> None:
        async with served(reads_nothing) as origin:
            request = HttpRequest("POST", origin, "/", body=b"x" * 50_000_000, timeout_s=0.1)
            with pytest.raises(Retryable, match="before the request was sent whole"):
                await HttpClient().send(request)

    asyncio.run(play())


def test_a_caller_that_goes_away_leaves_no_answer_for_the_next() -> None:
    async def numbered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(OK.replace(b"ok", b"no" if b"first" in request else b"ok"))

    async def play() -> bytes:
        async with served(numbered) as origin:
            client = HttpClient()
            first = asyncio.create_task(client.send(HttpRequest("GET", origin, "/first")))
            await asyncio.sleep(0.02)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            answer = await client.send(ask(origin))
            await client.close()
            return answer.body

    assert asyncio.run(play()) == b"ok"


def test_closing_ends_the_idle_connections_at_once_and_the_busy_ones_after_their_answer() -> None:
    ended = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.05)
                writer.write(OK)
        finally:
            ended += 1

    async def play() -> None:
        async with served(slow) as origin:
            client = HttpClient()
            await asyncio.gather(client.send(ask(origin)), client.send(ask(origin)))
            busy = asyncio.create_task(client.send(ask(origin)))
            await asyncio.sleep(0.02)
            await client.close()
            await asyncio.sleep(0.01)
            assert ended == 1
            assert (await busy).body == b"ok"
            await asyncio.sleep(0.02)
            assert ended == 2

    asyncio.run(play())


def test_what_is_no_http_is_no_answer() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello there\r\n\r\n")
        await asyncio.sleep(0.05)

    async def play() -> None:
        async with served(babble) as origin:
            with pytest.raises(Retryable, match="no HTTP"):
                await HttpClient().send(ask(origin))

    asyncio.run(play())


def test_a_line_break_cannot_be_smuggled_into_a_request() -> None:
    async def play() -> None:
        async with served(answering) as origin:
            with pytest.raises(ValueError, match="line break"):
                await HttpClient().send(HttpRequest("GET", origin, "/", headers={"X": "a\r\nY: b"}))

    asyncio.run(play())
