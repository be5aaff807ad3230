"""Binance's REST answers as our values. Pure: bytes in, values out.

A field that we do not know is passed over; a value that we do not know is counted in `odd` and read with caution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.order import Leg, OrderReport, OrderState
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Liquidity

_ZERO = Decimal(0)
Odd = Counter[str]

STATES = {
    "NEW": OrderState.WORKING,
    "PENDING_NEW": OrderState.HELD,
    "ACCEPTED": OrderState.WORKING,
    "PARTIALLY_FILLED": OrderState.PARTIAL,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "PENDING_CANCEL": OrderState.WORKING,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
# A conditional order that was triggered lives on as an ordinary one under the same client id.
CONDITIONAL_STATES = {
    "NEW": OrderState.WORKING,
    "TRIGGERING": OrderState.WORKING,
    "TRIGGERED": OrderState.WORKING,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
}
FINISHED = "FINISHED"


class Trade(msgspec.Struct, frozen=True, rename="camel"):
    """One of our trades, of spot (`is_buyer`) or of futures (`buyer`)."""

    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool = False
    buyer: bool = False
    is_maker: bool = False
    maker: bool = False


class _PlacedFill(msgspec.Struct, frozen=True, rename="camel"):
    qty: Decimal
    commission: Decimal
    commission_asset: str


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """An order as REST tells it, on placing, cancelling and asking, of spot and of futures."""

    order_id: int
    client_order_id: str
    symbol: str = ""
    status: str = "NEW"
    orig_client_order_id: str = ""
    orig_qty: Decimal = _ZERO
    executed_qty: Decimal = _ZERO
    side: str = ""
    type: str = ""
    reduce_only: bool = False
    order_list_id: int = -1
    transact_time: int = 0
    update_time: int = 0
    time: int = 0
    fills: list[_PlacedFill] = []


class Conditional(msgspec.Struct, frozen=True, rename="camel"):
    """A conditional futures order."""

    algo_id: int
    client_algo_id: str
    symbol: str = ""
    algo_status: str = ""
    order_type: str = ""
    side: str = ""
    quantity: Decimal = _ZERO
    actual_qty: str = ""  # empty until it was triggered
    actual_order_id: str = ""
    create_time: int = 0
    update_time: int = 0


class OrderList(msgspec.Struct, frozen=True, rename="camel"):
    order_list_id: int
    order_reports: list[Order] = []


class Time(msgspec.Struct, frozen=True, rename="camel"):
    server_time: int


class ListenKey(msgspec.Struct, frozen=True, rename="camel"):
    listen_key: str


class PositionSides(msgspec.Struct, frozen=True, rename="camel"):
    dual_side_position: bool


class KeyRestrictions(msgspec.Struct, frozen=True, rename="camel"):
    """What a key may do: for the operator's checks before real orders."""

    ip_restrict: bool = False
    enable_withdrawals: bool = False
    enable_reading: bool = False
    enable_futures: bool = False
    enable_spot_and_margin_trading: bool = False


class _Balance(msgspec.Struct, frozen=True, rename="camel"):
    asset: str
    free: Decimal = _ZERO
    locked: Decimal = _ZERO
    balance: Decimal = _ZERO


class Account(msgspec.Struct, frozen=True, rename="camel"):
    balances: list[_Balance]


class Position(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    position_amt: Decimal


class _Ticker(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    last_price: Decimal
    quote_volume: Decimal


class Unreadable(Retryable):
    """An answer with status 200 in a shape that we do not know. After a request that changes something, its caller
    turns this into Unknown."""


def _reader(shape: Any) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(shape).decode

    def read(body: bytes) -> Any:
        try:
            return decode(body)
        except msgspec.DecodeError as error:
            raise Unreadable(f"Binance's answer cannot be read: {error}") from error

    return read


read_order: Callable[[bytes], Order] = _reader(Order)
read_orders: Callable[[bytes], list[Order]] = _reader(list[Order])
read_conditional: Callable[[bytes], Conditional] = _reader(Conditional)
read_conditionals: Callable[[bytes], list[Conditional]] = _reader(list[Conditional])
read_order_list: Callable[[bytes], OrderList] = _reader(OrderList)
read_trades: Callable[[bytes], list[Trade]] = _reader(list[Trade])
read_time: Callable[[bytes], Time] = _reader(Time)
read_listen_key: Callable[[bytes], ListenKey] = _reader(ListenKey)
read_position_sides: Callable[[bytes], PositionSides] = _reader(PositionSides)
read_restrictions: Callable[[bytes], KeyRestrictions] = _reader(KeyRestrictions)
read_account: Callable[[bytes], Account] = _reader(Account)
read_futures_balances: Callable[[bytes], list[_Balance]] = _reader(list[_Balance])
read_positions: Callable[[bytes], list[Position]] = _reader(list[Position])
_read_tickers: Callable[[bytes], list[_Ticker]] = _reader(list[_Ticker])
# Open time, open, high, low, close, volume, close time; the rest (quote volume, trades, taker volumes) is not kept.
_Kline = tuple[int, float, float, float, float, float, int, Any, Any, Any, Any, Any]
_klines = msgspec.json.Decoder(list[_Kline], strict=False).decode


def report_of_order(order: Order, odd: Odd) -> OrderReport:
    """What an answer says of one order. A cancelled order is named by the id under which it was placed."""
    return OrderReport(
        client_order_id=order.orig_client_order_id or order.client_order_id,
        venue_order_id=str(order.order_id),
        state=state_of(order.status, odd),
        size=order.orig_qty,
        filled_size=order.executed_qty,
        time_ms=order.transact_time or order.update_time or order.time,
        reason="" if order.status in ("NEW", "PARTIALLY_FILLED", "FILLED") else order.status.lower(),
    )


def state_of(status: str, odd: Odd) -> OrderState:
    if (state := STATES.get(status)) is None:
        odd[f"order status {status}"] += 1
        return OrderState.UNKNOWN
    return state


def report_of_conditional(order: Conditional, odd: Odd) -> OrderReport:
    return conditional_report(
        order.client_algo_id,
        str(order.algo_id),
        order.algo_status or "NEW",
        size=order.quantity,
        filled=Decimal(order.actual_qty or 0),
        time_ms=order.update_time or order.create_time,
        odd=odd,
    )


def conditional_report(
    client_id: str, venue_id: str, status: str, *, size: Decimal, filled: Decimal, time_ms: int, odd: Odd
) -> OrderReport:
    """A conditional order's report. One that closes a whole position is told with size 0; its fill is then its size."""
    size = max(size, filled)
    if status == FINISHED:
        state = OrderState.FILLED if filled and filled == size else OrderState.CANCELLED
    elif (known := CONDITIONAL_STATES.get(status)) is not None:
        state = known
    else:
        odd[f"conditional order status {status}"] += 1
        state = OrderState.UNKNOWN
    return OrderReport(
        client_order_id=client_id,
        venue_order_id=venue_id,
        state=state,
        size=size,
        filled_size=filled,
        time_ms=time_ms,
        reason="" if state in (OrderState.WORKING, OrderState.FILLED) else status.lower(),
    )


def leg_by_type(order_type: str, *, reduce_only: bool) -> Leg:
    """What an order that is not known to be ours seems to be for."""
    if order_type.startswith("STOP"):
        return Leg.STOP
    if order_type.startswith("TAKE_PROFIT"):
        return Leg.TARGET
    return Leg.CLOSE if reduce_only else Leg.ENTRY


def read_candles(
    body: bytes, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, closed_by_ms: int
) -> tuple[CandleBlock, int]:
    """Bars that opened after `after_ms` and were over by `closed_by_ms`, and how many were not over yet."""
    try:
        rows = _klines(body)
    except msgspec.DecodeError as error:
        raise Unreadable(f"Binance's klines cannot be read: {error}") from error
    # Binance's close time is the last millisecond of the bar.
    later = [row for row in rows if row[0] > after_ms]
    closed = [row for row in later if row[6] < closed_by_ms and row[0] + timeframe.ms <= closed_by_ms]
    block = CandleBlock(
        symbols=(symbol,),
        timeframe=timeframe,
        symbol_index=np.zeros(len(closed), dtype=np.int32),
        open_time_ms=np.array([row[0] for row in closed], dtype=np.int64),
        values=np.array([row[1:6] for row in closed], dtype=np.float64).reshape(-1, 5),
    )
    return block, len(later) - len(closed)


def read_liquidity(body: bytes, market: str, venue: str) -> list[Liquidity]:
    return [
        Liquidity(Symbol(venue, market, row.symbol), row.quote_volume, row.last_price) for row in _read_tickers(body)
    ]
