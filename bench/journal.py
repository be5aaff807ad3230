"""How long one durable append to the journal takes, beside a bare SQLite commit of the same row with the same pragmas.

One append and one bare commit are done in turn, so that the disk treats both alike. An append also compares the epoch,
reads the head of the chain, hashes, and looks for the same key; the bare commit inserts a row and returns.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np

from _figures import Report, arguments
from holdfast.journal.sqlite import SqliteJournal
from holdfast.model.entry import Entry, EntryKind

BODY = b'{"equity":{"USDT":"10012.34567890"},"free":{"USDT":"9000.00000000"},"positions":[' + b"0" * 500 + b"]}"


def entries(number: int, count: int) -> list[Entry]:
    """What is stored together: mark 1 of an order is one entry, the moments of a busy bar are several."""
    return [Entry(EntryKind.EQUITY, f"{number}-{i}", "paper", 1_700_000_000_000 + number, BODY) for i in range(count)]


def bare_journal(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    for pragma in ("synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, kind TEXT, key TEXT, account TEXT, time_ms INTEGER, "
        "epoch INTEGER, body BLOB, chain_hash TEXT, UNIQUE (kind, key))"
    )
    return connection


def commit(connection: sqlite3.Connection, written: list[Entry]) -> None:
    rows = [(e.kind.value, e.key, e.account, e.time_ms, 1, e.body, "0" * 64) for e in written]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO entries (kind, key, account, time_ms, epoch, body, chain_hash) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
    )
    connection.execute("COMMIT")


def compare(report: Report, count: int, *, rounds: int) -> None:
    """`count` entries in one append."""
    took = np.empty((2, rounds))
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.sqlite")
        bare = bare_journal(Path(folder) / "bare.sqlite")
        epoch = journal.take_epoch("paper", "bench")
        for number in range(rounds):
            written = entries(number, count)
            began = time.perf_counter()
            journal.append("paper", epoch, written)
            between = time.perf_counter()
            commit(bare, written)
            took[:, number] = between - began, time.perf_counter() - between
        journal.close()
        bare.close()
    took = took[:, rounds // 20 :]
    for share in (0.5, 0.99):
        ours, limit = 1e6 * np.quantile(took, share, axis=1)
        report.add(
            f"append of {count}, p{share * 100:.0f}",
            f"{rounds:,} appends",
            float(ours),
            "µs",
            limit=float(limit),
            limit_is="a bare commit of the same rows",
        )


def main() -> None:
    asked = arguments(__doc__ or "").parse_args()
    report = Report("journal", asked)
    for count in (1, 10):
        compare(report, count, rounds=200 if asked.quick else 4_000)
    report.print()


if __name__ == "__main__":
    main()
