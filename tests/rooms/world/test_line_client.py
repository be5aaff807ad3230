"""Answers without an end against a real server: whole lines, refusals, silence before the first word, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from holdfast.model.errors import Retryable
from holdfast.ports.transport import HttpAnswer, HttpRequest
from holdfast.world.lines import MAX_LINE_BYTES, LineClient

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Heard:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.batches = 0
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def frame(self, payload: memoryview) -> None:
        self.lines.append(bytes(payload))

    def batch_end(self) -> None:
        self.batches += 1

    def closed(self, code: int, reason: str) -> None:
        self.end.set_result((code, reason))


def chunk(text: bytes) -> bytes:
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[str]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def ask(origin: str, **more: float) -> HttpRequest:
    return HttpRequest("GET", origin, "/v3/stream", "instruments=EUR_USD", headers={"X-Of": "us"}, **more)  # type: ignore[arg-type]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene()

    asyncio.run(bounded())


def test_lines_arrive_whole_however_they_are_cut_and_the_end_says_why() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"GET /v3/stream?instruments=EUR_USD HTTP/1.1\r\n")
        assert b"X-Of: us\r\n" in head
        for part in (
            HEAD[:20],
            HEAD[20:],
            chunk(b'{"a":'),
            chunk(b'1}\n\n{"b":2}\r\n'),
            chunk(b'{"c"'),
            chunk(b":3}\n"),
        ):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.001)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def scene() -> None:
        async with served(talk) as origin:
            heard = Heard()
            stream = await LineClient().open(ask(origin), heard)
            assert not isinstance(stream, HttpAnswer)
            assert await heard.end == (1000, "the server ended the answer")
            assert heard.lines == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
            assert heard.batches
            await stream.close()

    play(scene)


def test_a_refusal_is_an_answer_with_its_body() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 8\r\nX-Why: no\r\n\r\n{"a": 1}')
        await writer.drain()

    async def scene() -> None:
        async with served(talk) as origin:
            heard = Heard()
            answer = await LineClient().open(ask(origin), heard)
            assert isinstance(answer, HttpAnswer)
            assert (answer.status, answer.body, answer.headers["x-why"]) == (401, b'{"a": 1}', "no")
            assert not heard.end.done()

    play(scene)


@pytest.mark.parametrize("word", [b"", b"HTTP/1.1 20", b"this is no HTTP\r\n\r\n"])
def test_a_server_that_goes_before_it_said_200_is_safe_to_ask_again(word: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(word)
        await writer.drain()

    async def scene() -> None:
        async with served(talk) as origin:
            with pytest.raises(Retryable, match="No stream from"):
                await LineClient().open(ask(origin), Heard())
        with pytest.raises(Retryable):
            await LineClient().open(ask(origin), Heard())

    play(scene)


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene() -> None:
        async with served(talk) as origin:
            with pytest.raises(Retryable, match=r"no answer within 0\.05 s"):
                await LineClient().open(ask(origin, timeout_s=0.05), Heard())

    play(scene)


def test_a_broken_connection_and_an_endless_line_end_the_stream() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + chunk(b"1\n"))
        if b"endless" in head:
            writer.write(chunk(b"x" * (MAX_LINE_BYTES + 1)))
            await reader.read()
        await writer.drain()

    async def scene() -> None:
        async with served(talk) as origin:
            for path, why in (("/cut", "the connection broke"), ("/endless", "a line is longer")):
                heard = Heard()
                stream = await LineClient().open(HttpRequest("GET", origin, path), heard)
                code, reason = await heard.end
                assert code == 1006
                assert why in reason
                assert heard.lines == [b"1"]
                assert not isinstance(stream, HttpAnswer)
                await stream.close()

    play(scene)


def test_closing_tells_the_sink_once() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        await reader.read()

    async def scene() -> None:
        async with served(talk) as origin:
            heard = Heard()
            stream = await LineClient().open(ask(origin), heard)
            assert not isinstance(stream, HttpAnswer)
            await stream.close()
            await stream.close()
            assert await heard.end == (1000, "closed by us")

    play(scene)
