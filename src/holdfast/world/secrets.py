"""A venue's keys: from the environment, or from a file that nobody else can read and git does not track.

A key never enters settings, logs or messages: `Keys` prints as its name only.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from holdfast.model.errors import BadInput


class Keys:
    """An API key and its secret (a text for HMAC, a PEM for Ed25519). Neither is shown by printing this."""

    __slots__ = ("key", "secret")

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self.secret = secret

    def __repr__(self) -> str:
        return "Keys(…)"


def read_keys(
    venue: str, environment: Mapping[str, str], file: Path | None = None, *, kinds: tuple[str, str] = ("KEY", "SECRET")
) -> Keys | None:
    """`HOLDFAST_<VENUE>_KEY` and `HOLDFAST_<VENUE>_SECRET` from the environment, else from `file`; None if nobody gave
    any. The file has lines NAME=value; a value that names an existing .pem file stands for what is in it, and such a
    file is checked like the first. BadInput for half a pair, or a file that others may read or git tracks. `kinds`:
    what a venue calls the two, such as ("ACCOUNT", "TOKEN") at OANDA."""
    names = (f"HOLDFAST_{venue.upper()}_{kinds[0]}", f"HOLDFAST_{venue.upper()}_{kinds[1]}")
    given: Mapping[str, str] = environment
    if not any(environment.get(name) for name in names):
        given = _read_file(file) if file is not None else {}
    key, secret = (given.get(name, "").strip() for name in names)
    if not key and not secret:
        return None
    if not key or not secret:
        missing = names[0] if not key else names[1]
        raise BadInput(f"{missing} is missing.", f"Give both {names[0]} and {names[1]}, or neither.")
    if secret.endswith(".pem") and "\n" not in secret:
        secret = _read_private(Path(secret)).strip()
    return Keys(key, secret.replace("\\n", "\n"))


def _read_file(path: Path) -> dict[str, str]:
    lines = [line.strip() for line in _read_private(path).splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _read_private(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BadInput(f"Others may read the secrets in {path}.", f"Run: chmod 600 {path}")
            text = file.read()
    except OSError as error:
        raise BadInput(f"The secrets file {path} cannot be read: {error.strerror}.") from error
    if _tracked(path):
        raise BadInput(
            f"git tracks {path}, so its secrets go wherever the repository goes.",
            f"Run: git rm --cached {path.name}, add it to .gitignore, and replace the keys at the venue.",
        )
    return text


def _tracked(path: Path) -> bool:
    """Whether a git repository around the file tracks it. Without git, or a repository, nothing does."""
    place = path.resolve()
    if not any((folder / ".git").exists() for folder in place.parents):
        return False
    command = ["git", "-C", str(place.parent), "ls-files", "--error-unmatch", "--", place.name]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except FileNotFoundError:
        return False
