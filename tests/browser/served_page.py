"""The server that a browser test talks to, and the way to move what it shows."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """The address of the server, its folder, and a way to move what it shows."""

    address: str
    folder: Path
    process: subprocess.Popen[str]

    def tell(self, word: str) -> None:
        """`advance`, `empty`, `full` or `degraded`; returns when it is so."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == word
