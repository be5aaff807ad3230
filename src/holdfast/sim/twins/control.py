"""A port to steer a running twin and to look into it: faults, clock, accounts, orders, filters. Not the venue's.

| request | what |
|---|---|
| GET /faults | what is armed, and how often each fault has bitten |
| POST /faults | arm: one object or a list, as `faults.Armed` |
| DELETE /faults[?fault=…] | disarm one fault or all |
| GET /clock, POST /clock {"offset_ms": …} | the venue's time; move it ahead of the real one |
| GET /markets | the twin's markets and their symbols |
| GET /account?market=…&account=… | balances and positions |
| GET /orders, /trades, /events?after=… (&market=…) | what the exchange holds |
| POST /trading {"market","symbol","trading"} | open, cancel_only or halted |
| POST /filters {"market","symbol", …} | new values of any field of `exchange.instrument.Instrument` |
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import msgspec
from aiohttp import web

from holdfast.model.errors import BadInput, Refused
from holdfast.ports.clock import Clock
from holdfast.sim.exchange.engine import Exchange
from holdfast.sim.exchange.instrument import Instrument, Trading
from holdfast.sim.twins.faults import Armed, Fault, Faults
from holdfast.world.port import listen

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """`exchanges` by the name of their market."""

    def __init__(self, faults: Faults, clock: Clock, exchanges: Mapping[str, Exchange]) -> None:
        self.faults = faults
        self.port = 0
        self._clock = clock
        self._exchanges = exchanges
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens on a port of its own."""
        app = web.Application(middlewares=[_say_what_is_wrong])
        app.add_routes(
            [
                web.get("/faults", self._read_faults),
                web.post("/faults", self._arm),
                web.delete("/faults", self._disarm),
                web.get("/clock", self._read_clock),
                web.post("/clock", self._set_clock),
                web.get("/markets", self._read_markets),
                web.get("/account", self._read_account),
                web.get("/orders", self._read_orders),
                web.get("/trades", self._read_trades),
                web.get("/events", self._read_events),
                web.post("/trading", self._set_trading),
                web.post("/filters", self._set_filters),
            ]
        )
        listening = listen(host, port)
        self.port = listening.getsockname()[1]
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _exchange(self, market: str) -> Exchange:
        if (found := self._exchanges.get(market)) is None:
            raise BadInput(f"There is no market '{market}'.", f"It has {', '.join(sorted(self._exchanges))}.")
        return found

    async def _read_faults(self, request: web.Request) -> web.StreamResponse:
        bitten = {fault.value: times for fault, times in self.faults.bitten.items() if times}
        return _json(
            {"armed": list(self.faults.armed.values()), "bitten": bitten, "known": [one.value for one in Fault]}
        )

    async def _arm(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        one = not body.lstrip().startswith(b"[")
        self.faults.arm_all(msgspec.json.decode(b"[" + body + b"]" if one else body, type=list[Armed]))
        return await self._read_faults(request)

    async def _disarm(self, request: web.Request) -> web.StreamResponse:
        named = request.query.get("fault")
        self.faults.disarm(Fault(named) if named else None)
        return await self._read_faults(request)

    async def _read_clock(self, request: web.Request) -> web.StreamResponse:
        offset = self.faults.peek(Fault.CLOCK_OFFSET)
        offset_ms = int(offset.value) if offset else 0
        return _json({"now_ms": self._clock.now_ms() + offset_ms, "offset_ms": offset_ms})

    async def _set_clock(self, request: web.Request) -> web.StreamResponse:
        offset_ms = int(str((await _body(request))["offset_ms"]))
        self.faults.disarm(Fault.CLOCK_OFFSET)
        if offset_ms:
            self.faults.arm(Fault.CLOCK_OFFSET, offset_ms)
        return await self._read_clock(request)

    async def _read_markets(self, request: web.Request) -> web.StreamResponse:
        return _json({name: sorted(exchange.books) for name, exchange in self._exchanges.items()})

    async def _read_account(self, request: web.Request) -> web.StreamResponse:
        exchange = self._exchange(request.query.get("market", next(iter(self._exchanges))))
        name = request.query.get("account", next(iter(exchange.accounts)))
        if (account := exchange.accounts.get(name)) is None:
            raise BadInput(f"There is no account '{name}'.", f"It has {', '.join(exchange.accounts)}.")
        balances = {asset: {"total": total, "locked": account.locked(asset)} for asset, total in account.totals.items()}
        positions = [
            {"symbol": symbol, "side": side, "size": one.size, "entry_price": one.entry_price, "realised": one.realised}
            for (symbol, side), one in account.positions.items()
        ]
        return _json({"balances": balances, "positions": positions})

    async def _read_orders(self, request: web.Request) -> web.StreamResponse:
        return _json([order for exchange in self._asked_of(request) for order in exchange.orders.values()])

    async def _read_trades(self, request: web.Request) -> web.StreamResponse:
        return _json([trade for exchange in self._asked_of(request) for trade in exchange.trades])

    async def _read_events(self, request: web.Request) -> web.StreamResponse:
        after = int(request.query.get("after", "0"))
        return _json([event for exchange in self._asked_of(request) for event in exchange.events_after(after)])

    def _asked_of(self, request: web.Request) -> list[Exchange]:
        named = request.query.get("market")
        return [self._exchange(named)] if named else list(self._exchanges.values())

    async def _set_trading(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        self.set_trading(str(body["market"]), str(body["symbol"]), Trading(str(body["trading"])))
        return _json(body)

    def set_trading(self, market: str, symbol: str, trading: Trading) -> None:
        """Opens, restricts or halts a symbol; a halt counts as a fault that has bitten."""
        self._exchange(market).set_trading(symbol, trading)
        if trading is not Trading.OPEN:
            self.faults.bitten[Fault.HALT] += 1

    async def _set_filters(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        market, symbol = str(body.pop("market")), str(body.pop("symbol"))
        return _json(self.change_filters(market, symbol, body))

    def change_filters(self, market: str, symbol: str, changed: Mapping[str, object]) -> Instrument:
        """New filters of a listed symbol, from the fields of Instrument; open orders stay. Counts as a fault."""
        exchange = self._exchange(market)
        fields = msgspec.to_builtins(exchange.book(symbol).instrument) | dict(changed)
        instrument = msgspec.convert(fields, Instrument, strict=False)
        exchange.list_instrument(instrument)
        self.faults.bitten[Fault.CHANGE_FILTER] += 1
        return instrument


async def _body(request: web.Request) -> dict[str, object]:
    body = json.loads(await request.read(), parse_float=Decimal)
    if not isinstance(body, dict):
        raise BadInput("The body is no JSON object.", "See the table in sim/twins/control.py.")
    return body


@web.middleware
async def _say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (Refused, ValueError, KeyError, msgspec.ValidationError) as error:
        return _json({"problem": str(error)}, status=400)


def _json(value: object, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value, enc_hook=str)
    return web.Response(body=body, status=status, content_type="application/json")
