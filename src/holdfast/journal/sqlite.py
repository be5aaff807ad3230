"""The journal on SQLite, for one machine: fenced, hash-chained, and on the disk before `append` returns.

Nothing here knows what an entry means. Two processes may hold the same file: one writes, others read; if two believe
that they are the writer, the write lock orders them and the epoch stops the older.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from holdfast.journal.database import PlainErrors, open_database
from holdfast.journal.rules import check_epoch, check_owner, check_same
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind, StoredEntry, chain
from holdfast.model.errors import BadInput, Unknown

READ_CHUNK = 1000

_COLUMNS = "sequence, chain_hash, kind, key, account, time_ms, body"
_EPOCH = "SELECT epoch, holder FROM epochs WHERE account = ?"
_TAKE = (
    "INSERT INTO epochs (account, epoch, holder) VALUES (?, ?, ?) "
    "ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder"
)
_HEAD = "SELECT sequence, chain_hash FROM entries ORDER BY sequence DESC LIMIT 1"
_APPEND = (
    "INSERT INTO entries (sequence, kind, key, account, time_ms, epoch, body, chain_hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO NOTHING"
)
_FIND = f"SELECT {_COLUMNS} FROM entries WHERE kind = ? AND key = ?"
_LAST = f"SELECT {_COLUMNS} FROM entries ORDER BY sequence DESC LIMIT 2"
_READ = f"SELECT {_COLUMNS} FROM entries WHERE sequence > ? ORDER BY sequence LIMIT {READ_CHUNK}"
# The plus keeps SQLite from walking the (kind, key) index and sorting everything it finds for every chunk.
_READ_KIND = _READ.replace("ORDER BY", "AND +kind = ? ORDER BY")

Row = tuple[int, str, str, str, str, int, bytes]


class SqliteJournal:
    """One open handle on the journal file at `path`; it belongs to the thread that opened it.

    The epoch an entry was written under is stored beside it but is not in its chain hash: a run that was killed and
    taken over ends with the same hash as one that was never disturbed. Errors: see `ports/journal.py`, and BadInput
    when the file is not usable, with what to do about it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._plain_errors = PlainErrors(self.path)
        self._connection = open_database(self.path)
        self._transaction = _Transaction(self._connection, self.path)
        try:
            self._check_last_link()
        except BaseException:
            self._connection.close()
            raise

    def take_epoch(self, account: str, holder: str) -> int:
        with self._plain_errors, self._transaction:
            newest = self._newest_epoch(account)[0] + 1
            self._connection.execute(_TAKE, (account, newest, holder))
        return newest

    def read_epoch(self, account: str) -> tuple[int, str]:
        with self._plain_errors:
            return self._newest_epoch(account)

    def append(self, account: str, epoch: int, entries: Sequence[Entry]) -> list[StoredEntry]:
        check_owner(account, entries)
        stored = []
        with self._plain_errors, self._transaction:
            execute = self._connection.execute
            check_epoch(account, epoch, self._newest_epoch(account))
            sequence, previous = self._head()
            for entry in entries:
                following = chain(previous, entry)
                row = (
                    sequence + 1,
                    entry.kind.value,
                    entry.key,
                    account,
                    entry.time_ms,
                    epoch,
                    entry.body,
                    following,
                )
                if execute(_APPEND, row).rowcount == 0:
                    found = self._stored(execute(_FIND, (entry.kind.value, entry.key)).fetchone())
                    check_same(found.entry, entry)
                    continue
                sequence, previous = sequence + 1, following
                stored.append(StoredEntry(sequence, following, entry))
        return stored

    def read(self, *, after: int = 0, kind: EntryKind | None = None) -> Iterator[StoredEntry]:
        """Reads in chunks, so that appending while reading is safe and no old snapshot keeps the log from shrinking."""
        while True:
            with self._plain_errors:
                if kind is None:
                    rows = self._connection.execute(_READ, (after,)).fetchall()
                else:
                    rows = self._connection.execute(_READ_KIND, (after, kind.value)).fetchall()
            yield from map(self._stored, rows)
            if len(rows) < READ_CHUNK:
                return
            after = rows[-1][0]

    def head(self) -> tuple[int, str]:
        with self._plain_errors:
            return self._head()

    def verify(self) -> None:
        """Walks every entry and raises BadInput at the first that does not continue the chain.

        A chain proves what is between its ends; that nothing is missing *after* the head only a copy of the head
        kept elsewhere can prove.
        """
        sequence, previous = 0, GENESIS_HASH
        for stored in self.read():
            self._check_link(sequence, previous, stored)
            sequence, previous = stored.sequence, stored.chain_hash

    def close(self) -> None:
        self._connection.close()

    def _newest_epoch(self, account: str) -> tuple[int, str]:
        row: tuple[int, str] | None = self._connection.execute(_EPOCH, (account,)).fetchone()
        return row or (0, "")

    def _head(self) -> tuple[int, str]:
        row: tuple[int, str] | None = self._connection.execute(_HEAD).fetchone()
        return row or (0, GENESIS_HASH)

    def _check_last_link(self) -> None:
        """The cheap check at open: the last entry continues the one before it."""
        with self._plain_errors:
            rows = self._connection.execute(_LAST).fetchall()
        newest_first = [self._stored(row) for row in rows]
        if len(newest_first) == 2:
            last, before = newest_first
            self._check_link(before.sequence, before.chain_hash, last)
        elif newest_first:
            self._check_link(0, GENESIS_HASH, newest_first[0])

    def _check_link(self, sequence: int, previous: str, stored: StoredEntry) -> None:
        if stored.sequence != sequence + 1 or stored.chain_hash != chain(previous, stored.entry):
            raise self._altered(stored.sequence)

    def _stored(self, row: Row) -> StoredEntry:
        sequence, chain_hash, kind, key, account, time_ms, body = row
        try:
            entry = Entry(EntryKind(kind), key, account, time_ms, body)
        except ValueError:
            raise self._altered(sequence) from None
        return StoredEntry(sequence, chain_hash, entry)

    def _altered(self, sequence: int) -> BadInput:
        return BadInput(
            f"Entry {sequence} of the journal {self.path} does not continue the chain of those before it.",
            "The file was changed from outside. Put it aside and restore it from a backup.",
        )


class _Transaction:
    """One durable transaction. Before COMMIT an error means that nothing was written; once COMMIT was asked for, an
    error means that nobody knows: its pages may reach the disk although SQLite gave up on them."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection, self.path = connection, path

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self._roll_back()
            return
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as lost:
            # If the disk refuses this too, the answer is no less lost, and SQLite will refuse the next BEGIN.
            with suppress(sqlite3.Error):
                self._roll_back()
            raise Unknown(
                f"The answer to a commit in the journal {self.path} was lost ({lost}). "
                "Read it back before writing the same entries again."
            ) from lost

    def _roll_back(self) -> None:
        # After a full disk or a failed write SQLite may have rolled back by itself.
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
