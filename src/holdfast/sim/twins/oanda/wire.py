"""How v20 writes values: moments in two formats, exact decimals as text, JSON bodies, and the bodies of errors.

Pure. A body is built from Moments and Decimals and only turned into text here, when the request's
`Accept-Datetime-Format` is known.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

Json = dict[str, Any]

MONEY = Decimal("0.0001")  # the account's currency is written with four decimals
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_UNIX = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?")


class Moment(msgspec.Struct, frozen=True):
    """A point in time on the wire, in milliseconds since 1970 UTC."""

    ms: int

    def text(self, *, unix: bool) -> str:
        """`2016-10-17T19:35:00.000000000Z`, or `1476732900.000000000`."""
        seconds, ms = divmod(self.ms, 1000)
        if unix:
            return f"{seconds}.{ms:03d}000000"
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{ms:03d}000000Z"


class Refusal(Exception):
    """A request that v20 answers with an error body. `status` is HTTP's; `body` is the whole body; `retry_after_s` goes
    into the header of that name."""

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.body: Json = {**more, "errorMessage": message}


def invalid(field: str, more: str = "") -> Refusal:
    """The 400 that v20 answers for a value it cannot read."""
    return Refusal(400, f"Invalid value specified for '{field}'{more}")


def read_moment(text: str, field: str) -> int:
    """Milliseconds of an RFC 3339 or a UNIX time, whichever it is; Refusal for anything else."""
    if found := _UNIX.fullmatch(text):
        return int(found[1]) * 1000 + int((found[2] or "0").ljust(3, "0")[:3])
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise invalid(field)
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    zone = timedelta() if found[8] == "Z" else _offset(found[8])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - zone
    except (ValueError, OverflowError):
        raise invalid(field) from None
    return (moment - _EPOCH) // timedelta(seconds=1) * 1000 + int((found[7] or "0").ljust(3, "0")[:3])


def read_decimal(value: object, field: str) -> Decimal:
    """A decimal number written as text (v20 takes JSON numbers too); Refusal for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(field)
    text = str(value)
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text):
        raise invalid(field)
    return Decimal(text)


def read_body(raw: bytes) -> Json:
    """The JSON object of a request; Refusal for anything else."""
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        raise Refusal(400, "Invalid JSON, ParseErrorCode: 1, Message: Missing a name for object member.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON body, must be an object")
    return body


def encode(body: object, *, unix: bool) -> bytes:
    """A body as JSON text: moments in the format that was asked for, decimals as strings, absent (None) fields left
    out."""
    return msgspec.json.encode(_plain(body, unix))


def money(value: Decimal) -> str:
    """An amount of the account's currency."""
    return str((value + 0).quantize(MONEY, ROUND_HALF_EVEN) + 0)


def _plain(value: Any, unix: bool) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, unix) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item, unix) for item in value]
    if isinstance(value, Moment):
        return value.text(unix=unix)
    return format(value, "f") if isinstance(value, Decimal) else value


def _offset(zone: str) -> timedelta:
    hours, minutes = zone[1:].split(":")
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return -size if zone[0] == "-" else size
