"""The tables of the journal on SQLite, as SQLAlchemy Core sees them: the sum of the migrations, held equal by a test.

Only the migrations and that test read this file; the engine speaks SQL, so that opening a journal imports neither
SQLAlchemy nor Alembic.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()

ENTRIES = Table(
    "entries",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("time_ms", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("chain_hash", Text, nullable=False),
    UniqueConstraint("kind", "key", name="entries_kind_key"),
)

EPOCHS = Table(
    "epochs",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
)
