"""Answers to requests for candles: the query's rules, and candles cut from a recording as far as it has been played."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import numpy as np

from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Times
from holdfast.sim.twins.market import Tape
from holdfast.sim.twins.oanda.candles import (
    DAYS_OF_WEEK,
    LENGTHS_MS,
    Alignment,
    Periods,
    cut,
    period_of,
    read_zone,
    smoothed,
)
from holdfast.sim.twins.oanda.instruments import Tradable
from holdfast.sim.twins.oanda.wire import Json, Moment, Refusal, invalid, read_moment

_COUNT_MOST, _COUNT_USUAL = 5000, 500
_SIDES = {"M": "mid", "B": "bid", "A": "ask"}


class CandleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `count` is None where both ends are given."""

    granularity: str
    sides: str
    count: int | None
    from_ms: int | None
    to_ms: int | None
    smooth: bool
    include_first: bool
    alignment: Alignment


def read_query(query: Mapping[str, str], now_ms: int) -> CandleQuery:
    """The query of a candles request; Refusal for what v20 does not take."""
    granularity, sides = query.get("granularity", "S5"), query.get("price", "M")
    if granularity not in LENGTHS_MS:
        raise invalid("granularity")
    if not sides or set(sides) - set(_SIDES):
        raise invalid("price")
    from_ms, to_ms = _moment(query, "from", now_ms), _moment(query, "to", now_ms)
    if from_ms is not None and to_ms is not None and (from_ms > to_ms or "count" in query):
        raise invalid("count" if "count" in query else "to")
    count = _whole(query, "count", 1, None) if "count" in query else None
    implied = count or 0
    if from_ms is not None and to_ms is not None:
        implied = (to_ms - from_ms) // LENGTHS_MS[granularity]
    elif count is None:
        count = _COUNT_USUAL
    if implied > _COUNT_MOST:
        raise Refusal(400, "Maximum value for 'count' exceeded")
    zone = read_zone(query.get("alignmentTimezone", "America/New_York"))
    day = query.get("weeklyAlignment", "Friday")
    if zone is None or day not in DAYS_OF_WEEK:
        raise invalid("alignmentTimezone" if zone is None else "weeklyAlignment")
    return CandleQuery(
        granularity=granularity,
        sides=sides,
        count=count,
        from_ms=from_ms,
        to_ms=to_ms,
        smooth=_flag(query, "smooth", otherwise=False),
        include_first=_flag(query, "includeFirst", otherwise=True),
        alignment=Alignment(_whole(query, "dailyAlignment", 0, 23, 17), zone, DAYS_OF_WEEK.index(day)),
    )


def candles_json(tape: Tape, tradable: Tradable, query: CandleQuery, now_ms: int) -> Json:
    """The body of an answer. The period that is still forming is there, and not complete."""
    found = _periods(tape, query, now_ms)
    half = Decimal(0)
    if len(found) and query.sides != "M" and (tick := tape.at(now_ms)) is not None:
        half = tick.ask - tick.price
    shifts = {"M": Decimal(0), "B": -half, "A": half}
    rows = []
    for start_ms, end_ms, values in zip(
        found.start_ms.tolist(), found.end_ms.tolist(), found.values.tolist(), strict=True
    ):
        row: Json = {
            "complete": end_ms <= now_ms,
            # A period that has a price had at least one.
            "volume": None if values[VOLUME] != values[VOLUME] else max(round(values[VOLUME]), 1),
            "time": Moment(start_ms),
        }
        for side in _SIDES:
            if side in query.sides:
                row[_SIDES[side]] = {
                    name: tradable.price_text(Decimal(repr(values[column])) + shifts[side])
                    for name, column in (("o", OPEN), ("h", HIGH), ("l", LOW), ("c", CLOSE))
                }
        rows.append(row)
    return {"instrument": tradable.name, "granularity": query.granularity, "candles": rows}


def _periods(tape: Tape, query: CandleQuery, now_ms: int) -> Periods:
    first_ms = 0 if query.from_ms is None else period_of(query.from_ms, query.granularity, query.alignment)[0]
    before = query.smooth and first_ms > 0
    last_ms = now_ms if query.to_ms is None else min(query.to_ms, now_ms)
    start = int(np.searchsorted(tape.open_ms, first_ms)) if query.from_ms is not None else 0
    whole_ms = now_ms if last_ms == now_ms else period_of(last_ms - 1, query.granularity, query.alignment)[1] - 1
    stop = int(np.searchsorted(tape.open_ms, min(whole_ms, now_ms), side="right"))
    open_ms, values = _rows(tape, max(start - int(before), 0), stop, query, now_ms)
    found = cut(open_ms, values, query.granularity, query.alignment)
    if query.smooth:
        found = smoothed(found)
    low = int(np.searchsorted(found.start_ms, first_ms))
    if query.from_ms is not None and not query.include_first and low < len(found) and found.start_ms[low] == first_ms:
        low += 1
    high = len(found) if last_ms == now_ms else int(np.searchsorted(found.start_ms, last_ms))
    found = found.part(low, high)
    if query.count is None or len(found) <= query.count:
        return found
    return found.part(0, query.count) if query.from_ms is not None else found.part(len(found) - query.count, len(found))


def _rows(tape: Tape, start: int, stop: int, query: CandleQuery, now_ms: int) -> tuple[Times, Floats]:
    """The recording's bars as far as they have been played; finer ones, where finer candles are asked for, lie on the
    path that prices take within a bar."""
    length_ms = LENGTHS_MS[query.granularity]
    if length_ms < tape.bar_ms:
        most = -(-(query.count or _COUNT_MOST) * length_ms // tape.bar_ms) + 1
        start, stop = (start, min(stop, start + most)) if query.from_ms is not None else (max(stop - most, start), stop)
        return _finer(tape, start, stop, length_ms, now_ms)
    open_ms, values = tape.open_ms[start:stop], tape.values[start:stop]
    if stop > start and int(tape.open_ms[stop - 1]) + tape.bar_ms > now_ms:
        values = values.copy()
        forming = tape.bar(stop - 1, now_ms)
        values[-1, :VOLUME] = [float(price) for price in (forming.open, forming.high, forming.low, forming.close)]
        values[-1, VOLUME] *= (now_ms - int(open_ms[-1])) / tape.bar_ms
    return open_ms, values


def _finer(tape: Tape, start: int, stop: int, length_ms: int, now_ms: int) -> tuple[Times, Floats]:
    times, rows = [], []
    for row in range(start, stop):
        opened = int(tape.open_ms[row])
        volume = float(tape.values[row, VOLUME]) * length_ms / tape.bar_ms
        for begin in range(opened, min(opened + tape.bar_ms, now_ms + 1), length_ms):
            end = min(begin + length_ms, now_ms)
            knots = (opened + tape.bar_ms * part // 3 for part in (1, 2))
            moments = [begin, *(knot for knot in knots if begin < knot < end), end]
            path = [float(tape.bar(row, moment).close) for moment in moments]
            times.append(begin)
            rows.append((path[0], max(path), min(path), path[-1], volume))
    return np.array(times, dtype=np.int64), np.array(rows, dtype=np.float64).reshape(-1, 5)


def _moment(query: Mapping[str, str], name: str, now_ms: int) -> int | None:
    if name not in query:
        return None
    moment_ms = read_moment(query[name], name)
    if moment_ms > now_ms:
        raise invalid(name, ". Time is in the future")
    return moment_ms


def _whole(query: Mapping[str, str], name: str, least: int, most: int | None, otherwise: int = 0) -> int:
    if name not in query:
        return otherwise
    text = query[name]
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        raise invalid(name)
    return int(text)


def _flag(query: Mapping[str, str], name: str, *, otherwise: bool) -> bool:
    text = query.get(name, str(otherwise)).lower()
    if text not in ("true", "false", "0", "1"):
        raise invalid(name)
    return text in ("true", "1")
