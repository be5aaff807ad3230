"""ccxt's dictionaries as our values. Pure.

ccxt gives most numbers as doubles that it read from decimals; their shortest spelling is the decimal again. Sizes of
contracts are counted in contracts there, and in base units here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import numpy as np

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import BadInput, Refused
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderState, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

Json = Mapping[str, Any]

# Our markets → ccxt's types.
KINDS = {"spot": "spot", "usdm": "swap"}
# ccxt's numbers for how a venue states its steps (base/decimal_to_precision.py).
_DECIMAL_PLACES, _TICK_SIZE = 2, 4
_STATES = {
    "open": OrderState.WORKING,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "canceling": OrderState.WORKING,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
_ZERO = Decimal(0)


def exact(number: object) -> Decimal | None:
    """The decimal that ccxt read; None for nothing."""
    return None if number is None else Decimal(str(number))


def kind_of(market: str) -> str:
    """ccxt's type of one of our markets; BadInput for others."""
    if market not in KINDS:
        raise BadInput(f"'{market}' is no market that ccxt's venues have here.", f"Use one of {', '.join(KINDS)}.")
    return KINDS[market]


def contract_size(listed: Json) -> Decimal:
    """Base units in one unit of ccxt's amounts."""
    return (exact(listed.get("contractSize")) or Decimal(1)) if listed.get("contract") else Decimal(1)


def listed_symbols(markets: Mapping[str, Json], *, venue: str, market: str) -> dict[Symbol, Json]:
    """What is traded now on one of our markets, by our names: base and quote with a dash between them. Of contracts,
    the perpetual ones that are settled in their quote currency."""
    kind, found = kind_of(market), dict[Symbol, Json]()
    for listed in markets.values():
        if listed.get("type") != kind or listed.get("active") is False:
            continue
        if kind == "swap" and not (listed.get("linear") and listed.get("settle") == listed.get("quote")):
            continue
        found[Symbol(venue, market, f"{listed['base']}-{listed['quote']}")] = listed
    return found


def instrument_of(symbol: Symbol, listed: Json, *, precision_mode: int) -> Instrument | None:
    """None for a symbol whose steps have no fixed size, or are not told."""
    precision, limits = listed.get("precision") or {}, listed.get("limits") or {}
    tick = _step(precision.get("price"), precision_mode)
    lot = _step(precision.get("amount"), precision_mode)
    if tick is None or lot is None:
        return None
    size = contract_size(listed)
    least = exact((limits.get("amount") or {}).get("min"))
    cost = exact((limits.get("cost") or {}).get("min"))
    return Instrument(
        symbol=symbol,
        base=str(listed["base"]),
        quote=str(listed["quote"]),
        price_tick=tick,
        size_step=lot * size,
        min_size=(least or lot) * size,
        min_notional=cost or _ZERO,
        maker_fee=exact(listed.get("maker")) or _ZERO,
        taker_fee=exact(listed.get("taker")) or _ZERO,
        can_short=symbol.market != "spot",
    )


def _step(precision: object, mode: int) -> Decimal | None:
    number = exact(precision)
    if number is None or mode not in (_DECIMAL_PLACES, _TICK_SIZE):
        return None
    step = number if mode == _TICK_SIZE else Decimal(1).scaleb(-int(number))
    return step if step > 0 else None


def amount_of(size: Decimal, listed: Json) -> float:
    """A size as ccxt takes it; Refused for one that a double or a number of contracts cannot express."""
    unit = contract_size(listed)
    amount = size / unit
    given = float(amount)
    if Decimal(repr(given)) * unit != size:
        raise Refused(f"{size} cannot be said exactly in units of {unit}.")
    return given


def price_of(price: Decimal) -> float:
    """A price as ccxt takes it."""
    given = float(price)
    if Decimal(repr(given)) != price:
        raise Refused(f"{price} has more digits than ccxt can pass on.")
    return given


def candles_of(
    rows: Sequence[Sequence[Any]], symbol: Symbol, timeframe: Timeframe, *, after_ms: int, closed_by_ms: int
) -> CandleBlock:
    """The bars that open after `after_ms` and were over by `closed_by_ms`, by time, each once."""
    bars = {int(row[0]): row for row in rows if row[0] is not None and None not in row[1:5]}
    times = sorted(open_ms for open_ms in bars if open_ms > after_ms and open_ms + timeframe.ms <= closed_by_ms)
    values = [[np.nan if value is None else float(value) for value in bars[open_ms][1:6]] for open_ms in times]
    return CandleBlock(
        symbols=(symbol,),
        timeframe=timeframe,
        symbol_index=np.zeros(len(times), dtype=np.int32),
        open_time_ms=np.array(times, dtype=np.int64),
        values=np.array(values, dtype=np.float64).reshape(-1, 5),
    )


def report_of(
    order: Json, unit: Decimal, *, asked: OrderRequest | None, time_ms: int, odd: Counter[str]
) -> OrderReport:
    """What ccxt tells of one order. Where it tells nothing, `asked` and `time_ms` stand in."""
    status = order.get("status")
    if status is not None and status not in _STATES:
        odd[f"order status {status}"] += 1
    state = OrderState.WORKING if status is None else _STATES.get(status, OrderState.UNKNOWN)
    amount, filled = exact(order.get("amount")), exact(order.get("filled"))
    size = amount * unit if amount is not None else (asked.size if asked is not None else _ZERO)
    done = filled * unit if filled is not None else (size if state is OrderState.FILLED else _ZERO)
    if state is OrderState.WORKING and done:
        state = OrderState.PARTIAL
    elif state is OrderState.FILLED and done < size:
        # Closed, and not whole: what was left of it is gone.
        state = OrderState.CANCELLED
    moment = order.get("lastUpdateTimestamp") or order.get("lastTradeTimestamp") or order.get("timestamp")
    return OrderReport(
        client_order_id=str(order.get("clientOrderId") or (asked.client_order_id if asked is not None else "")),
        venue_order_id=str(order.get("id") or ""),
        state=state,
        size=size,
        filled_size=done,
        time_ms=int(moment or time_ms),
        reason=str(status) if state.final and state is not OrderState.FILLED else "",
    )


def fill_of(trade: Json, symbol: Symbol, listed: Json, *, client_id: str, leg: Leg | None, odd: Counter[str]) -> Fill:
    """One of our trades."""
    price, amount = exact(trade["price"]) or _ZERO, exact(trade["amount"]) or _ZERO
    size = amount * contract_size(listed)
    return Fill(
        trade_id=trade_id_of(trade),
        client_order_id=client_id,
        symbol=symbol,
        side=Side.BUY if trade["side"] == "buy" else Side.SELL,
        leg=leg or Leg.ENTRY,
        price=price,
        size=size,
        fee=_fee(trade, listed, price, odd),
        quote=str(listed["quote"]),
        maker=trade.get("takerOrMaker") == "maker",
        time_ms=int(trade["timestamp"]),
    )


def trade_id_of(trade: Json) -> str:
    """The venue's; of a venue that numbers no trades, what tells this one from others."""
    if trade.get("id") is not None:
        return str(trade["id"])
    return ":".join(str(trade.get(name)) for name in ("order", "timestamp", "price", "amount"))


def _fee(trade: Json, listed: Json, price: Decimal, odd: Counter[str]) -> Decimal:
    """In quote currency. A fee in a third currency has no source for its value here: it is counted, and absent."""
    given = trade.get("fees") or ([trade["fee"]] if trade.get("fee") else [])
    total = _ZERO
    for fee in given:
        cost, currency = exact(fee.get("cost")) or _ZERO, fee.get("currency")
        if currency == listed["quote"]:
            total += cost
        elif currency == listed["base"]:
            total += (cost * price).quantize(Decimal("1e-12"), ROUND_DOWN)
        elif cost:
            odd[f"fee in {currency}"] += 1
    return total
