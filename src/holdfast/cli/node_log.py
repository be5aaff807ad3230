"""A node's log, told to a screen instead of written as lines: the screen picks what a person wants to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Level, Log

Hear = Callable[[Level, Event, Mapping[str, object]], None]


class ToldLog(Log):
    """Hands every event to `hear`; nothing is written, and no time is stamped."""

    def __init__(self, hear: Hear, fields: Mapping[str, object] | None = None) -> None:
        self._hear = hear
        self._fields = dict(fields or {})

    def with_fields(self, **fields: object) -> Log:
        return ToldLog(self._hear, self._fields | fields)

    def debug(self, event: Event, **fields: object) -> None:
        self._hear(Level.DEBUG, event, self._fields | fields)

    def info(self, event: Event, **fields: object) -> None:
        self._hear(Level.INFO, event, self._fields | fields)

    def warning(self, event: Event, **fields: object) -> None:
        self._hear(Level.WARNING, event, self._fields | fields)

    def error(self, event: Event, *, error: BaseException | None = None, **fields: object) -> None:
        told = {} if error is None else {"error": f"{type(error).__name__}: {error}"}
        self._hear(Level.ERROR, event, self._fields | told | fields)


def in_words(event: Event, fields: Mapping[str, object]) -> str:
    """A line for a person about something that wants a look."""
    return "  ".join([event.value, *(f"{name}={value}" for name, value in fields.items())])
