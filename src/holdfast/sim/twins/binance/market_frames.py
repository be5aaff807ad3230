"""What the market streams tell of one tick, stream by stream, in the venue's one-letter keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from holdfast.sim.twins.binance.desk import Desk
from holdfast.sim.twins.binance.figures import INTERVALS_MS
from holdfast.sim.twins.binance.public_data import figure, levels, next_funding
from holdfast.sim.twins.market import Bar, Tick

Json = dict[str, object]
Show = Callable[[Decimal], str]
DEPTHS = (5, 10, 20)
# What belongs to /public on futures; everything else belongs to /market.
PUBLIC_KINDS = ("bookTicker", "depth")


def frames(desk: Desk, tick: Tick, wanted: set[str], venue_ms: int) -> Iterator[tuple[str, Json]]:
    """(stream, frame) for each of the wanted streams of the tick's symbol ('kline_1m', 'bookTicker', …)."""
    name, show = tick.symbol.lower(), figure(desk)
    for kind in wanted:
        word, _, rest = kind.partition("_")
        if word == "kline" and (frame := _kline(desk, tick, rest, venue_ms)) is not None:
            yield f"{name}@{kind}", frame
        elif kind == "bookTicker":
            yield f"{name}@{kind}", book_ticker(desk, tick, venue_ms)
        elif kind in ("trade", "aggTrade"):
            yield f"{name}@{kind}", _trade(tick, kind, show, venue_ms)
        elif kind in ("ticker", "miniTicker") and (day := _day(desk, tick)) is not None:
            whole = kind == "ticker"
            yield f"{name}@{kind}", ticker(desk, tick, day, venue_ms) if whole else mini(desk, tick, day, venue_ms)
        elif kind.startswith("depth"):
            yield f"{name}@{kind}", _depth(desk, tick, kind, venue_ms)
        elif kind.startswith("markPrice") and not desk.spot:
            yield f"{name}@{kind}", mark_price(desk, tick, venue_ms)


def _kline(desk: Desk, tick: Tick, word: str, venue_ms: int) -> Json | None:
    tape, interval_ms = desk.tapes[tick.symbol], INTERVALS_MS.get(word)
    if interval_ms is None or interval_ms % tape.bar_ms:
        return None
    bar = tick.bar
    if interval_ms != tape.bar_ms:
        start = bar.open_ms // interval_ms * interval_ms
        found = tape.bars(interval_ms, first_ms=start, last_ms=start, now_ms=tick.time_ms, limit=1)
        bar = found[0]
    return kline(desk, tick.symbol, word, bar, venue_ms)


def kline(desk: Desk, symbol: str, word: str, bar: Bar, venue_ms: int) -> Json:
    """A kline frame; `x` is true at the bar's end only."""
    show, first = figure(desk), bar.open_ms // 1000
    told: Json = {
        "t": bar.open_ms,
        "T": bar.close_ms - 1,
        "s": symbol,
        "i": word,
        "f": first if bar.trades else -1,
        "L": first + bar.trades - 1 if bar.trades else -1,
        "o": show(bar.open),
        "c": show(bar.close),
        "h": show(bar.high),
        "l": show(bar.low),
        "v": show(bar.volume),
        "n": bar.trades,
        "x": bar.closed,
        "q": show(bar.quote_volume),
        "V": show(bar.taker_volume),
        "Q": show(bar.taker_quote_volume),
        "B": "0",
    }
    return {"e": "kline", "E": venue_ms, "s": symbol, "k": told}


def book_ticker(desk: Desk, tick: Tick, venue_ms: int) -> Json:
    show = figure(desk)
    quoted = show(tick.quoted)
    told: Json = {"s": tick.symbol, "b": show(tick.bid), "B": quoted, "a": show(tick.ask), "A": quoted}
    if desk.spot:
        return {"u": tick.time_ms, **told}
    return {"e": "bookTicker", "u": tick.time_ms, **told, "T": tick.time_ms, "E": venue_ms}


def _trade(tick: Tick, kind: str, show: Show, venue_ms: int) -> Json:
    number = tick.time_ms // 1000
    told: Json = {"e": kind, "E": venue_ms, "s": tick.symbol, "p": show(tick.price), "q": show(tick.quoted)}
    told |= {"t": number} if kind == "trade" else {"a": number, "f": number, "l": number}
    return told | {"T": tick.time_ms, "m": False, "M": True}


def _day(desk: Desk, tick: Tick) -> Bar | None:
    return desk.tapes[tick.symbol].day(tick.time_ms)


def mini(desk: Desk, tick: Tick, day: Bar, venue_ms: int) -> Json:
    show = figure(desk)
    return {
        "e": "24hrMiniTicker",
        "E": venue_ms,
        "s": tick.symbol,
        "c": show(day.close),
        "o": show(day.open),
        "h": show(day.high),
        "l": show(day.low),
        "v": show(day.volume),
        "q": show(day.quote_volume),
    }


def ticker(desk: Desk, tick: Tick, day: Bar, venue_ms: int) -> Json:
    show, change = figure(desk), day.close - day.open
    mean = (day.quote_volume / day.volume).quantize(Decimal("1e-8")) if day.volume else day.close
    told = mini(desk, tick, day, venue_ms) | {
        "e": "24hrTicker",
        "p": show(change),
        "P": f"{change / day.open * 100:.3f}",
        "w": show(mean),
        "Q": show(tick.quoted),
        "O": day.open_ms,
        "C": day.close_ms,
        "F": 1,
        "L": max(day.trades, 1),
        "n": day.trades,
    }
    if desk.spot:
        quoted = show(tick.quoted)
        told |= {"x": show(day.open), "b": show(tick.bid), "B": quoted, "a": show(tick.ask), "A": quoted}
    return told


def _depth(desk: Desk, tick: Tick, kind: str, venue_ms: int) -> Json:
    """depth5, depth10, depth20: the book's top; depth: the difference, which is the whole thin book each time."""
    count = next((count for count in reversed(DEPTHS) if kind.startswith(f"depth{count}")), 0)
    sides = levels(tick, desk.instrument(tick.symbol), count or 5, figure(desk))
    if desk.spot and count:
        return {"lastUpdateId": tick.time_ms, **sides}
    told: Json = {"e": "depthUpdate", "E": venue_ms, "s": tick.symbol, "U": tick.time_ms, "u": tick.time_ms}
    if not desk.spot:
        told |= {"T": tick.time_ms, "pu": tick.time_ms - 1}
    return told | {"b": sides["bids"], "a": sides["asks"]}


def mark_price(desk: Desk, tick: Tick, venue_ms: int) -> Json:
    price = figure(desk)(tick.price)
    return {
        "e": "markPriceUpdate",
        "E": venue_ms,
        "s": tick.symbol,
        "p": price,
        "i": price,
        "P": price,
        "r": f"{desk.funding(tick.symbol, tick.time_ms):.8f}",
        "T": next_funding(tick.time_ms),
    }


def all_markets(desk: Desk, latest: dict[str, Tick], stream: str, venue_ms: int) -> list[Json]:
    """A frame of the '!…@arr' streams: a row for each symbol that has traded."""
    rows: list[Json] = []
    for tick in latest.values():
        day = _day(desk, tick)
        if stream.startswith("!markPrice"):
            rows.append(mark_price(desk, tick, venue_ms))
        elif day is not None:
            rows.append((ticker if stream.startswith("!ticker") else mini)(desk, tick, day, venue_ms))
    return rows
