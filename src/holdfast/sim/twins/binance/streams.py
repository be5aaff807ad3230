"""The market streams and futures user streams: who has subscribed to what, and the talk about it.

The limits and the life of a connection are the venue's. A futures stream asked for under the wrong root is accepted and
stays silent, and so does everything on the roots that were switched off in 2026.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from holdfast.sim.exchange.events import Event
from holdfast.sim.twins.binance.connection import NORMAL, Connection
from holdfast.sim.twins.binance.desk import Desk
from holdfast.sim.twins.binance.market_frames import PUBLIC_KINDS, all_markets, frames
from holdfast.sim.twins.binance.user_events import usdm_frames
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.sim.twins.market import Tick

_METHODS = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"
_ALL_MARKETS_EVERY_MS = 1000
LIFE_MS = 86_400_000
SILENT_ROOT = "off"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`asked_a_second`: a client's messages. `kline_ms`: how often an unfinished bar is told."""

    streams: int
    asked_a_second: int
    ping_s: float
    patience_s: float
    kline_ms: int


SPOT = StreamLimits(1024, 5, 20, 60, 2000)
USDM = StreamLimits(1024, 10, 180, 600, 250)


def encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


class Streams:
    """All stream connections of one market."""

    def __init__(self, desk: Desk, faults: Faults, *, life_ms: int = LIFE_MS) -> None:
        self.desk = desk
        self.limits = SPOT if desk.spot else USDM
        self.life_ms = life_ms
        self.connections: set[Connection] = set()
        self.users: dict[Connection, str] = {}
        self._faults = faults
        self._by_stream: dict[str, set[Connection]] = defaultdict(set)
        self._kinds: dict[str, set[str]] = defaultdict(set)
        self._kline_told: dict[str, int] = {}
        self._latest: dict[str, Tick] = {}
        self._all_told_ms = 0

    # ---- connections

    def add(self, connection: Connection, streams: Iterable[str]) -> None:
        self.connections.add(connection)
        self.subscribe(connection, streams)

    def remove(self, connection: Connection) -> None:
        self.unsubscribe(connection, list(connection.streams))
        self.connections.discard(connection)
        self.users.pop(connection, None)

    def subscribe(self, connection: Connection, streams: Iterable[str]) -> None:
        for stream in streams:
            connection.streams.add(stream)
            if not self.desk.spot and not _belongs(stream, connection.root):
                continue
            self._by_stream[stream].add(connection)
            symbol, _, kind = stream.partition("@")
            self._kinds[symbol].add(kind)

    def unsubscribe(self, connection: Connection, streams: Iterable[str]) -> None:
        for stream in streams:
            connection.streams.discard(stream)
            listeners = self._by_stream[stream]
            listeners.discard(connection)
            if not listeners:
                del self._by_stream[stream]
                symbol, _, kind = stream.partition("@")
                self._kinds[symbol].discard(kind)

    def end_old(self, now_ms: int, venue_ms: int) -> None:
        """Connections live for a day; their end is announced."""
        for connection in [one for one in self.connections if now_ms - one.opened_ms >= self.life_ms]:
            self.announce_shutdown([connection], venue_ms)
            self.connections.discard(connection)
            connection.cut(NORMAL)

    def announce_shutdown(self, connections: Iterable[Connection], venue_ms: int) -> None:
        """The venue's word that it will close soon."""
        for connection in list(connections):
            connection.send("serverShutdown", encode({"e": "serverShutdown", "E": venue_ms}))

    # ---- what clients ask

    def asked(self, connection: Connection, text: str) -> None:
        """A client's message about its subscriptions."""
        try:
            message = json.loads(text)
        except json.JSONDecodeError:
            _refuse(connection, 3, "Invalid JSON: expected value at line 1 column 1", None)
            return
        number = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            _refuse(connection, 2, "Invalid request: missing field `method`", number)
            return
        method, given = message["method"], message.get("params", [])
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
                _refuse(connection, 2, "Invalid request: params must be an array of strings", number)
            elif method == "SUBSCRIBE" and len(connection.streams | set(given)) > self.limits.streams:
                _refuse(connection, 2, f"Invalid request: more than {self.limits.streams} streams", number)
            else:
                (self.subscribe if method == "SUBSCRIBE" else self.unsubscribe)(connection, given)
                connection.answer(encode({"result": None, "id": number}))
        elif method == "LIST_SUBSCRIPTIONS":
            connection.answer(encode({"result": sorted(connection.streams), "id": number}))
        elif method == "GET_PROPERTY":
            connection.answer(encode({"result": connection.combined, "id": number}))
        elif method == "SET_PROPERTY" and isinstance(given, list) and given[:1] == ["combined"]:
            connection.combined = bool(given[1])
            connection.answer(encode({"result": None, "id": number}))
        else:
            _refuse(connection, 2, f"Invalid request: unknown variant {method}, expected one of {_METHODS}", number)

    # ---- what the venue tells

    def tell(self, tick: Tick, venue_ms: int) -> None:
        """All frames of one tick to whoever has subscribed to them."""
        self._latest[tick.symbol] = tick
        wanted = self._kinds.get(tick.symbol.lower())
        if wanted:
            due = {kind for kind in wanted if not kind.startswith("kline") or self._kline_due(tick, kind)}
            for stream, frame in frames(self.desk, tick, due, venue_ms):
                self._publish(stream, frame)
                if tick.bar.closed and stream.endswith(f"@kline_{self._word(tick)}"):
                    self._late_partial(stream, tick, frame)

    def _word(self, tick: Tick) -> str:
        source = next(source for source in self.desk.sources if tick.symbol in source.tapes)
        return source.timeframe.value

    def _late_partial(self, stream: str, tick: Tick, frame: dict[str, object]) -> None:
        if not self._faults.take(Fault.LATE_PARTIAL, stream):
            return
        half = self.desk.tapes[tick.symbol].at((tick.bar.open_ms + tick.bar.close_ms) // 2)
        if half is not None:
            for name, late in frames(self.desk, half, {stream.partition("@")[2]}, int(str(frame["E"]))):
                self._publish(name, late)

    def _kline_due(self, tick: Tick, kind: str) -> bool:
        """Unfinished bars are told at the venue's pace, and every bar's end always."""
        stream = f"{tick.symbol}@{kind}"
        if not tick.bar.closed and tick.time_ms - self._kline_told.get(stream, 0) < self.limits.kline_ms:
            return False
        self._kline_told[stream] = tick.time_ms
        return True

    def tell_all_markets(self, now_ms: int, venue_ms: int) -> None:
        """The '!…@arr' streams, once a second."""
        if now_ms - self._all_told_ms < _ALL_MARKETS_EVERY_MS:
            return
        self._all_told_ms = now_ms
        for stream in [name for name in self._by_stream if name.startswith("!")]:
            if rows := all_markets(self.desk, self._latest, stream, venue_ms):
                self._publish(stream, rows)

    def _publish(self, stream: str, frame: object) -> None:
        listeners = self._by_stream.get(stream)
        if not listeners:
            return
        raw = encode(frame)
        combined = f'{{"stream":"{stream}","data":{raw}}}'
        for connection in list(listeners):
            connection.send(stream, combined if connection.combined else raw)

    def tell_user(self, event: Event, venue_ms: int) -> None:
        """A futures account's event to its user streams."""
        told = [connection for connection, account in self.users.items() if account == event.account]
        if not told:
            return
        for frame in usdm_frames(self.desk, event, venue_ms):
            self.send_user(told, frame, tells_fill=event.trade is not None)

    def send_user(self, connections: Iterable[Connection], frame: object, *, tells_fill: bool = False) -> None:
        raw = encode(frame)
        for connection in connections:
            combined = f'{{"stream":"userData","data":{raw}}}'
            connection.send("userData", combined if connection.combined else raw, tells_fill=tells_fill)


def _belongs(stream: str, root: str) -> bool:
    """Whether a futures stream is served under a root."""
    kind = stream.partition("@")[2] or stream.lstrip("!")
    public = kind.startswith(PUBLIC_KINDS)
    return root == ("public" if public else "market")


def _refuse(connection: Connection, code: int, msg: str, number: object) -> None:
    connection.answer(encode({"error": {"code": code, "msg": msg}, "id": number}))
