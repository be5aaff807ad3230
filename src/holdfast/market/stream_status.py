"""What people and pages are told about streams and connections. Reads the state; changes nothing."""

from __future__ import annotations

import msgspec

from holdfast.market.stream_words import ConnectionPhase, Counts, LegPhase, Level, Streams


class ConnectionStatus(msgspec.Struct, frozen=True):
    """`flowing` of its `streams` have brought frames lately. `due_ms`: the next attempt (retrying) or the planned
    replacement (open). `replaces`: the connection whose streams it is taking over."""

    number: int
    group: str
    phase: ConnectionPhase
    since_ms: int
    streams: int
    flowing: int
    failures: int
    due_ms: int
    replaces: int | None


class StreamStatus(msgspec.Struct, frozen=True):
    """`phase` is its best on any connection, WAITING if it is on none. `seen_ms`: about when its last frame came; None
    if it is not flowing. `level`: what the alarm about it has come to."""

    stream: str
    group: str
    phase: LegPhase
    seen_ms: int | None
    level: Level


class StreamsStatus(msgspec.Struct, frozen=True):
    """One market of one venue."""

    connections: tuple[ConnectionStatus, ...]
    streams: tuple[StreamStatus, ...]
    counts: Counts


_RANK = {phase: rank for rank, phase in enumerate(LegPhase)}


def describe(state: Streams) -> StreamsStatus:
    """The state as rows, connections by number, streams by name."""
    connections = tuple(
        ConnectionStatus(
            number=number,
            group=connection.group,
            phase=connection.phase,
            since_ms=connection.since_ms,
            streams=len(connection.legs),
            flowing=sum(leg.phase is LegPhase.FLOWING for leg in connection.legs.values()),
            failures=connection.failures,
            due_ms=connection.due_ms,
            replaces=connection.replaces,
        )
        for number, connection in sorted(state.connections.items())
    )
    streams = []
    for stream, group in sorted(state.wanted.items()):
        legs = [found.legs[stream] for found in state.connections.values() if stream in found.legs]
        phase = max((leg.phase for leg in legs), key=_RANK.__getitem__, default=LegPhase.WAITING)
        seen = [leg.since_ms for leg in legs if leg.phase is LegPhase.FLOWING]
        streams.append(
            StreamStatus(stream, group, phase, max(seen, default=None), state.levels.get(stream, Level.NONE))
        )
    return StreamsStatus(connections, tuple(streams), state.counts)
