"""What Binance's private streams tell, as our values: reports at once, fills as far as the stream knows them.

Pure. A trade's fee may be in a third currency; making that a `Fill` is for `ledger.py`. Sources: Spot user data stream,
USDⓈ-M user data streams (Event: Order Update, Algo Order Update), developers.binance.com, 2026-08.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.model.order import OrderReport
from holdfast.ports.exchange import StreamNote, StreamState
from holdfast.venues.binance.decode import FINISHED, Odd, conditional_report, state_of

_ZERO = Decimal(0)


class RawFill(msgspec.Struct, frozen=True):
    """One trade as Binance tells it, its commission in whatever currency."""

    trade_id: str
    client_order_id: str
    name: str
    buying: bool
    order_type: str
    reduce_only: bool
    price: Decimal
    size: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int


Told = RawFill | OrderReport | StreamNote


class _Execution(
    msgspec.Struct,
    rename={
        "name": "s",
        "client_id": "c",
        "original_id": "C",
        "side": "S",
        "kind": "o",
        "size": "q",
        "event": "x",
        "status": "X",
        "reason": "r",
        "expiry": "eR",
        "futures_expiry": "er",
        "order_id": "i",
        "last": "l",
        "filled": "z",
        "price": "L",
        "commission": "n",
        "asset": "N",
        "time": "T",
        "trade_id": "t",
        "maker": "m",
        "reduce_only": "R",
    },
):
    """An `executionReport`, or the inside of an `ORDER_TRADE_UPDATE`; letters differ in meaning by case only."""

    name: str
    client_id: str
    side: str
    kind: str
    size: Decimal
    event: str
    status: str
    order_id: int
    time: int
    filled: Decimal = _ZERO
    last: Decimal = _ZERO
    price: Decimal = _ZERO
    commission: Decimal | None = None
    asset: str | None = None
    trade_id: int = -1
    maker: bool = False
    reduce_only: bool = False
    original_id: str | None = None
    reason: Any = None
    expiry: Any = None
    futures_expiry: Any = None


class _Conditional(
    msgspec.Struct,
    rename={"client_id": "caid", "algo_id": "aid", "status": "X", "size": "q", "filled": "aq", "reason": "rm"},
):
    client_id: str
    algo_id: int
    status: str
    size: Decimal = _ZERO
    filled: str = ""  # empty until it was triggered
    reason: str | None = None


class _OrderUpdate(msgspec.Struct):
    o: _Execution


class _AlgoUpdate(msgspec.Struct):
    o: _Conditional
    T: int


class _Outside(msgspec.Struct):
    """Events come bare, or inside `event` (WebSocket API), or inside `data` (combined streams)."""

    e: str = ""
    event: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


# Known, and nothing that orders or fills are made of.
_IDLE = frozenset(
    {"outboundAccountPosition", "balanceUpdate", "listStatus", "externalLockUpdate", "TRADE_LITE", "ACCOUNT_UPDATE"}
    | {"ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT"}
)
_ENDS = frozenset({"eventStreamTerminated", "listenKeyExpired", "serverShutdown"})
_EXECUTIONS = frozenset(
    {"NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED", "TRADE_PREVENTION", "CALCULATED", "AMENDMENT"}
)
# A triggered conditional order speaks through the ordinary order that came of it.
_SILENT = frozenset({"TRIGGERING", "TRIGGERED"})
_SILENCE = (None, "", "NONE", "0", 0)

_outside = msgspec.json.Decoder(_Outside).decode
_execution = msgspec.json.Decoder(_Execution).decode
_order_update = msgspec.json.Decoder(_OrderUpdate).decode
_algo_update = msgspec.json.Decoder(_AlgoUpdate).decode


def read_private(payload: bytes, odd: Odd) -> list[Told]:
    """What one frame tells, in order: a fill before the state it led to. StreamNote LOST asks for a new stream, STALE
    says that a frame could not be read, so that something may be missing."""
    try:
        return _told(payload, odd)
    except (msgspec.DecodeError, ArithmeticError) as error:
        odd["unreadable private event"] += 1
        return [StreamNote(StreamState.STALE, f"a private event cannot be read: {error}")]


def _told(payload: bytes | msgspec.Raw, odd: Odd) -> list[Told]:
    outside = _outside(payload)
    for inside in (outside.event, outside.data):
        if bytes(inside):
            return _told(inside, odd)
    kind = outside.e
    if kind == "executionReport":
        return _of_execution(_execution(payload), odd)
    if kind == "ORDER_TRADE_UPDATE":
        return _of_execution(_order_update(payload).o, odd)
    if kind == "ALGO_UPDATE":
        update = _algo_update(payload)
        return _of_conditional(update.o, update.T, odd)
    if kind in _ENDS:
        return [StreamNote(StreamState.LOST, kind)]
    if kind not in _IDLE:
        odd[f"private event {kind or 'without a kind'}"] += 1
    return []


def _of_execution(said: _Execution, odd: Counter[str]) -> list[Told]:
    if said.event not in _EXECUTIONS:
        odd[f"execution {said.event}"] += 1
    # On a cancel, `c` is the id of the cancelling request and `C` the id of what was cancelled.
    client_id = said.original_id or said.client_id
    told: list[Told] = []
    if said.trade_id > 0 and said.last > 0:
        told.append(
            RawFill(
                trade_id=str(said.trade_id),
                client_order_id=client_id,
                name=said.name,
                buying=said.side == "BUY",
                order_type=said.kind,
                reduce_only=said.reduce_only,
                price=said.price,
                size=said.last,
                commission=said.commission or _ZERO,
                commission_asset=said.asset or "",
                maker=said.maker,
                time_ms=said.time,
            )
        )
    reasons = [str(text) for text in (said.reason, said.expiry, said.futures_expiry) if text not in _SILENCE]
    plain = said.status in ("NEW", "PARTIALLY_FILLED", "FILLED", "PENDING_NEW")
    told.append(
        OrderReport(
            client_order_id=client_id,
            venue_order_id=str(said.order_id),
            state=state_of(said.status, odd),
            size=said.size,
            filled_size=said.filled,
            time_ms=said.time,
            reason="" if plain else (" ".join(reasons) or said.status.lower()),
        )
    )
    return told


def _of_conditional(said: _Conditional, time_ms: int, odd: Odd) -> list[Told]:
    if said.status in _SILENT:
        return []
    filled = Decimal(said.filled or 0)
    if said.status == FINISHED and filled == 0:
        # It was triggered, and what came of it ended without a trade: that order's own report says how.
        return []
    return [
        conditional_report(
            said.client_id, str(said.algo_id), said.status, size=said.size, filled=filled, time_ms=time_ms, odd=odd
        )
    ]
