"""Fills with what Binance leaves out: whose order it was, what for, and what the fee is worth in quote currency.

Here: what was placed is remembered, the rest is asked. The journal, not this memory, is where orders are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

from holdfast.model.fill import Fill
from holdfast.model.order import Leg, OrderRequest, Side
from holdfast.model.symbol import Symbol
from holdfast.venues.binance.decode import Odd, Order, Trade, leg_by_type
from holdfast.venues.binance.events import RawFill

_REMEMBERED = 20_000
K = TypeVar("K")
V = TypeVar("V")
MINUTE_MS = 60_000


class Ledger:
    """`leg_of` knows the legs of orders that were placed before this process (the journal does).

    `read_order(name, order_id)` asks for an order; `read_assets(name)` for a symbol's (base, quote);
    `read_price(asset, quote, minute_ms)` for the opening price of a minute, None where there is no such market.
    """

    def __init__(
        self,
        market: str,
        *,
        leg_of: Callable[[str], Leg | None],
        read_order: Callable[[str, int], Awaitable[Order]],
        read_assets: Callable[[str], Awaitable[tuple[str, str]]],
        read_price: Callable[[str, str, int], Awaitable[Decimal | None]],
        odd: Odd,
    ) -> None:
        self._market = market
        self._leg_of = leg_of
        self._read_order = read_order
        self._read_assets = read_assets
        self._read_price = read_price
        self._odd = odd
        self._legs: OrderedDict[str, Leg] = OrderedDict()
        self._orders: OrderedDict[int, Order] = OrderedDict()
        self._prices: OrderedDict[tuple[str, str, int], Decimal | None] = OrderedDict()

    def note_request(self, request: OrderRequest) -> None:
        """Remembers what an order and its protection are for."""
        for one in (request, *request.protection):
            _remember(self._legs, one.client_order_id, one.leg)

    def note_order(self, order: Order) -> None:
        if order.client_order_id and order.order_id:
            _remember(self._orders, order.order_id, order)

    async def fill(self, raw: RawFill) -> Fill:
        """Retryable when something has to be asked and no answer comes."""
        base, quote = await self._read_assets(raw.name)
        leg = self._legs.get(raw.client_order_id) or self._leg_of(raw.client_order_id)
        return Fill(
            trade_id=raw.trade_id,
            client_order_id=raw.client_order_id,
            symbol=Symbol("binance", self._market, raw.name),
            side=Side.BUY if raw.buying else Side.SELL,
            leg=leg or leg_by_type(raw.order_type, reduce_only=raw.reduce_only),
            price=raw.price,
            size=raw.size,
            fee=await self._fee(raw, base, quote),
            quote=quote,
            maker=raw.maker,
            time_ms=raw.time_ms,
        )

    async def fill_of_trade(self, name: str, trade: Trade) -> Fill:
        """A trade from REST, which names only Binance's number of the order."""
        order = self._orders.get(trade.order_id)
        if order is None:
            order = await self._read_order(name, trade.order_id)
            self.note_order(order)
        return await self.fill(
            RawFill(
                trade_id=str(trade.id),
                client_order_id=order.client_order_id,
                name=name,
                buying=trade.is_buyer or trade.buyer,
                order_type=order.type,
                reduce_only=order.reduce_only,
                price=trade.price,
                size=trade.qty,
                commission=trade.commission,
                commission_asset=trade.commission_asset,
                maker=trade.is_maker or trade.maker,
                time_ms=trade.time,
            )
        )

    async def _fee(self, raw: RawFill, base: str, quote: str) -> Decimal:
        """The commission in quote currency. A third currency (BNB) is valued at the open of the trade's minute, which
        is the same number whether the fill came by the stream or was asked for later."""
        asset = raw.commission_asset
        if not raw.commission or asset in (quote, ""):
            return raw.commission
        if asset == base:
            return raw.commission * raw.price
        key = (asset, quote, raw.time_ms - raw.time_ms % MINUTE_MS)
        if key not in self._prices:
            _remember(self._prices, key, await self._read_price(*key))
        price = self._prices[key]
        if price is None:
            # A fill counts even where its fee cannot be valued; that it was not is counted.
            self._odd[f"fee in {asset}, which has no price in {quote}"] += 1
            return Decimal(0)
        return raw.commission * price


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
