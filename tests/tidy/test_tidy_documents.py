"""What an operator can meet (codes, errors, events, metrics, settings, commands, endpoints) is in the documents.

Names are read from the code, so that a new one without a word about it fails here. Heads are not among them: a head is
its own document (its summary, its reasons, its abstentions), and `tests/conformance/test_every_head.py` reads it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from tidy_source import ROOT, Source, python_files

from holdfast.market.validation import DEFECTS
from holdfast.signals.consensus import OUTCOME_CODES
from holdfast.telemetry.events import Event
from holdfast.telemetry.metrics import Metrics


def _room(name: str) -> list[Source]:
    return [source for source in python_files() if source.path.startswith(f"src/holdfast/{name}")]


def _errors() -> set[str]:
    (errors,) = _room("model/errors.py")
    return {node.name for node in errors.tree.body if isinstance(node, ast.ClassDef)}


def _metrics() -> set[str]:
    metrics = Metrics()
    metrics.history_buffer_rows.set(0)
    return set(re.findall(r"^# TYPE (\S+) ", metrics.render().decode(), flags=re.MULTILINE))


def _settings(sources: list[Source]) -> set[str]:
    """The fields of every class in a file called `settings.py`."""
    return {
        field.target.id
        for source in sources
        if source.path.endswith("/settings.py")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _decorated(sources: list[Source], words: set[str]) -> Iterator[tuple[str, str]]:
    """(function name, first text argument or '') of functions under a decorator such as `@app.get("/health")`."""
    for source in sources:
        for _, function in source.functions:
            for decorator in function.decorator_list:
                match decorator:
                    case ast.Call(func=ast.Attribute(attr=word), args=[ast.Constant(value=str(text)), *_]) if (
                        word in words
                    ):
                        yield function.name, text
                    case ast.Call(func=ast.Attribute(attr=word)) if word in words:
                        yield function.name, ""


def _endpoints(sources: list[Source]) -> set[str]:
    return {path for _, path in _decorated(sources, {"get", "post", "put", "delete", "websocket"}) if path}


def _commands(sources: list[Source]) -> set[str]:
    found = _decorated(sources, {"command"})
    return {f"holdfast {given or name.replace('_', '-')}" for name, given in found}


NAMES = {
    "errors": _errors(),
    "defect codes": set(DEFECTS),
    "signal outcomes": set(OUTCOME_CODES),
    "events": {event.value for event in Event},
    "metrics": _metrics(),
    "settings": _settings(_room("")),
    "endpoints": _endpoints(_room("api/")),
    "commands": _commands(_room("cli/")),
}


@pytest.fixture(scope="module")
def documents() -> str:
    pages = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]
    return "\n".join(_code_in(page.read_text()) for page in pages if page.exists())


def _code_in(text: str) -> str:
    """What a page sets as code: a code named `late` is not documented by somebody being late."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    .*$", text, flags=re.MULTILINE)
    return "\n".join([*re.findall(r"`([^`\n]+)`", text), *fenced, *indented])


def _missing(names: set[str], text: str) -> list[str]:
    return sorted(name for name in names if not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w])", text))


@pytest.mark.parametrize("kind", NAMES)
def test_the_documents_name_every_one(kind: str, documents: str) -> None:
    assert not _missing(NAMES[kind], documents), kind


def _read_from(owner: str, sources: list[Source]) -> set[str]:
    """Every `name` of an `owner.name` or `….owner.name`."""
    return {
        node.attr
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == owner
    }


def test_every_event_is_written_somewhere_and_every_metric_measured() -> None:
    assert {event.name for event in Event} <= _read_from("Event", _room(""))
    metrics = {name for name in vars(Metrics()) if not name.startswith("_")} - {"registry"}
    assert metrics <= _read_from("metrics", _room(""))
    assert _read_from("Event", [Source("src/x.py", "EntryKind.FILL, Event.FILL, telemetry.Event.ORDER")]) == {
        "FILL",
        "ORDER",
    }


def test_a_name_inside_a_longer_one_does_not_count() -> None:
    assert _missing({"late", "off_grid"}, "too_late, later, off_grid.") == ["late"]


def test_only_what_a_page_sets_as_code_counts() -> None:
    assert _missing({"late", "future", "off_grid"}, _code_in("never late\n\n    future\n\nand `off_grid`")) == ["late"]


def test_settings_commands_and_endpoints_are_read_from_the_code() -> None:
    head = "class Settings:\n    lease_ttl_ms: int = 1\n"
    assert _settings([Source("src/holdfast/node/settings.py", head)]) == {"lease_ttl_ms"}
    routes = Source("x.py", "@router.get('/health')\nasync def health(): ...\n@app.command()\ndef new_key(): ...\n")
    assert _endpoints([routes]) == {"/health"}
    assert _commands([routes]) == {"holdfast new-key"}
