"""Binance's private streams: how they are opened, what they tell, and how they come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from binance_scene import CREDENTIALS, INFO, NOW_MS, SPOT, USDM, Scene, play, refusal

from holdfast.model.errors import Refused, Retryable
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, OrderReport, OrderState, Side
from holdfast.ports.exchange import PrivateEvent, StreamNote, StreamState
from holdfast.venues.binance.usdm import KEEP_ALIVE_S

CONNECTED = StreamNote(StreamState.CONNECTED)
KEY = {"POST listenKey": {"listenKey": "lk"}, "PUT listenKey": {}}


def execution(**more: Any) -> dict[str, Any]:
    return {
        "e": "executionReport", "E": NOW_MS, "s": "BTCUSDT", "c": "hfentry", "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "0.50000000", "p": "100.10", "P": "0", "F": "0", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE",
        "i": 28, "l": "0.00", "z": "0.00", "L": "0.00", "n": "0", "N": None, "T": NOW_MS, "t": -1, "w": True,
        "m": False, "M": False, "O": NOW_MS, "Z": "0", "Y": "0", "Q": "0",
        **more,
    }  # fmt: skip


def traded(**more: Any) -> dict[str, Any]:
    return execution(x="TRADE", X="FILLED", l="0.5", z="0.5", L="100.1", n="0.05", N="USDT", t=77, m=True, **more)


def in_event(event: dict[str, Any]) -> dict[str, Any]:
    return {"subscriptionId": 0, "event": event}


async def some(told: AsyncIterator[PrivateEvent], count: int) -> list[PrivateEvent]:
    return [await asyncio.wait_for(anext(told), 2) for _ in range(count)]


def test_the_spot_stream_is_subscribed_with_a_signature_over_sorted_parameters() -> None:
    async def scene() -> None:
        s = Scene()
        assert await some(s.spot.private_events(), 1) == [CONNECTED]
        (line,) = s.lines.opened
        (asked,) = line.heard
        payload = f"apiKey=the-key&recvWindow=5000&timestamp={NOW_MS}"
        assert asked["method"] == "userDataStream.subscribe.signature"
        assert asked["params"] == {
            "apiKey": "the-key",
            "recvWindow": 5000,
            "timestamp": NOW_MS,
            "signature": CREDENTIALS.signer.sign(payload.encode()),
        }
        assert line.url.endswith("/ws-api/v3")

    play(scene)


def test_a_trade_is_a_fill_and_then_the_state_it_led_to() -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(in_event(execution()), in_event(traded()))
        new, fill, filled = await some(told, 3)
        assert isinstance(new, OrderReport)
        assert isinstance(filled, OrderReport)
        assert (new.state, filled.state, filled.filled_size) == (OrderState.WORKING, OrderState.FILLED, Decimal("0.5"))
        assert fill == Fill(
            trade_id="77",
            client_order_id="hfentry",
            symbol=SPOT,
            side=Side.BUY,
            leg=Leg.ENTRY,
            price=Decimal("100.1"),
            size=Decimal("0.5"),
            fee=Decimal("0.05"),
            quote="USDT",
            maker=True,
            time_ms=NOW_MS,
        )

    play(scene)


def test_a_cancel_is_told_under_the_id_of_what_was_cancelled() -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(in_event(execution(c="web_cancel", C="hfentry", x="CANCELED", X="CANCELED")))
        (report,) = await some(told, 1)
        assert isinstance(report, OrderReport)
        assert (report.client_order_id, report.state, report.reason) == ("hfentry", OrderState.CANCELLED, "canceled")

    play(scene)


def test_why_an_order_ended_is_kept() -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(in_event(execution(x="EXPIRED", X="EXPIRED", eR="INSUFFICIENT_LIQUIDITY")))
        (report,) = await some(told, 1)
        assert isinstance(report, OrderReport)
        assert (report.state, report.reason) == (OrderState.EXPIRED, "INSUFFICIENT_LIQUIDITY")

    play(scene)


def test_unknown_values_and_events_are_counted_and_stop_nothing() -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(in_event({"e": "tideReport"}), in_event({"e": "balanceUpdate", "d": "1"}))
        s.lines.opened[0].say(in_event(execution(x="PONDERED", X="PONDERING")), in_event(execution()))
        odd, plain = await some(told, 2)
        assert isinstance(odd, OrderReport)
        assert isinstance(plain, OrderReport)
        assert (odd.state, plain.state) == (OrderState.UNKNOWN, OrderState.WORKING)
        assert dict(s.spot.odd) == {
            "private event tideReport": 1,
            "execution PONDERED": 1,
            "order status PONDERING": 1,
        }

    play(scene)


@pytest.mark.parametrize(
    "frame", [b"{not json", b'{"e":"executionReport"}', b'{"event":{"e":"executionReport","q":"x"}}']
)
def test_a_malformed_event_says_that_something_may_be_missing(frame: bytes) -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(frame, in_event(execution()))
        stale, report = await some(told, 2)
        assert isinstance(stale, StreamNote)
        assert stale.state is StreamState.STALE
        assert isinstance(report, OrderReport)

    play(scene)


@pytest.mark.parametrize("end", ["closed", "eventStreamTerminated", "serverShutdown"])
def test_a_stream_that_ends_says_so_and_comes_back(end: str) -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        if end == "closed":
            s.lines.opened[0].sink.closed(1006, "the connection broke")
        else:
            s.lines.opened[0].say(in_event({"e": end, "E": NOW_MS}))
        (lost,) = await some(told, 1)
        assert isinstance(lost, StreamNote)
        assert lost.state is StreamState.LOST
        assert ("1006" if end == "closed" else end) in lost.reason
        again = asyncio.ensure_future(some(told, 1))
        await asyncio.sleep(0.01)
        assert not again.done(), "it waits before it comes back"
        s.clock.advance_to(s.clock.now_ms() + 1000)
        assert await again == [CONNECTED]
        assert not s.lines.opened[0].open
        s.lines.opened[1].say(in_event(execution()))
        assert isinstance((await some(told, 1))[0], OrderReport)

    play(scene)


def test_attempts_become_rarer_while_nothing_connects() -> None:
    async def scene() -> None:
        s = Scene()
        s.lines.refuse = [Retryable(f"refused {n}") for n in range(3)]
        told = s.spot.private_events()
        for wait_s in (1, 2, 4):
            (lost,) = await some(told, 1)
            assert isinstance(lost, StreamNote)
            assert lost.state is StreamState.LOST
            coming = asyncio.ensure_future(some(told, 1))
            await asyncio.sleep(0.005)
            s.clock.advance_to(s.clock.now_ms() + wait_s * 1000 - 1)
            await asyncio.sleep(0.005)
            assert not coming.done()
            s.clock.advance_to(s.clock.now_ms() + 1)
            told = chain(await coming, told)
        assert await some(told, 1) == [CONNECTED]

    play(scene)


async def chain(first: list[PrivateEvent], rest: AsyncIterator[PrivateEvent]) -> AsyncIterator[PrivateEvent]:
    for event in first:
        yield event
    async for event in rest:
        yield event


def test_a_key_that_is_not_accepted_ends_the_stream_with_the_reason() -> None:
    async def scene() -> None:
        s = Scene({"POST listenKey": refusal(-2015, 401, "Invalid API-key, IP, or permissions for action.")})
        with pytest.raises(Refused, match="-2015"):
            await some(s.usdm.private_events(), 1)

    play(scene)


def test_the_futures_stream_is_at_its_listen_key_which_is_kept_alive() -> None:
    async def scene() -> None:
        s = Scene(KEY)
        told = s.usdm.private_events()
        assert await some(told, 1) == [CONNECTED]
        assert s.lines.opened[0].url == "wss://fstream.binance.com/private/ws/lk"
        assert s.wire.asked[0].headers == {"X-MBX-APIKEY": "the-key"}
        for _ in range(2):
            await asyncio.sleep(0.005)
            s.clock.advance_to(s.clock.now_ms() + int(KEEP_ALIVE_S * 1000))
        await asyncio.sleep(0.005)
        assert s.wire.paths == ["POST /fapi/v1/listenKey", "PUT /fapi/v1/listenKey", "PUT /fapi/v1/listenKey"]

    play(scene)


@pytest.mark.parametrize("how", ["told", "refused"])
def test_an_expired_listen_key_is_replaced(how: str) -> None:
    async def scene() -> None:
        s = Scene({**KEY, "PUT listenKey": refusal(-1125)})
        told = s.usdm.private_events()
        await some(told, 1)
        if how == "told":
            s.lines.opened[0].say({"e": "listenKeyExpired", "E": NOW_MS, "listenKey": "lk"})
        else:
            await asyncio.sleep(0.005)
            s.clock.advance_to(s.clock.now_ms() + int(KEEP_ALIVE_S * 1000))
        (lost,) = await some(told, 1)
        assert isinstance(lost, StreamNote)
        assert lost.state is StreamState.LOST
        coming = asyncio.ensure_future(some(told, 1))
        await asyncio.sleep(0.005)
        s.clock.advance_to(s.clock.now_ms() + 1000)
        assert await coming == [CONNECTED]
        assert s.wire.paths.count("POST /fapi/v1/listenKey") == 2

    play(scene)


def test_a_triggered_stop_is_told_from_both_its_lives_in_order() -> None:
    async def scene() -> None:
        s = Scene(KEY)
        told = s.usdm.private_events()
        await some(told, 1)
        outer = {"caid": "hfstop", "aid": 9, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "q": "0"}
        inner = {**traded(), "c": "hfstop", "S": "SELL", "o": "MARKET", "R": True, "rp": "1", "T": NOW_MS}
        algo = [
            {"e": "ALGO_UPDATE", "T": NOW_MS, "E": NOW_MS, "o": {**outer, "X": "NEW", "ai": ""}},
            {"e": "ALGO_UPDATE", "T": NOW_MS, "E": NOW_MS, "o": {**outer, "X": "TRIGGERING"}},
            {"e": "ORDER_TRADE_UPDATE", "T": NOW_MS, "E": NOW_MS, "o": inner},
            {"e": "ALGO_UPDATE", "T": NOW_MS, "E": NOW_MS, "o": {**outer, "X": "TRIGGERED", "ai": "28"}},
            {"e": "ALGO_UPDATE", "T": NOW_MS, "E": NOW_MS, "o": {**outer, "X": "FINISHED", "ai": "28", "aq": "0.5"}},
        ]
        s.lines.opened[0].say(*algo)
        waiting, fill, filled, finished = await some(told, 4)
        assert isinstance(fill, Fill)
        assert (fill.symbol, fill.side, fill.client_order_id) == (USDM, Side.SELL, "hfstop")
        for report, state in (
            (waiting, OrderState.WORKING),
            (filled, OrderState.FILLED),
            (finished, OrderState.FILLED),
        ):
            assert isinstance(report, OrderReport)
            assert (report.client_order_id, report.state) == ("hfstop", state)

    play(scene)


def test_a_fill_whose_fee_cannot_be_asked_for_now_sends_the_reader_to_poll() -> None:
    async def scene() -> None:
        s = Scene({"GET klines": Retryable("no connection")})
        told = s.spot.private_events()
        await some(told, 1)
        s.lines.opened[0].say(in_event({**traded(), "N": "BNB"}))
        stale, report = await some(told, 2)
        assert isinstance(stale, StreamNote)
        assert (stale.state, "77" in stale.reason) == (StreamState.STALE, True)
        assert isinstance(report, OrderReport)
        assert INFO["symbols"]

    play(scene)


def test_closing_ends_the_stream_for_its_reader() -> None:
    async def scene() -> None:
        s = Scene()
        told = s.spot.private_events()
        await some(told, 1)
        rest = asyncio.ensure_future(anext(told, None))
        await asyncio.sleep(0.005)
        await s.spot.close()
        assert await asyncio.wait_for(rest, 2) is None
        assert not s.lines.opened[0].open

    play(scene)
