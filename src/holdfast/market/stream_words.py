"""The words of stream orchestration: what is set, what happens, what is to be done, and the tables of its states.

Values and tables only; what follows from what is in `streams`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
import numpy as np

from holdfast.market.calendar import PLAIN, Calendar
from holdfast.model.errors import BadInput

DAY_MS = 86_400_000


class StreamLimits(msgspec.Struct, frozen=True):
    """What a venue allows on one connection. `messages_per_s` counts what a client sends, pongs included; `life_ms` is
    when the venue cuts it."""

    streams_per_connection: int
    messages_per_s: int
    streams_per_message: int = 100
    life_ms: int = DAY_MS

    def __post_init__(self) -> None:
        if self.streams_per_connection < 1 or self.messages_per_s < 2 or self.streams_per_message < 1:
            raise BadInput(
                "A connection that carries no stream or may not ask for one is of no use.",
                "At least 1 stream a connection and a message, and 2 messages a second.",
            )


class StreamPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our own patience. A stream of an open market brings a frame about every `expected_ms`, and is silent after
    `silence_factor` times that. One that was just asked for has `verify_ms` for its first frame; one that is fed by
    requests alone is asked for again every `retry_silent_ms`. A connection is replaced `roll_before_ms` to twice that
    before the venue cuts it. A lost one waits `back_off_first_ms`, doubled each time up to `back_off_most_ms`, half of
    it by chance."""

    expected_ms: int = 2_000
    silence_factor: int = 15
    verify_ms: int = 15_000
    connect_ms: int = 20_000
    retry_silent_ms: int = 600_000
    roll_before_ms: int = 1_800_000
    back_off_first_ms: int = 1_000
    back_off_most_ms: int = 60_000

    def __post_init__(self) -> None:
        if min(msgspec.structs.astuple(self)) < 1:
            raise BadInput("No time to wait for streams may be zero or less.", "Raise the one that is.")
        if self.back_off_first_ms > self.back_off_most_ms:
            raise BadInput(
                f"back_off_first_ms {self.back_off_first_ms} is above back_off_most_ms {self.back_off_most_ms}.",
                "Lower the first, or raise the most.",
            )

    @property
    def silence_ms(self) -> int:
        return self.expected_ms * self.silence_factor


@dataclass(frozen=True, slots=True)
class StreamRules:
    """All that `step` needs to know about one market of one venue."""

    venue: str
    market: str
    limits: StreamLimits
    policy: StreamPolicy = field(default_factory=StreamPolicy)
    calendar: Calendar = PLAIN

    def open_ms(self, since_ms: int, now_ms: int) -> int:
        """How long the market was open between the two."""
        start, end = np.array([since_ms]), np.array([max(now_ms, since_ms)])
        closed = self.calendar.closed_between(self.market, start, end, self.venue)
        return int(end[0] - start[0] - closed[0])


# ---- states


class LegPhase(StrEnum):
    """One stream on one connection."""

    WAITING = "waiting"  # not asked for yet
    ASKED = "asked"
    QUIET = "quiet"  # the venue said yes, and no frame came yet
    FLOWING = "flowing"


class LegEvent(StrEnum):
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SEEN = "seen"
    OVERDUE = "overdue"
    CONNECTION_LOST = "connection_lost"


_P, _E = LegPhase, LegEvent
# A refused stream stays asked for: when it is overdue it is asked for again, and the alarm rises.
LEG_TABLE: Mapping[tuple[LegPhase, LegEvent], LegPhase] = {
    (_P.WAITING, _E.SENT): _P.ASKED,
    (_P.WAITING, _E.ACCEPTED): _P.WAITING,
    (_P.WAITING, _E.REFUSED): _P.WAITING,
    (_P.WAITING, _E.SEEN): _P.FLOWING,
    (_P.WAITING, _E.CONNECTION_LOST): _P.WAITING,
    (_P.ASKED, _E.ACCEPTED): _P.QUIET,
    (_P.ASKED, _E.REFUSED): _P.ASKED,
    (_P.ASKED, _E.SEEN): _P.FLOWING,
    (_P.ASKED, _E.OVERDUE): _P.WAITING,
    (_P.ASKED, _E.CONNECTION_LOST): _P.WAITING,
    (_P.QUIET, _E.ACCEPTED): _P.QUIET,
    (_P.QUIET, _E.REFUSED): _P.QUIET,
    (_P.QUIET, _E.SEEN): _P.FLOWING,
    (_P.QUIET, _E.OVERDUE): _P.WAITING,
    (_P.QUIET, _E.CONNECTION_LOST): _P.WAITING,
    (_P.FLOWING, _E.ACCEPTED): _P.FLOWING,
    (_P.FLOWING, _E.REFUSED): _P.FLOWING,
    (_P.FLOWING, _E.SEEN): _P.FLOWING,
    (_P.FLOWING, _E.OVERDUE): _P.WAITING,
    (_P.FLOWING, _E.CONNECTION_LOST): _P.WAITING,
}


class Level(StrEnum):
    """How far the alarm about one silent stream has risen: what was done last."""

    NONE = "none"
    ASKED_AGAIN = "asked_again"  # on the same connection
    MOVED = "moved"  # to a new connection
    BY_REST = "by_rest"  # its bars come by requests alone; asked for again now and then


ALARM_TABLE: Mapping[Level, Level] = {
    Level.NONE: Level.ASKED_AGAIN,
    Level.ASKED_AGAIN: Level.MOVED,
    Level.MOVED: Level.BY_REST,
    Level.BY_REST: Level.BY_REST,
}


class ConnectionPhase(StrEnum):
    OPENING = "opening"
    OPEN = "open"
    RETRYING = "retrying"  # lost, or not come about: waits before the next attempt


class ConnectionEvent(StrEnum):
    CONNECTED = "connected"
    LOST = "lost"
    DUE = "due"


_C, _V = ConnectionPhase, ConnectionEvent
CONNECTION_TABLE: Mapping[tuple[ConnectionPhase, ConnectionEvent], ConnectionPhase] = {
    (_C.OPENING, _V.CONNECTED): _C.OPEN,
    (_C.OPENING, _V.LOST): _C.RETRYING,
    (_C.OPEN, _V.LOST): _C.RETRYING,
    (_C.RETRYING, _V.DUE): _C.OPENING,
}


class Leg(msgspec.Struct, frozen=True):
    """`since_ms`: when it came into its phase, or when its last frame was seen."""

    phase: LegPhase
    since_ms: int


class Connection(msgspec.Struct, frozen=True):
    """One connection, under a number that no other attempt has. `replaces` is the connection whose streams it carries
    too, until all of them flow here; `unsubscribe` is still to be sent; `sent_ms` are the messages of the last second;
    `asked` are requests without an answer."""

    number: int
    group: str
    phase: ConnectionPhase
    since_ms: int
    legs: Mapping[str, Leg]
    unsubscribe: frozenset[str] = frozenset()
    failures: int = 0
    due_ms: int = 0  # RETRYING: the next attempt. OPEN: the planned replacement.
    replaces: int | None = None
    sent_ms: tuple[int, ...] = ()
    asked: Mapping[int, tuple[str, ...]] = {}
    was_up: bool = False


class Counts(msgspec.Struct, frozen=True):
    """Since the start."""

    connects: int = 0
    losses: int = 0
    rollovers: int = 0
    alarms: int = 0
    refusals: int = 0


class Streams(msgspec.Struct, frozen=True):
    """The state. `wanted` names the group of each stream: groups do not share a connection (on Binance futures, what is
    asked for below another root connects and is silent)."""

    wanted: Mapping[str, str] = {}
    connections: Mapping[int, Connection] = {}
    levels: Mapping[str, Level] = {}
    counts: Counts = Counts()
    last_number: int = 0
    last_request: int = 0


# ---- events


class Want(msgspec.Struct, frozen=True):
    """All streams that are wanted from now on, each with its group. Only the difference is asked for."""

    streams: Mapping[str, str]


class Connected(msgspec.Struct, frozen=True):
    number: int


class Disconnected(msgspec.Struct, frozen=True):
    """The connection is gone, or did not come about."""

    number: int


class ShutdownAnnounced(msgspec.Struct, frozen=True):
    """The venue will close this connection soon."""

    number: int


class Answered(msgspec.Struct, frozen=True):
    """The venue's answer to Subscribe or Unsubscribe."""

    number: int
    request: int
    accepted: bool = True


class Seen(msgspec.Struct, frozen=True):
    """Frames of these streams came over this connection since the last such event."""

    number: int
    streams: tuple[str, ...]


class Tick(msgspec.Struct, frozen=True):
    """Time has passed; nothing else happened."""


Event = Want | Connected | Disconnected | ShutdownAnnounced | Answered | Seen | Tick

# ---- commands


class Connect(msgspec.Struct, frozen=True):
    number: int
    group: str


class Subscribe(msgspec.Struct, frozen=True):
    number: int
    request: int
    streams: tuple[str, ...]


class Unsubscribe(msgspec.Struct, frozen=True):
    number: int
    request: int
    streams: tuple[str, ...]


class Close(msgspec.Struct, frozen=True):
    number: int


class Refill(msgspec.Struct, frozen=True):
    """Frames of these streams may have been missed: look for holes now."""

    streams: tuple[str, ...]


class Alarm(msgspec.Struct, frozen=True):
    """A stream is silent although its connection is up, for so much of its market's open time; `level` is what is done
    about it."""

    stream: str
    level: Level
    silent_ms: int


Command = Connect | Subscribe | Unsubscribe | Close | Refill | Alarm
