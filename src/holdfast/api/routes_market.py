"""Addresses about the market and what the heads make of it: symbols, candles, signals, decisions."""

from __future__ import annotations

from fastapi import APIRouter, Response

from holdfast.api import examples
from holdfast.api.answers import example
from holdfast.api.asked import AskedSymbol, AskedTimeframe, Limit, SymbolFilter, View, json_answer
from holdfast.api.errors import ApiError
from holdfast.api.views import CandleView, DecisionView, SignalView, SymbolView
from holdfast.model.candle import Candle

router = APIRouter(tags=["market"])


@router.get("/api/v1/symbols", response_model=list[SymbolView], responses=example([examples.SYMBOL]))
async def symbols(view: View) -> Response:
    """Every followed symbol: whether its series is trusted, how many bars it has, its gaps and refused candles."""
    return json_answer(view.symbols())


@router.get(
    "/api/v1/symbols/{symbol}/candles",
    response_model=list[CandleView],
    responses=example([examples.CANDLE], 404, 422),
)
async def candles(view: View, symbol: AskedSymbol, timeframe: AskedTimeframe, limit: Limit = 200) -> Response:
    """The newest closed candles of one symbol, oldest first. Prices and volume are decimal strings."""
    return json_answer([_shown(candle) for candle in view.candles(symbol, timeframe, limit=limit)])


def _shown(candle: Candle) -> CandleView:
    return CandleView(
        open_time_ms=candle.open_time_ms,
        open=f"{candle.open:f}",
        high=f"{candle.high:f}",
        low=f"{candle.low:f}",
        close=f"{candle.close:f}",
        volume=None if candle.volume is None else f"{candle.volume:f}",
    )


@router.get("/api/v1/signals", response_model=list[SignalView], responses=example([examples.SIGNAL], 404, 422))
async def recent_signals(view: View, symbol: SymbolFilter, limit: Limit = 50) -> Response:
    """The signals that were emitted, newest first, each with the votes of all heads."""
    return json_answer(view.recent_signals(symbol=symbol, limit=limit))


@router.get("/api/v1/signals/{symbol}", response_model=SignalView, responses=example(examples.SIGNAL, 404, 422))
async def signal(view: View, symbol: AskedSymbol, timeframe: AskedTimeframe) -> Response:
    """What the heads say about the newest closed bar of one symbol: every vote with its reasons or why the head
    abstained, and the consensus. `outcome` is `signal`, or the code that says why the votes gave none."""
    found = view.signal(symbol, timeframe)
    if found is None:
        message = f"{symbol} has no closed {timeframe} bar yet: ask again after the next close."
        raise ApiError(404, "no_closed_bar", message)
    return json_answer(found)


@router.get("/api/v1/decisions", response_model=list[DecisionView], responses=example([examples.DECISION], 422))
async def decisions(view: View, limit: Limit = 50) -> Response:
    """What risk made of the signals, newest first: `intent`, or the code of a refusal (docs/risk.md) with the numbers
    that were compared."""
    return json_answer(view.decisions(limit=limit))
