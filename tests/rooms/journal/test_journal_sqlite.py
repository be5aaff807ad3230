"""What only the journal on SQLite can do wrong: lost answers, full disks, foreign hands in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind
from holdfast.model.errors import BadInput, Retryable, Unknown


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    yield journal
    journal.close()


def order(key: str, body: bytes = b"{}") -> Entry:
    return Entry(EntryKind.ORDER, key, "main", 1, body)


def alter(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_every_commit_is_synchronous_in_a_write_ahead_log(journal: SqliteJournal) -> None:
    def pragma(name: str) -> object:
        return journal._connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("fullfsync") == 1
    assert pragma("checkpoint_fullfsync") == 1


def test_a_full_disk_is_retryable_and_nothing_was_written(journal: SqliteJournal) -> None:
    epoch = journal.take_epoch("main", "north")
    journal.append("main", epoch, [order("a")])
    head = journal.head()
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Retryable, match=r"journal\.sqlite cannot grow: the disk is full\. Free some space"):
        journal.append("main", epoch, [order("b"), order("large", b"x" * 100_000)])
    assert journal.head() == head
    journal._connection.execute("PRAGMA max_page_count=1000000")
    assert len(journal.append("main", epoch, [order("b"), order("large", b"x" * 100_000)])) == 2
    journal.verify()


def test_a_locked_journal_is_retryable_and_nothing_was_written(journal: SqliteJournal, path: Path) -> None:
    epoch = journal.take_epoch("main", "north")
    journal._connection.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match=r"journal\.sqlite is locked by another program"):
        journal.append("main", epoch, [order("a")])
    other.execute("ROLLBACK")
    other.close()
    assert journal.head() == (0, GENESIS_HASH)
    assert len(journal.append("main", epoch, [order("a")])) == 1


class LosesTheAnswer:
    """A connection whose COMMIT reaches the disk or not, and whose answer is lost either way."""

    def __init__(self, connection: sqlite3.Connection, *, commits: bool, rolls_back: bool = True) -> None:
        self.connection, self.commits, self.rolls_back = connection, commits, rolls_back

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, statement: str) -> None:
        fails = statement == "COMMIT" or (statement == "ROLLBACK" and not self.rolls_back)
        if self.commits or not fails:
            self.connection.execute(statement)
        if fails:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error


@pytest.mark.parametrize("commits", [True, False])
def test_a_lost_answer_to_a_commit_is_unknown_and_repeating_after_reading_back_is_safe(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    epoch = journal.take_epoch("main", "north")
    with monkeypatch.context() as patch:
        patch.setattr(journal._transaction, "connection", LosesTheAnswer(journal._connection, commits=commits))
        with pytest.raises(Unknown, match="Read it back before writing"):
            journal.append("main", epoch, [order("a")])
    assert [stored.entry.key for stored in journal.read()] == (["a"] if commits else [])
    assert len(journal.append("main", epoch, [order("a")])) == (0 if commits else 1)
    assert [stored.entry.key for stored in journal.read()] == ["a"]


def test_an_answer_lost_on_a_disk_that_cannot_even_roll_back_is_still_unknown(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = journal.take_epoch("main", "north")
    with monkeypatch.context() as patch:
        dead = LosesTheAnswer(journal._connection, commits=False, rolls_back=False)
        patch.setattr(journal._transaction, "connection", dead)
        with pytest.raises(Unknown):
            journal.append("main", epoch, [order("a")])
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        journal.append("main", epoch, [order("b")])


def test_a_commit_that_sqlite_itself_turns_down_is_unknown(journal: SqliteJournal) -> None:
    epoch = journal.take_epoch("main", "north")

    def deny_commits(action: int, first: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, first) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    journal._connection.set_authorizer(deny_commits)
    with pytest.raises(Unknown):
        journal.append("main", epoch, [order("a")])
    journal._connection.set_authorizer(None)
    assert journal.head() == (0, GENESIS_HASH)
    assert len(journal.append("main", epoch, [order("a")])) == 1


def test_a_journal_that_became_read_only_says_what_to_check(journal: SqliteJournal) -> None:
    epoch = journal.take_epoch("main", "north")
    journal._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(BadInput, match=r"cannot be opened for writing .*Check that its folder"):
        journal.append("main", epoch, [order("a")])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET body = x'5B5D' WHERE sequence = {n}",
        "UPDATE entries SET time_ms = 2 WHERE sequence = {n}",
        "UPDATE entries SET kind = 'guess' WHERE sequence = {n}",
        "UPDATE entries SET chain_hash = 'no hash' WHERE sequence = {n}",
    ],
)
def test_an_altered_entry_is_found_at_open_if_it_is_the_last_and_by_verify_anywhere(path: Path, change: str) -> None:
    journal = SqliteJournal(path)
    journal.append("main", journal.take_epoch("main", "north"), [order(str(n)) for n in range(5)])
    journal.verify()
    journal.close()

    alter(path, change.format(n=2))
    journal = SqliteJournal(path)
    with pytest.raises(BadInput, match=r"Entry [23] of the journal .* was changed from outside"):
        journal.verify()
    journal.close()

    alter(path, change.format(n=5))
    with pytest.raises(BadInput, match="Entry 5"):
        SqliteJournal(path)


def test_a_missing_entry_breaks_the_chain(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append("main", journal.take_epoch("main", "north"), [order(str(n)) for n in range(5)])
    journal.close()
    alter(path, "DELETE FROM entries WHERE sequence = 3")
    journal = SqliteJournal(path)
    with pytest.raises(BadInput, match="Entry 4"):
        journal.verify()
    journal.close()
    alter(path, "DELETE FROM entries WHERE sequence < 5")
    with pytest.raises(BadInput, match="Entry 5"):
        SqliteJournal(path)


def test_an_entry_with_another_number_breaks_the_chain(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append("main", journal.take_epoch("main", "north"), [order(str(n)) for n in range(5)])
    journal.close()
    alter(path, "UPDATE entries SET sequence = 9 WHERE sequence = 5")
    with pytest.raises(BadInput, match="Entry 9"):
        SqliteJournal(path)
