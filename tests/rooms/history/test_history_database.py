"""Opening the history's file: migrations, versions, and files that cannot be a history."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from holdfast.history import database, schema
from holdfast.history.sqlite import SqliteHistory
from holdfast.model.errors import BadInput

NOBODY = 65534


def shape(path: Path) -> dict[str, object]:
    """Everything SQLite knows of the tables: columns, keys, indexes, options."""
    connection = sqlite3.connect(path)
    tables = {
        name: (
            connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
            sorted(
                (index, unique, origin, connection.execute(f"PRAGMA index_xinfo({index})").fetchall())
                for _, index, unique, origin, _ in connection.execute(f"PRAGMA index_list({name})")
            ),
            connection.execute("SELECT wr, strict FROM pragma_table_list WHERE name = ?", (name,)).fetchone(),
        )
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name != "alembic_version"
    }
    connection.close()
    return tables


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permission bits do not bind root, so root becomes nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_the_schema_equals_the_sum_of_the_migrations(tmp_path: Path) -> None:
    migrated, declared = tmp_path / "migrated.sqlite", tmp_path / "declared.sqlite"
    database.open_database(migrated).close()
    engine = create_engine(f"sqlite:///{declared}")
    schema.METADATA.create_all(engine)
    engine.dispose()
    assert shape(migrated) == shape(declared)
    assert sorted(shape(migrated)) == ["candles", "series", "signals"]


def test_the_revision_the_engine_expects_is_the_newest_migration(tmp_path: Path) -> None:
    database.open_database(tmp_path / "j.sqlite").close()
    connection = sqlite3.connect(tmp_path / "j.sqlite")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(database.REVISION,)]
    connection.close()


def test_an_up_to_date_history_opens_without_the_migration_library(tmp_path: Path) -> None:
    SqliteHistory(tmp_path / "j.sqlite").close()
    program = (
        "import sys; from holdfast.history.sqlite import SqliteHistory; SqliteHistory(sys.argv[1]).close(); "
        "sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, tmp_path / "j.sqlite"]).returncode == 0


def test_a_history_of_a_newer_holdfast_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    SqliteHistory(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"j\.sqlite was written by a newer holdfast .*Update holdfast"):
        SqliteHistory(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (address)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="is a database, but not a holdfast history"):
        SqliteHistory(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    path.write_text("time,open,high,low,close\n" * 100)
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"damaged or not a database .*start with a new file"):
        SqliteHistory(path)
    assert path.read_bytes() == before


def test_a_damaged_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    SqliteHistory(path).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xa5" * 3996  # the first page holds the schema
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged or not a database"):
        SqliteHistory(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing/j\.sqlite cannot be opened for writing .*its folder exists"):
        SqliteHistory(tmp_path / "missing" / "j.sqlite")


def test_a_read_only_folder_is_found_at_the_start(public_folder: Path) -> None:
    path = public_folder / "j.sqlite"
    public_folder.chmod(0o555)
    with without_privileges(), pytest.raises(BadInput, match="cannot be opened for writing"):
        SqliteHistory(path)


def test_a_read_only_history_is_found_at_the_start(public_folder: Path) -> None:
    path = public_folder / "j.sqlite"
    SqliteHistory(path).close()
    path.chmod(0o444)
    public_folder.chmod(0o777)
    with without_privileges(), pytest.raises(BadInput, match="cannot be opened for writing"):
        SqliteHistory(path)
