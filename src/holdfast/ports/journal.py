"""The journal door: small, strong, always there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from holdfast.model.entry import Entry, EntryKind, StoredEntry


class Journal(Protocol):
    """A linearizable, durable, append-only record with fencing.

    What `append` has returned is there for ever. Errors: Fenced when `epoch` is not the account's newest; Retryable
    when nothing was written; Unknown when the answer was lost (read back before repeating).
    """

    def take_epoch(self, account: str, holder: str) -> int:
        """Raises the account's epoch by one and gives it to `holder`; every older epoch is fenced from then on."""
        ...

    def read_epoch(self, account: str) -> tuple[int, str]:
        """The account's newest epoch and its holder; (0, '') when nobody has ever held it."""
        ...

    def append(self, account: str, epoch: int, entries: Sequence[Entry]) -> list[StoredEntry]:
        """Writes all of `entries` in one durable transaction after comparing the epoch; returns the new ones.

        An entry whose (kind, key) is there already with the same content is skipped; with other content the whole
        transaction is Refused.
        """
        ...

    def read(self, *, after: int = 0, kind: EntryKind | None = None) -> Iterator[StoredEntry]:
        """Entries in sequence order, from the one following `after`."""
        ...

    def head(self) -> tuple[int, str]:
        """The last sequence number and its chain hash: (0, GENESIS_HASH) when empty."""
        ...

    def close(self) -> None: ...
