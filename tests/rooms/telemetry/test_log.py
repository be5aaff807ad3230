"""The log: one line an event, machine readable, with no secret in it and no second line."""

from __future__ import annotations

import io
import json
import logging
from decimal import Decimal

import pytest

from holdfast.model.order import OrderState
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import HIDDEN, Level, LibraryHandler, Log, Shape, build_log


class _StoppedClock:
    def now_ms(self) -> int:
        return 1_700_000_000_123

    def monotonic_s(self) -> float:
        return 0.0

    async def wait_s(self, seconds: float) -> None:
        raise AssertionError("the log never waits")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def _log(stream: io.StringIO, shape: Shape = Shape.JSON, level: Level = Level.INFO) -> Log:
    return build_log(stream, clock=_StoppedClock(), shape=shape, level=level)


def test_a_json_line_begins_with_time_level_and_event_and_keeps_decimals_exact(stream: io.StringIO) -> None:
    _log(stream).info(Event.FILL, price=Decimal("0.00000100"), state=OrderState.FILLED, legs=("a", "b"))
    assert stream.getvalue() == (
        '{"time":"2023-11-14T22:13:20.123Z","level":"info","event":"fill.applied",'
        '"price":"0.00000100","state":"filled","legs":["a","b"]}\n'
    )


def test_a_text_line_reads_in_columns_and_quotes_what_could_be_mistaken(stream: io.StringIO) -> None:
    _log(stream, Shape.TEXT).warning(Event.FEED_SILENT, venue="paper", note="two words", empty="", share=0.5)
    assert stream.getvalue() == (
        "2023-11-14T22:13:20.123Z  warning  feed.silent               "
        'venue=paper  note="two words"  empty=""  share=0.5\n'
    )


@pytest.mark.parametrize("shape", list(Shape))
def test_a_line_end_inside_a_field_cannot_forge_a_second_line(stream: io.StringIO, shape: Shape) -> None:
    _log(stream, shape).info(Event.LIBRARY, message='x\n{"event":"node.ready"}\r\x1b[2J')
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()


@pytest.mark.parametrize("shape", list(Shape))
def test_no_secret_reaches_the_log_at_any_depth(stream: io.StringIO, shape: Shape) -> None:
    _log(stream, shape).info(
        Event.OPERATOR_COMMAND, api_key="k1", nested={"venue": {"apiToken": "k2", "name": "paper"}}
    )
    line = stream.getvalue()
    assert "k1" not in line and "k2" not in line
    assert HIDDEN in line and "paper" in line


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    log = _log(stream, level=Level.WARNING)
    log.debug(Event.FILL)
    log.info(Event.FILL)
    assert stream.getvalue() == ""
    log.warning(Event.FILL)
    log.error(Event.FILL)
    assert len(stream.getvalue().splitlines()) == 2


def test_an_error_is_written_with_its_type_and_its_place(stream: io.StringIO) -> None:
    try:
        Decimal("1") / Decimal("0")
    except ZeroDivisionError as error:
        _log(stream).error(Event.LOOP_FAILED, error=error, loop="heartbeat")
    line = json.loads(stream.getvalue())
    assert line["error"].startswith("DivisionByZero: ")
    assert line["place"].startswith(f"{__name__}:")


def test_what_a_library_says_arrives_as_one_of_our_lines(stream: io.StringIO) -> None:
    library = logging.Logger("somebody.else")
    library.addHandler(LibraryHandler(_log(stream), logging.INFO))
    library.info("hello %s", "you")
    library.warning("careful")
    library.error("bad", exc_info=ValueError("why"))
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["message"]) for line in said] == [
        ("info", "hello you"),
        ("warning", "careful"),
        ("error", "bad"),
    ]
    assert all(line["library"] == "somebody.else" and line["event"] == "library.said" for line in said)
    assert said[2]["error"] == "ValueError: why"


def test_event_names_are_unique_and_read_as_a_noun_and_what_happened() -> None:
    names = [event.value for event in Event]
    assert len(Event.__members__) == len(set(names))
    assert all(len(name.split(".")) == 2 and name.replace(".", "_").isidentifier() for name in names)
