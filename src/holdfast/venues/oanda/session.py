"""Asking OANDA: requests in the name of one account over a transport that is handed in, and its refusals as errors.

Which requests there are is known in `exchange.py` and `log.py`. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from holdfast.model.errors import BadInput, Unknown
from holdfast.ports.transport import HttpRequest, HttpTransport, Priority
from holdfast.venues.oanda.errors import error_of
from holdfast.venues.oanda.wire import Unreadable

Params = Sequence[tuple[str, str | int]]
T = TypeVar("T")


class Credentials(msgspec.Struct, frozen=True):
    """An access token and the account it is used for. Printing this shows neither."""

    token: str
    account: str

    def __repr__(self) -> str:
        return "Credentials(…)"


class _Hidden(dict[str, str]):
    """Headers that a printed request does not show."""

    def __repr__(self) -> str:
        return "{…}"


class Session:
    """Requests to one origin for one account."""

    def __init__(self, transport: HttpTransport, origin: str, credentials: Credentials | None) -> None:
        self.transport = transport
        self.origin = origin
        self._credentials = credentials

    @property
    def account_path(self) -> str:
        return f"/v3/accounts/{self.credentials.account}"

    @property
    def credentials(self) -> Credentials:
        """BadInput for an adapter without a token. OANDA answers nobody without one, not even about prices."""
        if self._credentials is None:
            raise BadInput(
                "This needs an OANDA token and account, and none was given.",
                "See docs/howto/connect-oanda.md for where they go.",
            )
        return self._credentials

    def request(
        self, method: str, path: str, params: Params = (), *, body: bytes = b"", priority: Priority = Priority.RECONCILE
    ) -> HttpRequest:
        """The request as it leaves."""
        headers = _Hidden({"Authorization": f"Bearer {self.credentials.token}", "Accept-Datetime-Format": "UNIX"})
        if body:
            headers["Content-Type"] = "application/json"
        return HttpRequest(
            method=method,
            origin=self.origin,
            path=path,
            query=urlencode(params),
            body=body,
            headers=headers,
            priority=priority,
        )

    async def read(self, path: str, params: Params = (), *, priority: Priority = Priority.RECONCILE) -> bytes:
        """The body of a 200; else the error it means."""
        answer = await self.transport.send(self.request("GET", path, params, priority=priority))
        if answer.status != 200:
            raise error_of(answer, writing=False)
        return answer.body

    async def write(self, method: str, path: str, content: object, *, priority: Priority) -> bytes:
        """The body of a 200 or 201; else the error it means. `content` is what goes as JSON, None for nothing."""
        body = b"" if content is None else msgspec.json.encode(content)
        answer = await self.transport.send(self.request(method, path, body=body, priority=priority))
        if answer.status not in (200, 201):
            raise error_of(answer, writing=True)
        return answer.body


def written(read: Callable[[bytes], T], body: bytes) -> T:
    """Reads the answer to a request that changed something: that it cannot be read does not undo the change."""
    try:
        return read(body)
    except Unreadable as error:
        raise Unknown(str(error)) from error
