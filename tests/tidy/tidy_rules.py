"""The style of the house as rules over one Python file. A rule yields (line, what is wrong).

The exceptions stand in tables beside their reasons, and a test demands that each of them is still needed. Rules over
the whole tree (mirrors, locks, licences) are in `test_tidy_tree.py`.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Callable, Iterator
from io import StringIO

from tidy_source import Function, Source

Offences = Iterator[tuple[int, str]]
Rule = Callable[[Source], Offences]

FUNCTION_LINES = 60
FILE_LINES = 400
POSITIONAL = 5

# The room where the doors are made may use everything; where else a banned name may be used, and why:
# (path prefix, banned name) → reason.
DOOR_ROOM = "src/holdfast/world/"
DOORS: dict[tuple[str, str], str] = {
    ("src/holdfast/node/settings.py", "read_text"): "the owner's settings file, read once before any door is open",
    ("src/holdfast/cli/commands/calibrate.py", "write_text"): "the calibration, into the file that the owner named",
}

# Where an `except Exception` that goes on may stand: path::qualified name → which loop's top it is.
LOOP_TOPS: dict[str, str] = {
    "src/holdfast/node/node.py::Node._play": "the walk's loop: what ends it ends the node, which raises it again",
}

# A banned name, or a whole module (ending in a dot) → the door that is there for it.
BANNED = {
    "time.": "the clock door",
    "datetime.datetime.now": "the clock door",
    "datetime.datetime.utcnow": "the clock door",
    "datetime.datetime.today": "the clock door",
    "datetime.date.today": "the clock door",
    "random.": "the chance door",
    "secrets.": "the chance door",
    "numpy.random.": "the chance door",
    "uuid.uuid1": "the chance door",
    "uuid.uuid4": "the chance door",
    "os.urandom": "the chance door",
    "asyncio.sleep": "Clock.wait_s",
    "asyncio.open_connection": "world/",
    "asyncio.start_server": "world/",
    "socket.": "world/",
    "subprocess.": "world/",
    "open": "world/",
    "io.open": "world/",
    "os.open": "world/",
    "print": "telemetry's log, or the command line's console",
    "input": "the command line's prompt",
}
_FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}

_UNFINISHED = re.compile(r"\b(TO[D]O|FI[X]ME|X[X]X|HA[C]K|(?i:place[h]older|not (yet )?imple[m]ented|for n[o]w))\b")
_MARKETING = re.compile(
    r"\b(blaz[i]ng(ly)?|cutting[- ]ed[g]e|seam[l]ess(ly)?|state[- ]of[- ]the[- ]a[r]t|world[- ]cl[a]ss|revolut[i]onary"
    r"|best[- ]in[- ]cl[a]ss|next[- ]gen(eration)?|enterprise[- ]gr[a]de|lightning[- ]f[a]st|effort[l]ess(ly)?)\b",
    re.IGNORECASE,
)
_EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "misc", "manager", "managers"}


def opens_by_saying_what_lives_here(source: Source) -> Offences:
    """A file opens with a docstring of at least one full sentence, or is an empty `__init__.py`."""
    if source.path.endswith("__init__.py") and not source.text.strip():
        return
    first = (ast.get_docstring(source.tree) or "").split("\n\n")[0]
    if len(first.split()) < 4 or not re.search(r"[.:;?!](\s|$)", first):
        yield 1, "the file does not open with a sentence that says what lives here"


def files_are_short(source: Source) -> Offences:
    if (lines := source.text.count("\n")) > FILE_LINES:
        yield lines, f"{lines} lines, more than {FILE_LINES}"


def functions_are_short(source: Source) -> Offences:
    for name, function in source.functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield function.lineno, f"{name} has {lines} lines, more than {FUNCTION_LINES}"


def few_positional_parameters(source: Source) -> Offences:
    """In the product: a test's parameters are fixtures, named by pytest and not by place."""
    if not source.path.startswith("src/"):
        return
    for name, function in source.functions:
        given = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        count = len(given) - (given[:1] in (["self"], ["cls"]))
        if count > POSITIONAL:
            yield function.lineno, f"{name} takes {count} positional parameters, more than {POSITIONAL}"


def the_world_is_reached_through_doors(source: Source) -> Offences:
    """No clock, chance, file, socket or sleep in the product but through its door; the exceptions are in DOORS."""
    if source.path.startswith("src/") and not source.path.startswith(DOOR_ROOM):
        for line, name in banned_uses(source):
            if not any(source.path.startswith(path) and name == banned for path, banned in DOORS):
                yield line, f"{name} is used here; that goes through {BANNED.get(name, 'world/')}"


def banned_uses(source: Source) -> Offences:
    """(line, the banned name as the tables spell it) of every use."""
    for line, name in source.names_used:
        for banned in BANNED:
            if name == banned or (banned.endswith(".") and (name + ".").startswith(banned)):
                yield line, banned
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FILE_METHODS:
            yield node.lineno, node.func.attr


def no_broad_except(source: Source) -> Offences:
    for line, place in broad_excepts(source):
        if place not in LOOP_TOPS:
            yield line, f"{place} catches everything and goes on; only a loop's top may, and LOOP_TOPS names those"


def broad_excepts(source: Source) -> Offences:
    """(line, path::function) of every handler and `suppress` that would stop any error.

    A handler that ends by raising the same error again (to roll back, to close) stops nothing.
    """
    for name, function in [*source.functions, ("", source.tree)]:
        for node in _own_nodes(function):
            kinds: list[ast.expr | None] = []
            if isinstance(node, ast.ExceptHandler):
                if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
                    continue
                kinds = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "suppress":
                kinds = [*node.args]
            if any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds):
                yield node.lineno, f"{source.path}::{name}"


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def no_global_statement(source: Source) -> Offences:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"'global {', '.join(node.names)}': state belongs to a value that somebody holds"


def nothing_is_left_for_later(source: Source) -> Offences:
    """Comments and texts; a keyword argument of somebody's library may be called what it likes."""
    for token in tokenize.generate_tokens(StringIO(source.text).readline):
        if token.type in _PROSE and (found := _UNFINISHED.search(token.string)):
            yield token.start[0], f"'{found[0]}': finish it, or leave it out and say so in the docs"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "NotImplemented" + "Error":
            yield node.lineno, "a method that only raises is not finished"


_PROSE = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def plain_words(source: Source) -> Offences:
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := _MARKETING.search(line):
            yield number, f"'{found[0]}' is a word of advertising"


def names_say_something(source: Source) -> Offences:
    """Files, folders and classes are named for what they are."""
    parts = source.path.removesuffix(".py").split("/")
    if parts[0] in ("src", "tests", "bench"):
        for part in parts:
            if part in _EMPTY_NAMES or part.split("_")[-1] in _EMPTY_NAMES - {"base", "common"}:
                yield 1, f"'{part}' says nothing about what is inside"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Util|Utils|Misc)$", node.name):
            yield node.lineno, f"class {node.name}: name it for what it is"


def tests_are_sentences(source: Source) -> Offences:
    for name, function in _tests(source):
        if len(function.name.split("_")) < 4:
            yield function.lineno, f"{name} is no sentence"


def tests_can_fail(source: Source) -> Offences:
    """A test asserts something or demands an error, by itself or in a function of its file that it calls."""
    demanding = {
        function.name for _, function in source.functions if any(_demands(node, set()) for node in ast.walk(function))
    }
    for name, function in _tests(source):
        if not any(_demands(node, demanding) for node in ast.walk(function)):
            yield function.lineno, f"{name} demands nothing"


def _demands(node: ast.AST, demanding: set[str]) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func).split(".")[-1]
    return called in demanding | {"raises", "warns", "fail"} or called.startswith(("assert_", "check_", "expect"))


def _tests(source: Source) -> list[tuple[str, Function]]:
    if not source.path.split("/")[-1].startswith("test_"):
        return []
    return [(name, function) for name, function in source.functions if function.name.startswith("test")]


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        opens_by_saying_what_lives_here,
        files_are_short,
        functions_are_short,
        few_positional_parameters,
        the_world_is_reached_through_doors,
        no_broad_except,
        no_global_statement,
        nothing_is_left_for_later,
        plain_words,
        names_say_something,
        tests_are_sentences,
        tests_can_fail,
    )
}
