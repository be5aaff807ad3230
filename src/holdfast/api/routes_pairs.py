"""Addresses about pairs: which symbols may be entered, and the two commands that change it.

Nobody signs in here, so a command is taken only where this machine alone can reach the API, and only from a caller
that a page of another origin cannot pass for (see `entitled`).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response

from holdfast.api import examples
from holdfast.api.answers import example
from holdfast.api.asked import AskedSymbol, View, json_answer
from holdfast.api.errors import ApiError
from holdfast.api.views import NodeCommands, PairView

router = APIRouter(tags=["pairs"])

_OWN_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})

Reason = Annotated[str, Query(max_length=200, description="why, for the journal and the refusals it leads to")]
By = Annotated[str, Query(min_length=1, max_length=60, description="who says so; nobody checks it")]


def entitled(request: Request) -> NodeCommands:
    """The node's commands, for a caller who may give them.

    A browser sends a page's requests to any address, this machine's too. What it does not do for a page of another
    origin is add a header of ours or a JSON content type without asking first, leave out that origin, or, where a
    stranger's name points at this machine, replace that name in Host. ApiError 405 or 403 says which it was.
    """
    commands: NodeCommands | None = request.app.state.commands
    if commands is None:
        words = "This node takes no commands here: its API is not bound to this machine alone (127.0.0.1 or ::1)."
        raise ApiError(405, "no_commands", words, known=["GET"])
    headers = request.headers
    host = headers.get("host", "")
    if _name_in(f"//{host}") not in _OWN_NAMES:
        raise _not_a_command("A command is sent to localhost, 127.0.0.1 or ::1 by that name.")
    origin = headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{host}":
        raise _not_a_command("A command is not taken from a page of another origin.")
    content = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("x-holdfast") != "command" and content != "application/json":
        raise _not_a_command("A command carries the header 'X-Holdfast: command' or a JSON content type.")
    return commands


def _name_in(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as an unclosed bracket
        return None


def _not_a_command(words: str) -> ApiError:
    return ApiError(403, "not_a_command", words)


Commands = Annotated[NodeCommands, Depends(entitled)]


@router.get("/api/pairs/status", response_model=list[PairView], responses=example([examples.PAIR]))
async def status(view: View) -> Response:
    """Every followed symbol: whether it may be entered, and who said so last, when (market time) and why."""
    return json_answer(view.pairs())


@router.get("/api/pairs/active", response_model=list[PairView], responses=example([examples.PAIR_ENABLED]))
async def active(view: View) -> Response:
    """The same, only of the symbols that may be entered. Whether a series is trusted is at `/api/v1/symbols`."""
    return json_answer([pair for pair in view.pairs() if pair.enabled])


@router.post(
    "/api/pairs/{symbol}/enable",
    response_model=PairView,
    responses=example(examples.PAIR_ENABLED, 403, 404, 405, 422),
)
async def enable(commands: Commands, symbol: AskedSymbol, by: By = "operator", reason: Reason = "") -> Response:
    """Lets signals enter a symbol again. The command is in the journal before it is answered."""
    return json_answer(commands.set_pair(symbol, enabled=True, by=by, reason=reason))


@router.post(
    "/api/pairs/{symbol}/disable",
    response_model=PairView,
    responses=example(examples.PAIR, 403, 404, 405, 422),
)
async def disable(commands: Commands, symbol: AskedSymbol, by: By = "operator", reason: Reason = "") -> Response:
    """Lets no signal enter a symbol from now on, and cancels an entry that is still filling. An open position keeps its
    stop and target, and is closed as ever. The command is in the journal before it is answered."""
    return json_answer(commands.set_pair(symbol, enabled=False, by=by, reason=reason))
