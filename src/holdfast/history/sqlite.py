"""The history on SQLite, for one machine: exact candles in batches, signals whole.

Nothing here judges a candle or a signal. Other processes may read the same file meanwhile, and write to it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdfast.history.buffer import READ_SIGNAL, Buffer
from holdfast.history.database import open_database, plain_errors
from holdfast.history.exact import Stored, decimals_of, rescaled, to_decimal, to_doubles, to_stored
from holdfast.model.candle import VOLUME, Candle, CandleBlock, Floats, Times
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

_NEVER_MS = 2**63 - 1

_SERIES = "SELECT id, venue, market, name, timeframe, price_places, volume_places FROM series"
_ADD_SERIES = (
    "INSERT INTO series (venue, market, name, timeframe, price_places, volume_places) VALUES (?, ?, ?, ?, 0, 0)"
)
_WIDEN_SERIES = "UPDATE series SET price_places = ?, volume_places = ? WHERE id = ?"
_RESCALE_PRICES = (
    "UPDATE candles SET open = rescaled(open, ?1), high = rescaled(high, ?1), low = rescaled(low, ?1), "
    "close = rescaled(close, ?1) WHERE series_id = ?2"
)
_RESCALE_VOLUME = "UPDATE candles SET volume = rescaled(volume, ?1) WHERE series_id = ?2"
_PUT_CANDLE = (
    "INSERT OR REPLACE INTO candles (series_id, open_time_ms, open, high, low, close, volume) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_NEWEST_CANDLES = (
    "SELECT open_time_ms, open, high, low, close, volume, price_places, volume_places "
    "FROM series JOIN candles ON series_id = id "
    "WHERE venue = ? AND market = ? AND name = ? AND timeframe = ? AND open_time_ms < ? "
    "ORDER BY open_time_ms DESC LIMIT ?"
)
_LAST_OPEN_TIMES = (
    "SELECT venue, market, name, (SELECT max(open_time_ms) FROM candles WHERE series_id = id) AS last "
    "FROM series WHERE timeframe = ? AND last IS NOT NULL ORDER BY venue, market, name"
)
_PUT_SIGNAL = (
    "INSERT OR REPLACE INTO signals (id, venue, market, name, timeframe, bar_open_ms, bar_close_ms, direction, "
    "outcome, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

Row = tuple[int, Stored, Stored, Stored, Stored, Stored | None, int, int]
SeriesKey = tuple[str, str, str, str]  # venue, market, name, timeframe


@dataclass(slots=True)
class _Series:
    id: int
    price_places: int
    volume_places: int


class SqliteHistory:
    """One open handle on the history file at `path`; it belongs to the thread that opened it.

    Reading gives what is stored, not what still waits for `flush`. A flush that fails raises Retryable whatever the
    reason, and keeps every row: storing a row again replaces it, so repeating is safe even after a lost answer.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        batch_rows: int = 1000,
        batch_age_s: float = 5.0,
        buffer_rows: int = 2_000_000,
    ) -> None:
        self.path = Path(path)
        self._buffer = Buffer(batch_rows=batch_rows, batch_age_s=batch_age_s, buffer_rows=buffer_rows)
        self._connection = open_database(self.path)
        self._connection.create_function("rescaled", 2, rescaled, deterministic=True)
        self._series: dict[SeriesKey, _Series] = {}
        self._series_version: int | None = None

    def write_candles(self, block: CandleBlock) -> None:
        self._buffer.add_candles(block)

    def write_signals(self, signals: Sequence[Signal]) -> None:
        self._buffer.add_signals(signals)

    def flush_if_due(self, monotonic_s: float) -> None:
        if self._buffer.due(monotonic_s):
            self.flush()

    def flush(self) -> None:
        if not self._buffer.rows:
            return
        try:
            with plain_errors(self.path), self._transaction():
                if self._buffer.blocks:
                    self._put_candles(self._buffer.blocks)
                self._connection.executemany(_PUT_SIGNAL, map(_signal_row, self._buffer.signals))
        except (Retryable, BadInput) as error:
            raise self._buffer.failed(str(error)) from error
        self._buffer.stored()

    def read_candles(
        self, symbol: Symbol, timeframe: Timeframe, *, limit: int, before_ms: int | None = None
    ) -> list[Candle]:
        candles = []
        for row in self._newest_first(symbol, timeframe, limit, before_ms):
            time_ms, *prices, volume, price_places, volume_places = row
            open_, high, low, close = (to_decimal(price, price_places) for price in prices)
            exact_volume = None if volume is None else to_decimal(volume, volume_places)
            candles.append(Candle(time_ms, open_, high, low, close, exact_volume))
        return candles[::-1]

    def read_block(
        self, symbols: Sequence[Symbol], timeframe: Timeframe, *, limit: int, before_ms: int | None = None
    ) -> CandleBlock:
        indices, times, values = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [np.empty((0, 5))]
        for index, symbol in enumerate(symbols):
            rows = self._newest_first(symbol, timeframe, limit, before_ms)
            if rows:
                indices.append(np.full(len(rows), index, dtype=np.int32))
                times.append(np.array([row[0] for row in rows], dtype=np.int64))
                values.append(_to_values(rows))
        index_column, time_column = np.concatenate(indices), np.concatenate(times)
        order = np.lexsort((index_column, time_column))
        return CandleBlock(
            symbols=tuple(symbols),
            timeframe=timeframe,
            symbol_index=index_column[order],
            open_time_ms=time_column[order],
            values=np.concatenate(values)[order],
        )

    def read_last_open_times(self, timeframe: Timeframe) -> Mapping[Symbol, int]:
        with plain_errors(self.path):
            rows = self._connection.execute(_LAST_OPEN_TIMES, (timeframe.value,)).fetchall()
        return {Symbol(venue, market, name): last for venue, market, name, last in rows}

    def read_signals(
        self, *, symbol: Symbol | None = None, timeframe: Timeframe | None = None, limit: int = 100
    ) -> list[Signal]:
        """Newest by the time the bar closed; signals of one moment in the order of their ids."""
        assert limit >= 0, limit
        wanted: dict[str, str] = {}
        if symbol is not None:
            wanted |= {"venue": symbol.venue, "market": symbol.market, "name": symbol.name}
        if timeframe is not None:
            wanted["timeframe"] = timeframe.value
        where = " AND ".join(f"{column} = ?" for column in wanted) or "1"
        query = f"SELECT content FROM signals WHERE {where} ORDER BY bar_close_ms DESC, id LIMIT ?"
        with plain_errors(self.path):
            rows = self._connection.execute(query, (*wanted.values(), limit)).fetchall()
        return [READ_SIGNAL.decode(content) for (content,) in rows]

    def read_signal(self, signal_id: str) -> Signal | None:
        with plain_errors(self.path):
            row = self._connection.execute("SELECT content FROM signals WHERE id = ?", (signal_id,)).fetchone()
        return None if row is None else READ_SIGNAL.decode(row[0])

    @property
    def rows_waiting(self) -> int:
        return self._buffer.rows

    def count_candles(self) -> int:
        with plain_errors(self.path):
            (count,) = self._connection.execute("SELECT count(*) FROM candles").fetchone()
        return int(count)

    def close(self) -> None:
        """Stores what waits, then lets the file go. If storing fails: Retryable, and the handle stays open."""
        self.flush()
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._series_version = None  # what was learnt about the series in here is void
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _put_candles(self, blocks: Sequence[CandleBlock]) -> None:
        """All rows of all blocks as one batch, later ones replacing earlier ones."""
        self._learn_series()
        series, series_index = self._series_of(blocks)
        times = np.concatenate([block.open_time_ms for block in blocks])
        values = np.concatenate([block.values for block in blocks])
        prices = decimals_of(values[:, :VOLUME].ravel())
        no_volume = np.isnan(values[:, VOLUME])
        volumes = decimals_of(np.where(no_volume, 0.0, values[:, VOLUME]))
        self._widen(
            series,
            _most(prices.places.reshape(-1, VOLUME).max(axis=1), series_index, len(series)),
            _most(volumes.places, series_index, len(series)),
        )
        price_places = np.array([one.price_places for one in series])[series_index]
        volume_places = np.array([one.volume_places for one in series])[series_index]
        price_column = to_stored(prices, np.repeat(price_places, VOLUME))
        volume_column: list[Stored | None] = [*to_stored(volumes, volume_places)]
        for index in np.flatnonzero(no_volume).tolist():
            volume_column[index] = None
        ids = np.array([one.id for one in series])[series_index].tolist()
        price_columns = (price_column[column::VOLUME] for column in range(VOLUME))
        self._connection.executemany(_PUT_CANDLE, zip(ids, times.tolist(), *price_columns, volume_column, strict=True))

    def _learn_series(self) -> None:
        """What is known of the series, again only after another connection has written to the file."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._series_version:
            return
        self._series = {
            (venue, market, name, timeframe): _Series(id_, price_places, volume_places)
            for id_, venue, market, name, timeframe, price_places, volume_places in self._connection.execute(_SERIES)
        }
        self._series_version = version

    def _series_of(self, blocks: Sequence[CandleBlock]) -> tuple[list[_Series], NDArray[np.intp]]:
        """The series that have rows in `blocks`, and for each row the index of its series in that list."""
        found: dict[SeriesKey, int] = {}
        parts = []
        for block in blocks:
            present, row_of = np.unique(block.symbol_index, return_inverse=True)
            keys = [_series_key(block.symbols[index], block.timeframe) for index in present.tolist()]
            slots = np.array([found.setdefault(key, len(found)) for key in keys], dtype=np.intp)
            parts.append(slots[row_of])
        return [self._series.get(key) or self._add_series(key) for key in found], np.concatenate(parts)

    def _add_series(self, key: SeriesKey) -> _Series:
        id_ = self._connection.execute(_ADD_SERIES, key).lastrowid
        assert id_ is not None
        self._series[key] = _Series(id_, 0, 0)
        return self._series[key]

    def _widen(self, series: Sequence[_Series], price_places: list[int], volume_places: list[int]) -> None:
        """Gives each series the places its new rows need, rewriting its stored rows when they become more."""
        for one, prices, volume in zip(series, price_places, volume_places, strict=True):
            more_prices, more_volume = prices - one.price_places, volume - one.volume_places
            if more_prices <= 0 and more_volume <= 0:
                continue
            if more_prices > 0:
                self._connection.execute(_RESCALE_PRICES, (more_prices, one.id))
                one.price_places = prices
            if more_volume > 0:
                self._connection.execute(_RESCALE_VOLUME, (more_volume, one.id))
                one.volume_places = volume
            self._connection.execute(_WIDEN_SERIES, (one.price_places, one.volume_places, one.id))

    def _newest_first(self, symbol: Symbol, timeframe: Timeframe, limit: int, before_ms: int | None) -> list[Row]:
        assert limit >= 0, limit
        before = _NEVER_MS if before_ms is None else before_ms
        wanted = (*_series_key(symbol, timeframe), before, limit)
        with plain_errors(self.path):
            return self._connection.execute(_NEWEST_CANDLES, wanted).fetchall()


def _series_key(symbol: Symbol, timeframe: Timeframe) -> SeriesKey:
    return symbol.venue, symbol.market, symbol.name, timeframe.value


def _most(places: Times, series_index: NDArray[np.intp], count: int) -> list[int]:
    most = np.zeros(count, dtype=np.int64)
    np.maximum.at(most, series_index, places)
    return most.tolist()


def _to_values(rows: Sequence[Row]) -> Floats:
    _, *columns, price_places, volume_places = zip(*rows, strict=True)
    places = [price_places[0]] * VOLUME + [volume_places[0]]
    return np.stack([to_doubles(column, count) for column, count in zip(columns, places, strict=True)], axis=1)


def _signal_row(written: tuple[Signal, bytes]) -> tuple[str | int, ...]:
    signal, content = written
    return (
        signal.id,
        *_series_key(signal.symbol, signal.timeframe),
        signal.bar_open_ms,
        signal.bar_close_ms,
        int(signal.direction),
        signal.outcome,
        content.decode(),
    )
