"""Which streams flow over which connections: `step(state, event) → (state, commands)`. Time is an argument.

Streams are spread over connections within the venue's limits, asked for again and verified after every loss, moved to
a fresh connection before the venue cuts the old one, and missed when they are silent. Sockets are somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from holdfast.market.stream_words import (
    ALARM_TABLE,
    CONNECTION_TABLE,
    LEG_TABLE,
    Alarm,
    Answered,
    Close,
    Command,
    Connect,
    Connected,
    Connection,
    ConnectionEvent,
    ConnectionPhase,
    Disconnected,
    Event,
    Leg,
    LegEvent,
    LegPhase,
    Level,
    Refill,
    Seen,
    ShutdownAnnounced,
    StreamRules,
    Streams,
    Subscribe,
    Tick,
    Unsubscribe,
    Want,
)

_FOR_PONGS = 1  # of the messages a second, one is left for answering the venue's pings


def step(
    state: Streams, event: Event, rules: StreamRules, *, now_ms: int, chance: float
) -> tuple[Streams, tuple[Command, ...]]:
    """What follows from an event at a time. `chance` in [0, 1) spreads attempts and replacements. Events about a
    connection that is no longer known change nothing."""
    turn = _Turn(state, rules, now_ms=now_ms, chance=chance)
    if isinstance(event, Want):
        turn.want(event)
    elif isinstance(event, Tick):
        turn.miss_silent()
    elif event.number in turn.connections:
        if isinstance(event, Connected):
            turn.connected(event.number)
        elif isinstance(event, Disconnected):
            turn.lost(event.number)
        elif isinstance(event, ShutdownAnnounced):
            turn.change(event.number, due_ms=now_ms)
        elif isinstance(event, Answered):
            turn.answered(event)
        else:
            turn.seen(event)
    turn.replace_due()
    turn.retire_replaced()
    turn.place()
    turn.close_idle()
    turn.flush()
    return turn.state(), tuple(turn.commands)


class _Turn:
    """One step at work: the state taken apart, and the commands so far."""

    def __init__(self, state: Streams, rules: StreamRules, *, now_ms: int, chance: float) -> None:
        self.connections = dict(state.connections)
        self.commands: list[Command] = []
        self._wanted = state.wanted
        self._levels = dict(state.levels)
        self._counts = state.counts
        self._number = state.last_number
        self._request = state.last_request
        self._rules = rules
        self._now_ms = now_ms
        self._chance = chance

    def state(self) -> Streams:
        return Streams(
            wanted=self._wanted,
            connections=self.connections,
            levels=self._levels,
            counts=self._counts,
            last_number=self._number,
            last_request=self._request,
        )

    def change(self, number: int, **fields: Any) -> Connection:
        """Replaces fields of a connection."""
        self.connections[number] = msgspec.structs.replace(self.connections[number], **fields)
        return self.connections[number]

    # ---- events

    def want(self, event: Want) -> None:
        self._wanted = dict(event.streams)
        self._levels = {stream: level for stream, level in self._levels.items() if stream in self._wanted}
        for number, connection in list(self.connections.items()):
            gone = {stream for stream in connection.legs if self._wanted.get(stream) != connection.group}
            if gone:
                self._drop(number, gone)

    def connected(self, number: int) -> None:
        connection = self.connections[number]
        if connection.phase is not ConnectionPhase.OPENING:
            return
        policy, limits = self._rules.policy, self._rules.limits
        early_ms = min(int(policy.roll_before_ms * (1 + self._chance)), limits.life_ms // 2)
        self._move(number, ConnectionEvent.CONNECTED, due_ms=self._now_ms + limits.life_ms - early_ms)
        self._count(connects=1)
        if connection.was_up and connection.legs:
            self.commands.append(Refill(tuple(sorted(connection.legs))))
        self.change(number, was_up=True)

    def lost(self, number: int) -> None:
        """The connection waits, then tries again under a new number; its streams stay with it."""
        connection = self.connections[number]
        if connection.phase is ConnectionPhase.RETRYING:
            return
        policy = self._rules.policy
        longest_ms = min(policy.back_off_most_ms, policy.back_off_first_ms * 2 ** min(connection.failures, 30))
        self._move(
            number,
            ConnectionEvent.LOST,
            legs={name: self._next(leg, LegEvent.CONNECTION_LOST) for name, leg in connection.legs.items()},
            unsubscribe=frozenset(),
            failures=connection.failures + 1,
            due_ms=self._now_ms + int(longest_ms * (1 + self._chance) / 2),
            asked={},
            sent_ms=(),
        )
        self._count(losses=1)

    def answered(self, event: Answered) -> None:
        connection = self.connections[event.number]
        streams = connection.asked.get(event.request, ())
        happened = LegEvent.ACCEPTED if event.accepted else LegEvent.REFUSED
        legs = dict(connection.legs)
        for stream in streams:
            if stream in legs:
                # A refusal does not begin the wait anew.
                phase = LEG_TABLE[legs[stream].phase, happened]
                legs[stream] = Leg(phase, self._now_ms if phase is not legs[stream].phase else legs[stream].since_ms)
        asked = {request: names for request, names in connection.asked.items() if request != event.request}
        self.change(event.number, legs=legs, asked=asked)
        if not event.accepted:
            self._count(refusals=1)

    def seen(self, event: Seen) -> None:
        connection = self.connections[event.number]
        ours = [stream for stream in event.streams if stream in connection.legs]
        if not ours or connection.phase is not ConnectionPhase.OPEN:
            return
        legs = dict(connection.legs)
        for stream in ours:
            legs[stream] = self._next(legs[stream], LegEvent.SEEN)
            self._levels.pop(stream, None)
        # What has just flowed is not to be unsubscribed in order to be asked for again.
        self.change(event.number, legs=legs, failures=0, unsubscribe=connection.unsubscribe - set(ours))

    def miss_silent(self) -> None:
        """Raises the alarm about every stream that has been silent for too long, and does the next thing about it."""
        moving: dict[str, set[str]] = {}
        for number, connection in list(self.connections.items()):
            if connection.phase is ConnectionPhase.OPENING:
                if self._now_ms - connection.since_ms > self._rules.policy.connect_ms:
                    self.commands.append(Close(number))
                    self.lost(number)
                continue
            for stream, leg in connection.legs.items():
                if connection.phase is not ConnectionPhase.OPEN or not self._is_overdue(stream, leg):
                    continue
                if not self._flows_elsewhere(stream, number):
                    level = ALARM_TABLE[self._levels.get(stream, Level.NONE)]
                    self._levels[stream] = level
                    self._count(alarms=1)
                    self.commands.append(Alarm(stream, level, self._rules.open_ms(leg.since_ms, self._now_ms)))
                    if level is Level.MOVED:
                        moving.setdefault(connection.group, set()).add(stream)
                        continue
                self._ask_again(number, stream)
        for group, streams in moving.items():
            for number, connection in list(self.connections.items()):
                if mine := streams & connection.legs.keys():
                    self._drop(number, mine)
            self._open_for(group, sorted(streams))

    # ---- what is always done

    def replace_due(self) -> None:
        """New attempts for lost connections, and a successor for each one whose end is near."""
        succeeded = {connection.replaces for connection in self.connections.values()}
        for number, connection in list(self.connections.items()):
            if connection.due_ms > self._now_ms or connection.phase is ConnectionPhase.OPENING:
                continue
            if connection.phase is ConnectionPhase.RETRYING:
                self._try_again(number)
            elif number not in succeeded and connection.legs:
                self._count(rollovers=1)
                self._open(connection.group, sorted(connection.legs), replaces=number)

    def retire_replaced(self) -> None:
        """Closes a connection when its successor has shown a frame of every stream that still flows on it."""
        for number, connection in list(self.connections.items()):
            old = self.connections.get(connection.replaces) if connection.replaces is not None else None
            if old is None or connection.phase is not ConnectionPhase.OPEN:
                continue
            unverified = [
                stream
                for stream, leg in old.legs.items()
                if leg.phase is LegPhase.FLOWING
                and stream in connection.legs
                and connection.legs[stream].phase is not LegPhase.FLOWING
            ]
            if not unverified or old.phase is not ConnectionPhase.OPEN:
                self._close(old.number)
                self.change(number, replaces=None)

    def place(self) -> None:
        """Gives every stream without a connection one that has room, or a new one."""
        placed = {stream for connection in self.connections.values() for stream in connection.legs}
        homeless: dict[str, list[str]] = {}
        for stream, group in sorted(self._wanted.items()):
            if stream not in placed:
                homeless.setdefault(group, []).append(stream)
        succeeded = {connection.replaces for connection in self.connections.values()}
        most = self._rules.limits.streams_per_connection
        for group, streams in homeless.items():
            for number, connection in sorted(self.connections.items()):
                room = most - len(connection.legs)
                if connection.group == group and number not in succeeded and room > 0 and streams:
                    new = {stream: Leg(LegPhase.WAITING, self._now_ms) for stream in streams[:room]}
                    self.change(number, legs={**connection.legs, **new})
                    streams = streams[room:]
            self._open_for(group, streams)

    def close_idle(self) -> None:
        for number, connection in list(self.connections.items()):
            if not connection.legs:
                self._close(number)

    def flush(self) -> None:
        """Sends what waits, as far as the venue's limit of messages a second allows."""
        limits = self._rules.limits
        for number, connection in list(self.connections.items()):
            if connection.phase is not ConnectionPhase.OPEN:
                continue
            legs, asked = dict(connection.legs), dict(connection.asked)
            sent = [moment_ms for moment_ms in connection.sent_ms if self._now_ms - moment_ms < 1000]
            leaving = set(connection.unsubscribe)
            for message in self._messages(connection, limits.messages_per_s - _FOR_PONGS - len(sent)):
                self.commands.append(message)
                sent.append(self._now_ms)
                if isinstance(message, Unsubscribe):
                    leaving -= set(message.streams)
                else:
                    asked[message.request] = message.streams
                    legs |= {stream: self._next(legs[stream], LegEvent.SENT) for stream in message.streams}
            self.change(number, legs=legs, asked=asked, sent_ms=tuple(sent), unsubscribe=frozenset(leaving))

    # ---- parts

    def _messages(self, connection: Connection, most: int) -> Iterator[Subscribe | Unsubscribe]:
        """First what is no longer wanted here, then what is; a stream asked for again is in both."""
        many = self._rules.limits.streams_per_message
        leaving = sorted(connection.unsubscribe)
        waiting = [stream for stream, leg in connection.legs.items() if leg.phase is LegPhase.WAITING]
        kinds: list[tuple[type[Subscribe] | type[Unsubscribe], list[str]]] = []
        kinds += [(Unsubscribe, leaving[at : at + many]) for at in range(0, len(leaving), many)]
        kinds += [(Subscribe, waiting[at : at + many]) for at in range(0, len(waiting), many)]
        for kind, streams in kinds[: max(most, 0)]:
            self._request += 1
            yield kind(connection.number, self._request, tuple(streams))

    def _ask_again(self, number: int, stream: str) -> None:
        connection = self.connections[number]
        legs = {**connection.legs, stream: self._next(connection.legs[stream], LegEvent.OVERDUE)}
        self.change(number, legs=legs, unsubscribe=connection.unsubscribe | {stream})

    def _drop(self, number: int, streams: set[str]) -> None:
        """Takes streams off a connection, unsubscribing those that were asked for."""
        connection = self.connections[number]
        asked = {stream for stream in streams if connection.legs[stream].phase is not LegPhase.WAITING}
        legs = {stream: leg for stream, leg in connection.legs.items() if stream not in streams}
        self.change(number, legs=legs, unsubscribe=connection.unsubscribe | asked)

    def _is_overdue(self, stream: str, leg: Leg) -> bool:
        policy = self._rules.policy
        if leg.phase is LegPhase.WAITING:
            return False
        patience_ms = policy.silence_ms if leg.phase is LegPhase.FLOWING else policy.verify_ms
        if self._levels.get(stream) is Level.BY_REST:
            patience_ms = policy.retry_silent_ms
        waited_ms = self._now_ms - leg.since_ms
        return waited_ms > patience_ms and self._rules.open_ms(leg.since_ms, self._now_ms) > patience_ms

    def _flows_elsewhere(self, stream: str, number: int) -> bool:
        others = (connection for other, connection in self.connections.items() if other != number)
        return any(
            stream in connection.legs and connection.legs[stream].phase is LegPhase.FLOWING for connection in others
        )

    def _next(self, leg: Leg, event: LegEvent) -> Leg:
        return Leg(LEG_TABLE[leg.phase, event], self._now_ms)

    def _move(self, number: int, event: ConnectionEvent, **fields: Any) -> None:
        phase = CONNECTION_TABLE[self.connections[number].phase, event]
        self.change(number, phase=phase, since_ms=self._now_ms, **fields)

    def _open_for(self, group: str, streams: list[str]) -> None:
        most = self._rules.limits.streams_per_connection
        for at in range(0, len(streams), most):
            self._open(group, streams[at : at + most])

    def _open(self, group: str, streams: list[str], *, replaces: int | None = None) -> None:
        self._number += 1
        legs = {stream: Leg(LegPhase.WAITING, self._now_ms) for stream in streams}
        self.connections[self._number] = Connection(
            self._number, group, ConnectionPhase.OPENING, self._now_ms, legs, replaces=replaces
        )
        self.commands.append(Connect(self._number, group))

    def _try_again(self, number: int) -> None:
        """The same connection under a new number, so that late news of the old attempt is not taken for its own."""
        self._move(number, ConnectionEvent.DUE)
        connection = self.connections.pop(number)
        self._number += 1
        self.connections[self._number] = msgspec.structs.replace(connection, number=self._number)
        for other, successor in list(self.connections.items()):
            if successor.replaces == number:
                self.change(other, replaces=self._number)
        self.commands.append(Connect(self._number, connection.group))

    def _close(self, number: int) -> None:
        del self.connections[number]
        self.commands.append(Close(number))

    def _count(self, **more: int) -> None:
        fields = {name: getattr(self._counts, name) + count for name, count in more.items()}
        self._counts = msgspec.structs.replace(self._counts, **fields)
