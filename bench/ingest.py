"""How fast Binance's combined market frames become candles: from a loopback WebSocket to the candle book, on one core.

A sender in a process of its own writes klines (1 in 30 closed), mark prices and quotes of 100 symbols as fast as it
can. Beside it, in the same run: ccxt's stream client, and picows with msgspec doing no more than receiving and parsing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import inspect
import multiprocessing
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection

import msgspec
import numpy as np
from aiohttp._websocket.reader_py import MSG_SIZE_OVERHEAD

from _figures import Report, arguments
from holdfast.market.book import CandleBook
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.binance.market import Event, MarketFrames
from holdfast.world.websocket import WebSocketClient

SYMBOLS = 100
KLINES, MARKS, QUOTES = 30, 60, 90  # frames a minute and symbol
MINUTE_MS = 60_000
CLOSE = 0x88
START_MS = 1_800_000_000_000
FRAMES_A_MINUTE = SYMBOLS * (KLINES + MARKS + QUOTES)
LONGER = (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
NAMES = [f"C{number:03d}USDT" for number in range(SYMBOLS)]


def send(ready: Connection, minutes: int) -> None:
    """The sender: prepares everything, then gives it once to whoever connects."""
    parts = [b"".join(_framed(text) for text in _minute(minute)) for minute in range(minutes)]
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    while True:
        peer, _ = listener.accept()
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += peer.recv(4096)
        key = next(line for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        digest = hashlib.sha1(key.split(b":", 1)[1].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        peer.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        try:
            for part in parts:
                peer.sendall(part)
            # A subscription is heard and forgotten; a goodbye ends it.
            while (said := peer.recv(65536)) and said[0] != CLOSE:
                pass
        except OSError:
            pass
        peer.close()


def _framed(text: str) -> bytes:
    payload = text.encode()
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


def _minute(minute: int) -> Iterator[str]:
    """One minute of every symbol, in the order of time."""
    open_ms = START_MS + minute * MINUTE_MS
    chance = np.random.default_rng(minute)
    prices = chance.uniform(20, 60, SYMBOLS)
    events = [("k", n) for n in range(KLINES)] + [("m", n) for n in range(MARKS)] + [("q", n) for n in range(QUOTES)]
    of_kind = {"k": KLINES, "m": MARKS, "q": QUOTES}
    for kind, number in sorted(events, key=lambda event: (event[1] + 1) / of_kind[event[0]]):
        at_ms = open_ms + MINUTE_MS * (number + 1) // of_kind[kind]
        for symbol, price in zip(NAMES, prices, strict=True):
            if kind == "k":
                yield _kline(symbol, price, open_ms, at_ms, "true" if number == KLINES - 1 else "false")
            elif kind == "m":
                yield _event(
                    f"{symbol.lower()}@markPrice@1s",
                    f'"e":"markPriceUpdate","E":{at_ms},"s":"{symbol}","p":"{price:.8f}","P":"{price:.8f}",'
                    f'"i":"{price:.8f}","r":"0.00010000","T":{open_ms + 28_800_000}',
                )
            else:
                yield _event(
                    f"{symbol.lower()}@bookTicker",
                    f'"e":"bookTicker","u":{at_ms},"s":"{symbol}","b":"{price:.4f}","B":"31.210",'
                    f'"a":"{price + 0.01:.4f}","A":"40.660","T":{at_ms},"E":{at_ms}',
                )


def _kline(symbol: str, price: float, open_ms: int, at_ms: int, closed: str) -> str:
    return _event(
        f"{symbol.lower()}@kline_1m",
        f'"e":"kline","E":{at_ms},"s":"{symbol}","k":{{"t":{open_ms},"T":{open_ms + MINUTE_MS - 1},"s":"{symbol}",'
        f'"i":"1m","f":100,"L":200,"o":"{price:.4f}","c":"{price + 0.5:.4f}","h":"{price + 1:.4f}",'
        f'"l":"{price - 1:.4f}","v":"1200.125","n":100,"x":{closed},"q":"48000.12","V":"600.1","Q":"24000.1","B":"0"}}',
    )


def _event(stream: str, inside: str) -> str:
    return f'{{"stream":"{stream}","data":{{{inside}}}}}'


class _Finishing:
    """Takes the time from the first wake-up to the one after which all `frames` are there."""

    def __init__(self, frames: int) -> None:
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._frames = frames
        self._began = 0.0

    def count(self, seen: int) -> None:
        if not self._began:
            self._began = time.perf_counter()
        elif seen >= self._frames and not self.done.done():
            self.done.set_result(time.perf_counter() - self._began)

    def closed(self, code: int, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"The sender went away too soon ({code} {reason})."))


class Booking(_Finishing):
    """What the node does: decode each frame, and once a wake-up take the closed candles into the book."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        symbols = [Symbol("binance", "usdm", name) for name in NAMES]
        self.decoder = MarketFrames(symbols, Timeframe.M1)
        self.book = CandleBook(symbols, Timeframe.M1, LONGER)
        self.frame = self.decoder.frame

    def batch_end(self) -> None:
        block = self.decoder.take_candles()
        if block is not None:
            self.book.ingest(block, now_ms=int(block.open_time_ms[-1]) + MINUTE_MS)
        self.count(self.decoder.frames)


class Parsing(_Finishing):
    """The limit: receive and parse into the same shape, and forget."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self._seen = 0
        shape = msgspec.defstruct("Frame", [("data", Event)], gc=False)
        self._decode = msgspec.json.Decoder(shape, strict=False).decode

    def frame(self, payload: memoryview) -> None:
        self._seen += 1
        self._decode(payload)

    def batch_end(self) -> None:
        self.count(self._seen)


async def by_picows(port: int, sink: _Finishing) -> float:
    stream = await WebSocketClient().connect(f"ws://127.0.0.1:{port}/market/stream", sink)
    seconds = await sink.done
    await stream.close()
    return seconds


class _Drained:
    """aiohttp's queue as ccxt drains it, with the bytes of overhead that aiohttp counts for each message. Versions of
    ccxt that do not count them stop for ever after some thousand frames of a fast stream."""

    def __init__(self, queue: deque[tuple[object, int]]) -> None:
        self._queue = queue

    def __len__(self) -> int:
        return len(self._queue)

    def popleft(self) -> tuple[object, int]:
        message, size = self._queue.popleft()
        return message, size + MSG_SIZE_OVERHEAD

    def __getitem__(self, index: int) -> tuple[object, int]:
        return self._queue[index]

    def __setitem__(self, index: int, value: tuple[object, int]) -> None:
        self._queue[index] = value


def _let_ccxt_count() -> None:
    from ccxt.async_support.base.ws.client import Client

    if "OVERHEAD" not in inspect.getsource(Client) and isinstance(Client.buffer, property):
        plain = Client.buffer.fget
        Client.buffer = property(lambda self: _Drained(queue) if (queue := plain(self)) else None)


async def by_ccxt(port: int, frames: int) -> float:
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm({"newUpdates": True})
    sockets = exchange.urls["api"]["ws"]
    # The name of the futures address changes between ccxt's versions.
    sockets.update({name: f"ws://127.0.0.1:{port}/ws" for name, url in sockets.items() if isinstance(url, str)})
    exchange.options["streamLimits"] = dict.fromkeys(exchange.options["streamLimits"], 1)
    exchange.set_markets([_market(name) for name in NAMES])
    seen, began = 0, 0.0
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    handle = exchange.handle_message

    def counted(client: object, message: object) -> None:
        nonlocal seen, began
        began = began or time.perf_counter()
        seen += 1
        handle(client, message)
        if seen == frames:
            done.set_result(time.perf_counter() - began)

    exchange.handle_message = counted
    wanted = [[f"{name[:-4]}/USDT:USDT", "1m"] for name in NAMES]
    watching = asyncio.ensure_future(_watch(exchange, wanted))
    await asyncio.wait([done, watching], return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await exchange.close()
    return done.result()


async def _watch(exchange: object, wanted: list[list[str]]) -> None:
    while True:
        await exchange.watch_ohlcv_for_symbols(wanted)  # type: ignore[attr-defined]


def _market(name: str) -> dict[str, object]:
    base = name[:-4]
    return {
        "id": name, "lowercaseId": name.lower(), "symbol": f"{base}/USDT:USDT", "base": base, "quote": "USDT",
        "settle": "USDT", "baseId": base, "quoteId": "USDT", "settleId": "USDT", "type": "swap", "spot": False,
        "margin": False, "swap": True, "future": False, "option": False, "contract": True, "linear": True,
        "inverse": False, "active": True, "precision": {"amount": 0.001, "price": 0.0001}, "limits": {}, "info": {},
    }  # fmt: skip


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("ingest", asked)
    minutes, repeats = (1, 1) if asked.quick else (12, 5)
    frames = minutes * FRAMES_A_MINUTE
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(theirs, minutes), daemon=True)
    sender.start()
    _let_ccxt_count()
    port = ours.recv()
    checked: list[Booking] = []

    async def book() -> float:
        sink = Booking(frames)
        checked.append(sink)
        return await by_picows(port, sink)

    async def parse() -> float:
        return await by_picows(port, Parsing(frames))

    async def ccxt() -> float:
        return await by_ccxt(port, frames)

    works: dict[str, Callable[[], Awaitable[float]]] = {"book": book, "parse": parse, "ccxt": ccxt}
    seconds = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            if name == "ccxt" and turn > 3:
                continue
            took = _run(work)
            if turn or asked.quick:
                seconds[name].append(took)
    sender.kill()
    _check(checked[-1], minutes)
    rate = {name: frames / float(np.median(took)) for name, took in seconds.items()}
    spread = {name: float((max(took) - min(took)) / 2 / np.median(took)) for name, took in seconds.items()}
    size = f"{frames:,} frames, {SYMBOLS} symbols"
    bare = {"limit": rate["parse"], "limit_is": "picows, parse with msgspec, forget", "more_is_better": True}
    report.add("frames to candles", size, rate["book"], "/s", spread=spread["book"], target=400_000, **bare)
    report.add("ccxt's stream client", size, rate["ccxt"], "/s", spread=spread["ccxt"], **bare)
    report.add("times ccxt", size, rate["book"] / rate["ccxt"], "×", target=6, more_is_better=True)
    report.print()


def _run(work: Callable[[], Awaitable[float]]) -> float:
    """On uvloop where there is one, as the node runs."""
    if sys.platform == "win32":
        return asyncio.run(work())
    import uvloop

    return uvloop.run(work())


def _check(sink: Booking, minutes: int) -> None:
    """A rate of wrong results is none."""
    taken = sink.decoder.closed
    if taken != minutes * SYMBOLS or sink.book.accepted != taken or sink.decoder.odd:
        raise SystemExit(f"{taken} candles of {minutes * SYMBOLS} were taken; odd: {dict(sink.decoder.odd)}")


if __name__ == "__main__":
    main()
