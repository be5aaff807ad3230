"""A node's log, told to a screen instead of written as lines: the screen picks what a person wants to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Level, Log

Hear = Callable[[Level, Event, Mapping[str, object]], None]


class ToldLog(Log):
    """Hands every event to `hear`; nothing is written, and no time is stamped."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def debug(self, event: Event, **fields: object) -> None:
        self._hear(Level.DEBUG, event, fields)

    def info(self, event: Event, **fields: object) -> None:
        self._hear(Level.INFO, event, fields)

    def warning(self, event: Event, **fields: object) -> None:
        self._hear(Level.WARNING, event, fields)

    def error(self, event: Event, *, error: BaseException | None = None, **fields: object) -> None:
        told = {} if error is None else {"error": f"{type(error).__name__}: {error}"}
        self._hear(Level.ERROR, event, told | fields)


def in_words(event: Event, fields: Mapping[str, object]) -> str:
    """A line for a person about something that wants a look."""
    return "  ".join([event.value, *(f"{name}={value}" for name, value in fields.items())])
