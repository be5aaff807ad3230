"""Who sent a request, whether the signature is theirs, and whether its time is right."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from holdfast.model.errors import BadInput
from holdfast.sim.twins.binance.errors import BAD_KEY, BAD_KEY_FORMAT, BAD_SIGNATURE, ApiError, missing
from holdfast.sim.twins.binance.parameters import Parameters

AHEAD_MS = 1000
RECV_WINDOW_MS = 5000
RECV_WINDOW_MOST_MS = 60_000
_SIGNATURE = re.compile(r"(^|&)signature=([^&]*)")
_KEY = re.compile(r"^[A-Za-z0-9_-]{1,100}$")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an account: `secret` for HMAC-SHA256, or `public_key` (PEM) for Ed25519."""

    key: str
    account: str
    secret: str = ""
    public_key: str = ""

    @property
    def ed25519(self) -> Ed25519PublicKey | None:
        """The public key; BadInput where it is of another kind."""
        if not self.public_key:
            return None
        loaded = load_pem_public_key(self.public_key.encode())
        if not isinstance(loaded, Ed25519PublicKey):
            raise BadInput("The public key of the twin's account is not an Ed25519 key.", "Give an Ed25519 key as PEM.")
        return loaded

    def verify(self, payload: str, signature: str) -> None:
        """Raises ApiError unless `signature` signs exactly this payload."""
        if (public := self.ed25519) is None:
            expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(expected, signature.lower()):
                raise BAD_SIGNATURE
            return
        try:
            public.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            raise BAD_SIGNATURE from None


class Keys:
    """All keys of a twin."""

    def __init__(self, keys: list[ApiKey]) -> None:
        self._keys = {key.key: key for key in keys}

    def find(self, key: str) -> ApiKey:
        """The key a request names; raises ApiError."""
        if not key or not _KEY.match(key):
            raise BAD_KEY_FORMAT
        if (found := self._keys.get(key)) is None:
            raise BAD_KEY
        return found


def split_signature(raw: str) -> tuple[str, str]:
    """(what was signed, signature) of the raw text of query and body, exactly as it was sent."""
    found = _SIGNATURE.search(raw)
    if found is None:
        raise missing("signature")
    return raw[: found.start()] + raw[found.end() :], unquote(found[2])


def check_time(parameters: Parameters, venue_ms: int) -> None:
    """Raises ApiError unless the request's time is right on the venue's clock. Spot asks twice."""
    stamp = parameters.time("timestamp")
    if stamp is None:
        raise missing("timestamp")
    try:
        window = Decimal(parameters.get("recvWindow", str(RECV_WINDOW_MS)))
    except InvalidOperation:
        raise missing("recvWindow") from None
    if window > RECV_WINDOW_MOST_MS:
        raise ApiError(-1131, f"recvWindow must be less than {RECV_WINDOW_MOST_MS}")
    if stamp >= venue_ms + AHEAD_MS:
        raise ApiError(-1021, f"Timestamp for this request was {AHEAD_MS}ms ahead of the server's time.")
    if venue_ms - stamp > window:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
