"""The words of the platform: what they read, what they round, and how an entry is chained to the one before it."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from holdfast.model.candle import CandleBlock
from holdfast.model.entry import GENESIS_HASH, Entry, EntryKind, chain, encode_body
from holdfast.model.errors import BadInput, Fenced, HoldfastError, Refused, Retryable, Unknown
from holdfast.model.instrument import Instrument
from holdfast.model.order import OrderState, Side
from holdfast.model.position import Lot, Position
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.window import Window

BTC = Symbol("binance", "spot", "BTCUSDT")


def test_a_symbol_is_its_full_key() -> None:
    assert Symbol.parse("binance:spot:BTCUSDT") == BTC and str(BTC) == "binance:spot:BTCUSDT"
    assert Symbol.parse("binance:usdm:BTCUSDT") != BTC
    assert sorted([Symbol("b", "a", "a"), Symbol("a", "b", "a"), Symbol("a", "a", "b")])[0].name == "b"


@pytest.mark.parametrize("text", ["", "BTCUSDT", "binance:spot", "binance:spot:", ":spot:BTC", "a:b:c:d"])
def test_what_is_no_symbol_key_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match="venue:market:name"):
        Symbol.parse(text)


def test_every_timeframe_reads_back_and_knows_its_length() -> None:
    minutes = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "8h": 480, "1d": 1440}
    assert {str(frame): frame.ms // 60_000 for frame in Timeframe} == minutes
    assert [Timeframe.parse(text) for text in minutes] == list(Timeframe)


@pytest.mark.parametrize("text", ["", "1H", "60m", "2h", "1w", "h1"])
def test_an_unknown_timeframe_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(BadInput, match="Known timeframes: 1m, 5m, 15m, 30m, 1h, 4h, 8h, 1d"):
        Timeframe.parse(text)


def instrument(tick: str, step: str) -> Instrument:
    zero = Decimal(0)
    return Instrument(
        symbol=BTC,
        base="BTC",
        quote="USDT",
        price_tick=Decimal(tick),
        size_step=Decimal(step),
        min_size=Decimal(step),
        min_notional=zero,
        maker_fee=zero,
        taker_fee=zero,
        can_short=False,
    )


@pytest.mark.parametrize(
    ("step", "size", "rounded"),
    [
        ("0.001", "1.2349", "1.234"),
        ("0.001", "0.0009", "0"),
        ("10", "129.9", "120"),
        ("0.5", "-1.7", "-1.5"),
        ("0.1", "0.3", "0.3"),
    ],
)
def test_a_size_is_rounded_towards_nothing(step: str, size: str, rounded: str) -> None:
    assert instrument("0.01", step).round_size(Decimal(size)) == Decimal(rounded)


@pytest.mark.parametrize(
    ("tick", "price", "below", "above"),
    [
        ("0.01", "1.005", "1.00", "1.01"),
        ("0.01", "1.01", "1.01", "1.01"),
        ("0.25", "100.1", "100", "100.25"),
        ("5", "12", "10", "15"),
    ],
)
def test_a_price_is_rounded_to_the_tick_on_the_side_asked_for(tick: str, price: str, below: str, above: str) -> None:
    traded = instrument(tick, "1")
    assert traded.round_price(Decimal(price), up=False) == Decimal(below)
    assert traded.round_price(Decimal(price), up=True) == Decimal(above)


ENTRY = Entry(EntryKind.FILL, "k", "paper", 5, b'{"a":1}')


def test_the_chain_is_sha256_over_the_hash_before_and_every_field() -> None:
    plain = GENESIS_HASH.encode() + b"\x00fill\x00k\x00paper\x005\x00" + b'{"a":1}'
    assert chain(GENESIS_HASH, ENTRY) == hashlib.sha256(plain).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": EntryKind.ORDER},
        {"key": "K"},
        {"account": "paper2"},
        {"time_ms": 6},
        {"body": b'{"a":2}'},
        {"key": "k\x00paper", "account": ""},
    ],
)
def test_no_field_can_change_unnoticed(change: dict[str, object]) -> None:
    assert chain(GENESIS_HASH, msgspec.structs.replace(ENTRY, **change)) != chain(GENESIS_HASH, ENTRY)
    assert chain(chain(GENESIS_HASH, ENTRY), ENTRY) != chain(GENESIS_HASH, ENTRY)


def test_a_body_has_one_spelling() -> None:
    assert encode_body({"b": Decimal("1.10"), "a": [1, 2]}) == encode_body({"a": [1, 2], "b": Decimal("1.10")})
    assert encode_body({"b": Decimal("1.10"), "a": 1}) == b'{"a":1,"b":"1.10"}'


def test_errors_are_named_by_what_the_caller_does_next() -> None:
    assert all(issubclass(kind, HoldfastError) for kind in (Refused, Retryable, Unknown, Fenced))
    assert issubclass(BadInput, Refused) and not issubclass(Unknown, Retryable)
    wrong = BadInput("It is broken.", "Mend it.")
    assert (str(wrong), wrong.problem, wrong.remedy) == ("It is broken. Mend it.", "It is broken.", "Mend it.")
    assert str(BadInput("It is broken.")) == "It is broken."


def test_only_four_order_states_are_final() -> None:
    assert {state.value for state in OrderState if state.final} == {"filled", "cancelled", "rejected", "expired"}
    assert Side.BUY.opposite is Side.SELL and Side.SELL.opposite is Side.BUY


def test_a_position_is_the_exact_sum_of_its_lots() -> None:
    lots = (Lot(Decimal("-0.1"), Decimal("30000.1"), 1), Lot(Decimal("-0.2"), Decimal("29999.9"), 2))
    position = Position("paper", BTC, lots, realised=Decimal(0), fees=Decimal(0))
    assert position.size == Decimal("-0.3") and position.cost == Decimal("-8999.99")
    assert position.unrealised(Decimal("29000")) == Decimal("299.99")
    assert Position("paper", BTC, (), Decimal(0), Decimal(0)).size == 0


def test_parts_of_a_block_and_tails_of_a_window_are_views() -> None:
    times = np.arange(4, dtype=np.int64)
    block = CandleBlock((BTC,), Timeframe.M1, np.zeros(4, dtype=np.int32), times, np.zeros((4, 5)))
    assert block.part(1, 3).open_time_ms.tolist() == [1, 2] and np.shares_memory(block.part(1, 3).values, block.values)
    close = np.array([[np.nan, 1.0, 2.0]])
    window = Window(60_000, times[None, :3], close, close, close, close, close, {"funding_rate": close})
    tail = window.tail(2)
    assert tail.shape == (1, 2) and tail.inputs["funding_rate"].tolist() == [[1.0, 2.0]]
    assert window.tail(9) is window and window.present.tolist() == [[False, True, True]]
