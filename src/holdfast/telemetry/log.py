"""The shape of the log: one line an event, as JSON for machines or as text for a terminal.

A `Log` is built by the node and handed on; no logger is global, and time comes from the clock door. Event names live
in `events.py`. What is worth a line, and at which level, is for the caller to say.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Protocol, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from holdfast.ports.clock import Clock
from holdfast.telemetry.events import Event


class Shape(StrEnum):
    """JSON: one object a line, keys `time`, `level`, `event` first. TEXT: columns for a person."""

    JSON = "json"
    TEXT = "text"


class Level(StrEnum):
    """INFO is the course of things, WARNING wants a look, ERROR means that something did not work."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_SECRET_WORDS = ("secret", "password", "passphrase", "token", "api_key", "private_key")
HIDDEN = "(hidden)"


class Log:
    """Writes events with their fields. A field may be any number, text, Decimal, Enum, or a list or dict of them."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self._logger = logger

    def debug(self, event: Event, **fields: object) -> None:
        self._logger.debug(event.value, **fields)

    def info(self, event: Event, **fields: object) -> None:
        self._logger.info(event.value, **fields)

    def warning(self, event: Event, **fields: object) -> None:
        self._logger.warning(event.value, **fields)

    def error(self, event: Event, *, error: BaseException | None = None, **fields: object) -> None:
        """`error` is written as its type, its text and its place in the code."""
        if error is not None:
            fields |= {"error": _describe(error), "place": _place(error)}
        self._logger.error(event.value, **fields)


def build_log(stream: TextIO, *, clock: Clock, shape: Shape, level: Level = Level.INFO) -> Log:
    """A log that writes lines of at least `level` to `stream`, stamped with the clock's wall time (UTC, ms)."""
    render: Processor = _as_json if shape is Shape.JSON else _as_text
    processors: list[Processor] = [_stamper(clock), _hide_secrets, render]
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return Log(logger)


class LibraryHandler(logging.Handler):
    """Carries what third-party packages write to Python's logging into our log, as Event.LIBRARY."""

    def __init__(self, log: Log, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR:
            self._log.error(Event.LIBRARY, error=error, library=record.name, message=record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._log.warning(Event.LIBRARY, library=record.name, message=record.getMessage())
        else:
            self._log.info(Event.LIBRARY, library=record.name, message=record.getMessage())


class _Stamp(Protocol):
    def __call__(self, logger: Any, level: str, fields: EventDict) -> EventDict: ...


def _stamper(clock: Clock) -> _Stamp:
    def stamp(logger: Any, level: str, fields: EventDict) -> EventDict:
        moment = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"time": time, "level": level, "event": fields.pop("event"), **fields}

    return stamp


def _hide_secrets(logger: Any, level: str, fields: EventDict) -> EventDict:
    return _hidden(fields)


def _hidden(fields: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The same fields, those with a secret's name covered, at every depth."""
    return {
        name: HIDDEN
        if any(word in str(name).lower() for word in _SECRET_WORDS)
        else _hidden(value)
        if isinstance(value, Mapping)
        else value
        for name, value in fields.items()
    }


def _as_json(logger: Any, level: str, fields: EventDict) -> str:
    return msgspec.json.encode(fields, enc_hook=str).decode()


def _as_text(logger: Any, level: str, fields: EventDict) -> str:
    head = f"{fields.pop('time')}  {fields.pop('level'):<7}  {fields.pop('event'):<24}"
    return "  ".join([head, *(f"{name}={_plain(value)}" for name, value in fields.items())]).rstrip()


def _plain(value: object) -> str:
    """Text stays bare where no reader could mistake it; line ends never reach the terminal."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set(" =\"'"):
        return value
    return msgspec.json.encode(value, enc_hook=str).decode()


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _place(error: BaseException) -> str:
    """The innermost line of code the error passed through, '' when it was never raised."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return f"{step.tb_frame.f_globals.get('__name__', '?')}:{step.tb_lineno}" if step else ""
