"""Laws of the journal: whatever is done to it, SQLite and its twin in memory answer the same and chain the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import Entry, EntryKind
from holdfast.model.errors import HoldfastError
from holdfast.ports.journal import Journal

ACCOUNTS = st.sampled_from(["main", "second"])
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(EntryKind),
    key=st.sampled_from(["a", "b", "c", "ü\x00'", ""]),
    account=ACCOUNTS,
    time_ms=st.integers(-(2**63), 2**63 - 1) | st.integers(0, 1),
    body=st.sampled_from([b"{}", b"[]", b"\x00\xff", b""]),
)
TAKE = st.tuples(st.just("take"), ACCOUNTS, st.text(max_size=3))
APPEND = st.tuples(st.just("append"), ACCOUNTS, st.integers(-1, 1), st.lists(ENTRIES, max_size=4))
REOPEN = st.tuples(st.just("reopen"))


@pytest.fixture(scope="module")
def empty_journal() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        SqliteJournal(path).close()
        yield path


def outcome(journal: Journal, step: tuple[object, ...]) -> object:
    """What a caller sees: an answer, or an error by kind and words."""
    try:
        match step:
            case ("take", str(account), str(holder)):
                return journal.take_epoch(account, holder)
            case ("append", str(account), int(offset), list(entries)):
                return journal.append(account, journal.read_epoch(account)[0] + offset, entries)
    except HoldfastError as error:
        return type(error), str(error)
    raise AssertionError(step)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(TAKE | APPEND | APPEND | REOPEN, max_size=12))
def test_any_sequence_of_steps_gives_the_same_journal_on_sqlite_as_in_memory(
    empty_journal: Path, steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(empty_journal, folder))
        durable, twin = SqliteJournal(path), MemoryJournal()
        try:
            for step in steps:
                if step == ("reopen",):
                    durable.close()
                    durable = SqliteJournal(path)
                else:
                    assert outcome(durable, step) == outcome(twin, step)
                assert durable.head() == twin.head()
            assert list(durable.read()) == list(twin.read())
            for kind in EntryKind:
                assert list(durable.read(after=1, kind=kind)) == list(twin.read(after=1, kind=kind))
            for account in ("main", "second"):
                assert durable.read_epoch(account) == twin.read_epoch(account)
            durable.verify()
        finally:
            durable.close()
