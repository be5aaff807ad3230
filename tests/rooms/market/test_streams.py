"""The orchestration of streams against an imagined venue: what is asked of it, and what is done when it is silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

import pytest

from holdfast.market.stream_status import describe
from holdfast.market.stream_words import (
    CONNECTION_TABLE,
    LEG_TABLE,
    Alarm,
    Answered,
    Close,
    Command,
    Connect,
    Connected,
    Connection,
    ConnectionPhase,
    Disconnected,
    Event,
    LegEvent,
    LegPhase,
    Level,
    Refill,
    Seen,
    ShutdownAnnounced,
    StreamLimits,
    StreamPolicy,
    StreamRules,
    Streams,
    Subscribe,
    Tick,
    Unsubscribe,
    Want,
)
from holdfast.market.streams import step
from holdfast.model.errors import BadInput

HOUR = 3_600_000
START = 1_620_000_000_000  # a Monday in May 2021, 00:00 UTC
RULES = StreamRules("binance", "usdm", StreamLimits(streams_per_connection=200, messages_per_s=10))


def names(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}{number:03d}" for number in range(count)]


@dataclass
class Scene:
    """A venue that accepts everything and sends a frame of each stream each second, unless it is told otherwise."""

    rules: StreamRules = RULES
    state: Streams = field(default_factory=Streams)
    now_ms: int = START
    chance: float = 0.5
    log: list[Command] = field(default_factory=list)
    venue: dict[int, set[str]] = field(default_factory=dict)  # what each open connection is subscribed to
    mute: set[str] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)  # connections that are up and carry nothing
    refusing: bool = False  # connections do not come about
    answering: bool = True
    per_second: dict[tuple[int, int], int] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        self.state, commands = step(self.state, event, self.rules, now_ms=self.now_ms, chance=self.chance)
        self.log += commands
        for command in commands:
            self.obey(command)

    def obey(self, command: Command) -> None:
        if isinstance(command, Connect):
            if self.refusing:
                self.tell(Disconnected(command.number))
            else:
                self.venue[command.number] = set()
                self.tell(Connected(command.number))
        elif isinstance(command, Subscribe | Unsubscribe):
            key = (command.number, self.now_ms // 1000)
            self.per_second[key] = self.per_second.get(key, 0) + 1
            if isinstance(command, Subscribe):
                self.venue[command.number] |= set(command.streams)
                assert len(self.venue[command.number]) <= self.rules.limits.streams_per_connection
            else:
                self.venue[command.number] -= set(command.streams)
            if self.answering:
                self.tell(Answered(command.number, command.request))
        elif isinstance(command, Close):
            self.venue.pop(command.number, None)

    def want(self, streams: Iterable[str], group: str = "market") -> None:
        self.tell(Want(dict.fromkeys(streams, group)))

    def run(self, seconds: int) -> list[Command]:
        """That much time, second by second; the commands of it."""
        before = len(self.log)
        for _ in range(seconds):
            self.now_ms += 1000
            for number, subscribed in list(self.venue.items()):
                if number not in self.dead:
                    self.tell(Seen(number, tuple(sorted(subscribed - self.mute))))
            self.tell(Tick())
        return self.log[before:]

    def cut(self, number: int) -> None:
        self.venue.pop(number)
        self.tell(Disconnected(number))

    def flowing(self) -> set[str]:
        return {row.stream for row in describe(self.state).streams if row.phase is LegPhase.FLOWING}

    def open(self) -> list[Connection]:
        return [found for found in self.state.connections.values() if found.phase is ConnectionPhase.OPEN]


def only(commands: Iterable[Command], kind: type) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


def test_a_hundred_streams_flow_over_one_connection_after_one_message() -> None:
    scene = Scene()
    scene.want(names(100))
    scene.run(1)
    assert scene.flowing() == set(names(100))
    assert [type(command) for command in scene.log] == [Connect, Subscribe]


def test_streams_are_spread_over_connections_within_the_limits() -> None:
    limits = StreamLimits(streams_per_connection=40, messages_per_s=5, streams_per_message=5)
    scene = Scene(StreamRules("binance", "spot", limits))
    scene.want(names(100))
    scene.run(5)
    assert scene.flowing() == set(names(100))
    assert sorted(len(subscribed) for subscribed in scene.venue.values()) == [20, 40, 40]
    assert max(scene.per_second.values()) == 4  # one of the five is left for pongs


def test_streams_of_different_groups_never_share_a_connection() -> None:
    scene = Scene()
    scene.tell(Want({"a@kline_1m": "market", "a@bookTicker": "public", "b@kline_1m": "market"}))
    scene.run(1)
    assert sorted(map(sorted, scene.venue.values())) == [["a@bookTicker"], ["a@kline_1m", "b@kline_1m"]]


def test_a_change_of_the_universe_subscribes_the_difference_and_reconnects_nothing() -> None:
    scene = Scene()
    scene.want(names(100))
    scene.run(60)
    before = len(scene.log)
    kept, new = names(100)[10:], names(10, "new")
    scene.want([*kept, *new])
    scene.run(1)
    changes = scene.log[before:]
    assert (
        [(type(command), command.streams) for command in changes]
        == [  # type: ignore[union-attr]
            (Unsubscribe, tuple(names(100)[:10])),
            (Subscribe, tuple(new)),
        ]
    )
    assert scene.flowing() == {*kept, *new} and len(scene.open()) == 1
    assert scene.state.counts.connects == 1
    scene.want([])
    assert scene.venue == {} and scene.state.connections == {}


def test_a_lost_connection_comes_back_with_all_its_streams_and_asks_for_what_was_missed() -> None:
    scene = Scene()
    scene.want(names(100))
    scene.run(5)
    scene.cut(1)
    assert scene.flowing() == set()
    commands = scene.run(3)
    assert scene.flowing() == set(names(100))
    assert only(commands, Refill) == [Refill(tuple(names(100)))] and only(commands, Alarm) == []
    scene.tell(Disconnected(1))  # late news of the old attempt
    assert scene.flowing() == set(names(100))


def test_attempts_come_ever_later_and_never_at_the_same_time_everywhere() -> None:
    waits = []
    for chance in (0.0, 0.5, 0.99):
        scene = Scene(chance=chance, refusing=True)
        scene.want(names(3))
        scene.run(200)
        attempts = only(scene.log, Connect)
        waits.append(len(attempts))
        assert [connection.due_ms - connection.since_ms for connection in scene.state.connections.values()] == [
            int(60_000 * (1 + chance) / 2)
        ]
    assert waits[0] > waits[1] >= waits[2] >= 8
    scene.refusing = False
    scene.run(61)
    assert scene.flowing() == set(names(3)) and scene.open()[0].failures == 0


def test_a_connection_that_accepts_and_drops_at_once_is_not_hammered() -> None:
    scene = Scene(mute=set(names(3)))
    scene.want(names(3))
    for _ in range(120):
        for number in list(scene.venue):
            scene.cut(number)
        scene.run(1)
    assert len(only(scene.log, Connect)) < 12


def test_a_connection_is_replaced_before_the_venue_cuts_it_and_no_stream_pauses() -> None:
    scene = Scene()
    scene.want(names(100))
    scene.run(10)
    scene.now_ms = START + 23 * HOUR + HOUR // 4 - 30_000  # chance 0.5: three quarters of an hour before the cut
    scene.tell(Seen(1, tuple(names(100))))
    while 1 in scene.venue:
        scene.run(1)
        assert scene.flowing() == set(names(100)) and scene.now_ms < START + 23 * HOUR + HOUR // 2
    commands = scene.log
    assert only(commands, Close) == [Close(1)] and only(commands, Alarm) == [] and only(commands, Refill) == []
    assert list(scene.venue) == [2] and scene.venue[2] == set(names(100))
    assert commands.index(Close(1)) > max(at for at, command in enumerate(commands) if isinstance(command, Subscribe))
    assert scene.state.counts.rollovers == 1


def test_the_old_connection_stays_until_each_of_its_streams_was_seen_on_the_new_one() -> None:
    scene = Scene()
    scene.want(names(3))
    scene.run(2)
    scene.tell(ShutdownAnnounced(1))
    assert sorted(scene.venue) == [1, 2]
    scene.tell(Seen(1, tuple(names(3))))
    scene.tell(Seen(2, ("s000", "s001")))
    assert sorted(scene.venue) == [1, 2]
    scene.tell(Seen(2, ("s002",)))
    assert sorted(scene.venue) == [2]


def test_a_stream_that_is_silent_on_the_old_connection_does_not_hold_up_its_replacement() -> None:
    scene = Scene(mute={"s002"})
    scene.want(names(3))
    scene.run(2)
    scene.tell(ShutdownAnnounced(1))
    scene.run(1)
    assert sorted(scene.venue) == [2]


def test_streams_wanted_and_dropped_during_a_replacement_end_on_the_new_connection_only() -> None:
    scene = Scene()
    scene.want(names(3))
    scene.run(1)
    scene.dead = {2}
    scene.tell(ShutdownAnnounced(1))
    scene.want([*names(3)[1:], "new"])
    scene.dead = set()
    scene.run(1)
    assert scene.venue == {2: {"s001", "s002", "new"}} and scene.flowing() == {"s001", "s002", "new"}


def test_a_replacement_that_cannot_connect_leaves_the_old_connection_alone() -> None:
    scene = Scene()
    scene.want(names(3))
    scene.run(1)
    scene.refusing = True
    scene.tell(ShutdownAnnounced(1))
    scene.run(100)
    assert scene.flowing() == set(names(3)) and 1 in scene.venue
    scene.refusing = False
    scene.run(61)
    assert scene.flowing() == set(names(3)) and 1 not in scene.venue and len(scene.venue) == 1


def test_one_silent_stream_is_missed_asked_for_again_moved_and_then_fed_by_requests() -> None:
    scene = Scene()
    scene.want(names(3))
    scene.run(10)
    scene.mute = {"s001"}
    alarms = only(scene.run(300), Alarm)
    assert [(alarm.stream, alarm.level) for alarm in alarms] == [  # type: ignore[union-attr]
        ("s001", Level.ASKED_AGAIN),
        ("s001", Level.MOVED),
        ("s001", Level.BY_REST),
    ]
    assert 30_000 < alarms[0].silent_ms <= 32_000  # type: ignore[union-attr]
    assert sorted(map(sorted, scene.venue.values())) == [["s000", "s002"], ["s001"]]
    row = next(row for row in describe(scene.state).streams if row.stream == "s001")
    assert (row.level, row.seen_ms) == (Level.BY_REST, None)
    again = only(scene.run(1200), Subscribe)
    assert len(again) == 2  # every ten minutes
    scene.mute = set()
    scene.run(1)
    assert scene.flowing() == set(names(3)) and scene.state.levels == {}


def test_a_connection_that_is_up_and_silent_is_noticed_and_replaced() -> None:
    scene = Scene()
    scene.want(names(100))
    scene.run(10)
    scene.dead = {1}
    commands = scene.run(60)
    assert {alarm.level for alarm in only(commands, Alarm)} == {Level.ASKED_AGAIN, Level.MOVED}  # type: ignore[union-attr]
    assert len(only(commands, Alarm)) == 200 and len(only(commands, Connect)) == 1
    assert scene.venue == {2: set(names(100))} and scene.flowing() == set(names(100))
    assert scene.state.levels == {}


def test_a_subscription_that_is_never_answered_but_flows_is_no_alarm() -> None:
    scene = Scene(answering=False)
    scene.want(names(3))
    assert only(scene.run(600), Alarm) == [] and scene.flowing() == set(names(3))


def test_a_refused_subscription_is_asked_for_again_without_hurry() -> None:
    scene = Scene(answering=False, mute=set(names(1)))
    scene.want(names(1))
    for _ in range(10):
        for request in scene.open()[0].asked:
            scene.tell(Answered(1, request, accepted=False))
        scene.run(1)
    assert len(only(scene.log, Subscribe)) == 1 and scene.state.counts.refusals == 1
    assert [alarm.level for alarm in only(scene.run(10), Alarm)] == [Level.ASKED_AGAIN]  # type: ignore[union-attr]


def test_a_closed_market_is_silent_without_alarm_and_missed_when_it_opens() -> None:
    scene = Scene(StreamRules("oanda", "fx", RULES.limits, StreamPolicy(expected_ms=5000, silence_factor=4)))
    scene.now_ms = START + 4 * 24 * HOUR + 21 * HOUR - 60_000  # Friday, a minute before 17:00 in New York
    scene.want(["EUR_USD"])
    scene.run(50)
    scene.mute = {"EUR_USD"}
    assert only(scene.run(3600), Alarm) == []
    scene.now_ms = START + 6 * 24 * HOUR + 21 * HOUR
    assert only(scene.run(9), Alarm) == []
    assert len(only(scene.run(5), Alarm)) == 1


def test_a_connection_that_never_opens_is_given_up_and_tried_again() -> None:
    state, commands = step(Streams(), Want({"a": "g"}), RULES, now_ms=START, chance=0.5)
    assert commands == (Connect(1, "g"),)
    state, commands = step(state, Tick(), RULES, now_ms=START + 21_000, chance=0.5)
    assert commands == (Close(1),)
    state, commands = step(state, Tick(), RULES, now_ms=START + 22_000, chance=0.5)
    assert commands == (Connect(2, "g"),)
    state, commands = step(state, Connected(1), RULES, now_ms=START + 22_000, chance=0.5)
    assert commands == () and state.counts.connects == 0


def test_every_state_knows_every_event_that_can_reach_it() -> None:
    for phase, event in product(LegPhase, LegEvent):
        sent_or_missed = event in (LegEvent.SENT, LegEvent.OVERDUE)
        possible = not sent_or_missed or (event is LegEvent.SENT) == (phase is LegPhase.WAITING)
        assert ((phase, event) in LEG_TABLE) == possible
    assert {phase for phase, _ in CONNECTION_TABLE} == set(ConnectionPhase)


def test_limits_and_patience_that_allow_nothing_are_refused() -> None:
    with pytest.raises(BadInput):
        StreamPolicy(verify_ms=0)
    with pytest.raises(BadInput):
        StreamPolicy(back_off_first_ms=2000, back_off_most_ms=1000)
    with pytest.raises(BadInput):
        StreamLimits(streams_per_connection=200, messages_per_s=1)
