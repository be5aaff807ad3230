"""What changed in the account since a transaction: the answer with which a client keeps its picture of it."""

from __future__ import annotations

from holdfast.sim.twins.oanda.account import Account
from holdfast.sim.twins.oanda.wire import Json, money


def changes_json(account: Account, since: int) -> Json:
    """Orders, trades, positions and transactions that came or changed after a transaction, and the account's worth."""
    orders = list(account.orders.values())
    ended = [order for order in orders if (order.ended_by or 0) > since]
    trades = list(account.trades.values())
    changed = [trade for trade in trades if any(number > since for number in trade.closing)]
    touched = {trade.instrument for trade in (*changed, *(trade for trade in trades if trade.number > since))}
    return {
        "changes": {
            "ordersCreated": [order.to_json() for order in orders if order.number > since],
            "ordersCancelled": [order.to_json() for order in ended if order.state == "CANCELLED"],
            "ordersFilled": [order.to_json() for order in ended if order.state == "FILLED"],
            "ordersTriggered": [],
            "tradesOpened": [account.trade_json(trade, summary=True) for trade in trades if trade.number > since],
            "tradesReduced": [account.trade_json(trade, summary=True) for trade in changed if trade.is_open],
            "tradesClosed": [account.trade_json(trade, summary=True) for trade in changed if not trade.is_open],
            "positions": [account.position_json(name) for name in sorted(touched)],
            "transactions": account.log.between(since + 1, account.log.last_id),
        },
        "state": {
            **account.state_json(),
            "orders": [],
            "trades": [
                {
                    "id": str(trade.number),
                    "unrealizedPL": money(account.unrealised(trade)),
                    "marginUsed": money(account.margin_for(trade.instrument, trade.units)),
                }
                for trade in account.open_trades()
            ],
            "positions": [_position_state(account, name) for name in account.open_instruments()],
        },
    }


def _position_state(account: Account, name: str) -> Json:
    held = account.position_json(name)
    return {
        "instrument": name,
        "netUnrealizedPL": held["unrealizedPL"],
        "longUnrealizedPL": held["long"]["unrealizedPL"],
        "shortUnrealizedPL": held["short"]["unrealizedPL"],
        "marginUsed": held["marginUsed"],
    }
