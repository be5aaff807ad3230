"""What the style rules look at: files of the tree, parsed once, and what names in them mean. No rule lives here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ROOT / "src" / "holdfast"

_NOT_OURS = {
    ".venv", ".git", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache",
    "__pycache__", "dist", "build", "holdfast-data", "results", "wheels", "shared",
}  # fmt: skip
_TEXT_SUFFIXES = {
    ".py", ".pyi", ".md", ".txt", ".toml", ".yml", ".yaml", ".cfg", ".ini", ".sh", ".sql", ".css", ".js", ".html",
    ".json", ".csv", ".service", ".mako", ".typed", "",
}  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: `path` is relative to the root, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """(qualified name, function) of every function, nested ones and methods included."""
        return list(_functions(self.tree, ""))

    @cached_property
    def origins(self) -> dict[str, str]:
        """What an imported name stands for: {'np': 'numpy', 'sleep': 'time.sleep'}."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    found[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    @cached_property
    def names_used(self) -> list[tuple[int, str]]:
        """(line, full dotted name) of every imported name that is read, and of every bare name that is called."""
        inner = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        return [
            (node.lineno, name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Attribute | ast.Name)
            and id(node) not in inner
            and (name := _full_name(node, self.origins, called=id(node) in called))
        ]


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}.{child.name}" if prefix and hasattr(child, "name") else getattr(child, "name", "")
        if isinstance(child, Function):
            yield name, child
        yield from _functions(child, name if isinstance(child, Function | ast.ClassDef) else prefix)


def _full_name(node: ast.expr, origins: dict[str, str], *, called: bool) -> str:
    """'' for what is not imported: a parameter may be called `time` or `open`."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or not (node.id in origins or (called and not parts)):
        return ""
    return ".".join([origins.get(node.id, node.id), *reversed(parts)])


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file of the project, whether git knows it yet or not; nothing that is made or installed."""
    return tuple(sorted(path for path in _walk(ROOT) if path.suffix in _TEXT_SUFFIXES))


@cache
def python_files() -> tuple[Source, ...]:
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in text_files() if path.suffix == ".py"
    )


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_OURS or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path
