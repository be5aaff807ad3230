"""Names that any node can work out again from the same decision: no counter, no clock, no chance.

Here: ids of intents and orders. Not here: who may use them.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode

from holdfast.model.order import Leg

_PREFIX = "hf"
_DIGEST_LENGTH = 30
_OURS = re.compile(r"hf[a-z2-7]{30}")


def intent_id(account: str, signal_id: str, leg: Leg) -> str:
    """The id of the one intent that `signal_id` may become for `account`: 30 characters of a-z and 2-7."""
    return _digest("intent", account, signal_id, leg.value)


def client_order_id(account: str, intent: str, leg: Leg, attempt: int) -> str:
    """The id under which the venue gets the order: `hf` and 30 characters of a-z and 2-7 (150 bits of SHA-256).

    32 characters in this alphabet are legal at Binance (up to 36 of `.A-Z:/a-z0-9_-`) and at OANDA (up to 128).
    """
    return _PREFIX + _digest("order", account, intent, leg.value, str(attempt))


def ours(order_id: str) -> bool:
    """Whether an order at the venue carries our mark."""
    return _OURS.fullmatch(order_id) is not None


def _digest(*parts: str) -> str:
    """SHA-256 over the parts, each with its length before it so that no two lists of parts read the same."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return b32encode(hashlib.sha256(framed.encode()).digest()).decode().lower()[:_DIGEST_LENGTH]
