"""The tables of the history on SQLite, as SQLAlchemy Core sees them: the sum of the migrations, held equal by a test.

Only the migrations and that test read this file; the engine speaks SQL, so that opening a history imports neither
SQLAlchemy nor Alembic.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()

SERIES = Table(
    "series",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("venue", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("timeframe", Text, nullable=False),
    Column("price_places", Integer, nullable=False),
    Column("volume_places", Integer, nullable=False),
    UniqueConstraint("venue", "market", "name", "timeframe", name="series_key"),
)

# Prices and volumes are integers of 10^-places of their series; see `exact.py` for the few that do not fit.
CANDLES = Table(
    "candles",
    METADATA,
    Column("series_id", Integer, primary_key=True),
    Column("open_time_ms", Integer, primary_key=True),
    Column("open", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("close", Integer, nullable=False),
    Column("volume", Integer),
    sqlite_with_rowid=False,
)

SIGNALS = Table(
    "signals",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("venue", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("timeframe", Text, nullable=False),
    Column("bar_open_ms", Integer, nullable=False),
    Column("bar_close_ms", Integer, nullable=False),
    Column("direction", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("signals_by_close", "bar_close_ms"),
    Index("signals_by_series", "venue", "market", "name", "timeframe", "bar_close_ms"),
)
