"""A node on real files and a real port: what it is told over HTTP holds, and no other machine can tell it anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from walking import HOUR, SPOT_HOURS, quiet, set_up

from holdfast.node import serve as serving
from holdfast.node.node import Close, Market, Node
from holdfast.world.clock import SystemClock

Talk = Callable[[httpx.AsyncClient], Awaitable[None]]
COMMAND = {"X-Holdfast": "command"}


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page can be mounted once a process; here only the API is asked."""
    monkeypatch.setattr(serving, "mount", lambda app, view, clock: None)


def talk_to_a_node(data_dir: Path, host: str, talk: Talk) -> None:
    """A node over 24 hours of two symbols, asked once it has started, and stopped."""

    settings = set_up(api={"host": host, "port": 0})
    until_ms = 1_609_459_200_000 + 24 * HOUR
    market = Market(candles=[SPOT_HOURS], symbols=["ADAUSDT", "ETHUSDT"], until_ms=until_ms)

    async def run() -> None:
        talking: list[asyncio.Task[None]] = []

        async def serve(node: Node) -> tuple[str, Close]:
            address, close = await serving.serve(node)
            talking.append(asyncio.create_task(talk_then_stop(node, address)))
            return address, close

        async def talk_then_stop(node: Node, address: str) -> None:
            try:
                async with httpx.AsyncClient(base_url=address) as client:
                    await talk(client)
            finally:
                node.stop.set()

        await Node(settings, market, data_dir, SystemClock(), quiet(), "replay", serve=serve).run()
        await talking[0]

    asyncio.run(run())


def test_a_pair_is_disabled_over_http_and_is_so_after_a_restart(tmp_path: Path) -> None:
    async def disable(client: httpx.AsyncClient) -> None:
        told = await client.post("/api/pairs/ADAUSDT/disable", params={"reason": "delisting"}, headers=COMMAND)
        assert (told.status_code, told.json()["enabled"]) == (200, False)

    async def look(client: httpx.AsyncClient) -> None:
        shown = (await client.get("/api/pairs/status")).json()
        said = {pair["symbol"]: (pair["enabled"], pair["by"], pair["reason"]) for pair in shown}
        assert said == {"ADAUSDT": (False, "operator", "delisting"), "ETHUSDT": (True, None, None)}
        assert [pair["symbol"] for pair in (await client.get("/api/pairs/active")).json()] == ["ETHUSDT"]
        rows = (await client.get("/api/v1/symbols")).json()
        assert {row["symbol"]: row["enabled"] for row in rows} == {"ADAUSDT": False, "ETHUSDT": True}

    talk_to_a_node(tmp_path, "127.0.0.1", disable)
    talk_to_a_node(tmp_path, "127.0.0.1", look)


def test_a_node_that_other_machines_can_reach_takes_no_commands(tmp_path: Path) -> None:
    async def disable(client: httpx.AsyncClient) -> None:
        told = await client.post("/api/pairs/ADAUSDT/disable", headers=COMMAND)
        assert (told.status_code, told.json()["error"]) == (405, "no_commands")
        assert all(pair["enabled"] for pair in (await client.get("/api/pairs/status")).json())

    talk_to_a_node(tmp_path, "0.0.0.0", disable)
