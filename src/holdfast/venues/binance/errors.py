"""What Binance's refusals mean for whoever asked: the one place where its codes and statuses become our errors."""

from __future__ import annotations

import msgspec

from holdfast.model.errors import HoldfastError, Refused, Retryable, Unknown
from holdfast.ports.transport import HttpAnswer

NO_SUCH_ORDER = -2013
UNKNOWN_ORDER_SENT = -2011
LISTEN_KEY_UNKNOWN = -1125

# The engine may have it: UNKNOWN, DISCONNECTED, UNEXPECTED_RESP, TIMEOUT.
_EFFECT_UNKNOWN = frozenset({-1000, -1001, -1006, -1007})
# Too many requests, too many orders.
_TOO_MANY = frozenset({-1003, -1015})
# Refused before the engine, because it is busy.
_BUSY = -1008
_BUSY_STATUSES = frozenset({403, 418, 429})


class RefusedByBinance(Refused):
    """`code` and `text` are Binance's own."""

    def __init__(self, code: int, text: str, status: int) -> None:
        super().__init__(f"Binance refused ({code}): {text}")
        self.code = code
        self.text = text
        self.status = status


class TooMany(Retryable):
    """A limit is spent. `retry_after_s` is what Binance asked for, None if it said nothing."""

    def __init__(self, code: int, text: str, retry_after_s: float | None) -> None:
        after = "" if retry_after_s is None else f", again after {retry_after_s:g} s"
        super().__init__(f"Binance limits us ({code}): {text}{after}")
        self.code = code
        self.retry_after_s = retry_after_s


class _Body(msgspec.Struct):
    code: int = 0
    msg: str = ""


_decode = msgspec.json.Decoder(_Body).decode


def error_of(answer: HttpAnswer, *, writing: bool) -> HoldfastError:
    """The error for an answer whose status is not 200. `writing`: the request was to change something."""
    try:
        body = _decode(answer.body)
    except msgspec.DecodeError:
        # A proxy's or firewall's page, in whatever words.
        body = _Body(0, f"HTTP {answer.status} without a readable reason")
    return error_of_code(body.code, body.msg, answer.status, writing=writing, retry_after=_after(answer))


def error_of_code(
    code: int, text: str, status: int, *, writing: bool, retry_after: float | None = None
) -> HoldfastError:
    """See `error_of`; for errors that came otherwise than as an HTTP answer, too."""
    if status in _BUSY_STATUSES or code in _TOO_MANY:
        return TooMany(code, text, retry_after)
    if code == _BUSY:
        return Retryable(f"Binance is busy ({code}): {text}")
    if status >= 500 or status in (408, 409) or code in _EFFECT_UNKNOWN:
        said = f"Binance answered {status} ({code}): {text}"
        return Unknown(said) if writing else Retryable(said)
    return RefusedByBinance(code, text, status)


def _after(answer: HttpAnswer) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
