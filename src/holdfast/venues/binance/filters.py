"""Binance's exchangeInfo: which symbols are tradable, and by which rules. Reading only."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from holdfast.model.errors import Retryable
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.ports.transport import Limited, RateLimit

VENUE = "binance"
_ZERO = Decimal(0)
_LENGTH_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_LIMITED = {"REQUEST_WEIGHT": Limited.WEIGHT, "ORDERS": Limited.ORDERS, "RAW_REQUESTS": Limited.REQUESTS}


class _RateLimit(msgspec.Struct, rename="camel"):
    rate_limit_type: str = ""
    interval: str = ""
    interval_num: int = 1
    limit: int = 0


class _Filter(msgspec.Struct, rename="camel"):
    """All the filters we keep, in one shape: each has some of these."""

    filter_type: str
    tick_size: Decimal = _ZERO
    min_price: Decimal = _ZERO
    max_price: Decimal = _ZERO
    step_size: Decimal = _ZERO
    min_qty: Decimal = _ZERO
    max_qty: Decimal = _ZERO
    min_notional: Decimal = _ZERO
    notional: Decimal = _ZERO
    multiplier_up: Decimal = _ZERO
    multiplier_down: Decimal = _ZERO
    bid_multiplier_up: Decimal = _ZERO
    bid_multiplier_down: Decimal = _ZERO
    ask_multiplier_up: Decimal = _ZERO
    ask_multiplier_down: Decimal = _ZERO
    limit: int = 0
    max_num_orders: int = 0
    max_num_algo_orders: int = 0


class _SymbolInfo(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    contract_type: str = ""
    is_spot_trading_allowed: bool = True
    oco_allowed: bool = False
    order_types: list[str] = []
    filters: list[_Filter] = []
    base_asset_precision: int = 8
    quote_precision: int = 8
    price_precision: int | None = None
    quantity_precision: int | None = None


class ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[_SymbolInfo]
    rate_limits: list[_RateLimit] = []


class SymbolRules(msgspec.Struct, frozen=True):
    """What Binance demands of orders beyond an Instrument. A bound of None is not checked by Binance.

    `price_bounds` multiplies a reference price: (buy low, buy high, sell low, sell high).
    """

    symbol: Symbol
    order_types: frozenset[str]
    order_lists: bool
    price_tick: Decimal
    size_step: Decimal
    min_price: Decimal | None
    max_price: Decimal | None
    max_size: Decimal | None
    max_market_size: Decimal | None
    price_bounds: tuple[Decimal, Decimal, Decimal, Decimal] | None
    max_orders: int | None
    max_conditional_orders: int | None


# Statuses that Binance has documented. Another one is counted: it is not tradable either.
_KNOWN_STATUSES = frozenset(
    {"TRADING", "HALT", "BREAK", "END_OF_DAY", "AUCTION_MATCH", "PRE_TRADING", "POST_TRADING", "PENDING_TRADING"}
    | {"PRE_DELIVERING", "DELIVERING", "DELIVERED", "PRE_SETTLE", "SETTLING", "CLOSE", "CANCEL_ONLY"}
)
_KNOWN_CONTRACTS = frozenset(
    {"", "PERPETUAL", "CURRENT_MONTH", "NEXT_MONTH", "CURRENT_QUARTER", "NEXT_QUARTER", "PERPETUAL_DELIVERING"}
    | {"CURRENT_QUARTER DELIVERING", "NEXT_QUARTER DELIVERING", "TRADIFI_PERPETUAL"}
)
_KNOWN_FILTERS = frozenset(
    {
        "PRICE_FILTER",
        "PERCENT_PRICE",
        "PERCENT_PRICE_BY_SIDE",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "MIN_NOTIONAL",
        "NOTIONAL",
    }
    | {"ICEBERG_PARTS", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ICEBERG_ORDERS", "MAX_POSITION"}
    | {"TRAILING_DELTA", "MAX_NUM_ORDER_LISTS", "MAX_NUM_ORDER_AMENDS", "POSITION_RISK_CONTROL", "T_PLUS_SELL"}
)

_decode = msgspec.json.Decoder(ExchangeInfo).decode


def read_exchange_info(body: bytes) -> ExchangeInfo:
    """Retryable for an answer that is no exchangeInfo. Fields we do not know are passed over."""
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        raise Retryable(f"Binance's exchangeInfo cannot be read: {error}") from error


def rate_limits(info: ExchangeInfo, odd: Counter[str]) -> list[RateLimit]:
    """The limits as Binance states them; kinds it may have added are counted in `odd`."""
    limits = []
    for limit in info.rate_limits:
        what, length_ms = _LIMITED.get(limit.rate_limit_type), _LENGTH_MS.get(limit.interval)
        if what is None or length_ms is None or limit.limit <= 0:
            odd[f"rate limit {limit.rate_limit_type}/{limit.interval}"] += 1
        else:
            limits.append(RateLimit(what, length_ms * limit.interval_num, limit.limit))
    return limits


def instruments_of(
    info: ExchangeInfo, *, market: str, maker_fee: Decimal, taker_fee: Decimal, odd: Counter[str]
) -> tuple[dict[Symbol, Instrument], dict[Symbol, SymbolRules]]:
    """What is tradable now, and the further rules. Unknown statuses and contracts are not tradable, and counted."""
    instruments, rules = {}, {}
    for listed in info.symbols:
        if not _tradable(listed, market, odd):
            continue
        symbol = Symbol(VENUE, market, listed.symbol)
        filters = {one.filter_type: one for one in listed.filters}
        odd.update(f"filter {kind}" for kind in filters.keys() - _KNOWN_FILTERS)
        instruments[symbol] = _instrument(listed, filters, symbol, maker_fee=maker_fee, taker_fee=taker_fee)
        rules[symbol] = _rules(listed, filters, instruments[symbol])
    return instruments, rules


def _tradable(listed: _SymbolInfo, market: str, odd: Counter[str]) -> bool:
    if listed.status not in _KNOWN_STATUSES:
        odd[f"symbol status {listed.status}"] += 1
    if listed.contract_type not in _KNOWN_CONTRACTS:
        odd[f"contract type {listed.contract_type}"] += 1
    if listed.status != "TRADING":
        return False
    # Perpetuals on stocks and metals (TRADIFI_PERPETUAL) keep sessions of their own, so they are left out.
    return listed.is_spot_trading_allowed if market == "spot" else listed.contract_type == "PERPETUAL"


def _instrument(
    listed: _SymbolInfo, filters: dict[str, _Filter], symbol: Symbol, *, maker_fee: Decimal, taker_fee: Decimal
) -> Instrument:
    none = _Filter("")
    price, lot = filters.get("PRICE_FILTER", none), filters.get("LOT_SIZE", none)
    market_lot = filters.get("MARKET_LOT_SIZE", none)
    notional = [filters.get(name, none) for name in ("NOTIONAL", "MIN_NOTIONAL")]
    price_digits = listed.quote_precision if listed.price_precision is None else listed.price_precision
    size_digits = listed.base_asset_precision if listed.quantity_precision is None else listed.quantity_precision
    return Instrument(
        symbol=symbol,
        base=listed.base_asset,
        quote=listed.quote_asset,
        # A step of zero means that Binance does not check it, so the currency's own digits are the grid.
        price_tick=price.tick_size or Decimal(1).scaleb(-price_digits),
        size_step=max(lot.step_size, market_lot.step_size) or Decimal(1).scaleb(-size_digits),
        min_size=max(lot.min_qty, market_lot.min_qty),
        min_notional=max(max(one.min_notional, one.notional) for one in notional),
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        can_short=symbol.market != "spot",
    )


def _rules(listed: _SymbolInfo, filters: dict[str, _Filter], instrument: Instrument) -> SymbolRules:
    none = _Filter("")
    price, lot = filters.get("PRICE_FILTER", none), filters.get("LOT_SIZE", none)
    count = filters.get("MAX_NUM_ORDERS", none)
    conditional = filters.get("MAX_NUM_ALGO_ORDERS", none)
    return SymbolRules(
        symbol=instrument.symbol,
        order_types=frozenset(listed.order_types),
        order_lists=listed.oco_allowed,
        price_tick=instrument.price_tick,
        size_step=instrument.size_step,
        min_price=price.min_price or None,
        max_price=price.max_price or None,
        max_size=lot.max_qty or None,
        max_market_size=filters.get("MARKET_LOT_SIZE", none).max_qty or None,
        price_bounds=_bounds(filters),
        max_orders=count.max_num_orders or count.limit or None,
        max_conditional_orders=conditional.max_num_algo_orders or conditional.limit or None,
    )


def _bounds(filters: dict[str, _Filter]) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
    if (sided := filters.get("PERCENT_PRICE_BY_SIDE")) is not None:
        return sided.bid_multiplier_down, sided.bid_multiplier_up, sided.ask_multiplier_down, sided.ask_multiplier_up
    if (both := filters.get("PERCENT_PRICE")) is not None:
        # On futures only the far bound of each side is enforced; both are kept, which is stricter.
        return both.multiplier_down, both.multiplier_up, both.multiplier_down, both.multiplier_up
    return None
