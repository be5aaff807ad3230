"""The script `run` on machines that lack something: no Python, an old one, no network, a broken environment.

Python and pip are played by a small shell script, so that nothing is installed and no network is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tidy_source import ROOT

_TOOLS = (
    "bash",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "dirname",
    "env",
    "getconf",
    "grep",
    "head",
    "mkdir",
    "rm",
    "sed",
    "tail",
)
_PYTHON = """#!/usr/bin/env bash
# Plays python3: answers questions, makes a virtual environment out of itself, and plays pip.
case "$*" in
    --version) echo "Python 3.12.0" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/holdfast" ;;
    "-m pip "*)
        echo "$*" >>pip.calls
        echo "Collecting numpy==2.4.6 (from -r requirements/base.txt (line 1))"
        [[ ! -e no-network ]] || { echo "WARNING: Retrying after connection broken"; echo "ERROR: No route"; exit 1; }
        ;;
    -c*) [[ $2 != *ensurepip* || ! -e no-ensurepip ]] ;;
    *) echo "holdfast $*" ;;
esac
"""


@dataclass
class Machine:
    """A bare clone with a PATH of its own."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "./run", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin"), "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def has(self, name: str, script: str) -> None:
        (self.folder / "bin" / name).write_text(script)
        (self.folder / "bin" / name).chmod(0o755)

    @property
    def installs(self) -> list[str]:
        calls = self.folder / "pip.calls"
        return [line for line in calls.read_text().splitlines() if " -r " in line] if calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    for name in _TOOLS:
        if place := shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(place)
    (tmp_path / "requirements").mkdir()
    for name in ("run", "pyproject.toml", "requirements/base.txt", "requirements/dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    machine = Machine(tmp_path)
    machine.has("id", "#!/usr/bin/env bash\necho 1000\n")
    return machine


def _recipes(listing: str) -> set[str]:
    return set(re.findall(r"^\./run (\w+)", listing, flags=re.MULTILINE))


def test_run_alone_lists_its_recipes_and_needs_nothing(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0 and {"demo", "test", "check", "fix"} <= _recipes(done.stdout)
    assert not (machine.folder / ".venv").exists()


def test_every_listed_recipe_is_known_and_every_known_one_is_listed(machine: Machine) -> None:
    script = (ROOT / "run").read_text()
    labels = re.findall(r"^    ([a-z |]+)\)$", script[script.index("case $recipe in") :], flags=re.MULTILINE)
    known = {name.strip() for label in labels for name in label.split("|")}
    assert known == _recipes(machine.run().stdout)


def test_an_unknown_recipe_is_refused_with_the_list(machine: Machine) -> None:
    done = machine.run("dmeo")
    assert done.returncode == 1 and "There is no recipe 'dmeo'." in done.stderr and "./run demo" in done.stderr


def test_a_machine_without_python_is_told_what_to_install(machine: Machine) -> None:
    done = machine.run("demo")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr and "apt-get install python3 python3-venv" in done.stderr


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    machine.has("python3", '#!/usr/bin/env bash\n[[ $1 == --version ]] && echo "Python 3.9.2"\n')
    done = machine.run("demo")
    assert done.returncode == 1 and "python3 is Python 3.9.2" in done.stderr


def test_a_python_without_its_venv_module_is_told_which_package_is_missing(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    (machine.folder / "no-ensurepip").touch()
    done = machine.run("demo")
    assert done.returncode == 1 and "apt-get install python3-venv" in done.stderr


def test_the_second_start_installs_nothing_and_a_changed_lock_does(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    first = machine.run("demo", "--speed", "60")
    assert first.stdout == "holdfast demo --speed 60\n", first.stderr
    assert len(machine.installs) == 1 and "--require-hashes" in machine.installs[0]
    (machine.folder / "no-network").touch()
    assert machine.run("holdfast", "doctor").stdout == "holdfast doctor\n"
    assert len(machine.installs) == 1
    (machine.folder / "no-network").unlink()
    with (machine.folder / "requirements" / "base.txt").open("a") as lock:
        lock.write("# changed\n")
    assert machine.run("demo").returncode == 0
    assert len(machine.installs) == 2


def test_without_a_network_it_says_what_is_missing_and_what_to_do_and_tries_again_next_time(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    (machine.folder / "no-network").touch()
    done = machine.run("demo")
    assert done.returncode == 1 and not done.stdout
    assert "Could not install numpy==2.4.6" in done.stderr and "no way to the internet" in done.stderr
    assert "PIP_FIND_LINKS=$PWD/wheels ./run" in done.stderr
    (machine.folder / "no-network").unlink()
    assert machine.run("demo").stdout == "holdfast demo\n"


def test_an_environment_whose_python_is_gone_is_made_again(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    machine.run("demo")
    (machine.folder / ".venv" / "bin" / "python").unlink()
    (machine.folder / ".venv" / "bin" / "python").symlink_to(machine.folder / "removed")
    done = machine.run("demo")
    assert done.stdout == "holdfast demo\n" and "making it again" in done.stderr


def test_without_chromium_the_tests_say_how_to_get_it_or_go_without(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    done = machine.run("test")
    assert done.returncode == 1 and "Chromium is missing" in done.stderr
    assert machine.run("test", "-m", "not browser").returncode == 0


def test_an_administrator_on_debian_gets_chromium_installed_and_the_tests_run(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    machine.has("id", "#!/usr/bin/env bash\necho 0\n")
    machine.has("apt-get", '#!/usr/bin/env bash\necho "$*" >>apt.calls\n[[ $1 == update ]] || cp bin/id bin/chromium\n')
    done = machine.run("test")
    assert done.returncode == 0, done.stderr
    assert "installing the Debian package(s) chromium" in done.stderr
    assert (machine.folder / "apt.calls").read_text().endswith("install -y -qq --no-install-recommends chromium\n")


def test_the_arguments_reach_pytest_and_the_spread_is_left_to_whoever_gives_one(machine: Machine) -> None:
    machine.has("python3", _PYTHON)
    machine.has("chromium", "#!/usr/bin/env bash\n")
    assert re.fullmatch(
        r"holdfast -m pytest -n \d+ tests/rooms -k sizing\n", machine.run("test", "tests/rooms", "-k", "sizing").stdout
    )
    assert machine.run("test", "-n", "0").stdout == "holdfast -m pytest -n 0\n"


def test_the_readme_and_the_robot_use_recipes_that_exist(machine: Machine) -> None:
    recipes = _recipes(machine.run().stdout)
    assert set(re.findall(r"\./run (\w+)", (ROOT / "README.md").read_text())) <= recipes
    robot = re.findall(r"^\./run (\w+)$", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert robot == ["lint", "test"]
    assert all(os.access(ROOT / script, os.X_OK) for script in ("run", ".ci/run"))
