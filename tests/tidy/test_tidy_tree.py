"""The style of the house, held against the whole tree: code by `tidy_rules`, words by `tidy_text`, the rest here."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tidy_rules import DOORS, LOOP_TOPS, RULES, banned_uses, broad_excepts
from tidy_source import ROOMS, ROOT, Source, python_files, text_files
from tidy_text import MACHINE_WORDS, SECRETS, found

# Rooms without behaviour of their own, and why they have no tests of their own.
UNTESTED_ROOMS = {"ports": "types only; every engine behind a door is met by tests/conformance"}


@pytest.mark.parametrize("name", RULES)
def test_the_code_follows_the_rule(name: str) -> None:
    offences = [
        f"{source.path}:{line}: {what}" for source in python_files() for line, what in sorted(RULES[name](source))
    ]
    assert not offences, "\n" + "\n".join(offences)


def test_every_exception_in_the_tables_is_still_needed() -> None:
    used_doors = {(source.path, banned) for source in python_files() for _, banned in banned_uses(source)}
    stale = [
        f"DOORS[{prefix!r}, {banned!r}]"
        for prefix, banned in DOORS
        if not any(path.startswith(prefix) and name == banned for path, name in used_doors)
    ]
    used_tops = {place for source in python_files() for _, place in broad_excepts(source)}
    stale += [f"LOOP_TOPS[{place!r}]" for place in LOOP_TOPS if place not in used_tops]
    assert not stale, f"exceptions that nothing uses: {stale}"


@pytest.mark.parametrize(("patterns"), [MACHINE_WORDS, SECRETS], ids=["machines", "secrets"])
def test_no_file_names_a_machine_or_holds_a_secret(patterns: dict[str, str]) -> None:
    offences = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in text_files()
        for line, what in found(path.read_text(errors="replace"), patterns)
    ]
    assert not offences, "\n" + "\n".join(offences)


def _rooms_with_code() -> list[str]:
    return sorted(
        folder.name
        for folder in ROOMS.iterdir()
        if folder.is_dir() and any(path.name != "__init__.py" for path in folder.rglob("*.py"))
    )


@pytest.mark.parametrize("room", _rooms_with_code())
def test_every_room_with_code_has_its_mirror_among_the_tests(room: str) -> None:
    tests = list((ROOT / "tests" / "rooms" / room).glob("test_*.py"))
    if room in UNTESTED_ROOMS:
        assert not tests, f"{room} has tests now: take it out of UNTESTED_ROOMS"
    else:
        assert tests, f"src/holdfast/{room} has code, and tests/rooms/{room} has no test_*.py"


def test_every_folder_of_room_tests_mirrors_a_room() -> None:
    mirrors = {folder.name for folder in (ROOT / "tests" / "rooms").iterdir() if folder.is_dir()}
    assert mirrors - {"__pycache__"} <= set(_rooms_with_code())


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports them side by side, without packages."""
    counts = Counter(Path(source.path).name for source in python_files() if source.path.startswith("tests/"))
    assert not [name for name, count in counts.items() if count > 1 and name != "conftest.py"]
    assert "__init__.py" not in counts


# --- what the project is made of ------------------------------------------------------------------------------------

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)( ; [^\\]+)? \\$")


def _pins(text: str) -> dict[str, str]:
    """{name: version} of a lock; every line is a pin or the hash of one, or the assertion fails."""
    pins: dict[str, str] = {}
    lines = text.splitlines()
    for line, following in pairwise([*lines, ""]):
        if match := _PIN.match(line):
            assert following.startswith("    --hash=sha256:"), f"{line} has no hash"
            assert match[1] not in pins, f"{match[1]} is pinned twice"
            pins[match[1]] = match[2]
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), f"neither a pin nor a hash: {line}"
    return pins


def _lock(name: str) -> dict[str, str]:
    return _pins((ROOT / "requirements" / f"{name}.txt").read_text())


def _direct(*extras: str) -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]:
        yield re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0]).lower()


def test_the_locks_pin_every_dependency_with_hashes_and_name_no_index() -> None:
    assert set(_direct("build")) <= set(_lock("base"))
    assert set(_direct("build", "dev")) <= set(_lock("dev"))


def test_the_development_set_is_the_base_set_and_more() -> None:
    base, dev = _lock("base"), _lock("dev")
    assert base.items() <= dev.items()
    assert "pytest" in dev and "pytest" not in base


@pytest.mark.parametrize(
    "text",
    [
        "numpy>=2.0 \\\n    --hash=sha256:" + "0" * 64,
        "numpy==2.0 \\\nrich==1.0 \\\n    --hash=sha256:" + "0" * 64,
        "--index-url https://example.org/simple",
        "numpy @ https://example.org/numpy.whl",
        "numpy==2.0 \\\n    --hash=sha256:123",
    ],
)
def test_a_lock_with_a_loose_or_foreign_line_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        _pins(text)


def test_the_licence_is_there_and_pyproject_names_it() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License") and "Copyright (c)" in licence
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT" and project["license-files"] == ["LICENSE"]


def test_every_recording_the_project_carries_names_its_source_and_licence() -> None:
    data = ROOT / "data"
    sources = (data / "SOURCES.md").read_text()
    carried = [path for path in data.iterdir() if path.name not in ("SOURCES.md", "README.md", "LICENSES")]
    assert carried
    assert not [path.name for path in carried if path.name not in sources]
    assert any((data / "LICENSES").iterdir())
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 12 * 2**20


def test_a_release_says_safety_first() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    releases = re.split(r"^## ", changes, flags=re.MULTILINE)[1:]
    assert releases
    for release in releases:
        headings = re.findall(r"^### (.+)$", release, flags=re.MULTILINE)
        assert headings == ["Safety", "Behaviour", "Internals"], release.splitlines()[0]


def test_the_rules_see_the_product_and_the_tests() -> None:
    """A walk that finds nothing would pass everything."""
    paths = {source.path for source in python_files()}
    assert {"src/holdfast/model/candle.py", "tests/tidy/test_tidy_tree.py"} <= paths
    assert isinstance(python_files()[0], Source)
    assert {ROOT / "run", ROOT / ".ci" / "run", ROOT / "README.md"} <= set(text_files())
