"""What a request asks about: the node, a symbol by its short name, a timeframe; each found, or refused in words.

Routes take these as dependencies. No answer is made here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from pydantic_core import to_json

from holdfast.api.errors import ApiError, nearest
from holdfast.api.views import NodeView
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

MOST = 1000

SymbolPath = Annotated[str, Path(description="a name such as BTCUSDT, in any case, or venue:market:name")]
MarketQuery = Annotated[str | None, Query(description="spot, usdm or fx, where the name is on several markets")]
VenueQuery = Annotated[str | None, Query(description="binance or oanda, where the name is at several venues")]
FrameQuery = Annotated[str | None, Query(description="a bar length such as 1h; left out: the one decided on")]
SymbolQuery = Annotated[str | None, Query(description="only this symbol, by name or as venue:market:name")]
Limit = Annotated[int, Query(ge=1, le=MOST, description=f"at most this many, newest first; 1 to {MOST}")]


def the_view(request: Request) -> NodeView:
    """The node this application shows."""
    view: NodeView = request.app.state.view
    return view


View = Annotated[NodeView, Depends(the_view)]


def json_answer(value: object, status: int = 200) -> Response:
    """The value as JSON: Decimals as strings, numbers that are not finite as null."""
    return Response(to_json(value, inf_nan_mode="null"), status_code=status, media_type="application/json")


def only_known_parameters(request: Request) -> None:
    """Refuses a misspelt parameter: what is silently passed over looks as if it had worked."""
    route = request.scope["route"]
    operation = request.app.openapi()["paths"].get(route.path, {}).get(request.method.lower(), {})
    known = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    for name in request.query_params:
        if name not in known:
            near = nearest(name, known)
            hint = f"Its parameters: {', '.join(near)}." if near else "It takes none."
            raise ApiError(422, "unknown_parameter", f"{route.path} has no parameter '{name}'. {hint}", known=near)


def find_symbol(view: NodeView, name: str, *, market: str | None, venue: str | None) -> Symbol:
    """The one followed symbol of this name (`BTCUSDT`, in any case, or `binance:spot:BTCUSDT`).

    ApiError 404 if there is none, 422 if there are several and `market` and `venue` do not tell them apart.
    """
    keys = view.symbol_keys()
    text = name.upper()
    named = [key for key in keys if text in (key.name.upper(), str(key).upper())]
    if not named:
        near = nearest(name, {key.name for key in keys})
        hint = f"Nearest: {', '.join(near[:3])}." if near else "No symbol is followed yet."
        raise ApiError(404, "unknown_symbol", f"'{name}' is not followed. {hint}", known=near)
    fitting = [key for key in named if market in (None, key.market) and venue in (None, key.venue)]
    if len(fitting) == 1:
        return fitting[0]
    told = [str(key) for key in sorted(fitting or named)]
    if not fitting:
        asked = " and ".join(f"{word} {given}" for word, given in (("market", market), ("venue", venue)) if given)
        raise ApiError(404, "not_on_market", f"{name} is not on {asked}. It is {_listed(told)}.", known=told)
    markets, venues = sorted({key.market for key in fitting}), sorted({key.venue for key in fitting})
    if len(markets) > 1:
        words = f"{name} is on {_listed(markets)}: add ?market="
    else:
        words = f"{name} is at {_listed(venues)}: add ?venue="
    raise ApiError(422, "ambiguous_symbol", words, known=told)


def find_timeframe(view: NodeView, text: str | None) -> Timeframe:
    """The timeframe of this name, or the one decided on; ApiError 422 naming the known ones."""
    frames = view.timeframes()
    if text is None:
        return frames[0]
    for frame in frames:
        if frame.value == text:
            return frame
    known = [frame.value for frame in sorted(frames, key=lambda frame: frame.ms)]
    message = f"'{_shown(text)}' is not a timeframe here. Known: {', '.join(known)}."
    raise ApiError(422, "unknown_timeframe", message, known=known)


def asked_symbol(view: View, symbol: SymbolPath, market: MarketQuery = None, venue: VenueQuery = None) -> Symbol:
    """The symbol in the address."""
    return find_symbol(view, _shown(symbol), market=market, venue=venue)


def symbol_filter(
    view: View, symbol: SymbolQuery = None, market: MarketQuery = None, venue: VenueQuery = None
) -> Symbol | None:
    """The symbol to which a list is narrowed, if any."""
    if symbol is None:
        if market or venue:
            raise ApiError(422, "bad_parameter", "market and venue only tell symbols apart: add ?symbol=")
        return None
    return find_symbol(view, _shown(symbol), market=market, venue=venue)


def asked_timeframe(view: View, timeframe: FrameQuery = None) -> Timeframe:
    return find_timeframe(view, timeframe)


AskedSymbol = Annotated[Symbol, Depends(asked_symbol)]
AskedTimeframe = Annotated[Timeframe, Depends(asked_timeframe)]
SymbolFilter = Annotated[Symbol | None, Depends(symbol_filter)]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(text: str) -> str:
    """What a caller sent, fit to be said back: printable, and not longer than a name can be."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:60]
