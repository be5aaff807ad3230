"""Each style rule is fed what it must find, and what it must let pass: a rule that cannot fail is no rule."""

from __future__ import annotations

import pytest
from tidy_rules import DOORS, FILE_LINES, FUNCTION_LINES, LOOP_TOPS, RULES, no_broad_except
from tidy_source import Source
from tidy_text import MACHINE_WORDS, SECRETS, found

HEAD = '"""This file shows one thing. It is no part of the product."""\n'
BAD: dict[str, list[str]] = {
    "opens_by_saying_what_lives_here": ["import os\n", '"""Things"""\n', '"""some words without an end"""\n'],
    "files_are_short": ["x = 1\n" * (FILE_LINES + 1)],
    "functions_are_short": [
        "def f():\n" + "    x = 1\n" * FUNCTION_LINES,
        "class A:\n  async def f(self):\n" + "    x = 1\n" * FUNCTION_LINES,
    ],
    "few_positional_parameters": [
        "def f(a, b, c, d, e, g): ...\n",
        "class A:\n  def f(self, a, b, /, c, d, e, g): ...\n",
    ],
    "the_world_is_reached_through_doors": [
        "import time\nx = time.time()\n",
        "import time as t\nx = t.monotonic_ns()\n",
        "from time import sleep\nsleep(1)\n",
        "import datetime\nx = datetime.datetime.now(tz=None)\n",
        "from datetime import datetime\nx = datetime.now\n",
        "from datetime import datetime as dt\nx = dt.utcnow()\n",
        "import random\nx = random.random()\n",
        "from random import Random\nx = Random(1)\n",
        "import numpy as np\nx = np.random.default_rng()\n",
        "from numpy.random import default_rng\nx = default_rng()\n",
        "import uuid\nx = uuid.uuid4()\n",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n",
        "x = open('a')\n",
        "import socket\nx = socket.socket()\n",
        "from pathlib import Path\nx = Path('a').read_text()\n",
        "print(1)\n",
    ],
    "no_broad_except": [
        "try:\n    x = 1\nexcept:\n    x = 2\n",
        "def f():\n    try:\n        x = 1\n    except Exception:\n        x = 2\n",
        "try:\n    x = 1\nexcept (ValueError, BaseException):\n    x = 2\n",
        "import contextlib\nwith contextlib.suppress(Exception):\n    x = 1\n",
    ],
    "no_global_statement": ["def f():\n    global x\n    x = 1\n"],
    "nothing_is_left_for_later": [
        "# TO" + "DO: the rest\n",
        "x = 1  # good enough for " + "now\n",
        "x = 'not imple" + "mented'\n",
        "def f():\n    raise NotImplemented" + "Error\n",
        "x = f'{1} place" + "holder'\n",
    ],
    "plain_words": ["x = 'seam" + "less'\n", "# a world-" + "class thing\n"],
    "names_say_something": ["class OrderManager: ...\n"],
    "tests_are_sentences": ["def test_it():\n    assert f()\n"],
    "tests_can_fail": [
        "def test_that_nothing_at_all_breaks():\n    f()\n",
        "def test_that_nothing_at_all_breaks():\n    assert True\n",
    ],
}
GOOD = {
    "the_world_is_reached_through_doors": "import datetime\ndef f(clock, time, open):\n    return time.time() + open\n",
    "no_broad_except": "try:\n    x = 1\nexcept KeyError:\n    x = 2\nexcept BaseException:\n    x = 3\n    raise\n",
    "few_positional_parameters": "class A:\n  def f(self, a, b, c, d, e, *, g, h): ...\n",
    "functions_are_short": "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1),
    "tests_can_fail": (
        "def test_the_error_has_its_own_name():\n    with pytest.raises(E):\n        f()\n"
        "def same(a, b):\n    assert a == b\n"
        "def test_both_sides_are_the_same():\n    same(1, 1)\n"
    ),
    "tests_are_sentences": "def test_the_sum_is_exact():\n    def wait():\n        pass\n    assert wait\n",
    "nothing_is_left_for_later": "ui.input(place" + "holder='hack')\nnow_ms = wait_for(now_ms)\n",
}


def _source(rule: str, text: str) -> Source:
    path = "tests/rooms/risk/test_example.py" if rule.startswith("tests_") else "src/holdfast/risk/example.py"
    return Source(path, text if rule == "opens_by_saying_what_lives_here" else HEAD + text)


def test_every_rule_has_its_bad_examples() -> None:
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BAD.items() for text in texts])
def test_the_rule_finds_what_it_is_there_to_find(rule: str, text: str) -> None:
    assert list(RULES[rule](_source(rule, text)))


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_lets_a_clean_file_pass(rule: str) -> None:
    assert not list(RULES[rule](_source(rule, HEAD + GOOD.get(rule, "X = 1\n"))))


@pytest.mark.parametrize("path", ["src/holdfast/utils/x.py", "src/holdfast/risk/helpers.py", "tests/misc/test_x.py"])
def test_a_file_with_an_empty_name_is_found(path: str) -> None:
    assert list(RULES["names_say_something"](Source(path, HEAD)))


def test_an_exception_table_opens_one_place_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "def f():\n    try:\n        x = open('a')\n    except Exception:\n        x = 2\n"
    here, elsewhere = Source("src/holdfast/a/x.py", text), Source("src/holdfast/b/x.py", text)
    monkeypatch.setitem(LOOP_TOPS, "src/holdfast/a/x.py::f", "shown in a test")
    monkeypatch.setitem(DOORS, ("src/holdfast/a/", "open"), "shown in a test")
    assert not list(no_broad_except(here)) and list(no_broad_except(elsewhere))
    doors = RULES["the_world_is_reached_through_doors"]
    assert not list(doors(here)) and list(doors(elsewhere))


@pytest.mark.parametrize(
    "text",
    [
        "see https://pyp" + "i.org/project/x",
        "from files.python" + "hosted.org",
        "in /wo" + "rk/main",
        "in /ro" + "ot/.cache",
        "in /home/" + "somebody/x",
        "written by Cl" + "aude",
    ],
)
def test_a_word_about_a_machine_is_found(text: str) -> None:
    assert [line for line, _ in found("first line\n" + text, MACHINE_WORDS)] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN EC PRIV" + "ATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "api_secret = '" + "0123456789abcdef" * 4 + "'",
        '"BINANCE_API_KEY": "' + "aB3" * 20 + '"',
        "ghp" + "_" + "a1" * 18,
    ],
)
def test_a_secret_is_found(text: str) -> None:
    assert list(found(text, SECRETS))


@pytest.mark.parametrize("text", ["GENESIS_HASH = '" + "0" * 64 + "'", "./work/main is relative", "network/main"])
def test_hashes_and_relative_paths_are_no_offence(text: str) -> None:
    assert not list(found(text, SECRETS | MACHINE_WORDS))
