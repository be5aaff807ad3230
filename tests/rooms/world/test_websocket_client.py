"""The WebSocket client against a real server: whole frames, batches, pings and the reasons of an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from holdfast.model.errors import Retryable
from holdfast.world.websocket import BROKEN, WebSocketClient


class Heard:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.batches = 0
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def frame(self, payload: memoryview) -> None:
        self.frames.append(bytes(payload))

    def batch_end(self) -> None:
        self.batches += 1

    def closed(self, code: int, reason: str) -> None:
        self.end.set_result((code, reason))


@asynccontextmanager
async def served(talk: Callable[[web.WebSocketResponse], Awaitable[None]]) -> AsyncIterator[str]:
    async def accept(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await talk(socket)
        return socket

    app = web.Application()
    app.router.add_get("/ws", accept)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        await runner.cleanup()


def test_frames_arrive_whole_and_the_end_says_why() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        assert (await socket.receive()).data == "hello"
        await socket.send_str("one")
        await socket.send_bytes(b"x" * 200_000)
        await socket.close(code=1012, message=b"restart")

    async def play() -> Heard:
        async with served(talk) as url:
            heard = Heard()
            stream = await WebSocketClient().connect(url, heard)
            stream.send(b"hello")
            assert await asyncio.wait_for(asyncio.shield(heard.end), 2) == (1012, "restart")
            await stream.close()
            stream.send(b"into the void")
            return heard

    heard = asyncio.run(play())
    assert heard.frames == [b"one", b"x" * 200_000]
    assert 1 <= heard.batches <= 40


def test_a_message_in_fragments_is_put_together() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        writer = socket._writer.transport  # type: ignore[union-attr]
        writer.write(b"\x01\x03abc" + b"\x89\x01p" + b"\x00\x01d" + b"\x80\x02ef")
        await asyncio.sleep(0.05)

    async def play() -> list[bytes]:
        async with served(talk) as url:
            heard = Heard()
            await WebSocketClient().connect(url, heard)
            await asyncio.wait_for(asyncio.shield(heard.end), 2)
            return heard.frames

    assert asyncio.run(play()) == [b"abcdef"]


def test_a_ping_is_answered_with_its_own_payload() -> None:
    pongs: list[bytes] = []

    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.ping(b"1499405658658")
        message = await socket.receive()
        assert message.type is WSMsgType.PONG
        pongs.append(bytes(message.data))

    async def play() -> None:
        async with served(talk) as url:
            heard = Heard()
            await WebSocketClient().connect(url, heard)
            await asyncio.wait_for(asyncio.shield(heard.end), 2)

    asyncio.run(play())
    assert pongs == [b"1499405658658"]


def test_a_connection_that_breaks_without_a_goodbye_is_called_broken() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        socket._writer.transport.abort()  # type: ignore[union-attr]

    async def play() -> int:
        async with served(talk) as url:
            heard = Heard()
            await WebSocketClient().connect(url, heard)
            return (await asyncio.wait_for(asyncio.shield(heard.end), 2))[0]

    assert asyncio.run(play()) == BROKEN


def test_a_peer_that_answers_no_ping_is_given_up() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(1.0)

    async def play() -> int:
        async with served(talk) as url:
            heard = Heard()
            client = WebSocketClient(ping_after_s=0.05, pong_within_s=0.05)
            await client.connect(url, heard)
            return (await asyncio.wait_for(asyncio.shield(heard.end), 0.9))[0]

    assert asyncio.run(play()) == BROKEN


def test_no_server_or_a_refusing_one_is_safe_to_try_again() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        return

    async def play() -> None:
        async with served(talk) as url:
            with pytest.raises(Retryable, match="No WebSocket"):
                await WebSocketClient().connect(url + "/nowhere", Heard())
        with pytest.raises(Retryable, match="No WebSocket"):
            await WebSocketClient().connect(url, Heard(), timeout_s=0.5)

    asyncio.run(play())
