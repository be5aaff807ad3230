"""The menu of faults: what may go wrong between a venue and us, switchable while a twin runs, each with a counter.

A fault is armed with `Faults.arm` and taken by the twin at the place where it bites, with `Faults.take`. Nothing here
waits or touches a socket.

| fault | where it bites | `value` |
|---|---|---|
| delay | a request (REST, WebSocket API) waits at the venue's door before it is carried out | milliseconds |
| delay_reply | a request is carried out, and its answer held back | milliseconds |
| drop_reply | a request is carried out, then its connection is closed without an answer | – |
| error_although_done | a request is carried out, then answered with a 5xx | HTTP status (503) |
| refuse_busy | a request is NOT carried out, and answered with a 5xx | HTTP status (503) |
| duplicate_frame | a stream frame is sent twice | – |
| lost_fill_frame | a private frame that tells of a fill is not sent | – |
| swap_frames | a stream frame is kept and sent after the next one | – |
| silence | streams stay connected, answer pings, and send nothing | – |
| half_open | streams neither send nor answer nor close, like a peer behind a dead router | – |
| cut_streams | every stream connection is closed at once | close code (1006: without a word) |
| clock_offset | the venue's clock is ahead by that much (behind, below 0) | milliseconds |
| rate_limit | requests are answered with 429 | seconds of Retry-After |
| ban | requests are answered with 418 | seconds of Retry-After |
| maintenance | every request is answered as the venue does when it is down | – |
| change_filter | a symbol's filters change under open orders | taken at once, see `control` |
| halt | a symbol stops trading | taken at once, see `control` |
| late_partial | after a closed candle, a frame of its unfinished form is sent once more | – |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from holdfast.model.errors import BadInput


class Fault(StrEnum):
    DELAY = "delay"
    DELAY_REPLY = "delay_reply"
    DROP_REPLY = "drop_reply"
    ERROR_ALTHOUGH_DONE = "error_although_done"
    REFUSE_BUSY = "refuse_busy"
    DUPLICATE_FRAME = "duplicate_frame"
    LOST_FILL_FRAME = "lost_fill_frame"
    SWAP_FRAMES = "swap_frames"
    SILENCE = "silence"
    HALF_OPEN = "half_open"
    CUT_STREAMS = "cut_streams"
    CLOCK_OFFSET = "clock_offset"
    RATE_LIMIT = "rate_limit"
    BAN = "ban"
    MAINTENANCE = "maintenance"
    CHANGE_FILTER = "change_filter"
    HALT = "halt"
    LATE_PARTIAL = "late_partial"


class Armed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that is switched on. `times`: how often it still bites (None: until disarmed). `only`: it bites where the
    place's name contains this text ('' for everywhere; places are 'POST /api/v3/order', 'btcusdt@kline_1m', …).
    `every`: it bites at each n-th chance only, so that a storm can be rare without chance."""

    fault: Fault
    value: float = 0
    times: int | None = None
    only: str = ""
    every: int = 1


@dataclass(slots=True)
class Faults:
    """What is armed, and how often each fault has bitten since the start."""

    armed: dict[tuple[Fault, str], Armed] = field(default_factory=dict)
    bitten: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    _chances: dict[tuple[Fault, str], int] = field(default_factory=dict)

    def arm(self, fault: Fault, value: float = 0, *, times: int | None = None, only: str = "", every: int = 1) -> None:
        """Switches a fault on; again for the same place replaces it."""
        self.arm_all([Armed(fault=fault, value=value, times=times, only=only, every=every)])

    def arm_all(self, wanted: list[Armed]) -> None:
        """Switches several on; BadInput for one that could never bite."""
        for armed in wanted:
            if armed.every < 1 or (armed.times is not None and armed.times < 1):
                raise BadInput(f"{armed.fault} would never bite.", "Both times and every count from 1.")
        for armed in wanted:
            self.armed[(armed.fault, armed.only)] = armed
            self._chances[(armed.fault, armed.only)] = 0

    def disarm(self, fault: Fault | None = None) -> None:
        """Switches one fault off everywhere, or all of them."""
        for key in [key for key in self.armed if fault is None or key[0] is fault]:
            del self.armed[key]

    def peek(self, fault: Fault, place: str = "") -> Armed | None:
        """The fault if it is armed for a place; counts nothing. For states that last (silence, clock offset)."""
        return next(
            (armed for (kind, only), armed in self.armed.items() if kind is fault and only in place),
            None,
        )

    def take(self, fault: Fault, place: str = "") -> Armed | None:
        """The fault if it bites here and now; counts it, and uses up one of its times."""
        if not self.armed or (armed := self.peek(fault, place)) is None:
            return None
        key = (fault, armed.only)
        self._chances[key] += 1
        if self._chances[key] % armed.every:
            return None
        self.bitten[fault] += 1
        if armed.times is not None:
            if armed.times == 1:
                del self.armed[key]
            else:
                self.armed[key] = msgspec.structs.replace(armed, times=armed.times - 1)
        return armed
