"""How long one order takes at the Binance twin, over loopback: built, signed, sent, and the acknowledgement read.

Beside it, in the same run and turn by turn: ccxt's create_order without its rate limiter. The limit is a bare blocking
socket that sends a signed request to the same twin and reads the first packet of the answer.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from _figures import ROOT, Report, arguments
from holdfast.model.order import Leg, OrderRequest, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Stamp
from holdfast.sim.twins.binance import BinanceTwin, TwinAccount
from holdfast.venues.binance.endpoints import SpotEndpoints
from holdfast.venues.binance.exchange import Doors
from holdfast.venues.binance.session import Credentials
from holdfast.venues.binance.signing import HmacSigner, signed_query
from holdfast.venues.binance.spot import BinanceSpot
from holdfast.world.clock import SystemClock
from holdfast.world.http import HttpClient
from holdfast.world.recording import read_recording
from holdfast.world.websocket import WebSocketClient

SYMBOL = Symbol("binance", "spot", "BTCUSDT")
KEY, SECRET = "twin-key", "twin-secret"
CANDLES = Path("data/binance_spot_2021_wanderindev/candles_1h.parquet")
ROUND = 25


def serve(ready: Connection) -> None:
    """The twin, in a process of its own, with limits that nobody here reaches."""
    from holdfast.sim.twins.binance.limits import Limits

    async def run() -> None:
        rich = TwinAccount(spot={"USDT": Decimal(10**9), "BTC": Decimal(1000)})
        twin = BinanceTwin([read_recording(ROOT / CANDLES).only([SYMBOL.name])], SystemClock(), accounts=[rich])
        twin.spot.meter.limits = Limits(10**9, ())
        await twin.start()
        ready.send((twin.url, twin.socket_url))
        await asyncio.Event().wait()

    _run(run)


class Ours:
    """The adapter over the HTTP client."""

    def __init__(self, url: str, sockets: str) -> None:
        self._http, self._clock = HttpClient(), SystemClock()
        doors = Doors(self._http, WebSocketClient(), self._clock, self._clock.now_ms)
        endpoints = SpotEndpoints(url, sockets, f"{sockets}/ws-api/v3")
        self._spot = BinanceSpot(doors, Credentials(KEY, HmacSigner(SECRET)), endpoints=endpoints)

    async def prepare(self) -> None:
        await self._spot.read_instruments()

    async def place(self, number: int) -> None:
        now_ms = self._clock.now_ms()
        request = OrderRequest(
            client_order_id=f"hfours{number}",
            symbol=SYMBOL,
            side=Side.SELL if number % 2 else Side.BUY,
            type=OrderType.MARKET,
            size=Decimal("0.01"),
            price=None,
            reduce_only=False,
            leg=Leg.ENTRY,
            placed_at_ms=now_ms,
        )
        report = await self._spot.place(request, Stamp(now_ms, 5000))
        assert report.filled_size == request.size

    async def close(self) -> None:
        await self._http.close()


class Ccxt:
    """ccxt's own way, its rate limiter off."""

    def __init__(self, url: str) -> None:
        import ccxt.async_support

        self._exchange = ccxt.async_support.binance({"enableRateLimit": False, "options": {"defaultType": "spot"}})
        self._exchange.urls["api"].update({"public": f"{url}/api/v3", "private": f"{url}/api/v3"})
        self._exchange.options["fetchMarkets"] = {"types": ["spot"]}

    async def prepare(self) -> None:
        await self._exchange.load_markets()
        # Only now: with a key, loading would ask addresses that the twin does not have.
        self._exchange.apiKey, self._exchange.secret = KEY, SECRET

    async def place(self, number: int) -> None:
        side = "sell" if number % 2 else "buy"
        made = await self._exchange.create_order(
            "BTC/USDT", "market", side, 0.01, None, {"newClientOrderId": f"hfccxt{number}"}
        )
        assert made["filled"] == 0.01

    async def close(self) -> None:
        await self._exchange.close()


class Bare:
    """The limit: signed, sent by a blocking socket, and the first packet of the answer read."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")
        self._signer, self._clock = HmacSigner(SECRET), SystemClock()

    async def prepare(self) -> None:
        host, _, port = self._host.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def place(self, number: int) -> None:
        side = "SELL" if number % 2 else "BUY"
        params = (
            ("symbol", SYMBOL.name), ("side", side), ("type", "MARKET"), ("quantity", "0.01"),
            ("newClientOrderId", f"hfbare{number}"), ("timestamp", self._clock.now_ms()),
        )  # fmt: skip
        query = signed_query(params, self._signer)
        self._socket.sendall(
            f"POST /api/v3/order?{query} HTTP/1.1\r\nHost: {self._host}\r\nX-MBX-APIKEY: {KEY}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        assert b'"FILLED"' in self._socket.recv(65536)

    async def close(self) -> None:
        self._socket.close()


async def measure(url: str, sockets: str, rounds: int) -> dict[str, np.ndarray]:
    ways = {"ours": Ours(url, sockets), "ccxt": Ccxt(url), "bare": Bare(url)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        await way.prepare()
    # In turns of a few orders, so that what else the machine does meanwhile hits all of them alike.
    for turn in range(rounds + 1):
        for name, way in ways.items():
            for number in range(turn * ROUND, (turn + 1) * ROUND):
                began = time.perf_counter()
                await way.place(number)
                if turn:
                    taken[name].append(time.perf_counter() - began)
    for way in ways.values():
        await way.close()
    return {name: 1e6 * np.array(seconds) for name, seconds in taken.items()}


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("order", asked)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    twin = context.Process(target=serve, args=(there,), daemon=True)
    twin.start()
    url, sockets = here.recv()
    taken = _run(lambda: measure(url, sockets, 2 if asked.quick else 60))
    twin.kill()
    size = f"{len(taken['ours']):,} market orders each"
    p50 = {name: float(np.median(one)) for name, one in taken.items()}
    p99 = {name: float(np.quantile(one, 0.99)) for name, one in taken.items()}
    bare = "a bare socket"
    for name, what in (("ours", "order to acknowledgement"), ("ccxt", "ccxt create_order")):
        report.add(f"{what}, p50", size, p50[name], "µs", limit=p50["bare"], limit_is=bare)
        report.add(f"{what}, p99", size, p99[name], "µs", limit=p99["bare"], limit_is=bare)
    report.add("p50 as a share of ccxt's", size, p50["ours"] / p50["ccxt"], "", target=0.45)
    own = {name: p50[name] - p50["bare"] for name in ("ours", "ccxt")}
    report.add("p50 beyond the bare socket's", size, own["ours"], "µs")
    report.add("  of ccxt", size, own["ccxt"], "µs")
    report.note("The twin's own time, about what the bare socket waits, is in every figure.")
    report.print()


def _run(work: Callable[[], Awaitable[dict[str, np.ndarray]]] | Callable[[], Awaitable[None]]) -> dict[str, np.ndarray]:
    """On uvloop where there is one, as the node runs."""
    if sys.platform == "win32":
        return asyncio.run(work())  # type: ignore[arg-type, return-value]
    import uvloop

    return uvloop.run(work())  # type: ignore[arg-type, return-value]


if __name__ == "__main__":
    main()
