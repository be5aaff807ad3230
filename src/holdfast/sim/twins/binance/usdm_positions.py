"""What an account has on futures: positions, balances, settings, the keys of its streams, a dead man's timer."""

from __future__ import annotations

from decimal import Decimal

from holdfast.sim.exchange.account import Position
from holdfast.sim.exchange.instrument import Rejected
from holdfast.sim.exchange.order import ZERO
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.errors import ApiError, missing
from holdfast.sim.twins.binance.figures import fixed, plain

Json = dict[str, object]
_MAINTENANCE = Decimal("0.025")


def _sides(desk: Desk, call: Call) -> tuple[str, ...]:
    return ("LONG", "SHORT") if desk.exchange.accounts[call.account].hedged else ("",)


def position_risk_v2(desk: Desk, call: Call) -> object:
    """Every listed symbol, flat ones too."""
    return [_risk(desk, call, one.name, side) for one in desk.instruments(call) for side in _sides(desk, call)]


def position_risk_v3(desk: Desk, call: Call) -> object:
    """Symbols with a position or an open order only."""
    rows = []
    for one in desk.instruments(call):
        for side in _sides(desk, call):
            held = desk.exchange.accounts[call.account].position(one.name, side).lots
            if held or desk.exchange.open_orders(call.account, one.name):
                rows.append(_risk(desk, call, one.name, side))
    return rows


def _risk(desk: Desk, call: Call, symbol: str, side: str) -> Json:
    owner, one = desk.exchange.accounts[call.account], desk.instrument(symbol)
    position, mark = owner.position(symbol, side), _mark(desk, symbol)
    value = position.size * mark
    margin = abs(value) / owner.leverage_of(symbol)
    entry = plain(position.entry_price)
    return {
        "symbol": symbol,
        "positionSide": side or "BOTH",
        "positionAmt": plain(position.size),
        "entryPrice": entry if position.lots else "0.0",
        "breakEvenPrice": entry if position.lots else "0.0",
        "markPrice": fixed(mark),
        "unRealizedProfit": fixed(position.unrealised(mark)),
        "liquidationPrice": "0",
        "leverage": str(owner.leverage_of(symbol)),
        "maxNotionalValue": "100000000",
        "marginType": desk.margin_types.get((call.account, symbol), "cross").lower(),
        "isolatedMargin": "0.00000000",
        "isAutoAddMargin": "false",
        "notional": fixed(value),
        "isolatedWallet": "0",
        "marginAsset": one.quote,
        "initialMargin": fixed(margin),
        "maintMargin": fixed(abs(value) * _MAINTENANCE),
        "positionInitialMargin": fixed(margin),
        "openOrderInitialMargin": "0.00000000",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.changed_ms,
    }


def _mark(desk: Desk, symbol: str) -> Decimal:
    return desk.exchange.books[symbol].worth or ZERO


def balance(desk: Desk, call: Call) -> object:
    owner = desk.exchange.accounts[call.account]
    return [_balance(desk, call, asset) for asset in sorted(owner.totals)]


def _balance(desk: Desk, call: Call, asset: str) -> Json:
    owner = desk.exchange.accounts[call.account]
    available = max(desk.exchange.available_margin(owner, asset), ZERO)
    return {
        "accountAlias": "twin",
        "asset": asset,
        "balance": fixed(owner.total(asset)),
        "crossWalletBalance": fixed(owner.total(asset)),
        "crossUnPnl": fixed(_unrealised(desk, call, asset)),
        "availableBalance": fixed(available),
        "maxWithdrawAmount": fixed(min(available, owner.total(asset))),
        "marginAvailable": True,
        "updateTime": owner.changed_ms,
    }


def _unrealised(desk: Desk, call: Call, asset: str) -> Decimal:
    return sum((p.unrealised(_mark(desk, symbol)) for symbol, _, p in _held(desk, call, asset)), ZERO)


def _held(desk: Desk, call: Call, asset: str) -> list[tuple[str, str, Position]]:
    positions = desk.exchange.accounts[call.account].positions.items()
    return [
        (symbol, side, position)
        for (symbol, side), position in positions
        if position.lots and desk.instrument(symbol).quote == asset
    ]


def account(desk: Desk, call: Call) -> object:
    """/fapi/v2/account and /fapi/v3/account; the newer one tells the older one's fields that are still in use."""
    owner = desk.exchange.accounts[call.account]
    assets = [_asset(desk, call, asset) for asset in sorted(owner.totals)]
    names = {
        "totalInitialMargin": "initialMargin",
        "totalMaintMargin": "maintMargin",
        "totalWalletBalance": "walletBalance",
        "totalUnrealizedProfit": "unrealizedProfit",
        "totalMarginBalance": "marginBalance",
        "totalPositionInitialMargin": "positionInitialMargin",
        "totalOpenOrderInitialMargin": "openOrderInitialMargin",
        "totalCrossWalletBalance": "crossWalletBalance",
        "totalCrossUnPnl": "crossUnPnl",
        "availableBalance": "availableBalance",
        "maxWithdrawAmount": "maxWithdrawAmount",
    }
    sums: Json = {total: fixed(sum((Decimal(str(row[one])) for row in assets), ZERO)) for total, one in names.items()}
    positions = [_risk(desk, call, one.name, side) for one in desk.instruments(call) for side in _sides(desk, call)]
    for row in positions:
        row["unrealizedProfit"] = row["unRealizedProfit"]
        row["isolated"] = row["marginType"] == "isolated"
        row["maxNotional"] = row["maxNotionalValue"]
    rights: Json = {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": False, "updateTime": 0}
    rights |= {"multiAssetsMargin": False, "tradeGroupId": -1, "feeBurn": False}
    return rights | sums | {"assets": assets, "positions": positions}


def _asset(desk: Desk, call: Call, asset: str) -> Json:
    owner = desk.exchange.accounts[call.account]
    total, profit = owner.total(asset), _unrealised(desk, call, asset)
    values = [(symbol, abs(position.size * _mark(desk, symbol))) for symbol, _, position in _held(desk, call, asset)]
    margin = sum((value / owner.leverage_of(symbol) for symbol, value in values), ZERO)
    resting = owner.locked(asset)
    available = fixed(max(desk.exchange.available_margin(owner, asset), ZERO))
    return {
        "asset": asset,
        "walletBalance": fixed(total),
        "unrealizedProfit": fixed(profit),
        "marginBalance": fixed(total + profit),
        "maintMargin": fixed(sum((value for _, value in values), ZERO) * _MAINTENANCE),
        "initialMargin": fixed(margin + resting),
        "positionInitialMargin": fixed(margin),
        "openOrderInitialMargin": fixed(resting),
        "crossWalletBalance": fixed(total),
        "crossUnPnl": fixed(profit),
        "availableBalance": available,
        "maxWithdrawAmount": available,
        "marginAvailable": True,
        "updateTime": owner.changed_ms,
    }


# ---- settings


def change_leverage(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    leverage = call.parameters.integer("leverage") or 0
    if not 1 <= leverage <= 125:
        raise ApiError(-4028, f"Leverage {leverage} is not valid")
    desk.exchange.configure(call.account, symbol=symbol, leverage=leverage, time_ms=call.now_ms)
    return {"leverage": leverage, "maxNotionalValue": "100000000", "symbol": symbol}


def change_margin_type(desk: Desk, call: Call) -> object:
    symbol = desk.instrument(call.parameters.symbol()).name
    wanted = call.parameters.choice("marginType", frozenset({"ISOLATED", "CROSSED"}), missing("marginType"))
    key, word = (call.account, symbol), {"ISOLATED": "isolated", "CROSSED": "cross"}[wanted]
    if desk.margin_types.get(key, "cross") == word:
        raise ApiError(-4046, "No need to change margin type.")
    if desk.exchange.accounts[call.account].position(symbol).lots:
        raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
    desk.margin_types[key] = word
    return {"code": 200, "msg": "success"}


def position_mode(desk: Desk, call: Call) -> object:
    return {"dualSidePosition": desk.exchange.accounts[call.account].hedged}


def change_position_mode(desk: Desk, call: Call) -> object:
    call.parameters.text("dualSidePosition")
    wanted = call.parameters.boolean("dualSidePosition")
    if wanted == desk.exchange.accounts[call.account].hedged:
        raise ApiError(-4059, "No need to change position side.")
    try:
        desk.exchange.configure(call.account, hedged=wanted, time_ms=call.now_ms)
    except Rejected as rejected:
        msg = "Position side cannot be changed if there exists position."
        raise ApiError(-4068, msg) from rejected
    return {"code": 200, "msg": "success"}


def multi_assets_mode(desk: Desk, call: Call) -> object:
    return {"multiAssetsMargin": False}


def leverage_brackets(desk: Desk, call: Call) -> object:
    bracket: Json = {"bracket": 1, "initialLeverage": 125, "notionalCap": 100_000_000, "notionalFloor": 0}
    bracket |= {"maintMarginRatio": float(_MAINTENANCE), "cum": 0.0}
    return [{"symbol": one.name, "notionalCoef": 1.0, "brackets": [bracket]} for one in desk.instruments(call)]


def commission_rate(desk: Desk, call: Call) -> object:
    one = desk.instrument(call.parameters.symbol())
    return {
        "symbol": one.name,
        "makerCommissionRate": plain(one.maker_fee),
        "takerCommissionRate": plain(one.taker_fee),
        "rpiCommissionRate": "0",
    }


def arm_dead_man(desk: Desk, call: Call) -> object:
    """Cancels the symbol's orders in the book after `countdownTime` ms, unless asked again; 0 disarms."""
    symbol = desk.instrument(call.parameters.symbol()).name
    countdown_ms = call.parameters.integer("countdownTime")
    if countdown_ms is None:
        raise missing("countdownTime")
    if countdown_ms:
        desk.dead_man[(call.account, symbol)] = call.now_ms + countdown_ms
    else:
        desk.dead_man.pop((call.account, symbol), None)
    return {"symbol": symbol, "countdownTime": str(countdown_ms)}


def create_listen_key(desk: Desk, call: Call) -> object:
    return {"listenKey": desk.listen_keys.create(call.account, call.now_ms)}


def renew_listen_key(desk: Desk, call: Call) -> object:
    return {"listenKey": desk.listen_keys.renew(call.account, call.now_ms)}


def close_listen_key(desk: Desk, call: Call) -> object:
    desk.listen_keys.close(call.account)
    return {}


def fire_dead_man(desk: Desk, now_ms: int) -> None:
    """What the venue does by itself when a countdown has run out."""
    for key in [key for key, due_ms in desk.dead_man.items() if due_ms <= now_ms]:
        del desk.dead_man[key]
        account_name, symbol = key
        for order in desk.exchange.open_orders(account_name, symbol):
            if not order.waiting:
                desk.exchange.cancel(account_name, order.id, time_ms=now_ms, cause=order.spec.client_id)
