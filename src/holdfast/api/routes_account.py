"""Addresses about the account: performance, positions, orders, fills."""

from __future__ import annotations

from fastapi import APIRouter, Response

from holdfast.api import examples
from holdfast.api.answers import example
from holdfast.api.asked import Limit, SymbolFilter, View, json_answer
from holdfast.api.views import FillView, OrderView, PerformanceView, PositionView

router = APIRouter(tags=["account"])


@router.get("/api/v1/performance", response_model=list[PerformanceView], responses=example([examples.PERFORMANCE]))
async def performance(view: View) -> Response:
    """Equity, profit and loss, trades and their ratios, one entry for each currency of the account, the main one first.
    A ratio that has no trades behind it is null. `win_rate_low` and `win_rate_high` bound the win rate (95 %)."""
    return json_answer(view.performance())


@router.get("/api/v1/positions", response_model=list[PositionView], responses=example([examples.POSITION]))
async def positions(view: View) -> Response:
    """Open positions, with the stop and target that rest at the venue. A negative size is a short."""
    return json_answer(view.positions())


@router.get("/api/v1/orders", response_model=list[OrderView], responses=example([examples.ORDER], 422))
async def orders(view: View, limit: Limit = 50) -> Response:
    """Orders, working ones before finished ones, newest first."""
    return json_answer(view.orders(limit=limit))


@router.get("/api/v1/fills", response_model=list[FillView], responses=example([examples.FILL], 404, 422))
async def fills(view: View, symbol: SymbolFilter, limit: Limit = 50) -> Response:
    """Fills, newest first, as the venue numbered them."""
    return json_answer(view.fills(symbol=symbol, limit=limit))
