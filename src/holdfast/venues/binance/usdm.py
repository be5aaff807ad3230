"""Binance USDⓈ-M futures behind the exchange door: orders, conditional orders, positions, the listen key, the timer.

One-way positions only: with hedge mode a position has two sides, which no request here names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from holdfast.model.errors import HoldfastError, Retryable, Unknown
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, OrderType
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Capabilities, Stamp
from holdfast.ports.transport import Priority
from holdfast.venues.binance import decode, protection
from holdfast.venues.binance.endpoints import USDM_LIVE, UsdmEndpoints
from holdfast.venues.binance.errors import LISTEN_KEY_UNKNOWN, RefusedByBinance
from holdfast.venues.binance.exchange import BinanceExchange, Doors, Paths, entering, raise_unless_absent
from holdfast.venues.binance.private import End, Inbox
from holdfast.venues.binance.session import Credentials, Params, written
from holdfast.venues.binance.spot import not_protected
from holdfast.venues.binance.streams import USDM_STREAMS_PER_CONNECTION

KEEP_ALIVE_S = 30 * 60.0  # a listen key lives for 60 minutes
_RETRY_S = 60.0


class BinanceUsdm(BinanceExchange):
    """See Exchange. Stops and targets are conditional orders, which live beside the others at Binance."""

    market = "usdm"
    paths = Paths(
        root="/fapi/v1",
        trades="/fapi/v1/userTrades",
        info_weight=1,
        ticker_weight=40,
        order_weight=1,
        trades_weight=5,
        most_candles=1500,
    )

    def __init__(
        self,
        doors: Doors,
        credentials: Credentials | None = None,
        *,
        endpoints: UsdmEndpoints = USDM_LIVE,
        maker_fee: Decimal = Decimal("0.0002"),
        taker_fee: Decimal = Decimal("0.0005"),
    ) -> None:
        super().__init__(endpoints.rest, doors, credentials, maker_fee=maker_fee, taker_fee=taker_fee)
        self._endpoints = endpoints

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            dead_man_timer=True,
            attached_protection=True,
            private_stream=True,
            max_symbols_per_stream=USDM_STREAMS_PER_CONNECTION,
        )

    async def place(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. Protection follows the entry in requests of its own; what becomes of it is told by
        `private_events`. An entry that came to nothing is not protected."""
        self._ledger.note_request(request)
        if conditional(request):
            report = await self._place_conditional(request, stamp, attached=False)
        else:
            report = await self._place_one(request, stamp)
        if request.protection and (not report.state.final or report.filled_size):
            for leg in request.protection:
                await self._protect(leg, stamp)
        return report

    async def cancel(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange."""
        if conditional(request):
            path, key = "/fapi/v1/algoOrder", "clientAlgoId"
        else:
            path, key = "/fapi/v1/order", "origClientOrderId"
        params: Params = (("symbol", request.symbol.name), (key, request.client_order_id))
        body = await self._session.signed("DELETE", path, params, stamp=stamp, priority=Priority.CLOSE)
        if not conditional(request):
            return decode.report_of_order(written(decode.read_order, body), self.odd)
        order = written(decode.read_conditional, body)
        if order.algo_status:
            return decode.report_of_conditional(order, self.odd)
        # Binance may confirm with the ids alone.
        return OrderReport(
            client_order_id=order.client_algo_id,
            venue_order_id=str(order.algo_id),
            state=OrderState.CANCELLED,
            size=request.size,
            filled_size=Decimal(0),
            time_ms=stamp.time_ms,
            reason="canceled",
        )

    async def query(self, request: OrderRequest) -> OrderReport | None:
        """See Exchange. A conditional order that was triggered is told by the order that came of it."""
        if not conditional(request):
            return await self._ask(request.symbol.name, request.client_order_id)
        params: Params = (("clientAlgoId", request.client_order_id),)
        try:
            body = await self._session.signed("GET", "/fapi/v1/algoOrder", params)
        except RefusedByBinance as refusal:
            raise_unless_absent(refusal)
            return None
        order = decode.read_conditional(body)
        if order.actual_order_id.strip("0"):
            came_of_it = await self._ask(request.symbol.name, request.client_order_id)
            if came_of_it is not None:
                return came_of_it
        return decode.report_of_conditional(order, self.odd)

    async def read_open_orders(self) -> Sequence[OrderReport]:
        """See Exchange."""
        orders = decode.read_orders(await self._session.signed("GET", "/fapi/v1/openOrders", weight=40))
        for order in orders:
            self._ledger.note_order(order)
        waiting = decode.read_conditionals(await self._session.signed("GET", "/fapi/v1/openAlgoOrders", weight=40))
        return [
            *(decode.report_of_order(order, self.odd) for order in orders),
            *(decode.report_of_conditional(order, self.odd) for order in waiting),
        ]

    async def read_positions(self) -> Mapping[Symbol, Decimal]:
        """See Exchange; both sides together, were there two."""
        body = await self._session.signed("GET", "/fapi/v3/positionRisk", weight=5)
        sizes: dict[Symbol, Decimal] = {}
        for one in decode.read_positions(body):
            symbol = Symbol(self.venue, self.market, one.symbol)
            sizes[symbol] = sizes.get(symbol, Decimal(0)) + one.position_amt
        return {symbol: size for symbol, size in sizes.items() if size}

    async def read_balances(self) -> Mapping[str, Decimal]:
        """See Exchange: wallet balances, without what open positions are worth."""
        body = await self._session.signed("GET", "/fapi/v3/balance", weight=5)
        return {one.asset: one.balance for one in decode.read_futures_balances(body) if one.balance}

    async def read_hedge_mode(self) -> bool:
        """Whether the account keeps two positions a symbol, which must be off before real orders."""
        body = await self._session.signed("GET", "/fapi/v1/positionSide/dual", weight=30)
        return decode.read_position_sides(body).dual_side_position

    async def arm_dead_man(self, symbol: Symbol, timeout_ms: int) -> None:
        """See Exchange. Binance's timer cancels ordinary orders; whether conditional ones too is not documented."""
        params: Params = (("symbol", symbol.name), ("countdownTime", timeout_ms))
        path = "/fapi/v1/countdownCancelAll"
        await self._session.signed("POST", path, params, weight=10, priority=Priority.RECONCILE)

    async def _place_one(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        fields = protection.futures_order(request)
        body = await self._session.signed(
            "POST", "/fapi/v1/order", fields, stamp=stamp, orders=1, priority=entering(request)
        )
        order = written(decode.read_order, body)
        self._ledger.note_order(order)
        return decode.report_of_order(order, self.odd)

    async def _place_conditional(self, request: OrderRequest, stamp: Stamp, *, attached: bool) -> OrderReport:
        fields = protection.futures_conditional(request, attached=attached)
        body = await self._session.signed(
            "POST", "/fapi/v1/algoOrder", fields, stamp=stamp, orders=1, priority=entering(request)
        )
        return decode.report_of_conditional(written(decode.read_conditional, body), self.odd)

    async def _protect(self, leg: OrderRequest, stamp: Stamp) -> None:
        """The entry stands whatever comes of this, so no error leaves here: the leg's report says it."""
        try:
            report = await self._place_conditional(leg, stamp, attached=True)
        except HoldfastError as error:
            report = not_protected(leg, error, stamp.time_ms)
        self._feed.tell(report)

    def _klines_weight(self, limit: int) -> int:
        """Source: GET /fapi/v1/klines, USDⓈ-M documents."""
        for below, weight in ((100, 1), (500, 2), (1001, 5)):
            if limit < below:
                return weight
        return 10

    async def _open_private(self, inbox: Inbox) -> End:
        """A listen key is one for the account: asking again gives the same one, and makes it live longer."""
        key = decode.read_listen_key(await self._session.keyed("POST", "/fapi/v1/listenKey")).listen_key
        stream = await self._doors.frames.connect(f"{self._endpoints.private}/ws/{key}", inbox)
        keeper = asyncio.get_running_loop().create_task(self._keep_alive(inbox))

        async def end() -> None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            await stream.close()

        return end

    async def _keep_alive(self, inbox: Inbox) -> None:
        wait_s = KEEP_ALIVE_S
        while True:
            await self._doors.clock.wait_s(wait_s)
            try:
                await self._session.keyed("PUT", "/fapi/v1/listenKey")
                wait_s = KEEP_ALIVE_S
            except RefusedByBinance as refusal:
                gone = refusal.code == LISTEN_KEY_UNKNOWN
                inbox.end("lost its listen key" if gone else f"cannot be kept alive: {refusal}")
                return
            except (Retryable, Unknown):
                wait_s = _RETRY_S


def conditional(request: OrderRequest) -> bool:
    """Whether Binance takes it as a conditional order: stops, and targets, which wait for their price as a trigger."""
    return request.type is OrderType.STOP or request.leg is Leg.TARGET
