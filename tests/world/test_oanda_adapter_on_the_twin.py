"""The OANDA adapter over real sockets against the twin that was written apart from it, and through its faults."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from oanda_stage import EURUSD, HOUR_MS, play, staged

from holdfast.model.candle import VOLUME
from holdfast.model.errors import Refused, Retryable, Unknown
from holdfast.model.order import Leg, OrderReport, OrderState, OrderType, Side
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Stamp, StreamNote, StreamState
from holdfast.sim.twins.faults import Fault
from holdfast.venues.oanda.errors import RefusedByOanda, TooMany
from holdfast.venues.oanda.market import Quote
from holdfast.world.recording import Recording, read_recording

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_recording(DATA / "oanda_fx_2018_skyline" / "candles_1h.parquet")


# ---- the market


def test_candles_are_those_of_the_recording_bar_by_bar_and_never_the_forming_one(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            now_ms, after_ms, read = stage.clock.now_ms(), recording.first_open_ms - 1, 0
            while len(block := await stage.oanda.read_candles(EURUSD, Timeframe.H1, after_ms=after_ms, limit=700)):
                same = recording.open_time_ms[read : read + len(block)]
                assert (block.open_time_ms == same).all()
                assert (block.values[:, :VOLUME] == recording.values[read : read + len(block), :VOLUME]).all()
                assert np.isnan(block.values[:, VOLUME]).all()
                read, after_ms = read + len(block), int(block.open_time_ms[-1])
            closed = recording.open_time_ms + HOUR_MS <= now_ms
            assert read == closed.sum() > 3000
            bid, ask = await stage.oanda.read_bid_ask_candles(
                EURUSD, Timeframe.H1, after_ms=now_ms - 9 * HOUR_MS, limit=5
            )
            assert len(bid) == len(ask) == 5
            assert (bid.values[:, 3] < ask.values[:, 3]).all()

    play(scene)


def test_instruments_time_and_balance_are_read(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            instrument = (await stage.oanda.read_instruments())[EURUSD]
            assert (instrument.base, instrument.quote, instrument.price_tick) == ("EUR", "USD", Decimal("0.00001"))
            assert abs(await stage.oanda.read_time_ms() - stage.clock.now_ms()) < 60_000
            assert await stage.oanda.read_balances() == {"USD": Decimal(100_000)}
            assert not await stage.oanda.read_hedge_mode()
            assert not stage.oanda.odd

    play(scene)


def test_quotes_go_on_through_a_silent_stream(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            seen: list[Quote | StreamNote] = []
            async for one in stage.oanda.quotes([EURUSD]):
                seen.append(one)
                quotes = [quote for quote in seen if isinstance(quote, Quote)]
                if len(quotes) == 2:
                    stage.twin.faults.arm(Fault.SILENCE)
                if StreamNote(StreamState.LOST, "was silent for 10 s") in seen:
                    stage.twin.faults.disarm()
                    if len(quotes) > 4:
                        break
            notes = [one.state for one in seen if isinstance(one, StreamNote)]
            assert notes[:3] == [StreamState.CONNECTED, StreamState.LOST, StreamState.CONNECTED]
            assert all(quote.bid and quote.ask and quote.bid < quote.ask and quote.tradeable for quote in quotes)

    play(scene)


# ---- orders


def test_a_protected_entry_is_filled_guarded_and_closed(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            await stage.listen()
            entry = stage.protected("entry")
            report = await stage.oanda.place(entry, stage.stamp())
            assert (report.state, report.filled_size) == (OrderState.FILLED, Decimal(1000))
            assert await stage.oanda.query(entry) == report
            open_orders = {one.client_order_id: one for one in await stage.oanda.read_open_orders()}
            assert open_orders.keys() == {"entry-stop", "entry-target"}
            assert {one.size for one in open_orders.values()} == {Decimal(1000)}
            assert await stage.oanda.read_positions() == {EURUSD: Decimal(1000)}

            close = stage.order("close", side=Side.SELL, leg=Leg.CLOSE)
            assert (await stage.oanda.place(close, stage.stamp())).state is OrderState.FILLED
            for leg in entry.protection:
                ended = await stage.oanda.query(leg)
                assert ended is not None
                assert (ended.state, ended.reason) == (OrderState.CANCELLED, "linked_trade_closed")
            assert await stage.oanda.read_positions() == {}

            await stage.until(lambda: OrderState.CANCELLED in stage.reports("entry-stop"))
            polled, cursor = await stage.oanda.read_fills(EURUSD, since="")
            assert stage.fills() == polled
            assert [(fill.client_order_id, fill.leg, fill.side) for fill in polled] == [
                ("entry", Leg.ENTRY, Side.BUY),
                ("close", Leg.CLOSE, Side.SELL),
            ]
            assert await stage.oanda.read_fills(EURUSD, since=cursor) == ([], cursor)
            assert stage.reports("entry-target") == [OrderState.WORKING, OrderState.CANCELLED]
            paid = (await stage.oanda.read_balances())["USD"] - 100_000
            assert paid == sum(fill.price * fill.size * (1 if fill.side is Side.SELL else -1) for fill in polled)

    play(scene)


def test_a_limit_entry_holds_its_protection_and_can_be_replaced_and_cancelled(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            await stage.listen()
            entry = stage.protected("entry", kind=OrderType.LIMIT, price="1.0", stop="0.9")
            assert (await stage.oanda.place(entry, stage.stamp())).state is OrderState.WORKING
            held = await stage.oanda.query(entry.protection[0])
            assert held is not None
            assert held.state is OrderState.HELD
            assert [one.state for one in await stage.oanda.read_open_orders()] == [
                OrderState.WORKING,
                OrderState.HELD,
                OrderState.HELD,
            ]
            other = stage.protected("entry", kind=OrderType.LIMIT, price="1.01", size="700")
            assert (await stage.oanda.replace(other, stage.stamp())).size == Decimal(700)
            with pytest.raises(RefusedByOanda) as refusal:
                await stage.oanda.cancel(entry.protection[0], stage.stamp())
            assert refusal.value.status == 404
            report = await stage.oanda.cancel(other, stage.stamp())
            assert (report.state, report.size) == (OrderState.CANCELLED, Decimal(700))
            assert await stage.oanda.cancel(other, stage.stamp()) == report
            assert await stage.oanda.query(other) == report
            gone = await stage.oanda.query(entry.protection[1])
            assert gone is not None
            assert gone.state is OrderState.CANCELLED
            await stage.until(lambda: OrderState.CANCELLED in stage.reports("entry"))
            # Replacing was no end: the order of this name went on.
            assert stage.reports("entry") == [OrderState.WORKING, OrderState.WORKING, OrderState.CANCELLED]

    play(scene)


def test_the_market_takes_the_target_and_its_brother_goes(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording, driven=True) as stage:
            await stage.listen()
            entry = stage.protected("entry", stop="1.1", target="1.16940")
            await stage.oanda.place(entry, stage.stamp())
            await stage.until(lambda: OrderState.CANCELLED in stage.reports("entry-stop"))
            bought, sold = stage.fills()
            assert (sold.leg, sold.client_order_id, sold.size) == (Leg.TARGET, "entry-target", Decimal(1000))
            assert sold.price >= Decimal("1.16940") > bought.price
            report = await stage.oanda.query(entry.protection[1])
            assert report is not None
            assert (report.state, report.filled_size) == (OrderState.FILLED, Decimal(1000))
            assert report in stage.heard

    play(scene)


def test_an_order_sent_again_is_known_by_its_id_while_it_or_its_trade_lives(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            await stage.listen()
            resting = stage.order("resting", kind=OrderType.LIMIT, price="1.0")
            filled = stage.order("filled")
            for request in (resting, filled):
                first = await stage.oanda.place(request, stage.stamp())
                with pytest.raises(Refused, match=r"^duplicate_client_id$"):
                    await stage.oanda.place(request, stage.stamp())
                assert await stage.oanda.query(request) == first
            assert await stage.oanda.read_positions() == {EURUSD: Decimal(1000)}
            await stage.until(lambda: bool(stage.reports("filled")))
            await stage.oanda.place(stage.order("after"), stage.stamp())
            await stage.until(lambda: bool(stage.reports("after")))
            assert stage.reports("filled") == [OrderState.FILLED]
            assert stage.reports("resting") == [OrderState.WORKING]

    play(scene)


def test_what_is_wrong_with_an_order_is_said_by_oandas_own_reason(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            for wrong, reason in (
                (stage.order("a", "0.5"), "UNITS_PRECISION_EXCEEDED"),
                (stage.order("b", kind=OrderType.LIMIT, price="1.0000001"), "PRICE_PRECISION_EXCEEDED"),
            ):
                with pytest.raises(RefusedByOanda) as refusal:
                    await stage.oanda.place(wrong, stage.stamp())
                assert refusal.value.code == reason
                rejected = await stage.oanda.query(wrong)
                assert rejected is not None
                assert (rejected.state, rejected.reason) == (OrderState.REJECTED, reason.lower())
            poor = await stage.oanda.place(stage.order("c", "9000000"), stage.stamp())
            assert (poor.state, poor.reason) == (OrderState.CANCELLED, "insufficient_margin")
            late = Stamp(stage.clock.now_ms() - 61_000, 60_000)
            with pytest.raises(Retryable, match="not sent"):
                await stage.oanda.place(stage.order("d"), late)
            assert await stage.oanda.query(stage.order("d")) is None
            assert await stage.oanda.read_positions() == {}

    play(scene)


def test_a_close_that_finds_less_than_it_asks_for_opens_nothing(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            await stage.oanda.place(stage.order("entry", "300"), stage.stamp())
            for name, sold in (("first", 300), ("second", 0)):
                close = stage.order(name, side=Side.SELL, leg=Leg.CLOSE)
                try:
                    report = await stage.oanda.place(close, stage.stamp())
                    assert report.state is OrderState.CANCELLED
                    assert report.filled_size == sold
                except RefusedByOanda as refusal:
                    assert (refusal.status, sold) == (400, 0)
                assert await stage.oanda.read_positions() == {}

    play(scene)


def test_a_wrong_token_is_refused_everywhere(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording, token="wrong-token") as stage:
            with pytest.raises(RefusedByOanda) as refusal:
                await stage.oanda.read_balances()
            assert refusal.value.status == 401
            with pytest.raises(RefusedByOanda):
                await anext(aiter(stage.oanda.private_events()))
            with pytest.raises(RefusedByOanda):
                await anext(aiter(stage.oanda.quotes([EURUSD])))
            assert "wrong-token" not in str(refusal.value)

    play(scene)


# ---- faults


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.ERROR_ALTHOUGH_DONE])
def test_an_order_whose_answer_is_lost_is_unknown_and_found(recording: Recording, fault: Fault) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            stage.twin.faults.arm(fault, 502, times=1, only="POST")
            entry = stage.protected("entry")
            with pytest.raises(Unknown):
                await stage.oanda.place(entry, stage.stamp())
            report = await stage.oanda.query(entry)
            assert report is not None
            assert (report.state, report.filled_size) == (OrderState.FILLED, Decimal(1000))
            assert await stage.oanda.read_positions() == {EURUSD: Decimal(1000)}

    play(scene)


@pytest.mark.parametrize("fault", [Fault.REFUSE_BUSY, Fault.MAINTENANCE])
def test_an_order_that_was_not_taken_is_unknown_and_absent_from_the_log(recording: Recording, fault: Fault) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            stage.twin.faults.arm(fault, 503, times=1, only="POST")
            entry = stage.order("entry")
            with pytest.raises(Unknown):
                await stage.oanda.place(entry, stage.stamp())
            stage.twin.faults.disarm()
            assert await stage.oanda.query(entry) is None

    play(scene)


def test_too_many_requests_are_safe_to_repeat(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            stage.twin.faults.arm(Fault.RATE_LIMIT, 1, times=1)
            with pytest.raises(TooMany):
                await stage.oanda.place(stage.order("entry"), stage.stamp())
            assert (await stage.oanda.place(stage.order("entry"), stage.stamp())).state is OrderState.FILLED

    play(scene)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.LOST_FILL_FRAME,
        Fault.DUPLICATE_FRAME,
        Fault.SWAP_FRAMES,
        Fault.CUT_STREAMS,
        Fault.SILENCE,
        Fault.HALF_OPEN,
    ],
)
def test_every_fill_is_told_once_and_in_order_whatever_befalls_the_stream(recording: Recording, fault: Fault) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            await stage.listen()
            await stage.oanda.place(stage.order("before"), stage.stamp())
            await stage.until(lambda: bool(stage.fills()))
            times = None if fault in (Fault.SILENCE, Fault.HALF_OPEN) else 1
            stage.twin.faults.arm(fault, times=times)
            await stage.oanda.place(stage.protected("during"), stage.stamp())
            await stage.oanda.place(stage.order("close", "2000", Side.SELL, leg=Leg.CLOSE), stage.stamp())
            if times is None:
                await stage.until(lambda: StreamNote(StreamState.LOST, "was silent for 20 s") in stage.heard)
                stage.twin.faults.disarm()
            await stage.oanda.place(stage.order("after"), stage.stamp())
            await stage.until(lambda: "after" in {fill.client_order_id for fill in stage.fills()})
            polled, _ = await stage.oanda.read_fills(EURUSD, since="")
            assert stage.fills() == polled
            assert [fill.client_order_id for fill in polled] == ["before", "during", "close", "close", "after"]
            assert stage.reports("during-stop") == [OrderState.WORKING, OrderState.CANCELLED]
            assert stage.reports("close") == [OrderState.FILLED]

    play(scene)


def test_another_process_goes_on_where_this_one_ended(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            entry = stage.protected("entry", kind=OrderType.LIMIT, price="1.3")
            await stage.oanda.place(entry, stage.stamp())
            await stage.oanda.close()
            stage.begin_anew()
            await stage.listen()
            report = await stage.oanda.query(entry)
            assert report is not None
            assert report.state is OrderState.FILLED
            cancelled = await stage.oanda.cancel(entry.protection[1], stage.stamp())
            assert (cancelled.state, cancelled.client_order_id) == (OrderState.CANCELLED, "entry-target")
            await stage.until(lambda: bool(stage.reports("entry-target")))
            told = [one for one in stage.heard if isinstance(one, OrderReport)]
            assert told == [cancelled]
            assert told[0].size == Decimal(1000)
            fills, _ = await stage.oanda.read_fills(EURUSD, since="")
            assert [(fill.client_order_id, fill.leg) for fill in fills] == [("entry", Leg.ENTRY)]

    play(scene)
