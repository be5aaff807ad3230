"""Addresses about the node itself: health, metrics, the scheduler, its heads and its settings."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from holdfast.api import examples
from holdfast.api.answers import example
from holdfast.api.asked import View, json_answer
from holdfast.api.views import HeadView, HealthView, MetricsView, SchedulerView
from holdfast.telemetry.metrics import Metrics

router = APIRouter(tags=["node"])

_HEALTH = {
    **example(examples.HEALTH),
    503: {"model": HealthView, "description": "Starting, stopping or degraded: the body says what is missing"},
}
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One line a sample",
        "content": {"text/plain": {"example": 'holdfast_candles_total{market="spot",venue="binance"} 343000.0'}},
    }
}


@router.get("/health", response_model=HealthView, responses=_HEALTH)
async def health(view: View) -> Response:
    """Is the node ready? 200 when it is, 503 while it starts, stops or a part fails. The body is the same either way:
    each phase of the start with its state, and the problems there are, in words."""
    answer = view.health()
    return json_answer(answer, status=200 if answer.status == "ready" else 503)


@router.get("/metrics", response_class=Response, responses=_TEXT)
async def prometheus(view: View) -> Response:
    """All metrics in Prometheus' text format (docs/telemetry.md lists them)."""
    return Response(view.prometheus(), headers={"Content-Type": Metrics.content_type})


@router.get("/api/v1/metrics", response_model=MetricsView, responses=example(examples.METRICS))
async def metrics(view: View) -> Response:
    """Rates, latencies and counts. Rates and latencies are over the last `window_s` seconds of the machine's clock; one
    that has not been measured is null."""
    return json_answer(view.metrics())


@router.get("/api/v1/scheduler/status", response_model=SchedulerView, responses=example(examples.SCHEDULER))
async def scheduler(view: View) -> Response:
    """The evaluations at bar close: how many, what came of them, how long a cycle takes, when the next one is."""
    return json_answer(view.scheduler())


@router.get("/api/v1/heads", response_model=list[HeadView], responses=example([examples.HEAD]))
async def heads(view: View) -> Response:
    """The heads that vote: what each looks at, and what its reason and abstention codes mean."""
    return json_answer(view.heads())


@router.get("/api/v1/settings", response_model=dict[str, Any], responses=example(examples.SETTINGS))
async def settings(view: View) -> Response:
    """The settings in force, defaults included. No secret is among them."""
    return json_answer(view.settings())


@router.get("/api/v1/websocket/status", response_model=dict[str, Any], responses=example(examples.WEBSOCKET))
async def websocket_status(view: View) -> Response:
    """The live feed: every market's connections and streams with their states, requests for candles, series that wait.
    `{"feed": null}` where the candles come from a recording."""
    return Response(msgspec.json.encode({"feed": view.websocket()}), media_type="application/json")
