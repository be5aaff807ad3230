"""A real browser, and a server of its own for it. Where Chromium is missing the tests are skipped, but fail in CI.

Both live for one file: while a browser is open its driver keeps an event loop running, under which no other test could
run one of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from served_page import Served

_HERE = Path(__file__).resolve().parent
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _chromium() -> str:
    names = (os.environ.get("HOLDFAST_CHROMIUM", ""), *_NAMES)
    found = next((place for name in names if name and (place := shutil.which(name))), None)
    if found is None:
        message = "Chromium is missing: install it, or set HOLDFAST_CHROMIUM to its path."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    place = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, headless=True, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The cockpit and the API over the fixture view, in a process of their own. Asks for the browser first, so that
    nothing is started where there is none."""
    folder = tmp_path_factory.mktemp("served")
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent / "rooms" / "api"), "PYTHONWARNINGS": "default"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, str(_HERE / "serve_fixture.py")]
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        assert process.stdout and process.stdin
        yield Served(f"http://127.0.0.1:{int(process.stdout.readline())}", folder, process)
        process.stdin.close()


@pytest.fixture
def served(server: Served) -> Served:
    server.tell("full")
    return server
