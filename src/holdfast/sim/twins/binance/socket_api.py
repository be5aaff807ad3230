"""The spot WebSocket API: requests as on REST, sessions, and the user data stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.sim.exchange.events import Event
from holdfast.sim.twins.binance.connection import Connection
from holdfast.sim.twins.binance.desk import Desk
from holdfast.sim.twins.binance.errors import ApiError, missing
from holdfast.sim.twins.binance.gate import Gate, Request
from holdfast.sim.twins.binance.parameters import Parameters
from holdfast.sim.twins.binance.routes import SPOT, Route, Security
from holdfast.sim.twins.binance.security import ApiKey, Keys, check_time
from holdfast.sim.twins.binance.streams import encode
from holdfast.sim.twins.binance.user_events import spot_frames

_METHODS: dict[str, tuple[str, str]] = {
    "ping": ("GET", "ping"),
    "time": ("GET", "time"),
    "exchangeInfo": ("GET", "exchangeInfo"),
    "klines": ("GET", "klines"),
    "uiKlines": ("GET", "uiKlines"),
    "avgPrice": ("GET", "avgPrice"),
    "ticker.24hr": ("GET", "ticker/24hr"),
    "ticker.price": ("GET", "ticker/price"),
    "ticker.book": ("GET", "ticker/bookTicker"),
    "depth": ("GET", "depth"),
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "myTrades": ("GET", "myTrades"),
    "account.status": ("GET", "account"),
    "account.commission": ("GET", "account/commission"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"),
    "orderList.place.oco": ("POST", "orderList/oco"),
    "orderList.place.oto": ("POST", "orderList/oto"),
    "orderList.place.otoco": ("POST", "orderList/otoco"),
    "orderList.status": ("GET", "orderList"),
    "orderList.cancel": ("DELETE", "orderList"),
    "openOrderLists.status": ("GET", "openOrderList"),
    "allOrderLists": ("GET", "allOrderList"),
}
_REMOVED = frozenset({"userDataStream.start", "userDataStream.ping", "userDataStream.stop"})


@dataclass(slots=True)
class Session:
    """What one connection has: who logged on, and its subscriptions (number → account)."""

    connection: Connection
    address: str
    account: str = ""
    key: str = ""
    logged_on_ms: int = 0
    subscriptions: dict[int, str] = field(default_factory=dict)
    subscribed: int = 0


class SocketApi:
    """All connections to the WebSocket API."""

    def __init__(self, desk: Desk, gate: Gate, keys: Keys) -> None:
        self._desk = desk
        self._gate = gate
        self._keys = keys
        self.sessions: list[Session] = []

    def tell(self, event: Event, venue_ms: int) -> None:
        """An account's event to its subscriptions, each frame wrapped with the subscription's number."""
        told = [
            (session, number)
            for session in self.sessions
            for number, account in session.subscriptions.items()
            if account == event.account
        ]
        if not told:
            return
        for frame in spot_frames(self._desk, event, venue_ms):
            for session, number in told:
                text = encode({"subscriptionId": number, "event": frame})
                session.connection.send("userData", text, tells_fill=frame.get("x") == "TRADE")

    async def asked(self, session: Session, text: str) -> bool:
        """Answers one request; False where the connection shall be dropped instead."""
        number: object = None
        try:
            message = json.loads(text)
            if not isinstance(message, dict) or not isinstance(message.get("method"), str):
                raise ApiError(-1135, "Invalid JSON Request")
            number = message.get("id")
            given = message.get("params") or {}
            if not isinstance(given, dict):
                raise ApiError(-1135, "Invalid 'params' in JSON request; expected an object.")
            status, result, kept = await self._answer(session, message["method"], _texts(given))
        except json.JSONDecodeError:
            status, result, kept = 400, ApiError(-1135, "Invalid JSON Request").body, True
        except ApiError as refusal:
            status, result, kept = refusal.status, refusal.body, True
        word = "result" if status == 200 else "error"
        limits = self._limits(session)
        if kept:
            session.connection.answer(encode({"id": number, "status": status, word: result, "rateLimits": limits}))
        return kept

    def _limits(self, session: Session) -> list[dict[str, object]]:
        used = self._desk.meter.used(session.address, self._gate.venue_ms())
        return [self._desk.meter.rate_limits()[0] | {"count": used}]

    async def _answer(self, session: Session, method: str, given: dict[str, str]) -> tuple[int, object, bool]:
        """(status, result or error, whether to answer at all)."""
        if method.startswith(("session.", "userDataStream.")):
            return 200, self._about_session(session, method, given), True
        if method not in _METHODS:
            raise ApiError(-1130, f"Method '{method}' is not supported.", status=404)
        verb, path = _METHODS[method]
        answer = await self._gate.perform(self._desk, SPOT[(verb, path)], self._request(session, method, given))
        return answer.status, answer.body, not answer.dropped

    def _request(self, session: Session, method: str, given: dict[str, str]) -> Request:
        by_session = session.account if "signature" not in given else ""

        def verify(key: ApiKey) -> None:
            _verify(key, given)

        return Request(method, session.address, given.get("apiKey", ""), Parameters(given), verify, by_session)

    def _about_session(self, session: Session, method: str, given: dict[str, str]) -> object:
        if method in _REMOVED:
            msg = "This method has been removed. Use userDataStream.subscribe or userDataStream.subscribe.signature."
            raise ApiError(-1000, msg, status=410)
        if method == "session.logon":
            key = self._signed_by(given)
            if key.ed25519 is None:
                raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
            session.account, session.key, session.logged_on_ms = key.account, key.key, self._gate.venue_ms()
        elif method == "session.logout":
            session.account = session.key = ""
        elif method == "userDataStream.subscribe":
            if not session.account:
                raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
            return self._subscribe(session, session.account)
        elif method == "userDataStream.subscribe.signature":
            return self._subscribe(session, self._signed_by(given).account)
        elif method == "userDataStream.unsubscribe":
            wanted = int(given["subscriptionId"]) if "subscriptionId" in given else None
            for number in [number for number in session.subscriptions if wanted in (None, number)]:
                del session.subscriptions[number]
            return {}
        elif method == "session.subscriptions":
            return [{"subscriptionId": number} for number in session.subscriptions]
        elif method != "session.status":
            raise ApiError(-1130, f"Method '{method}' is not supported.", status=404)
        return {
            "apiKey": session.key or None,
            "authorizedSince": session.logged_on_ms if session.account else None,
            "connectedSince": session.connection.opened_ms,
            "returnRateLimits": True,
            "serverTime": self._gate.venue_ms(),
            "userDataStream": bool(session.subscriptions),
        }

    def _signed_by(self, given: dict[str, str]) -> ApiKey:
        key = self._keys.find(given.get("apiKey", ""))
        _verify(key, given)
        check_time(Parameters(given), self._gate.venue_ms())
        return key

    def _subscribe(self, session: Session, account: str) -> object:
        """One subscription an account and connection."""
        if account in session.subscriptions.values():
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number = session.subscribed
        session.subscribed += 1
        session.subscriptions[number] = account
        return {"subscriptionId": number}


def _texts(given: Mapping[str, object]) -> dict[str, str]:
    """Parameters as the texts that are signed."""
    return {
        name: ("true" if value else "false") if isinstance(value, bool) else value if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"))
        for name, value in given.items()
        if value is not None
    }  # fmt: skip


def _verify(key: ApiKey, given: dict[str, str]) -> None:
    """The signature is over all other parameters, in the order of the alphabet."""
    if "signature" not in given:
        raise missing("signature")
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given) if name != "signature")
    key.verify(payload, given["signature"])


__all__ = ["Route", "Security", "Session", "SocketApi"]
