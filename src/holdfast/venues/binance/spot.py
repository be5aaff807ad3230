"""Binance spot behind the exchange door: its orders, order lists, balances, and the stream over the WebSocket API.

Spot has no positions but balances, no reduce-only and no timer that cancels by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from holdfast.model.errors import HoldfastError, Refused, Unknown
from holdfast.model.order import OrderReport, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Capabilities, Stamp
from holdfast.ports.transport import Priority
from holdfast.venues.binance import decode, protection
from holdfast.venues.binance.endpoints import SPOT_LIVE, SpotEndpoints
from holdfast.venues.binance.errors import error_of_code
from holdfast.venues.binance.exchange import BinanceExchange, Doors, Paths, entering
from holdfast.venues.binance.private import End, Inbox
from holdfast.venues.binance.session import READ_WINDOW_MS, Credentials, Params, written
from holdfast.venues.binance.signing import Value, signed_message
from holdfast.venues.binance.streams import SPOT_STREAMS_PER_CONNECTION

FIRST_FRAME_S = 10.0


class _ApiError(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _ApiAnswer(msgspec.Struct):
    status: int
    error: _ApiError | None = None


_api_answer = msgspec.json.Decoder(_ApiAnswer).decode


class BinanceSpot(BinanceExchange):
    """See Exchange. Fees are the account's rates, of which an unasked account has 0.1 %."""

    market = "spot"
    paths = Paths(
        root="/api/v3",
        trades="/api/v3/myTrades",
        info_weight=20,
        ticker_weight=80,
        order_weight=4,
        trades_weight=20,
        most_candles=1000,
    )

    def __init__(
        self,
        doors: Doors,
        credentials: Credentials | None = None,
        *,
        endpoints: SpotEndpoints = SPOT_LIVE,
        maker_fee: Decimal = Decimal("0.001"),
        taker_fee: Decimal = Decimal("0.001"),
    ) -> None:
        super().__init__(endpoints.rest, doors, credentials, maker_fee=maker_fee, taker_fee=taker_fee)
        self._endpoints = endpoints

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            dead_man_timer=False,
            attached_protection=True,
            private_stream=True,
            max_symbols_per_stream=SPOT_STREAMS_PER_CONNECTION,
        )

    async def place(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. The fate of protection that follows a market entry is told by `private_events`."""
        self._ledger.note_request(request)
        if request.protection and request.type is OrderType.LIMIT:
            return await self._place_list(request, stamp)
        if request.protection and request.type is not OrderType.MARKET:
            raise Refused(f"On Binance spot a {request.type} entry cannot carry protection.")
        order = await self._place_one(request, request.size, stamp)
        if request.protection:
            await self._protect(request, order, stamp)
        return decode.report_of_order(order, self.odd)

    async def cancel(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. Cancelling one order of a list cancels the list."""
        params: Params = (("symbol", request.symbol.name), ("origClientOrderId", request.client_order_id))
        body = await self._session.signed("DELETE", "/api/v3/order", params, stamp=stamp, priority=Priority.CLOSE)
        return decode.report_of_order(written(lambda text: _of_list(text, request.client_order_id), body), self.odd)

    async def read_open_orders(self) -> Sequence[OrderReport]:
        """See Exchange."""
        orders = decode.read_orders(await self._session.signed("GET", "/api/v3/openOrders", weight=80))
        for order in orders:
            self._ledger.note_order(order)
        return [decode.report_of_order(order, self.odd) for order in orders]

    async def read_positions(self) -> Mapping[Symbol, Decimal]:
        """Nothing: on spot a position is a balance, see `read_balances`."""
        return {}

    async def read_balances(self) -> Mapping[str, Decimal]:
        """See Exchange: what is free and what is locked in orders, together."""
        account = decode.read_account(await self._session.signed("GET", "/api/v3/account", weight=20))
        return {one.asset: one.free + one.locked for one in account.balances if one.free or one.locked}

    async def read_key_restrictions(self) -> decode.KeyRestrictions:
        """What the key may do, for the checks before real orders."""
        return decode.read_restrictions(await self._session.signed("GET", "/sapi/v1/account/apiRestrictions"))

    async def arm_dead_man(self, symbol: Symbol, timeout_ms: int) -> None:
        """See Exchange."""
        raise Refused("Binance spot has no timer that cancels orders by itself.")

    async def _place_one(self, request: OrderRequest, size: Decimal, stamp: Stamp) -> decode.Order:
        fields = protection.spot_order(request, size, self.rules.get(request.symbol))
        body = await self._session.signed(
            "POST", "/api/v3/order", fields, stamp=stamp, orders=1, priority=entering(request)
        )
        order = written(decode.read_order, body)
        self._ledger.note_order(order)
        return order

    async def _place_list(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        # A buy may be charged in what it bought, and protection of more than is there would be refused when it is due.
        fee = request.size * max(self._fees) if request.side is Side.BUY else Decimal(0)
        held = await self._in_steps(request.symbol, request.size - fee)
        fields = protection.entry_with_protection(request, held, self.rules.get(request.symbol))
        path = protection.list_path(request.protection)
        orders = 1 + len(request.protection)
        body = await self._session.signed("POST", path, fields, stamp=stamp, orders=orders, priority=Priority.ENTRY)
        return self._report_of_list(body, request.client_order_id)

    def _report_of_list(self, body: bytes, client_id: str) -> OrderReport:
        """The report of one order of a list; the others' are told aside."""
        found = None
        for order in written(decode.read_order_list, body).order_reports:
            self._ledger.note_order(order)
            report = decode.report_of_order(order, self.odd)
            if report.client_order_id == client_id:
                found = report
            else:
                self._feed.tell(report)
        if found is None:
            raise Unknown(f"Binance took an order list without saying what became of {client_id}.")
        return found

    async def _protect(self, request: OrderRequest, entry: decode.Order, stamp: Stamp) -> None:
        """Protects what a market entry bought. The entry stands whatever comes of this, so no error leaves here: the
        legs' reports say it."""
        legs, rules = request.protection, self.rules.get(request.symbol)
        try:
            size = await self._held(request, entry)
            if not size:
                return
            if len(legs) == 2:
                fields = protection.one_cancels_other(legs, size, rules)
                path = "/api/v3/orderList/oco"
                body = await self._session.signed("POST", path, fields, stamp=stamp, orders=2, priority=Priority.CLOSE)
                self._feed.tell(self._report_of_list(body, legs[0].client_order_id))
            else:
                order = await self._place_one(legs[0], size, stamp)
                self._feed.tell(decode.report_of_order(order, self.odd))
        except HoldfastError as error:
            for leg in legs:
                self._feed.tell(not_protected(leg, error, stamp.time_ms))

    async def _held(self, request: OrderRequest, entry: decode.Order) -> Decimal:
        """What is left of the bought size after a commission in the same currency, in whole steps."""
        base, _ = await self._read_assets(request.symbol.name)
        paid = sum((fill.commission for fill in entry.fills if fill.commission_asset == base), Decimal(0))
        held = entry.executed_qty - paid if request.side is Side.BUY else entry.executed_qty
        return await self._in_steps(request.symbol, held)

    async def _in_steps(self, symbol: Symbol, size: Decimal) -> Decimal:
        if symbol not in self.rules:
            await self.read_instruments()
        rules = self.rules.get(symbol)
        return size if rules is None else size // rules.size_step * rules.size_step

    def _klines_weight(self, limit: int) -> int:
        return 2

    async def _open_private(self, inbox: Inbox) -> End:
        credentials = self._session.credentials
        stream = await self._doors.frames.connect(self._endpoints.private, inbox)
        try:
            params: dict[str, Value] = {
                "apiKey": credentials.key,
                "recvWindow": READ_WINDOW_MS,
                "timestamp": self._doors.time_ms(),
            }
            message = {
                "id": "private",
                "method": "userDataStream.subscribe.signature",
                "params": signed_message(params, credentials.signer),
            }
            stream.send(msgspec.json.encode(message))
            answer = _api_answer(await inbox.first(FIRST_FRAME_S))
            if answer.status != 200:
                error = answer.error or _ApiError()
                raise error_of_code(error.code, error.msg, answer.status, writing=False)
        except HoldfastError:
            await stream.close()
            raise
        return stream.close


def not_protected(leg: OrderRequest, error: HoldfastError, time_ms: int) -> OrderReport:
    """The report of a protective order that did not come about, or of which nobody knows."""
    return OrderReport(
        client_order_id=leg.client_order_id,
        venue_order_id="",
        state=OrderState.UNKNOWN if isinstance(error, Unknown) else OrderState.REJECTED,
        size=leg.size,
        filled_size=Decimal(0),
        time_ms=time_ms,
        reason=str(error),
    )


def _of_list(body: bytes, client_id: str) -> decode.Order:
    """The order asked for, from an answer that tells of it alone or of its whole list."""
    try:
        return decode.read_order(body)
    except decode.Unreadable:
        for order in decode.read_order_list(body).order_reports:
            if client_id in (order.orig_client_order_id, order.client_order_id):
                return order
        raise
