"""Binance's refusals: codes, HTTP statuses and words, and which of them each reason of the exchange becomes."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.model.errors import Refused
from holdfast.model.order import Side
from holdfast.sim.exchange.instrument import Instrument, Reason, Rejected
from holdfast.sim.exchange.order import Kind, OrderSpec


class ApiError(Refused):
    """An answer of the form {"code": …, "msg": …} with an HTTP status. `data` is what a few answers carry beside."""

    def __init__(
        self,
        code: int,
        msg: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        data: object = None,
    ) -> None:
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.headers = dict(headers or {})
        self.data = data

    @property
    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"code": self.code, "msg": self.msg}
        return body if self.data is None else body | {"data": self.data}


def missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def unknown_order() -> ApiError:
    """What a cancel of an order that is not open gets."""
    return ApiError(-2011, "Unknown order sent.")


def no_such_order() -> ApiError:
    """What a query of an order that was never there gets."""
    return ApiError(-2013, "Order does not exist.")


BAD_KEY_FORMAT = ApiError(-2014, "API-key format invalid.", status=401)
BAD_KEY = ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
BAD_SIGNATURE = ApiError(-1022, "Signature for this request is not valid.")

_SPOT: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.NOT_TRADING: (-1013, "Market is closed."),
    Reason.NO_PRICE: (-1013, "Market is closed."),
    Reason.DUPLICATE_ID: (-2010, "Duplicate order sent."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.PRICE_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_RANGE: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PERCENT_PRICE: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.SIZE_STEP: (-1013, "Filter failure: LOT_SIZE"),
    Reason.SIZE_RANGE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reason.MAX_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Reason.MAX_CONDITIONAL: (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reason.MAX_POSITION: (-1013, "Filter failure: MAX_POSITION"),
    Reason.BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.MARGIN: (-2010, "Account has insufficient balance for requested action."),
    Reason.WOULD_TRADE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.BAD_GROUP: (-2010, "The relationship of the prices for the orders is not correct."),
    Reason.PRICE_MISSING: (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    Reason.REDUCE_ONLY: (-2010, "Order was rejected."),
}

_POST_ONLY = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be "
    "recorded in the order history"
)
_USDM: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.NOT_TRADING: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."),
    Reason.NO_PRICE: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."),
    Reason.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.PRICE_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_RANGE: (-4001, "Price less than 0."),
    Reason.PERCENT_PRICE: (-4016, "Limit price can't be higher than the cap."),
    Reason.SIZE_STEP: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.SIZE_RANGE: (-4005, "Quantity greater than max quantity."),
    Reason.NOTIONAL: (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    Reason.MAX_ORDERS: (-2025, "Reach max open order limit."),
    Reason.MAX_CONDITIONAL: (-4045, "Reach max stop order limit."),
    Reason.MAX_POSITION: (-2027, "Exceeded the maximum allowable position at current leverage."),
    Reason.BALANCE: (-2019, "Margin is insufficient."),
    Reason.MARGIN: (-2019, "Margin is insufficient."),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.WOULD_TRADE: (-5022, _POST_ONLY),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.BAD_GROUP: (-4000, "Invalid order status."),
    Reason.PRICE_MISSING: (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
}


def translated(rejected: Rejected, spec: OrderSpec | None, instrument: Instrument | None, *, spot: bool) -> ApiError:
    """The venue's answer to a refusal of the exchange."""
    reason = rejected.reason
    code, msg = (_SPOT if spot else _USDM)[reason]
    if reason is Reason.SIZE_RANGE and spec is not None:
        if spec.size <= 0:
            return (
                ApiError(-1013, "Invalid quantity.")
                if spot
                else ApiError(-4003, "Quantity less than or equal to zero.")
            )
        if not spot and instrument is not None and spec.size < instrument.min_size:
            return ApiError(-4004, "Quantity less than min quantity.")
    if reason is Reason.PRICE_RANGE and instrument is not None and spec is not None and spec.price is not None:
        if spot and spec.price <= 0:
            return ApiError(-1013, "Invalid price.")
        if not spot and instrument.max_price is not None and spec.price > instrument.max_price:
            return ApiError(-4002, "Price greater than max price.")
    if reason in (Reason.SIZE_RANGE, Reason.SIZE_STEP) and spot and spec is not None and spec.kind is Kind.MARKET:
        beyond_lot = instrument is not None and spec.size <= instrument.max_size
        if reason is Reason.SIZE_RANGE and beyond_lot and spec.size >= instrument.min_size:  # type: ignore[union-attr]
            return ApiError(-1013, "Filter failure: MARKET_LOT_SIZE")
    if reason is Reason.PERCENT_PRICE and not spot and spec is not None:
        if spec.side is Side.BUY:
            return ApiError(-4016, f"Limit price can't be higher than {rejected.detail}.")
        return ApiError(-4024, f"Limit price can't be lower than {rejected.detail}.")
    if reason is Reason.NOTIONAL and not spot and instrument is not None:
        least = format((instrument.min_notional or 0), "f")
        return ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    return ApiError(code, msg)
