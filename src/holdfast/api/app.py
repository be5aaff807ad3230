"""The application: every route over one view of a node, errors in one shape, OpenAPI at /openapi.json.

Routes run on the event loop and not in threads, because the view reads what the loop changes.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.routing import Match

from holdfast import __version__
from holdfast.api import routes_account, routes_market, routes_node, routes_pairs
from holdfast.api.asked import only_known_parameters
from holdfast.api.errors import ApiError, install, nearest
from holdfast.api.views import NodeCommands, NodeView

_DESCRIPTION = """\
Views of one node, and a few commands to it. Money, prices and sizes are decimal strings; times are milliseconds since
1970 UTC, those of bars, signals, orders and fills on the market's clock. A number that has no source yet is null, never
zero. Every error has one shape: `{"error": code, "message": words, "known": [nearest first], "known_count": n}`."""

_ROUTERS = (routes_node.router, routes_market.router, routes_account.router, routes_pairs.router)
_elsewhere = APIRouter(include_in_schema=False)


@_elsewhere.api_route("/api/{rest:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def nothing_here(request: Request) -> Response:
    """An unknown address below /api is answered as JSON, also when a page is mounted at the root."""
    path = request.url.path
    if methods := [method for method in ("GET", "POST") if _answers(request, method)]:
        raise ApiError(405, "wrong_method", f"{path} does not answer {request.method}.", known=methods)
    known = nearest(path, request.app.openapi()["paths"])
    raise ApiError(404, "unknown_path", f"There is nothing at {path}. Nearest: {known[0]}.", known=known)


def _answers(request: Request, method: str) -> bool:
    """Whether the address of this request would answer that method."""
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for router in _ROUTERS for route in router.routes)


def create_app(view: NodeView, commands: NodeCommands | None = None) -> FastAPI:
    """The API over `view`, which takes `commands` if there are any: give them only where nobody but this machine can
    ask. A page may be mounted on it afterwards; the API's own addresses come first."""
    # The interactive pages of FastAPI load their scripts from the internet, which a node need not have.
    app = FastAPI(title="holdfast", version=__version__, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.view = view
    app.state.commands = commands
    install(app)
    checked = [Depends(only_known_parameters)]
    for router in _ROUTERS:
        app.include_router(router, dependencies=checked)
    app.include_router(_elsewhere)
    return app
