"""The paper venue's records in one SQLite file of their own: a venue remembers even when our process dies.

Here: the file and its promises. Not here: what a record means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from holdfast.model.errors import BadInput, HoldfastError, Retryable, Unknown
from holdfast.venues.paper_store import Record

_VERSION = 1
_DECODER = msgspec.json.Decoder(Record)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_MAYBE_KEPT = {"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_IOERR_WRITE"}


class SqlitePaperStore:
    """Each append is one transaction with full synchronous commit. The file belongs to one process at a time.

    Raises BadInput for a file that is not one of ours, is of a newer version, is in use, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._open()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._unusable(error) from error
        except BadInput:
            self._connection.close()
            raise

    def _open(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        version = int(execute("PRAGMA user_version").fetchone()[0])
        if version > _VERSION:
            raise BadInput(
                f"{self._path} was written by a newer holdfast (version {version}, this one knows {_VERSION}).",
                "Start the newer holdfast, or give another data folder.",
            )
        if version == 0 and execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise BadInput(f"{self._path} is a database of something else.", "Give another data folder.")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("BEGIN EXCLUSIVE")
        if version == 0:
            execute("CREATE TABLE record (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
            execute(f"PRAGMA user_version = {_VERSION}")
        execute("COMMIT")

    def _unusable(self, error: sqlite3.Error) -> BadInput:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return BadInput(f"{self._path} is in use by another process.", "Stop it, or give another data folder.")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return BadInput(
                f"{self._path} is damaged or not a database ({error}).",
                "Put it aside, and restore it and the journal from one backup, or give another data folder.",
            )
        return BadInput(
            f"{self._path} cannot be used as the paper venue's file: {error}.", "Check the path and its rights."
        )

    def load(self) -> Iterable[Record]:
        rows = self._connection.execute("SELECT number, body FROM record ORDER BY number")
        for number, body in rows:
            try:
                yield _DECODER.decode(body)
            except msgspec.DecodeError as error:
                raise BadInput(
                    f"Record {number} of {self._path} cannot be read: {error}.", "Restore the file from a backup."
                ) from error

    def append(self, records: Sequence[Record]) -> None:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO record (body) VALUES (?)", [(_ENCODER.encode(record),) for record in records]
            )
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                # Our own disk, not a venue that is out of reach: orders that went stale meanwhile would change the run.
                raise HoldfastError(
                    f"{self._path} cannot grow: the disk is full. Free some space on it; nothing was kept by halves."
                ) from error
            kind = Unknown if error.sqlite_errorname in _MAYBE_KEPT else Retryable
            raise kind(f"{self._path} did not take {len(records)} records: {error}") from error

    def close(self) -> None:
        self._connection.close()
