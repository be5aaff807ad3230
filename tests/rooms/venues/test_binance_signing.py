"""Signatures against Binance's own examples and a stranger's implementation."""

from __future__ import annotations

import hmac
from base64 import b64decode
from decimal import Decimal
from urllib.parse import parse_qs, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdfast.model.errors import BadInput
from holdfast.venues.binance.session import Credentials
from holdfast.venues.binance.signing import Ed25519Signer, HmacSigner, encode, signed_query, signer_of

# The example of the Spot documents, "SIGNED endpoint examples for POST /api/v3/order".
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP" + "1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PEM = "-----{} PRIVATE KEY-----".format
EXAMPLE = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def pem_of(key: object) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return pem.decode()


def test_the_documents_example_has_the_documents_signature() -> None:
    params = [(name, value[0]) for name, value in parse_qs(EXAMPLE).items()]
    assert signed_query(params, HmacSigner(SECRET)) == f"{EXAMPLE}&signature={SIGNATURE}"


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
def test_secrets_of_any_length_sign_as_the_standard_says(length: int) -> None:
    secret = "s" * length
    assert HmacSigner(secret).sign(b"a=1") == hmac.digest(secret.encode(), b"a=1", "sha256").hex()


def test_an_ed25519_signature_is_over_the_encoded_query_and_is_encoded_itself() -> None:
    key = Ed25519PrivateKey.generate()
    query = signed_query([("symbol", "１２３ & co"), ("price", Decimal("1E-7"))], Ed25519Signer(pem_of(key)))
    payload, _, signature = query.rpartition("&signature=")
    assert payload == "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%20%26%20co&price=0.0000001"
    key.public_key().verify(b64decode(unquote(signature)), payload.encode())
    assert not set("+/=") & set(signature)


def test_client_ids_of_every_allowed_letter_survive_the_way() -> None:
    name = "hf.A:b/c_d-9"
    assert parse_qs(encode([("newClientOrderId", name)])) == {"newClientOrderId": [name]}


def test_a_pem_is_a_key_and_everything_else_a_secret() -> None:
    assert isinstance(signer_of(pem_of(Ed25519PrivateKey.generate())), Ed25519Signer)
    assert isinstance(signer_of(SECRET), HmacSigner)


@pytest.mark.parametrize("pem", [f"{PEM('BEGIN')}\nabc\n{PEM('END')}", "rsa"])
def test_a_pem_that_cannot_sign_is_refused_without_showing_it(pem: str) -> None:
    text = pem_of(generate_private_key(65537, 2048)) if pem == "rsa" else pem
    with pytest.raises(BadInput) as caught:
        signer_of(text)
    assert text.splitlines()[1] not in str(caught.value)


def test_credentials_do_not_print() -> None:
    assert "the-key" not in repr(Credentials("the-key", HmacSigner("s")))
