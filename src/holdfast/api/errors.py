"""One shape for every error the API answers, and the words for what a caller got wrong.

An answer is raised as `ApiError` anywhere below a route; what FastAPI itself refuses is put into the same shape here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from holdfast.api.views import ErrorView
from holdfast.model.errors import BadInput

KNOWN_SHOWN = 20

# Every code an answer can carry, and when.
ERRORS = {
    "unknown_symbol": "no followed symbol has this name",
    "not_on_market": "the symbol is followed, but not on this market or venue",
    "ambiguous_symbol": "the symbol is on several markets or venues, and the request does not say which",
    "unknown_timeframe": "the node keeps no bars of this length",
    "no_closed_bar": "the symbol has no closed bar on this timeframe yet",
    "bad_parameter": "a parameter is missing, has a wrong type or is out of its range",
    "unknown_parameter": "the endpoint has no parameter of this name",
    "bad_input": "the request is wrong in a way the message explains",
    "unknown_path": "there is nothing at this address",
    "no_commands": "the node takes no commands through this API, as it can be reached from other machines",
    "not_a_command": "a command does not say that it is one, or comes from a page of another origin",
    "wrong_method": "the address exists, but not for this HTTP method",
    "refused": "the request was refused before it reached an endpoint",
    "internal_error": "the node failed to answer; its log says why",
}


class ApiError(Exception):
    """An answer other than success. `known` is in the order in which it is shown; only its first 20 are."""

    def __init__(self, status: int, code: str, message: str, *, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.view = ErrorView(error=code, message=message, known=list(known[:KNOWN_SHOWN]), known_count=len(known))


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """`known`, those most like `name` first, by the share of letter pairs they have in common (Dice 1945)."""
    wanted = _pairs(name)

    def unlike(other: str) -> tuple[float, str]:
        pairs = _pairs(other)
        return -2 * len(wanted & pairs) / (len(wanted) + len(pairs)), other

    return sorted(known, key=unlike)


def _pairs(text: str) -> set[str]:
    # The spaces make the first and last letter count, and give a one-letter name its pairs.
    padded = f" {text.upper()} "
    return {padded[i : i + 2] for i in range(len(padded) - 1)}


def install(app: FastAPI) -> None:
    """Puts every error of `app` into the one shape."""
    app.add_exception_handler(ApiError, _own)
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


def _answer(status: int, view: ErrorView, headers: dict[str, str] | None = None) -> Response:
    return Response(view.model_dump_json(), status_code=status, media_type="application/json", headers=headers)


async def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _answer(error.status, error.view)


async def _bad_input(_: Request, error: Exception) -> Response:
    return _answer(422, ApiError(422, "bad_input", str(error)).view)


async def _not_valid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message = " ".join(_words(problem) for problem in error.errors())
    return _answer(422, ApiError(422, "bad_parameter", message).view)


def _words(problem: dict[str, Any]) -> str:
    name, context = problem["loc"][-1], problem.get("ctx", {})
    given = f"{name} is '{problem.get('input')}'"
    match problem["type"]:
        case "missing":
            return f"The parameter {name} is missing."
        case "int_parsing" | "int_from_float":
            return f"{given}: it is a whole number."
        case "greater_than_equal":
            return f"{given}: the least is {context['ge']}."
        case "less_than_equal":
            return f"{given}: the most is {context['le']}."
        case _:
            return f"{given}: {problem['msg']}."


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    headers = dict(error.headers) if error.headers else None
    if status == 404:
        view = ApiError(404, "unknown_path", f"There is nothing at {path}. /openapi.json lists every endpoint.").view
    elif status == 405:
        view = ApiError(405, "wrong_method", f"{path} does not answer {request.method}.").view
    else:
        view = ApiError(status, "refused", str(error.detail)).view
    return _answer(status, view, headers)


async def _failed(_: Request, error: Exception) -> Response:
    words = f"The node failed to answer ({type(error).__name__}); its log says why."
    return _answer(500, ApiError(500, "internal_error", words).view)
