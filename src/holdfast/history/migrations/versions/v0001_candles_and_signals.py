"""The first history: series, their candles, signals, and the mark in the file's header by which we know it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("PRAGMA application_id = 0x68666869")  # 'hfhi'
    _create_series()
    _create_candles()
    _create_signals()


def _create_series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timeframe", sa.Text, nullable=False),
        sa.Column("price_places", sa.Integer, nullable=False),
        sa.Column("volume_places", sa.Integer, nullable=False),
        sa.UniqueConstraint("venue", "market", "name", "timeframe", name="series_key"),
    )


def _create_candles() -> None:
    op.create_table(
        "candles",
        sa.Column("series_id", sa.Integer, primary_key=True),
        sa.Column("open_time_ms", sa.Integer, primary_key=True),
        sa.Column("open", sa.Integer, nullable=False),
        sa.Column("high", sa.Integer, nullable=False),
        sa.Column("low", sa.Integer, nullable=False),
        sa.Column("close", sa.Integer, nullable=False),
        sa.Column("volume", sa.Integer),
        sqlite_with_rowid=False,
    )


def _create_signals() -> None:
    op.create_table(
        "signals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("market", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timeframe", sa.Text, nullable=False),
        sa.Column("bar_open_ms", sa.Integer, nullable=False),
        sa.Column("bar_close_ms", sa.Integer, nullable=False),
        sa.Column("direction", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("signals_by_close", "signals", ["bar_close_ms"])
    op.create_index("signals_by_series", "signals", ["venue", "market", "name", "timeframe", "bar_close_ms"])
