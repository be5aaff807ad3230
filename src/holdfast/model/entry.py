"""One entry of the append-only journal, and the hash that chains it to the one before."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec


class EntryKind(StrEnum):
    """SETTINGS: a settings version. DECISION: mark 1, an intent with its orders, or a refusal. ORDER: the venue's word
    on an order. FILL: mark 2. EQUITY: the account's worth at a decision time. KILL: an operator's kill level. PAIR: a
    symbol that an operator enabled or disabled."""

    SETTINGS = "settings"
    DECISION = "decision"
    ORDER = "order"
    FILL = "fill"
    EQUITY = "equity"
    KILL = "kill"
    PAIR = "pair"


class Entry(msgspec.Struct, frozen=True):
    """(kind, key) is unique for ever: writing the same entry again changes nothing, and writing another one under the
    same key is an error. `body` is JSON made by `encode_body`; `time_ms` is the market's clock, never the machine's."""

    kind: EntryKind
    key: str
    account: str
    time_ms: int
    body: bytes


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry with its place: `sequence` counts from 1, `chain_hash` covers it and everything before it."""

    sequence: int
    chain_hash: str
    entry: Entry


GENESIS_HASH = "0" * 64


def encode_body(value: object) -> bytes:
    """Canonical JSON: the same value gives the same bytes on every machine and Python."""
    return msgspec.json.encode(value, order="deterministic")


def chain(previous_hash: str, entry: Entry) -> str:
    """SHA-256 over the previous hash and every field of the entry, hexadecimal."""
    digest = hashlib.sha256(previous_hash.encode())
    for part in (entry.kind.value, entry.key, entry.account, str(entry.time_ms)):
        digest.update(b"\x00" + part.encode())
    digest.update(b"\x00" + entry.body)
    return digest.hexdigest()
