"""How a request becomes a signed one: percent-encoded first, then signed, as Binance demands since 2026-01-15.

Pure: keys are handed in, and nothing here knows where they came from or what time it is.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from holdfast.model.errors import BadInput

Value = str | int | Decimal
Params = Iterable[tuple[str, Value]]

_UNRESERVED = "-_.~"  # RFC 3986, 2.3, beside letters and digits
_needs_nothing = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_BLOCK = 64  # bytes that SHA-256 takes at a time


class Signer(Protocol):
    """Makes the signature of a payload, not yet percent-encoded."""

    def sign(self, payload: bytes) -> str: ...


class HmacSigner:
    """HMAC-SHA256 (RFC 2104), in hexadecimal. What depends on the secret alone is worked out once."""

    def __init__(self, secret: str) -> None:
        key = secret.encode()
        key = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in key))

    def sign(self, payload: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        return outer.hexdigest()


class Ed25519Signer:
    """Ed25519 with a private key in PEM, in Base64."""

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadInput(
                "The Binance secret is a PEM that cannot be read.", "Give an unencrypted PKCS#8 key."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadInput("The Binance secret is a PEM, but not of an Ed25519 key.", "Make the key with Ed25519.")
        self._key = key

    def sign(self, payload: bytes) -> str:
        return b64encode(self._key.sign(payload)).decode()


def signer_of(secret: str) -> Signer:
    """The signer for what Binance gave: a PEM is an Ed25519 key, everything else a secret for HMAC."""
    return Ed25519Signer(secret) if secret.startswith("-----BEGIN") else HmacSigner(secret)


def text_of(value: Value) -> str:
    """As Binance reads it: decimals without an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def encode(params: Params) -> str:
    """name=value&…, percent-encoded, in the given order."""
    return "&".join(f"{name}={_escape(text_of(value))}" for name, value in params)


def signed_query(params: Params, signer: Signer) -> str:
    """The query with its signature, which is taken over exactly the bytes that are sent."""
    query = encode(params)
    return f"{query}&signature={_escape(signer.sign(query.encode()))}"


def signed_message(params: dict[str, Value], signer: Signer) -> dict[str, Value]:
    """Parameters of a WebSocket API request: signed in alphabetical order, over their plain texts."""
    payload = "&".join(f"{name}={text_of(params[name])}" for name in sorted(params))
    return {**params, "signature": signer.sign(payload.encode())}


def _escape(text: str) -> str:
    return text if _needs_nothing(text) else quote(text, safe=_UNRESERVED)
