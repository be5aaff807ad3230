"""What OANDA's refusals mean for whoever asked: the one place where its codes and statuses become our errors."""

from __future__ import annotations

import msgspec

from holdfast.model.errors import HoldfastError, Refused, Retryable, Unknown
from holdfast.ports.transport import HttpAnswer
from holdfast.venues.oanda.wire import Placed

# An order of this id is pending, or the trade that an order of this id opened is alive: the first sending did arrive.
DUPLICATES = frozenset({"CLIENT_ORDER_ID_ALREADY_EXISTS", "CLIENT_TRADE_ID_ALREADY_EXISTS"})
# The reason by which the execution protocol knows that it has to ask, and not to give up.
DUPLICATE_ID = "duplicate_client_id"
NOT_FOUND = 404


class RefusedByOanda(Refused):
    """`code` is OANDA's reject reason or error code, '' if it gave none; `text` its message."""

    def __init__(self, code: str, text: str, status: int) -> None:
        said = f"{code}: {text}" if code and text else code or text
        super().__init__(DUPLICATE_ID if code in DUPLICATES else f"OANDA refused ({status}) {said}".strip())
        self.code = code
        self.text = text
        self.status = status

    @property
    def duplicate(self) -> bool:
        """Whether an order of the same id, or its trade, is alive."""
        return self.code in DUPLICATES


class TooMany(Retryable):
    """More requests than OANDA takes in a second."""


_decode = msgspec.json.Decoder(Placed).decode


def error_of(answer: HttpAnswer, *, writing: bool) -> HoldfastError:
    """The error for an answer that is no success. `writing`: the request was to change something."""
    status = answer.status
    try:
        body, readable = _decode(answer.body), True
    except msgspec.DecodeError:
        # A proxy's or firewall's page, in whatever words.
        body, readable = Placed(error_message="without a readable reason"), False
    if status == 429:
        return TooMany(f"OANDA limits us ({status}): {body.error_message}")
    if status >= 500 or status == 408:
        said = f"OANDA answered {status}: {body.error_message}"
        return Unknown(said) if writing else Retryable(said)
    if status == 403 and not readable:
        return Retryable(f"Something before OANDA forbade the request ({status}).")
    rejected = body.order_reject_transaction or body.order_cancel_reject_transaction
    code = rejected.reject_reason if rejected is not None else ""
    return RefusedByOanda(code or body.error_code, body.error_message, status)
