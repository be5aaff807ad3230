"""Asking Binance: public, keyed and signed requests over a transport that is handed in, and its refusals as errors.

Which requests there are is known in `spot.py` and `usdm.py`. Nothing here reads a clock: time is a function handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from holdfast.model.errors import BadInput, Unknown
from holdfast.ports.exchange import Stamp
from holdfast.ports.transport import HttpRequest, HttpTransport, Priority
from holdfast.venues.binance.decode import Unreadable
from holdfast.venues.binance.errors import error_of
from holdfast.venues.binance.signing import Signer, Value, encode, signed_query

MAX_WINDOW_MS = 60_000  # Binance refuses a longer recvWindow
READ_WINDOW_MS = 5_000

Params = Sequence[tuple[str, Value]]
T = TypeVar("T")


class Credentials(msgspec.Struct, frozen=True):
    """An API key and what signs in its name."""

    key: str
    signer: Signer

    def __repr__(self) -> str:
        return "Credentials(…)"


class Session:
    """Requests to one origin for one account. `time_ms` is Binance's time as far as it is known here."""

    def __init__(
        self, transport: HttpTransport, origin: str, credentials: Credentials | None, time_ms: Callable[[], int]
    ) -> None:
        self.transport = transport
        self.origin = origin
        self.time_ms = time_ms
        self._credentials = credentials
        self._headers = {"X-MBX-APIKEY": credentials.key} if credentials else {}

    @property
    def credentials(self) -> Credentials:
        """BadInput for an adapter without keys."""
        if self._credentials is None:
            raise BadInput(
                "This needs a Binance key, and none was given.", "See docs/howto/connect-binance.md for where it goes."
            )
        return self._credentials

    async def public(
        self, path: str, params: Params = (), *, weight: int = 1, priority: Priority = Priority.BACKFILL
    ) -> bytes:
        return await self._send("GET", path, encode(params), weight=weight, priority=priority)

    async def keyed(self, method: str, path: str, params: Params = (), *, weight: int = 1) -> bytes:
        """A request that names the key but is not signed, as those for listen keys."""
        headers = {"X-MBX-APIKEY": self.credentials.key}
        return await self._send(method, path, encode(params), weight=weight, headers=headers)

    async def signed(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        weight: int = 1,
        stamp: Stamp | None = None,
        orders: int = 0,
        priority: Priority = Priority.RECONCILE,
    ) -> bytes:
        """`stamp`: None to stamp a reading request with the present."""
        given = stamp or Stamp(self.time_ms(), READ_WINDOW_MS)
        window = ("recvWindow", min(given.valid_ms, MAX_WINDOW_MS))
        query = signed_query((*params, window, ("timestamp", given.time_ms)), self.credentials.signer)
        return await self._send(method, path, query, weight=weight, orders=orders, priority=priority)

    async def _send(
        self,
        method: str,
        path: str,
        query: str,
        *,
        weight: int,
        orders: int = 0,
        priority: Priority = Priority.RECONCILE,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        request = HttpRequest(
            method=method,
            origin=self.origin,
            path=path,
            query=query,
            headers=self._headers if headers is None else headers,
            weight=weight,
            orders=orders,
            priority=priority,
        )
        answer = await self.transport.send(request)
        if answer.status != 200:
            raise error_of(answer, writing=method != "GET")
        return answer.body


def written(read: Callable[[bytes], T], body: bytes) -> T:
    """Reads the answer to a request that changed something: that it cannot be read does not undo the change."""
    try:
        return read(body)
    except Unreadable as error:
        raise Unknown(str(error)) from error
