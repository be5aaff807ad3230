"""The journal's file: opening it, bringing its schema up to date, and its errors in plain words.

No entries and no epochs here. `history` has a file of the same shape with another promise (it may lose its newest
second in a power cut, the journal nothing); rooms of one storey do not know each other, so each keeps its own.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from holdfast.model.errors import BadInput, HoldfastError, Retryable

if TYPE_CHECKING:
    from alembic.config import Config

APPLICATION_ID = 0x68666A6E  # 'hfjn' in the file's header: a journal, not a history and not a stranger's database
REVISION = "0001"  # the newest file under migrations/versions; a test holds the two equal
BUSY_TIMEOUT_S = 5.0

_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def open_database(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode whose every commit is on the disk before it returns.

    Creates and migrates the file as needed. A file of a newer holdfast, or of another program, is left untouched.
    Errors: BadInput (not writable, damaged, newer, foreign), Retryable (locked, disk full).
    """
    with PlainErrors(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        try:
            revision = _read_revision(connection, path)
            _use_write_ahead_log(connection, path)
            if revision != REVISION:
                _migrate(path)
            for pragma in ("synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
    return connection


class PlainErrors:
    """A context that turns what SQLite says about the world into the error tree; what it says about our SQL stays as it
    is. Classes rather than generators here and in `sqlite.py`: each spares every mark some 5 µs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error) and (explained := _explain(error, self.path)):
            raise explained from error


def _explain(error: sqlite3.Error, path: Path) -> HoldfastError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind, the rest its detail
    if code in _BUSY:
        return Retryable(f"The journal {path} is locked by another program. Close the program that holds it open.")
    if code == sqlite3.SQLITE_FULL:
        return Retryable(f"The journal {path} cannot grow: the disk is full. Free some space on it.")
    if code == sqlite3.SQLITE_IOERR:
        return Retryable(f"The disk failed under the journal {path} ({error}). Check the disk and its cable.")
    if code in _READ_ONLY:
        remedy = "Check that its folder exists and that both are writable for this user, or choose another place."
        return BadInput(f"The journal {path} cannot be opened for writing ({error}).", remedy)
    if code in _DAMAGED:
        remedy = "Put it aside and restore it from a backup; the venue still knows the orders and fills."
        return BadInput(f"The journal {path} is damaged or not a database ({error}).", remedy)
    return None


def _read_revision(connection: sqlite3.Connection, path: Path) -> str | None:
    """The revision of the file, None when it is new. Also tries to write, so that a file which cannot be written is
    found at the start and not at the first mark; everything is rolled back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return None
        if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
            raise BadInput(f"{path} is a database, but not a holdfast journal.", "Choose another file for it.")
        (revision,) = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
        if revision != REVISION and revision not in _known_revisions():
            raise BadInput(
                f"The journal {path} was written by a newer holdfast (revision {revision}, here {REVISION}).",
                "Update holdfast, or start with another file. The file was not touched.",
            )
        connection.execute("DELETE FROM alembic_version WHERE false")
        return str(revision)
    finally:
        if connection.in_transaction:  # a failing disk may have rolled back by itself
            connection.execute("ROLLBACK")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise BadInput(
            f"SQLite cannot keep a write-ahead log beside {path} (it offers '{mode}').",
            "Put the journal on a local disk; network folders do not keep what a commit promises.",
        )


# Alembic and SQLAlchemy take most of a second to import, and a file that is up to date needs neither: a node that
# takes over from a dead one should not wait for them.


def _alembic_config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {step.revision for step in ScriptDirectory.from_config(_alembic_config()).walk_revisions()}


def _migrate(path: Path) -> None:
    """Takes every missing step in one transaction. Two processes may try at once: the second finds nothing to do."""
    from alembic import command
    from sqlalchemy import Connection, create_engine, event
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", begin)
    config = _alembic_config()
    try:
        with engine.begin() as config.attributes["connection"]:
            command.upgrade(config, "head")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
