"""The ccxt adapter with the real ccxt over real sockets: against the Binance twin, as if that were some other venue."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from holdfast.model.errors import BadInput, HoldfastError, Refused, Unknown
from holdfast.model.order import Leg, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Stamp
from holdfast.sim.twins.binance import BinanceTwin, TwinAccount
from holdfast.sim.twins.faults import Fault
from holdfast.venues.long_tail import errors
from holdfast.venues.long_tail.errors import NotFound, error_of
from holdfast.venues.long_tail.exchange import CcxtExchange, Doors
from holdfast.venues.long_tail.opening import open_client
from holdfast.world.clock import SystemClock
from holdfast.world.recording import Recording, read_recording

BTC = Symbol("binance", "spot", "BTC-USDT")


@pytest.fixture(scope="module")
def ccxt() -> ModuleType:
    with warnings.catch_warnings():
        # What a stranger's import warns of is the stranger's business.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("ccxt.async_support")
        except ImportError:
            if os.environ.get("CI"):
                raise
            pytest.skip("ccxt is not installed")


@pytest.fixture(scope="module")
def recording(project_data: Path) -> Recording:
    return read_recording(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet").only(["BTCUSDT"])


class Stage:
    """A twin, and the adapter with ccxt's own client before it."""

    def __init__(self, recording: Recording) -> None:
        self.clock = SystemClock()
        self.twin = BinanceTwin([recording], self.clock, accounts=[TwinAccount()])

    async def open(self) -> None:
        await self.twin.start()
        self.client, failure = open_client("binance", "spot", key="twin-key", secret="twin-secret")
        self.client.urls["api"] = self._moved(self.client.urls["api"])
        self.client.options["fetchMarkets"] = {"types": ["spot"]}
        self.exchange = CcxtExchange(self.client, failure, "spot", Doors(self.clock, self.clock.now_ms))

    async def close(self) -> None:
        await self.exchange.close()
        await self.twin.stop()

    def stamp(self) -> Stamp:
        return Stamp(self.clock.now_ms(), 5000)

    def order(self, name: str, size: str = "0.01", side: Side = Side.BUY, price: str | None = None) -> OrderRequest:
        return OrderRequest(
            client_order_id=name,
            symbol=BTC,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            size=Decimal(size),
            price=None if price is None else Decimal(price),
            reduce_only=False,
            leg=Leg.ENTRY,
            placed_at_ms=self.clock.now_ms(),
        )

    def _moved(self, addresses: Any) -> Any:
        if isinstance(addresses, dict):
            return {name: self._moved(address) for name, address in addresses.items()}
        return addresses.replace("https://", f"{self.twin.url}/").replace("wss://", f"{self.twin.socket_url}/")


@asynccontextmanager
async def staged(recording: Recording) -> AsyncIterator[Stage]:
    stage = Stage(recording)
    await stage.open()
    try:
        yield stage
    finally:
        await stage.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(bounded())


@pytest.mark.usefixtures("ccxt")
def test_another_venue_is_read_traded_on_and_asked_again(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            venue = stage.exchange
            instrument = (await venue.read_instruments())[BTC]
            assert (instrument.base, instrument.quote) == ("BTC", "USDT")
            assert instrument.price_tick.normalize().as_tuple().digits == (1,)
            assert abs(await venue.read_time_ms() - stage.clock.now_ms()) < 60_000
            (liquid,) = [one for one in await venue.read_liquidity() if one.symbol == BTC]
            block = await venue.read_candles(
                BTC, Timeframe.H1, after_ms=stage.clock.now_ms() - 20 * 3_600_000, limit=99
            )
            assert 15 <= len(block) <= 20
            assert block.open_time_ms[-1] + 3_600_000 <= stage.clock.now_ms()

            bought = await venue.place(stage.order("hf-1"), stage.stamp())
            assert (bought.state, bought.filled_size) == (OrderState.FILLED, Decimal("0.01"))
            assert await venue.query(stage.order("hf-1")) is not None
            price = str(instrument.round_price(liquid.last_price / 2, up=True))
            resting = stage.order("hf-2", price=price)
            assert (await venue.place(resting, stage.stamp())).state is OrderState.WORKING
            assert [one.client_order_id for one in await venue.read_open_orders()] == ["hf-2"]
            assert (await venue.cancel(resting, stage.stamp())).state is OrderState.CANCELLED
            (fill,), cursor = await venue.read_fills(BTC, since="")
            assert (fill.client_order_id, fill.size, fill.side) == ("hf-1", Decimal("0.01"), Side.BUY)
            assert fill.fee == Decimal("0.00001") * fill.price
            assert await venue.read_fills(BTC, since=cursor) == ([], cursor)
            assert (await venue.read_balances())["BTC"] == Decimal("0.00999")

    play(scene)


@pytest.mark.usefixtures("ccxt")
def test_another_venues_failures_are_named_by_what_to_do_next(recording: Recording) -> None:
    async def scene() -> None:
        async with staged(recording) as stage:
            with pytest.raises(Refused, match="InsufficientFunds"):
                await stage.exchange.place(stage.order("hf-1", "5", Side.SELL), stage.stamp())
            stage.twin.faults.arm(Fault.DROP_REPLY, times=1, only="POST")
            with pytest.raises(Unknown):
                await stage.exchange.place(stage.order("hf-2"), stage.stamp())
            found = await stage.exchange.query(stage.order("hf-2"))
            assert found is not None
            assert found.state is OrderState.FILLED
            with pytest.raises(NotFound):
                await stage.exchange.cancel(stage.order("never-sent"), stage.stamp())
            stage.client.secret = "wrong"
            with pytest.raises(Refused, match="AuthenticationError"):
                await stage.exchange.read_balances()

    play(scene)


def test_every_error_of_ccxt_has_a_name_among_ours(ccxt: ModuleType) -> None:
    kinds = {
        kind.__name__: kind
        for kind in vars(ccxt).values()
        if isinstance(kind, type) and issubclass(kind, ccxt.BaseError)
    }
    assert errors._NOT_TAKEN | errors._REFUSED | {"OrderNotFound", "DuplicateOrderId"} <= kinds.keys()
    for kind in kinds.values():
        for writing in (False, True):
            error = error_of(kind("said the venue"), writing=writing)
            assert type(error) is not HoldfastError
            if issubclass(kind, ccxt.OperationFailed) and not issubclass(
                kind, ccxt.DDoSProtection | ccxt.InvalidNonce | ccxt.RateLimitExceeded
            ):
                assert isinstance(error, Unknown) is writing


@pytest.mark.usefixtures("ccxt")
def test_a_venue_that_ccxt_does_not_know_is_said_in_plain_words() -> None:
    with pytest.raises(BadInput, match="no venue 'nowhere'"):
        open_client("nowhere", "spot")


def test_nothing_imports_ccxt_until_such_a_venue_is_opened() -> None:
    room = "holdfast.venues.long_tail"
    code = f"import sys, {room}.exchange, {room}.opening; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
