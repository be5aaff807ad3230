"""OANDA's streams on a driven clock: silence, gaps in the numbers, refusals, and patience."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oanda_scene import EURUSD, NOW_MS, Json, Scene, created, filled, log_of, play

from holdfast.model.errors import Retryable
from holdfast.model.fill import Fill
from holdfast.model.order import OrderReport
from holdfast.ports.exchange import PrivateEvent, StreamNote, StreamState
from holdfast.ports.transport import HttpAnswer
from holdfast.venues.oanda.errors import RefusedByOanda
from holdfast.venues.oanda.market import Quote

CONNECTED = StreamNote(StreamState.CONNECTED)
LOG = [created(4), filled(5, of=4), created(6, "hf-2"), filled(7, of=6, name="hf-2"), created(8, "hf-3")]


def account(last: int) -> Json:
    summary = {"id": "1", "currency": "USD", "balance": "1"}
    return {"account": summary, "lastTransactionID": str(last)}


def heartbeat(last: int) -> Json:
    return {"type": "HEARTBEAT", "lastTransactionID": str(last), "time": "1.0"}


class Ear:
    """Listens to the private events of a scene."""

    def __init__(self, stage: Scene) -> None:
        self.stage = stage
        self.heard: list[PrivateEvent] = []
        self.task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self.stage.oanda.private_events():
            self.heard.append(event)

    @property
    def trades(self) -> list[str]:
        return [event.trade_id for event in self.heard if isinstance(event, Fill)]

    @property
    def notes(self) -> list[StreamNote]:
        return [event for event in self.heard if isinstance(event, StreamNote)]


def test_each_transaction_is_told_once_whatever_the_stream_repeats_or_leaves_out() -> None:
    async def scene() -> None:
        stage = Scene(GET_summary=account(3), **log_of(*LOG[:0]))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "3"})
        ear = Ear(stage)
        await stage.pass_s(0)
        line = stage.lines.opened[0]
        stage.wire.say(**log_of(*LOG[:4]))
        line.say(LOG[0], LOG[1], LOG[1])
        await stage.pass_s(0)
        assert ear.trades == ["5:5"]
        line.say(heartbeat(7))
        await stage.pass_s(0)
        assert ear.trades == ["5:5", "7:7"]
        line.say(LOG[2], LOG[3], heartbeat(7))
        await stage.pass_s(0)
        assert ear.trades == ["5:5", "7:7"]
        assert ear.notes == [CONNECTED]
        await stage.oanda.close()
        await ear.task
        assert not line.open

    play(scene)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(LOG) - 1), max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_any_mixture_of_lines_is_told_as_the_log_has_it(lines: list[int], beats: list[int]) -> None:
    """Lost, repeated and exchanged lines, heartbeats anywhere: every fill once and in order."""

    async def scene() -> None:
        stage = Scene(GET_summary=account(3))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "3"})
        ear = Ear(stage)
        await stage.pass_s(0)
        stage.wire.say(**log_of(*LOG))
        for place, number in enumerate(lines):
            stage.lines.opened[0].say(LOG[number], *([heartbeat(LOG[number]["id"])] if place in beats else []))
            if place % 2:
                await stage.pass_s(0)
        stage.lines.opened[0].say(heartbeat(8))
        await stage.pass_s(0)
        assert ear.trades == ["5:5", "7:7"]
        reports = [event.client_order_id for event in ear.heard if isinstance(event, OrderReport)]
        assert reports == ["hf-1", "hf-2"]
        await stage.oanda.close()
        await ear.task

    play(scene)


def test_what_happened_while_the_stream_was_lost_is_told_when_it_is_back() -> None:
    async def scene() -> None:
        stage = Scene(GET_summary=account(3))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "3"})
        ear = Ear(stage)
        await stage.pass_s(0)
        stage.lines.refuse = [Retryable("no route"), HttpAnswer(503, {}, b"")]
        stage.lines.opened[0].sink.closed(1006, "cut")
        stage.wire.say(**log_of(*LOG))
        for seconds in (0, 1, 2, 4):
            await stage.pass_s(seconds)
        assert ear.trades == ["5:5", "7:7"]
        lost = [StreamState.LOST] * 3
        assert [note.state for note in ear.notes] == [StreamState.CONNECTED, *lost, StreamState.CONNECTED]
        await stage.oanda.close()
        await ear.task

    play(scene)


def test_an_open_stream_without_a_heartbeat_is_given_up_after_twenty_seconds() -> None:
    async def scene() -> None:
        stage = Scene(GET_summary=account(3))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "3"})
        ear = Ear(stage)
        await stage.pass_s(0)
        for _ in range(10):
            await stage.pass_s(5)
            stage.lines.opened[0].say(heartbeat(3))
            await stage.pass_s(0)
        assert ear.notes == [CONNECTED]
        for _ in range(4):
            await stage.pass_s(4.99)
        assert ear.notes == [CONNECTED]
        await stage.pass_s(0.05)
        assert ear.notes[1:] == [StreamNote(StreamState.LOST, "was silent for 20 s")]
        await stage.pass_s(1)
        assert ear.notes[2:] == [CONNECTED]
        assert [line.open for line in stage.lines.opened] == [False, True]
        await stage.oanda.close()
        await ear.task

    play(scene)


def test_a_line_that_cannot_be_read_loses_the_stream_and_no_transaction() -> None:
    async def scene() -> None:
        stage = Scene(GET_summary=account(3))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "3"})
        ear = Ear(stage)
        await stage.pass_s(0)
        stage.wire.say(**log_of(*LOG[:2]))
        stage.lines.opened[0].say(b'{"id": "4", "type": "MARKET_')
        await stage.pass_s(0)
        await stage.pass_s(1)
        assert ear.trades == ["5:5"]
        assert [note.state for note in ear.notes] == [StreamState.CONNECTED, StreamState.LOST, StreamState.CONNECTED]
        await stage.oanda.close()
        await ear.task

    play(scene)


def test_a_transaction_whose_order_cannot_be_asked_for_is_told_after_the_next_connection() -> None:
    async def scene() -> None:
        pending = {"id": "4", "type": "MARKET", "state": "FILLED", "units": "1000", "clientExtensions": {"id": "hf-1"}}
        stage = Scene(GET_summary=account(4), GET_4=(Retryable("lost"), {"order": pending}))
        stage.wire.say(GET_sinceid={"transactions": [], "lastTransactionID": "4"})
        ear = Ear(stage)
        await stage.pass_s(0)
        stage.wire.say(**log_of(*LOG[:2]))
        stage.lines.opened[0].say(LOG[1])
        await stage.pass_s(0)
        assert ear.trades == []
        await stage.pass_s(1)
        assert ear.trades == ["5:5"]
        await stage.oanda.close()
        await ear.task

    play(scene)


def test_a_refused_stream_is_not_asked_for_again() -> None:
    async def scene() -> None:
        stage = Scene(GET_summary=account(3))
        stage.lines.refuse = [HttpAnswer(401, {}, b'{"errorMessage": "Insufficient authorization"}')] * 2
        with pytest.raises(RefusedByOanda, match="Insufficient authorization"):
            await anext(aiter(stage.oanda.private_events()))
        with pytest.raises(RefusedByOanda):
            await anext(aiter(stage.oanda.quotes([EURUSD])))

    play(scene)


def test_quotes_are_best_bid_and_ask_and_a_closed_market_is_no_fault() -> None:
    async def scene() -> None:
        stage = Scene()
        seen: list[Quote | StreamNote] = []

        async def listen() -> None:
            async for one in stage.oanda.quotes([EURUSD]):
                seen[len(seen) :] = [one]

        task = asyncio.get_running_loop().create_task(listen())
        await stage.pass_s(0)
        line = stage.lines.opened[0]
        assert line.request.query == "instruments=EUR_USD"
        sides = {"bids": [{"price": "1.1"}, {"price": "1.2"}], "asks": [{"price": "1.4"}, {"price": "1.3"}]}
        price = {"type": "PRICE", "instrument": "EUR_USD", "time": f"{NOW_MS // 1000}.250", **sides}
        line.say(
            price | {"tradeable": True}, {"type": "HEARTBEAT", "time": "1.0"}, price | {"tradeable": False, "bids": []}
        )
        line.say(b"{", {"type": "NEWS", "time": "1.0"})
        await stage.pass_s(0)
        open_quote = Quote(EURUSD, NOW_MS + 250, Decimal("1.2"), Decimal("1.3"), tradeable=True)
        assert seen == [CONNECTED, open_quote, Quote(EURUSD, NOW_MS + 250, None, Decimal("1.3"), tradeable=False)]
        assert stage.oanda.odd == {"unreadable pricing line": 1, "pricing line NEWS": 1}
        for _ in range(6):
            await stage.pass_s(5)
            line.say({"type": "HEARTBEAT", "time": "1.0"})
            await stage.pass_s(0)
        assert len(seen) == 3
        await stage.pass_s(10)
        assert seen[3] == StreamNote(StreamState.LOST, "was silent for 10 s")
        await stage.oanda.close()
        await stage.pass_s(1)
        await task

    play(scene)
