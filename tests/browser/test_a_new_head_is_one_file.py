"""The head of docs/howto/add-a-head.md, put as one file into a copy of the project, and nothing else changed: it votes,
it is met by the conformance and style tests, and it appears in the API and on the page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto" / "add-a-head.md"
CANDLES = Path("data") / "binance_spot_2021_wanderindev" / "candles_1h.parquet"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the head of the document in it."""
    copy = tmp_path_factory.mktemp("project")
    skipped = shutil.ignore_patterns(".venv", ".git", ".*_cache", "__pycache__", "holdfast-data", ".hypothesis", "data")
    shutil.copytree(ROOT, copy, dirs_exist_ok=True, ignore=skipped)
    (copy / "data").symlink_to(ROOT / "data")
    code = re.search(r"```python\n(.*?)```", HOWTO.read_text(), flags=re.DOTALL)
    assert code is not None
    (copy / "src" / "holdfast" / "signals" / "heads" / "stretch.py").write_text(code.group(1))
    return copy


def environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(project / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_conformance_and_style_tests_meet_it(project: Path) -> None:
    conformance = run_tests(project, "tests/conformance/test_every_head.py", "-k", "stretch")
    passed = re.search(r"(\d+) passed", conformance.stdout)
    assert conformance.returncode == 0 and passed is not None and int(passed.group(1)) >= 9, conformance.stdout[-2000:]
    style = run_tests(project, "tests/tidy/test_tidy_documents.py", "tests/tidy/test_tidy_tree.py")
    assert style.returncode == 0, style.stdout[-3000:]


def run_tests(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", *arguments]
    return subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True)


@pytest.fixture(scope="module")
def node(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running node of the copy, at full speed over two symbols; gives its address."""
    data_dir = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "holdfast", "run", "--candles", str(CANDLES), "--speed", "max", "--port", "0"]
    command += ["--symbol", "BTCUSDT", "--symbol", "ETHUSDT", "--data-dir", str(data_dir), "--log", "json"]
    pipes = {"stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=project, env=environment(project), **pipes) as process:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            told = json.loads(line)
            if told.get("phase") == "api":
                address = told["detail"]
            if told["event"] == "feed.ended":
                break
        assert address, "the node did not serve"
        yield address
        process.terminate()
        process.stderr.read()
        assert process.wait(timeout=20) == 0


def test_it_votes_in_the_api(node: str) -> None:
    with urllib.request.urlopen(f"{node}/api/v1/signals/BTCUSDT?timeframe=1h") as answer:
        votes = {vote["head"]: vote for vote in json.load(answer)["votes"]}
    assert len(votes) == 10
    assert votes["stretch"]["reasons"] or votes["stretch"]["abstained"]
    with urllib.request.urlopen(f"{node}/api/v1/heads") as answer:
        heads = {head["name"]: head for head in json.load(answer)}
    assert heads["stretch"]["summary"] == "Votes against a move that went too far too fast."
    weights = [head["weight"] for name, head in heads.items() if name != "stretch"]
    assert heads["stretch"]["weight"] == pytest.approx(sum(weights) / len(weights))


@pytest.mark.browser
def test_it_is_on_the_page(node: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(node)
    row = page.get_by_text("stretch", exact=True).first
    row.wait_for(timeout=20_000)
    assert row.is_visible()
    page.close()
