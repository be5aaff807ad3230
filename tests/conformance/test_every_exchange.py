"""What every exchange holds to, whatever it speaks: typed outcomes, nothing sent twice, no forming bar, no secret told.

The venues come from `exchanges/`, one file each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from exchange_specimen import (
    CLOSED_MS,
    OLDER_MS,
    OUR_ID,
    SECRET,
    STAMP,
    Opened,
    Situation,
    Specimen,
    find_specimens,
)

import holdfast.venues
from holdfast.model.errors import BadInput, HoldfastError, Refused, Retryable, Unknown
from holdfast.model.order import OrderState
from holdfast.model.timeframe import Timeframe

every = pytest.mark.parametrize("specimen", find_specimens(), ids=lambda specimen: specimen.name)


def answer_of(asked: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        async with asyncio.timeout(5):
            return await asked

    return asyncio.run(wait())


def opened(specimen: Specimen, situation: Situation, *, keys: bool = True) -> Opened:
    async def inside_a_loop() -> Opened:
        return specimen.open_exchange(situation, keys)

    return asyncio.run(inside_a_loop())


@every
def test_it_says_who_it_is_and_what_it_can_promise(specimen: Specimen) -> None:
    exchange = opened(specimen, Situation.GOOD).exchange
    assert (exchange.venue, exchange.market) == (specimen.symbol.venue, specimen.symbol.market)
    assert exchange.guarantee_tier is specimen.tier
    if not exchange.capabilities.dead_man_timer:
        with pytest.raises(Refused):
            answer_of(exchange.arm_dead_man(specimen.symbol, 1000))
    assert exchange.capabilities.private_stream == (exchange.capabilities.max_symbols_per_stream > 0)


@every
def test_its_instruments_have_exact_steps_and_unknown_words_are_no_harm(specimen: Specimen) -> None:
    instruments = answer_of(opened(specimen, Situation.GOOD).exchange.read_instruments())
    assert list(instruments) == [specimen.symbol]
    instrument = instruments[specimen.symbol]
    assert instrument.symbol == specimen.symbol
    assert min(instrument.price_tick, instrument.size_step, instrument.min_size) > 0
    assert instrument.min_size % instrument.size_step == 0
    assert len(instrument.price_tick.normalize().as_tuple().digits) == 1
    assert instrument.can_short == (specimen.symbol.market != "spot")


@every
def test_its_candles_are_closed_in_order_after_the_asked_moment_and_no_more_than_asked(specimen: Specimen) -> None:
    exchange = opened(specimen, Situation.GOOD).exchange
    for limit, expected in ((10, [OLDER_MS, CLOSED_MS]), (1, [OLDER_MS])):
        block = answer_of(exchange.read_candles(specimen.symbol, Timeframe.M1, after_ms=OLDER_MS - 1, limit=limit))
        assert block.open_time_ms.tolist() == expected
        assert (block.symbols, block.timeframe) == ((specimen.symbol,), Timeframe.M1)


@every
def test_an_order_is_sent_once_and_answered_under_our_id(specimen: Specimen) -> None:
    met = opened(specimen, Situation.GOOD)
    report = answer_of(met.exchange.place(specimen.order, STAMP))
    assert (report.client_order_id, report.state) == (OUR_ID, OrderState.FILLED)
    assert report.size == report.filled_size == specimen.order.size
    assert len(met.writes) == 1


PLACING: dict[Situation, type[HoldfastError]] = {
    Situation.SERVER_ERROR: Unknown,
    Situation.GARBLED: Unknown,
    Situation.LOST: Unknown,
    Situation.LIMITED: Retryable,
    Situation.UNSENT: Retryable,
    Situation.REJECTED: Refused,
}


@every
@pytest.mark.parametrize("situation", PLACING)
def test_a_failed_order_says_what_to_do_next_and_is_never_sent_again(specimen: Specimen, situation: Situation) -> None:
    met = opened(specimen, situation)
    with pytest.raises(PLACING[situation]) as failure:
        answer_of(met.exchange.place(specimen.order, STAMP))
    assert len(met.writes) == 1
    assert SECRET not in str(failure.value)


@every
@pytest.mark.parametrize(
    "situation", [Situation.SERVER_ERROR, Situation.GARBLED, Situation.LOST, Situation.LIMITED, Situation.UNSENT]
)
def test_a_failed_reading_may_be_repeated_and_is_never_taken_for_an_answer(
    specimen: Specimen, situation: Situation
) -> None:
    met = opened(specimen, situation)
    for asked in (met.exchange.read_balances(), met.exchange.query(specimen.order)):
        with pytest.raises(Retryable):
            answer_of(asked)
    assert not met.writes


@every
def test_an_order_that_is_not_there_is_none(specimen: Specimen) -> None:
    assert answer_of(opened(specimen, Situation.ABSENT).exchange.query(specimen.order)) is None


@every
def test_a_fill_is_named_by_the_venue_and_read_once(specimen: Specimen) -> None:
    exchange = opened(specimen, Situation.GOOD).exchange
    (fill,), cursor = answer_of(exchange.read_fills(specimen.symbol, since=""))
    assert (fill.trade_id, fill.client_order_id, fill.symbol) == (specimen.trade_id, OUR_ID, specimen.symbol)
    assert (fill.size, fill.side) == (specimen.order.size, specimen.order.side)
    assert answer_of(exchange.read_fills(specimen.symbol, since=cursor)) == ([], cursor)
    # Another process, which knows nothing but the cursor.
    other = opened(specimen, Situation.GOOD).exchange
    assert answer_of(other.read_fills(specimen.symbol, since=cursor)) == ([], cursor)


@every
def test_without_keys_it_says_what_is_missing_and_asks_nothing(specimen: Specimen) -> None:
    met = opened(specimen, Situation.GOOD, keys=False)
    for asked in (
        met.exchange.place(specimen.order, STAMP),
        met.exchange.cancel(specimen.order, STAMP),
        met.exchange.query(specimen.order),
        met.exchange.read_balances(),
        met.exchange.read_open_orders(),
        met.exchange.read_fills(specimen.symbol, since=""),
    ):
        with pytest.raises(BadInput) as refusal:
            answer_of(asked)
        assert refusal.value.remedy
    assert not [*met.requests, *met.writes]


@every
def test_it_can_be_closed_twice_and_prints_no_secret(specimen: Specimen) -> None:
    exchange = opened(specimen, Situation.GOOD).exchange
    assert SECRET not in repr(exchange)
    answer_of(exchange.close())
    answer_of(exchange.close())
    assert exchange.venue == specimen.symbol.venue


def test_every_venue_that_speaks_to_a_server_is_among_them() -> None:
    folders = {path.name for path in Path(holdfast.venues.__file__).parent.iterdir() if (path / "__init__.py").exists()}
    files = {path.stem for path in (Path(__file__).parent / "exchanges").glob("*.py")}
    assert files == folders
