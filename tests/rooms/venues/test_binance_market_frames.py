"""Market frames to candles: closed bars only, in columns, whatever else comes along the connection."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.binance import streams
from holdfast.venues.binance.endpoints import SPOT_LIVE, USDM_LIVE
from holdfast.venues.binance.market import MarketFrames

BTC, ETH = (Symbol("binance", "usdm", name) for name in ("BTCUSDT", "ETHUSDT"))
OPEN_MS = 1_638_747_660_000


def kline(name: str, open_ms: int, *, closed: bool = True, close: str = "2.0", interval: str = "1m") -> bytes:
    k = {
        "t": open_ms, "T": open_ms + 59_999, "s": name, "i": interval, "f": 1, "L": 2, "o": "1.00", "c": close,
        "h": "3.00", "l": "0.50", "v": "1000.125", "n": 9, "x": closed, "q": "1.0", "V": "5", "Q": "0.5", "B": "1",
    }  # fmt: skip
    return frame({"e": "kline", "E": open_ms + 60_000, "s": name, "k": k})


def frame(data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"stream": "some@stream", "data": data})


def test_only_closed_bars_are_taken_and_they_come_in_order() -> None:
    frames = MarketFrames([BTC, ETH], Timeframe.M1)
    for said in (
        kline("ETHUSDT", OPEN_MS + 60_000),
        kline("BTCUSDT", OPEN_MS, closed=False, close="99"),
        kline("ETHUSDT", OPEN_MS),
        kline("BTCUSDT", OPEN_MS),
    ):
        frames.frame(memoryview(said))
    block = frames.take_candles()
    assert block is not None
    assert block.open_time_ms.tolist() == [OPEN_MS, OPEN_MS, OPEN_MS + 60_000]
    assert (block.symbol_index.tolist(), block.symbols) == ([0, 1, 1], (BTC, ETH))
    assert block.symbol_index.dtype == np.int32
    assert block.values.tolist() == [[1.0, 3.0, 0.5, 2.0, 1000.125]] * 3
    assert (frames.closed, frames.partial, frames.take_candles()) == (3, 1, None)


def test_strange_symbols_and_intervals_are_counted_and_left_out() -> None:
    frames = MarketFrames([BTC], Timeframe.M1)
    for said in (kline("DOGEUSDT", OPEN_MS), kline("BTCUSDT", OPEN_MS, interval="5m")):
        frames.frame(said)
    assert frames.take_candles() is None
    assert dict(frames.odd) == {"candle that nobody asked for": 2}


def test_quotes_and_mark_prices_are_the_newest() -> None:
    frames = MarketFrames([BTC], Timeframe.M1)
    spot_quote = {"u": 1, "s": "BTCUSDT", "b": "25.35190000", "B": "31.21", "a": "25.36520000", "A": "40.66"}
    frames.frame(frame({**spot_quote, "b": "1"}))
    frames.frame(frame(spot_quote))
    frames.frame(frame({"e": "bookTicker", "E": 5, "T": 4, **spot_quote, "s": "ETHUSDT"}))
    mark = {"e": "markPriceUpdate", "E": 5, "s": "BTCUSDT", "p": "11794.15", "P": "1", "i": "11784.6", "r": "0.0003"}
    frames.frame(frame({**mark, "T": 1562306400000}))
    assert (frames.quotes["BTCUSDT"].bid, frames.quotes["BTCUSDT"].ask) == (25.3519, 25.3652)
    assert (frames.quotes["ETHUSDT"].bid, frames.quotes["ETHUSDT"].time_ms) == (25.3519, 5)
    assert frames.frames == 4
    now = frames.marks["BTCUSDT"]
    assert (now.mark, now.index, now.funding_rate, now.next_funding_ms) == (11794.15, 11784.6, 0.0003, 1562306400000)
    assert math.isnan(now.bid)
    assert not frames.odd


def test_words_about_the_connection_are_kept_for_who_holds_it() -> None:
    frames = MarketFrames([BTC], Timeframe.M1)
    frames.frame(b'{"result":null,"id":3}')
    frames.frame(b'{"error":{"code":2,"msg":"Invalid request"},"id":4}')
    frames.frame(b'{"e":"serverShutdown","E":1}')
    assert [notice.get("id", notice.get("e")) for notice in frames.notices] == [3, 4, "serverShutdown"]


def test_malformed_and_foreign_frames_are_counted_and_stop_nothing() -> None:
    frames = MarketFrames([BTC], Timeframe.M1)
    broken = kline("BTCUSDT", OPEN_MS).replace(b'"c":"2.0"', b'"c":"two"')
    for said in (
        b"{",
        b"[1]",
        b"\xff\xfe",
        broken,
        frame({"e": "depthUpdate", "b": [["1", "2"]]}),
        frame({"e": "moon"}),
    ):
        frames.frame(said)
    frames.frame(kline("BTCUSDT", OPEN_MS))
    assert len(frames.take_candles() or ()) == 1
    assert sum(frames.odd.values()) == 6


@given(st.decimals(min_value="0.00000001", max_value="99999999", places=8))
def test_a_price_is_the_double_nearest_to_what_was_written(price: Any) -> None:
    frames = MarketFrames([BTC], Timeframe.M1)
    frames.frame(kline("BTCUSDT", OPEN_MS, close=f"{price:f}"))
    block = frames.take_candles()
    assert block is not None
    assert block.values[0, 3] == float(price)


def test_streams_are_named_and_found_where_they_flow() -> None:
    assert streams.kline_stream(BTC, Timeframe.M1) == "btcusdt@kline_1m"
    of = {name: streams.stream_root(USDM_LIVE, name) for name in ("a@kline_1m", "a@bookTicker", "a@markPrice@1s")}
    assert [root.rpartition("/")[2] for root in of.values()] == ["market", "public", "market"]
    assert streams.stream_root(SPOT_LIVE, "a@bookTicker") == SPOT_LIVE.streams
    assert streams.combined_url("ws://x", ["a@b", "c@d"]) == "ws://x/stream?streams=a@b/c@d"
    many = [f"symbol{number}@kline_1m" for number in range(500)]
    assert 1000 < len(streams.combined_url("ws://x", many)) < 2000
    assert msgspec.json.decode(streams.subscribe(["a@b"], 7)) == {"method": "SUBSCRIBE", "params": ["a@b"], "id": 7}
    assert msgspec.json.decode(streams.unsubscribe(["a@b"], 8))["method"] == "UNSUBSCRIBE"
    assert msgspec.json.decode(streams.list_subscriptions(9)) == {"method": "LIST_SUBSCRIPTIONS", "id": 9}
