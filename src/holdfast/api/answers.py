"""How answers are described in OpenAPI: an example of success, and the errors an address may give."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from holdfast.api.errors import ApiError
from holdfast.api.views import ErrorView

_ERRORS = {
    403: ApiError(403, "not_a_command", "A command is not taken from a page of another origin."),
    405: ApiError(405, "no_commands", "This node takes no commands here.", known=["GET"]),
    404: ApiError(404, "unknown_symbol", "'BTCUSD' is not followed. Nearest: BTCUSDT.", known=["BTCUSDT"]),
    422: ApiError(
        422, "unknown_timeframe", "'7m' is not a timeframe here. Known: 1h, 4h, 1d.", known=["1h", "4h", "1d"]
    ),
}
_MEANING = {
    403: "Who asks may not, as far as the node can tell",
    405: "The node takes no commands through this API",
    404: "The name is not known; the known ones are listed",
    422: "A parameter is not right; the message says why",
}


def example(success: object, *errors: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its example, and each of the error statuses with one."""
    responses: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"example": to_jsonable_python(success)}}}
    }
    for status in sorted({*errors, 422}):
        shown = {"example": to_jsonable_python(_ERRORS[status].view)}
        responses[status] = {
            "model": ErrorView,
            "description": _MEANING[status],
            "content": {"application/json": shown},
        }
    return responses
