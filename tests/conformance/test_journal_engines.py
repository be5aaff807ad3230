"""What every engine of the journal door does, seen only through the door. A new engine is one more `opener`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from holdfast.journal.memory import MemoryJournal, Record
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind, chain
from holdfast.model.errors import Fenced, Refused
from holdfast.ports.journal import Journal

Open = Callable[[], Journal]


@pytest.fixture(params=["sqlite", "memory"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one more handle on the same journal, as another process or the next run would."""
    opened: list[Journal] = []
    record = Record()

    def opener() -> Journal:
        journal = SqliteJournal(tmp_path / "journal.sqlite") if request.param == "sqlite" else MemoryJournal(record)
        opened.append(journal)
        return journal

    yield opener
    for journal in opened:
        journal.close()


def decision(key: str, body: bytes = b"{}", *, account: str = "main", time_ms: int = 1_000) -> Entry:
    return Entry(EntryKind.DECISION, key, account, time_ms, body)


def test_an_empty_journal_has_no_holder_no_entries_and_the_genesis_hash(open_journal: Open) -> None:
    journal = open_journal()
    assert journal.read_epoch("main") == (0, "")
    assert journal.head() == (0, GENESIS_HASH)
    assert list(journal.read()) == []


def test_each_taking_of_an_epoch_raises_it_by_one_and_names_the_holder(open_journal: Open) -> None:
    journal = open_journal()
    assert [journal.take_epoch("main", holder) for holder in ("north", "south", "north")] == [1, 2, 3]
    assert journal.take_epoch("other", "east") == 1
    assert journal.read_epoch("main") == (3, "north")
    assert journal.read_epoch("other") == (1, "east")


def test_appended_entries_come_back_in_order_with_their_chain(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    first, second = decision("a", b'{"x":"\\u0000"}'), decision("b", bytes(range(256)))
    stored = journal.append("main", epoch, [first, second])
    assert [one.sequence for one in stored] == [1, 2]
    assert [one.entry for one in stored] == [first, second]
    assert stored[0].chain_hash == chain(GENESIS_HASH, first)
    assert stored[1].chain_hash == chain(stored[0].chain_hash, second)
    assert list(journal.read()) == stored
    assert journal.head() == (2, stored[1].chain_hash)


def test_reading_starts_after_a_sequence_and_may_ask_for_one_kind(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    entries = [
        msgspec.structs.replace(decision(str(n)), kind=EntryKind.FILL if n % 3 == 0 else EntryKind.ORDER)
        for n in range(1, 2_501)
    ]
    stored = journal.append("main", epoch, entries)
    assert list(journal.read()) == stored
    assert list(journal.read(after=1_000)) == stored[1_000:]
    assert list(journal.read(after=2_500)) == []
    assert list(journal.read(after=5, kind=EntryKind.FILL)) == [
        one for one in stored[5:] if one.entry.kind is EntryKind.FILL
    ]


def test_appending_while_reading_gives_the_new_entries_too(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    journal.append("main", epoch, [decision(str(n)) for n in range(1_500)])
    seen = 0
    for stored in journal.read():
        seen += 1
        assert stored.sequence == seen
        if seen == 700:
            journal.append("main", epoch, [decision("late")])
    assert seen == 1_501


def test_writing_the_same_entry_again_changes_nothing(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    journal.append("main", epoch, [decision("a")])
    head = journal.head()
    assert journal.append("main", epoch, [decision("a"), decision("a")]) == []
    assert journal.head() == head
    (stored,) = journal.append("main", epoch, [decision("a"), decision("b"), decision("b")])
    assert (stored.sequence, stored.entry) == (2, decision("b"))


@pytest.mark.parametrize("other", [decision("a", b"[]"), decision("a", time_ms=1_001)])
def test_another_content_under_a_known_key_refuses_the_whole_append(open_journal: Open, other: Entry) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    journal.append("main", epoch, [decision("a")])
    head = journal.head()
    with pytest.raises(Refused, match="'a' is already in the journal with other content"):
        journal.append("main", epoch, [decision("new"), other])
    with pytest.raises(Refused, match="'twice' is already"):
        journal.append("main", epoch, [decision("twice"), decision("twice", b"[]")])
    assert journal.head() == head
    assert [stored.entry.key for stored in journal.append("main", epoch, [decision("new")])] == ["new"]


def test_the_same_key_of_another_kind_is_another_entry(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    order = msgspec.structs.replace(decision("a", b"[]"), kind=EntryKind.ORDER)
    assert len(journal.append("main", epoch, [decision("a"), order])) == 2


def test_a_second_handle_that_takes_the_epoch_fences_the_first(open_journal: Open) -> None:
    first, second = open_journal(), open_journal()
    old = first.take_epoch("main", "north")
    first.append("main", old, [decision("a")])
    new = second.take_epoch("main", "south")
    with pytest.raises(Fenced, match="'south' holds epoch 2"):
        first.append("main", old, [decision("b")])
    with pytest.raises(Fenced):
        first.append("main", old, [])
    with pytest.raises(Fenced):
        first.append("main", new + 1, [decision("b")])
    assert [stored.sequence for stored in second.append("main", new, [decision("c")])] == [2]
    assert [stored.entry.key for stored in first.read()] == ["a", "c"]


def test_nobody_writes_before_somebody_has_taken_an_epoch(open_journal: Open) -> None:
    journal = open_journal()
    journal.take_epoch("other", "north")
    with pytest.raises(Fenced, match="Nobody has taken"):
        journal.append("main", 0, [decision("a")])
    assert journal.head() == (0, GENESIS_HASH)


def test_an_account_cannot_write_entries_of_another(open_journal: Open) -> None:
    journal = open_journal()
    epoch = journal.take_epoch("main", "north")
    with pytest.raises(Refused, match="is of account 'other'"):
        journal.append("main", epoch, [decision("a"), decision("b", account="other")])
    assert journal.head() == (0, GENESIS_HASH)


def test_the_head_and_the_epochs_survive_closing_and_opening(open_journal: Open) -> None:
    journal = open_journal()
    journal.append("main", journal.take_epoch("main", "north"), [decision("a"), decision("b")])
    head, entries = journal.head(), list(journal.read())
    journal.close()
    again = open_journal()
    assert again.head() == head
    assert list(again.read()) == entries
    assert again.read_epoch("main") == (1, "north")


def test_a_run_that_was_taken_over_ends_with_the_hash_of_an_undisturbed_one(open_journal: Open) -> None:
    entries = [decision(str(n)) for n in range(6)]
    undisturbed = MemoryJournal()
    undisturbed.append("main", undisturbed.take_epoch("main", "north"), entries)

    journal = open_journal()
    journal.append("main", journal.take_epoch("main", "north"), entries[:3])
    successor = open_journal()
    successor.append("main", successor.take_epoch("main", "south"), entries[2:])
    assert successor.head() == undisturbed.head()
