"""The Binance adapters over real sockets against the twin that was written apart from them, and through its faults."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from binance_stage import MARKETS, MINUTE_MS, USDM, is_note, order, play, protected, staged, until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import HoldfastError, Refused, Retryable, Unknown
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, OrderState, OrderType, Side
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Stamp, StreamNote, StreamState
from holdfast.ports.transport import Limited
from holdfast.sim.twins.faults import Fault
from holdfast.venues.binance import streams
from holdfast.venues.binance.errors import RefusedByBinance, TooMany
from holdfast.venues.binance.market import MarketFrames
from holdfast.world.websocket import WebSocketClient


@pytest.mark.parametrize("market", MARKETS)
def test_a_protected_market_entry_rests_behind_its_protection_and_its_fill_is_one(market: str) -> None:
    async def scene() -> None:
        async with staged() as stage:
            venue = stage.market(market)
            told = venue.private_events()
            await until(told, is_note(StreamState.CONNECTED))
            entry = await protected(stage, market, "a", OrderType.MARKET)
            report = await venue.place(entry, stage.stamp())
            assert (report.state, report.filled_size) == (OrderState.FILLED, Decimal("0.05"))
            fill = await until(told, lambda event: isinstance(event, Fill))
            asked, cursor = await venue.read_fills(entry.symbol, since="")
            assert asked == [fill]
            assert isinstance(fill, Fill)
            assert (fill.client_order_id, fill.leg, fill.fee > 0) == (entry.client_order_id, Leg.ENTRY, True)
            assert await venue.read_fills(entry.symbol, since=cursor) == ([], cursor)
            resting = {one.client_order_id for one in await venue.read_open_orders()}
            assert resting == {leg.client_order_id for leg in entry.protection}
            for leg in entry.protection:
                known = await venue.query(leg)
                assert known is not None
                assert known.state is OrderState.WORKING
            # On spot the two are a list, which ends with either.
            for leg in entry.protection[: 2 if market == "usdm" else 1]:
                await venue.cancel(leg, stage.stamp())
            assert await venue.read_open_orders() == []
            assert not {key for key in venue.odd if "candle" not in key}

    play(scene)


def test_a_protected_limit_entry_on_spot_holds_its_protection_until_it_fills() -> None:
    async def scene() -> None:
        async with staged() as stage:
            entry = await protected(stage, "spot", "b", OrderType.LIMIT, at="0.95")
            assert (await stage.spot.place(entry, stage.stamp())).state is OrderState.WORKING
            states = {one.client_order_id: one.state for one in await stage.spot.read_open_orders()}
            assert states == {
                "hfspotb": OrderState.WORKING,
                "hfspotbstop": OrderState.HELD,
                "hfspotbaim": OrderState.HELD,
            }
            await stage.spot.cancel(entry, stage.stamp())
            assert await stage.spot.read_open_orders() == []
            marketable = await protected(stage, "spot", "c", OrderType.LIMIT, at="1.01")
            assert (await stage.spot.place(marketable, stage.stamp())).state is OrderState.FILLED
            states = {one.client_order_id: one.state for one in await stage.spot.read_open_orders()}
            assert states == {"hfspotcstop": OrderState.WORKING, "hfspotcaim": OrderState.WORKING}

    play(scene)


def test_a_stop_that_is_hit_closes_the_position_and_tells_it_as_a_stop() -> None:
    async def scene() -> None:
        async with staged(driven=True) as stage:
            venue = stage.usdm
            told = venue.private_events()
            await until(told, is_note(StreamState.CONNECTED))
            stop = await order(stage, "usdm", "dstop", OrderType.STOP, at="0.9995", side=Side.SELL, leg=Leg.STOP)
            entry = await order(stage, "usdm", "d", protection=(stop,))
            await venue.place(entry, stage.stamp())
            assert await venue.read_positions() == {USDM: Decimal("0.05")}
            hit = asyncio.ensure_future(until(told, lambda event: isinstance(event, Fill) and event.leg is Leg.STOP))
            await stage.drive(300, hit.done)
            fill = await hit
            assert isinstance(fill, Fill)
            assert (fill.client_order_id, fill.side, fill.size) == ("hfusdmdstop", Side.SELL, Decimal("0.05"))
            assert await venue.read_positions() == {}
            known = await venue.query(stop)
            assert known is not None
            assert (known.state, known.filled_size) == (OrderState.FILLED, Decimal("0.05"))

    play(scene)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.ERROR_ALTHOUGH_DONE])
def test_an_order_whose_answer_is_lost_is_unknown_and_found_by_its_id(market: str, fault: Fault) -> None:
    async def scene() -> None:
        async with staged() as stage:
            venue = stage.market(market)
            wanted = await order(stage, market, "e")
            stage.twin.faults.arm(fault, 503, times=1, only="POST")
            with pytest.raises(Unknown):
                await venue.place(wanted, stage.stamp())
            known = await venue.query(wanted)
            assert known is not None
            assert (known.state, known.filled_size) == (OrderState.FILLED, Decimal("0.05"))
            assert len((await venue.read_fills(wanted.symbol, since=""))[0]) == 1

    play(scene)


@pytest.mark.parametrize("fault", [Fault.REFUSE_BUSY, Fault.MAINTENANCE])
def test_an_order_that_was_not_taken_is_never_called_refused(fault: Fault) -> None:
    async def scene() -> None:
        async with staged() as stage:
            wanted = await order(stage, "spot", "f")
            stage.twin.faults.arm(fault, 503, times=1, only="POST")
            with pytest.raises(HoldfastError) as caught:
                await stage.spot.place(wanted, stage.stamp())
            stage.twin.faults.disarm()
            assert isinstance(caught.value, Unknown | Retryable)
            assert await stage.spot.query(wanted) is None

    play(scene)


def test_wrong_orders_are_refused_with_the_venues_words() -> None:
    async def scene() -> None:
        async with staged() as stage:
            wrong = {
                -1013: await order(stage, "spot", "g", OrderType.LIMIT, at="0.0001"),
                -2010: await order(stage, "spot", "h", side=Side.SELL),
            }
            for code, request in wrong.items():
                with pytest.raises(RefusedByBinance) as caught:
                    await stage.spot.place(request, stage.stamp())
                assert caught.value.code == code
            stop = await order(stage, "usdm", "i", OrderType.STOP, at="1.5", side=Side.SELL, leg=Leg.STOP)
            with pytest.raises(RefusedByBinance):
                await stage.usdm.place(stop, stage.stamp())
            with pytest.raises(RefusedByBinance) as caught:
                await stage.spot.cancel(await order(stage, "spot", "never"), stage.stamp())
            assert caught.value.code == -2011

    play(scene)


def test_a_stamp_that_ran_out_is_refused_by_the_venue() -> None:
    async def scene() -> None:
        async with staged() as stage:
            wanted = await order(stage, "spot", "j")
            for late_ms in (2000, -2000):
                stamp = Stamp(stage.clock.now_ms() - late_ms, 1000)
                with pytest.raises(RefusedByBinance) as caught:
                    await stage.spot.place(wanted, stamp)
                assert caught.value.code == -1021
            assert await stage.spot.query(wanted) is None
            stage.twin.faults.arm(Fault.CLOCK_OFFSET, 7000)
            with pytest.raises(Refused, match="-1021"):
                await stage.spot.read_balances()
            assert abs(await stage.spot.read_time_ms() - stage.clock.now_ms() - 7000) < 1000

    play(scene)


@pytest.mark.parametrize("wrong", [{"key": "somebody-else"}, {"secret": "guessed"}])
def test_wrong_keys_are_refused_everywhere(wrong: dict[str, str]) -> None:
    async def scene() -> None:
        async with staged(**wrong) as stage:
            with pytest.raises(Refused):
                await stage.usdm.read_balances()
            with pytest.raises(Refused):
                await anext(stage.spot.private_events())

    play(scene)


def test_an_ed25519_key_signs_requests_and_streams() -> None:
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def scene() -> None:
        async with staged(secret=secret, pem=public) as stage:
            told = stage.spot.private_events()
            await until(told, is_note(StreamState.CONNECTED))
            report = await stage.spot.place(await order(stage, "spot", "k"), stage.stamp())
            assert report.state is OrderState.FILLED

    play(scene)


def test_a_limit_that_is_spent_silences_the_budget_and_not_the_next_caller() -> None:
    async def scene() -> None:
        async with staged(driven=True) as stage:
            stage.twin.faults.arm(Fault.RATE_LIMIT, 30, times=1)
            with pytest.raises(TooMany) as caught:
                await stage.spot.read_time_ms()
            assert caught.value.retry_after_s == 30
            asked_ms = stage.clock.now_ms()
            later = asyncio.ensure_future(stage.spot.read_time_ms())
            await asyncio.sleep(0.05)
            assert not later.done()
            await stage.drive(0.6)
            assert await later - asked_ms >= 30_000

    play(scene)


def test_the_budget_takes_the_venues_limits_and_counts() -> None:
    async def scene() -> None:
        async with staged() as stage:
            await stage.spot.read_instruments()
            limits = {(one.what, one.window_ms): one.most for one in stage.budget.limits}
            assert limits[Limited.WEIGHT, MINUTE_MS] == 6000
            used = {one.what: count for one, count in stage.budget.used().items() if one.window_ms == MINUTE_MS}
            assert used[Limited.WEIGHT] == 20

    play(scene)


@pytest.mark.parametrize("market", MARKETS)
def test_a_cut_stream_comes_back_and_a_lost_fill_is_found_by_asking(market: str) -> None:
    async def scene() -> None:
        async with staged() as stage:
            venue = stage.market(market)
            told = venue.private_events()
            await until(told, is_note(StreamState.CONNECTED))
            stage.twin.faults.arm(Fault.CUT_STREAMS, 1006, times=1)
            lost = await until(told, is_note(StreamState.LOST))
            assert isinstance(lost, StreamNote)
            missed = await order(stage, market, "l")
            await venue.place(missed, stage.stamp())
            await until(told, is_note(StreamState.CONNECTED))
            fills, _ = await venue.read_fills(missed.symbol, since="")
            assert [fill.client_order_id for fill in fills] == [missed.client_order_id]
            await venue.place(await order(stage, market, "m"), stage.stamp())
            again = await until(told, lambda event: isinstance(event, Fill))
            assert isinstance(again, Fill)
            assert again.client_order_id == f"hf{market}m"

    play(scene)


def test_a_duplicated_frame_carries_the_same_trade() -> None:
    async def scene() -> None:
        async with staged() as stage:
            told = stage.spot.private_events()
            await until(told, is_note(StreamState.CONNECTED))
            stage.twin.faults.arm(Fault.DUPLICATE_FRAME)
            await stage.spot.place(await order(stage, "spot", "n"), stage.stamp())
            first = await until(told, lambda event: isinstance(event, Fill))
            second = await until(told, lambda event: isinstance(event, Fill))
            assert first == second

    play(scene)


def test_the_timer_cancels_what_rests_when_nobody_renews_it() -> None:
    async def scene() -> None:
        async with staged(driven=True) as stage:
            resting = await order(stage, "usdm", "o", OrderType.LIMIT, at="0.9")
            await stage.usdm.place(resting, stage.stamp())
            await stage.usdm.arm_dead_man(USDM, 20_000)
            assert len(await stage.usdm.read_open_orders()) == 1
            await stage.drive(0.5)
            assert await stage.usdm.read_open_orders() == []
            known = await stage.usdm.query(resting)
            assert known is not None
            assert known.state is OrderState.CANCELLED

    play(scene)


class Candles:
    """A sink that keeps the closed bars."""

    def __init__(self, frames: MarketFrames) -> None:
        self.frames = frames
        self.blocks: list[CandleBlock] = []

    def frame(self, payload: memoryview) -> None:
        self.frames.frame(payload)

    def batch_end(self) -> None:
        if (block := self.frames.take_candles()) is not None:
            self.blocks.append(block)

    def closed(self, code: int, reason: str) -> None:
        return


def test_streamed_bars_equal_those_asked_for_later() -> None:
    async def scene() -> None:
        async with staged(driven=True) as stage:
            stage.twin.faults.arm(Fault.LATE_PARTIAL)
            symbols = sorted(await stage.usdm.read_instruments())
            sink = Candles(MarketFrames(symbols, Timeframe.M1))
            wanted = [streams.kline_stream(symbol, Timeframe.M1) for symbol in symbols]
            root = f"{stage.twin.socket_url}/fstream/market"
            line = await WebSocketClient().connect(streams.combined_url(root, wanted[:2]), sink)
            line.send(streams.subscribe(wanted[2:], 1))
            await asyncio.sleep(0.05)
            await stage.drive(5)
            await line.close()
            assert sink.frames.notices == [{"result": None, "id": 1}]
            for index, symbol in enumerate(symbols):
                told = {
                    time: tuple(values)
                    for block in sink.blocks
                    for of, time, values in zip(
                        block.symbol_index, block.open_time_ms.tolist(), block.values.tolist(), strict=True
                    )
                    if of == index
                }
                asked = await stage.usdm.read_candles(symbol, Timeframe.M1, after_ms=min(told) - 1, limit=100)
                rows = dict(zip(asked.open_time_ms.tolist(), map(tuple, asked.values.tolist()), strict=True))
                assert len(told) >= 4
                assert {time: told[time] for time in rows} == rows
            assert sink.frames.partial > len(sink.blocks)

    play(scene)
