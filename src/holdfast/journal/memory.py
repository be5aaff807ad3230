"""The journal in memory: the twin of the durable engines, for tests, replay and the simulator. Nothing outlives it.

Several handles on one `Record` are several processes on one file: closing a handle forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.journal.rules import check_epoch, check_owner, check_same
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind, StoredEntry, chain


@dataclass(slots=True)
class Record:
    """What a journal holds."""

    epochs: dict[str, tuple[int, str]] = field(default_factory=dict)
    entries: list[StoredEntry] = field(default_factory=list)
    by_key: dict[tuple[EntryKind, str], Entry] = field(default_factory=dict)


class MemoryJournal:
    """A handle on `record`, a new one unless given. Same answers, errors and hashes as `SqliteJournal`."""

    def __init__(self, record: Record | None = None) -> None:
        self.record = Record() if record is None else record

    def take_epoch(self, account: str, holder: str) -> int:
        newest = self.read_epoch(account)[0] + 1
        self.record.epochs[account] = (newest, holder)
        return newest

    def read_epoch(self, account: str) -> tuple[int, str]:
        return self.record.epochs.get(account, (0, ""))

    def append(self, account: str, epoch: int, entries: Sequence[Entry]) -> list[StoredEntry]:
        check_owner(account, entries)
        check_epoch(account, epoch, self.read_epoch(account))
        by_key = self.record.by_key
        fresh: dict[tuple[EntryKind, str], Entry] = {}
        for entry in entries:
            place = (entry.kind, entry.key)
            check_same(by_key.get(place) or fresh.setdefault(place, entry), entry)
        sequence, previous = self.head()
        stored = []
        for entry in fresh.values():
            sequence, previous = sequence + 1, chain(previous, entry)
            stored.append(StoredEntry(sequence, previous, entry))
        self.record.entries += stored
        by_key |= fresh
        return stored

    def read(self, *, after: int = 0, kind: EntryKind | None = None) -> Iterator[StoredEntry]:
        entries = self.record.entries
        while after < len(entries):
            stored = entries[after]
            after += 1
            if kind is None or stored.entry.kind is kind:
                yield stored

    def head(self) -> tuple[int, str]:
        if not self.record.entries:
            return 0, GENESIS_HASH
        last = self.record.entries[-1]
        return last.sequence, last.chain_hash

    def verify(self) -> None:
        """Entries in memory are frozen values: walks them all the same, so that both engines answer one call."""
        previous = GENESIS_HASH
        for stored in self.record.entries:
            assert stored.chain_hash == chain(previous, stored.entry), stored.sequence
            previous = stored.chain_hash

    def close(self) -> None:
        """Nothing to let go."""
