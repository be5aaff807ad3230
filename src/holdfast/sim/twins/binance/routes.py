"""Which method and path is answered by what, what it weighs, and who may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from holdfast.sim.twins.binance import public_data as public
from holdfast.sim.twins.binance import spot_account as spot
from holdfast.sim.twins.binance import usdm_account as usdm
from holdfast.sim.twins.binance import usdm_positions as held
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.parameters import Parameters

Handler = Callable[[Desk, Call], object]


class Security(Enum):
    """KEYED asks for the key alone, SIGNED for key and signature."""

    NONE = "none"
    KEYED = "keyed"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Route:
    """`weight` may depend on the parameters. `orders` are counted against the account. `free_if_done`: spot charges
    placing and cancelling only when it is refused. `engine`: the request goes on to the matching engine."""

    handler: Handler
    weight: int | Callable[[Parameters], int] = 1
    security: Security = Security.NONE
    orders: int = 0
    free_if_done: bool = False
    engine: bool = False

    def weighs(self, parameters: Parameters) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(parameters)


def _per_symbol(one: int, many: int) -> Callable[[Parameters], int]:
    return lambda parameters: one if "symbol" in parameters else many


def _usdm_klines(parameters: Parameters) -> int:
    limit = int(parameters.get("limit", "500")) if parameters.get("limit", "500").isdigit() else 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _signed(handler: Handler, weight: int | Callable[[Parameters], int] = 1) -> Route:
    return Route(handler, weight, Security.SIGNED)


def _placing(handler: Handler, orders: int = 1, *, spot_market: bool) -> Route:
    weight = 1 if spot_market else 0
    return Route(handler, weight, Security.SIGNED, orders=orders, free_if_done=spot_market, engine=True)


def _cancelling(handler: Handler, *, spot_market: bool) -> Route:
    return Route(handler, 1, Security.SIGNED, free_if_done=spot_market, engine=True)


SPOT: dict[tuple[str, str], Route] = {
    ("GET", "ping"): Route(public.ping),
    ("GET", "time"): Route(public.time),
    ("GET", "exchangeInfo"): Route(public.exchange_info, 20),
    ("GET", "klines"): Route(public.klines, 2),
    ("GET", "uiKlines"): Route(public.klines, 2),
    ("GET", "avgPrice"): Route(public.average_price, 2),
    ("GET", "ticker/24hr"): Route(public.ticker_24h, _per_symbol(2, 80)),
    ("GET", "ticker/price"): Route(public.ticker_price, _per_symbol(2, 4)),
    ("GET", "ticker/bookTicker"): Route(public.book_ticker, _per_symbol(2, 4)),
    ("GET", "depth"): Route(public.depth, 5),
    ("POST", "order"): _placing(spot.place_order, spot_market=True),
    ("POST", "order/test"): Route(spot.try_order, 1, Security.SIGNED, engine=True),
    ("GET", "order"): _signed(spot.query_order, 4),
    ("DELETE", "order"): _cancelling(spot.cancel_order, spot_market=True),
    ("POST", "order/cancelReplace"): _placing(spot.cancel_replace, spot_market=True),
    ("GET", "openOrders"): _signed(spot.open_orders, _per_symbol(6, 80)),
    ("DELETE", "openOrders"): _cancelling(spot.cancel_open_orders, spot_market=True),
    ("GET", "allOrders"): _signed(spot.all_orders, 20),
    ("GET", "myTrades"): _signed(spot.my_trades, lambda given: 5 if "orderId" in given else 20),
    ("GET", "account"): _signed(spot.account, 20),
    ("GET", "account/commission"): _signed(spot.account_commission, 20),
    ("GET", "rateLimit/order"): _signed(spot.order_rate_limits, 40),
    ("POST", "orderList/oco"): _placing(spot.place_oco, 2, spot_market=True),
    ("POST", "orderList/oto"): _placing(spot.place_oto, 2, spot_market=True),
    ("POST", "orderList/otoco"): _placing(spot.place_otoco, 3, spot_market=True),
    ("GET", "orderList"): _signed(spot.query_list, 4),
    ("DELETE", "orderList"): _cancelling(spot.cancel_list, spot_market=True),
    ("GET", "openOrderList"): _signed(spot.open_lists, 6),
    ("GET", "allOrderList"): _signed(spot.all_lists, 20),
    **{(method, "userDataStream"): Route(spot.listen_key_removed) for method in ("POST", "PUT", "DELETE")},
}

USDM: dict[tuple[str, str], Route] = {
    ("GET", "v1/ping"): Route(public.ping),
    ("GET", "v1/time"): Route(public.time),
    ("GET", "v1/exchangeInfo"): Route(public.exchange_info),
    ("GET", "v1/klines"): Route(public.klines, _usdm_klines),
    ("GET", "v1/ticker/24hr"): Route(public.ticker_24h, _per_symbol(1, 40)),
    ("GET", "v1/ticker/price"): Route(public.ticker_price, _per_symbol(1, 2)),
    ("GET", "v2/ticker/price"): Route(public.ticker_price, _per_symbol(1, 2)),
    ("GET", "v1/ticker/bookTicker"): Route(public.book_ticker, _per_symbol(2, 5)),
    ("GET", "v1/depth"): Route(public.depth, 5),
    ("GET", "v1/premiumIndex"): Route(public.premium_index, _per_symbol(1, 10)),
    ("GET", "v1/fundingRate"): Route(public.funding_rate),
    ("GET", "v1/fundingInfo"): Route(public.funding_info),
    ("GET", "v1/tradingSchedule"): Route(public.trading_schedule, 5),
    ("POST", "v1/order"): _placing(usdm.place_order, spot_market=False),
    ("POST", "v1/order/test"): Route(usdm.try_order, 1, Security.SIGNED, engine=True),
    ("GET", "v1/order"): _signed(usdm.query_order),
    ("DELETE", "v1/order"): _cancelling(usdm.cancel_order, spot_market=False),
    ("GET", "v1/openOrder"): _signed(usdm.query_open_order),
    ("GET", "v1/openOrders"): _signed(usdm.open_orders, _per_symbol(1, 40)),
    ("GET", "v1/allOrders"): _signed(usdm.all_orders, 5),
    ("DELETE", "v1/allOpenOrders"): _cancelling(usdm.cancel_open_orders, spot_market=False),
    ("GET", "v1/userTrades"): _signed(usdm.user_trades, 5),
    ("POST", "v1/algoOrder"): _placing(usdm.place_algo, spot_market=False),
    ("GET", "v1/algoOrder"): _signed(usdm.query_algo),
    ("DELETE", "v1/algoOrder"): _cancelling(usdm.cancel_algo, spot_market=False),
    ("GET", "v1/openAlgoOrders"): _signed(usdm.open_algos, _per_symbol(1, 40)),
    ("GET", "v1/allAlgoOrders"): _signed(usdm.all_algos, 5),
    ("DELETE", "v1/algoOpenOrders"): _cancelling(usdm.cancel_open_algos, spot_market=False),
    ("GET", "v2/positionRisk"): _signed(held.position_risk_v2, 5),
    ("GET", "v3/positionRisk"): _signed(held.position_risk_v3, 5),
    ("GET", "v2/balance"): _signed(held.balance, 5),
    ("GET", "v3/balance"): _signed(held.balance, 5),
    ("GET", "v2/account"): _signed(held.account, 5),
    ("GET", "v3/account"): _signed(held.account, 5),
    ("POST", "v1/leverage"): _signed(held.change_leverage),
    ("POST", "v1/marginType"): _signed(held.change_margin_type),
    ("GET", "v1/positionSide/dual"): _signed(held.position_mode, 30),
    ("POST", "v1/positionSide/dual"): _signed(held.change_position_mode),
    ("GET", "v1/multiAssetsMargin"): _signed(held.multi_assets_mode, 30),
    ("GET", "v1/leverageBracket"): _signed(held.leverage_brackets),
    ("GET", "v1/commissionRate"): _signed(held.commission_rate, 20),
    ("GET", "v1/rateLimit/order"): _signed(spot.order_rate_limits),
    ("POST", "v1/countdownCancelAll"): _signed(held.arm_dead_man, 10),
    ("POST", "v1/listenKey"): Route(held.create_listen_key, 1, Security.KEYED),
    ("PUT", "v1/listenKey"): Route(held.renew_listen_key, 1, Security.KEYED),
    ("DELETE", "v1/listenKey"): Route(held.close_listen_key, 1, Security.KEYED),
}

# What clients ask of the wallet and of COIN-M before they trade.
WALLET: dict[tuple[str, str], Route] = {
    ("GET", "v1/system/status"): Route(spot.system_status),
    ("GET", "v1/account/apiRestrictions"): _signed(spot.restrictions),
    ("GET", "v1/capital/config/getall"): _signed(spot.coins, 10),
    ("GET", "v1/margin/allPairs"): Route(spot.nothing, 1, Security.KEYED),
    ("GET", "v1/margin/isolated/allPairs"): Route(spot.nothing, 1, Security.KEYED),
}
COIN_M: dict[tuple[str, str], Route] = {
    ("GET", "v1/ping"): Route(public.ping),
    ("GET", "v1/exchangeInfo"): Route(public.no_symbols),
}
