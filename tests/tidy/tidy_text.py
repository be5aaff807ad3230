"""The rules over the text of every file, code or not: what must never be published, and what names a machine.

The patterns are spelled so that this file does not match itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What is searched for → what it is called in the message.
MACHINE_WORDS = {
    r"(?i)py[p]i\.org|python[h]osted\.org|registry\.np[m]js|deb\.deb[i]an\.org": "a package registry's host",
    r"(?<![\w.])/(work|roo[t]|home/\w+|Us[e]rs/\w+)/[\w.]|/tm[p]/bri[e]f": "a path of somebody's machine",
    r"(?i)\b(cl[a]ude|anthr[o]pic|chat[g]pt|open[a]i|cop[i]lot)\b": "a tool that is no part of the project",
}

_SECRET_NAME = r"(?i)\b\w*(secret|api_?key|token|passw(or)?d)\w*"
SECRETS = {
    r"-----BEGIN [A-Z ]*PRIV[A]TE KEY-----": "a private key",
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b": "an access key of a cloud",
    r"\bgh[pousr]_[A-Za-z0-9]{36}\b": "an access token of a code host",
    _SECRET_NAME + r"[\"']?\s{0,3}[:=]\s{0,3}[bf]?[\"']?[A-Za-z0-9/+]{40,}": "a secret beside its name",
}


def found(text: str, patterns: dict[str, str]) -> Iterator[tuple[int, str]]:
    """(line, what it is) of every match."""
    for pattern, name in patterns.items():
        for match in re.finditer(pattern, text):
            yield text.count("\n", 0, match.start()) + 1, f"{name}: {match[0][:24]}"
