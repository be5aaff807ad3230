"""A writer that is killed with SIGKILL loses nothing that `append` has acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from holdfast.journal.sqlite import SqliteJournal

WRITER = """
import sys
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import Entry, EntryKind

journal = SqliteJournal(sys.argv[1])
epoch = journal.take_epoch("main", sys.argv[2])
for number in range(1_000_000):
    key = f"{sys.argv[2]}-{number}"
    entries = [Entry(EntryKind.ORDER, f"{key}-{part}", "main", number, b"x" * 200) for part in range(2)]
    for stored in journal.append("main", epoch, entries):
        print(stored.sequence, stored.chain_hash, flush=True)
"""


def test_no_acknowledged_entry_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    SqliteJournal(path).close()
    acknowledged: list[tuple[int, str]] = []
    for round_, lines in enumerate((1, 40, 333, 800)):
        command = [sys.executable, "-c", WRITER, str(path), f"writer-{round_}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            printed = [writer.stdout.readline() for _ in range(lines)]
            os.kill(writer.pid, signal.SIGKILL)
            printed += writer.stdout.readlines()
        assert writer.returncode == -signal.SIGKILL
        for line in printed:
            if line.endswith("\n"):
                sequence, chain_hash = line.split()
                acknowledged.append((int(sequence), chain_hash))

        journal = SqliteJournal(path)
        journal.verify()
        there = {stored.sequence: stored.chain_hash for stored in journal.read()}
        assert len(there) % 2 == 0, "both entries of an append, or none"
        assert all(there.get(sequence) == chain_hash for sequence, chain_hash in acknowledged)
        assert journal.read_epoch("main") == (round_ + 1, f"writer-{round_}")
        journal.close()
    assert len(acknowledged) >= 1_174
