"""The one place where the parts of a walk are put together. The worlds differ in the doors they hand in, not here."""

from __future__ import annotations

import difflib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.execution.book import Book, replay
from holdfast.execution.marks import decode_decision
from holdfast.execution.protocol import Notice
from holdfast.market.book import CandleBook
from holdfast.market.inputs import Inputs
from holdfast.model.entry import Entry, EntryKind, StoredEntry
from holdfast.model.errors import BadInput
from holdfast.model.instrument import Instrument
from holdfast.model.order import Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.node.activity import Activity
from holdfast.node.desk import Desk
from holdfast.node.executor import Executor
from holdfast.node.measures import Measures
from holdfast.node.pairs import Commands, Pairs
from holdfast.node.recorder import Recorder
from holdfast.node.settings import Settings
from holdfast.node.told import tell
from holdfast.node.trading import Trading
from holdfast.node.walk import Walk
from holdfast.portfolio.ledger import Ledger
from holdfast.ports.clock import Clock
from holdfast.ports.history import History
from holdfast.ports.journal import Journal
from holdfast.signals.head import Head
from holdfast.signals.panel import Panel
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log
from holdfast.venues.paper import PaperVenue
from holdfast.venues.paper_store import PaperStore

BARS_AT_ONCE = 64  # decision bars in one block: enough to make the cost of a call small
CANDLES_AT_ONCE = 2880  # base bars in one block: two days of minutes


@dataclass(frozen=True, slots=True)
class Doors:
    """The world outside a walk. `clock` is the machine's: it times, and never decides."""

    clock: Clock
    journal: Journal
    history: History
    paper_store: PaperStore
    log: Log


@dataclass(frozen=True, slots=True)
class Ground:
    """What is traded, and in which bars it arrives. `left`: what was traded once and is not followed any more; the
    account's old fills are booked in it."""

    instruments: Mapping[Symbol, Instrument]
    base: Timeframe
    left: Mapping[Symbol, Instrument] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self.instruments)


def block_span_ms(base: Timeframe, timeframe: Timeframe) -> int:
    """The longest time that one block of candles may cover."""
    return max(min(BARS_AT_ONCE * timeframe.ms, CANDLES_AT_ONCE * base.ms), base.ms)


def build_book(settings: Settings, ground: Ground, *, at_once: int = 0) -> CandleBook:
    """An empty candle book, with room for `at_once` candles of a symbol in one block if that is more than usual.
    BadInput when bars cannot be decided on at the timeframe set."""
    base, timeframe = ground.base, settings.market.timeframe
    if timeframe.ms % base.ms:
        raise BadInput(
            f"Decisions are set to {timeframe} bars, but the candles are {base}.",
            f"Use candles of {timeframe} or shorter, or set the timeframe to {base}.",
        )
    frames = [frame for frame in {*settings.market.frames, timeframe} if frame.ms % base.ms == 0]
    return CandleBook(
        ground.symbols,
        base,
        frames,
        room=BARS_AT_ONCE,
        base_room=max(at_once, block_span_ms(base, timeframe) // base.ms),
        min_bars=settings.market.min_bars,
        quarantine_bars=settings.market.quarantine_bars,
    )


def _check_heads(settings: Settings, heads: Sequence[Head]) -> None:
    """BadInput for a weight or a calibration of a head that there is not: it would silently count for nothing."""
    known = [head.name for head in heads]
    for name in [*settings.weights.heads, *settings.weights.calibration]:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            remedy = f"Did you mean '{nearest[0]}'?" if nearest else f"The heads are {', '.join(known)}."
            raise BadInput(f"[weights] names a head '{name}', and there is none.", remedy)


class Assembly:
    """A walk and what is read from it: the journal's past is in the books, and new entries are heard by all of them."""

    def __init__(
        self,
        settings: Settings,
        ground: Ground,
        doors: Doors,
        *,
        book: CandleBook,
        inputs: Inputs,
        heads: Sequence[Head],
    ) -> None:
        self.settings = settings
        self.ground = ground
        self.book = book
        self.log = doors.log
        self.measures = Measures(
            doors.clock, window_s=settings.node.metrics_window_s, deadline_ms=settings.node.deadline_ms
        )
        self.ledger = Ledger(settings.account)
        self.activity = Activity()
        self.pairs = Pairs(settings.account)
        self.desk = Desk(
            book,
            inputs,
            Panel(heads),
            timeframe=settings.market.timeframe,
            weights=settings.weights,
            quorum=settings.quorum,
            measures=self.measures,
        )
        past = list(doors.journal.read())
        for stored in past:
            self._learn(stored)
        orders = replay(past, settings.account).restarted()
        self._check_symbols(orders)
        _check_heads(settings, heads)
        versions = [stored.entry.body for stored in past if stored.entry.kind is EntryKind.SETTINGS]
        self._settings_versions, self._settings_body = len(versions), versions[-1] if versions else b""
        self.venue = PaperVenue(
            account=settings.account,
            instruments={**ground.left, **ground.instruments},
            balances=settings.balances,
            rules=settings.paper.rules(),
            store=doors.paper_store,
        )
        self.epoch = doors.journal.take_epoch(settings.account, f"{platform.node()}:{os.getpid()}")
        self.executor = Executor(
            orders,
            doors.journal,
            self.venue,
            epoch=self.epoch,
            measures=self.measures,
            on_stored=self._hear,
            on_notice=self._notice,
        )
        self._lay_walk(doors)

    def _check_symbols(self, orders: Book) -> None:
        """BadInput when the journal has traded symbols that are not among the candles: nobody could value them."""
        traded = {request.symbol for request in self.activity.requests.values()} - set(self.ground.left)
        held = {*self.ledger.open_positions, *(order.request.symbol for order in orders.open_orders())}
        if strangers := (traded | held) - set(self.ground.instruments):
            named = ", ".join(str(symbol) for symbol in sorted(strangers)[:3])
            if strangers & set(self.ground.left):
                raise BadInput(
                    f"The account holds {named}, which its venue does not trade now.",
                    "Wait until it does, see that [[live.markets]] names its market, or give another --data-dir.",
                )
            raise BadInput(
                f"This data directory has traded {named}, which the candles given do not have.",
                "It belongs to another recording: give that one, or another --data-dir.",
            )

    def _lay_walk(self, doors: Doors) -> None:
        """The walk over what has been put together so far."""
        self.trading = Trading(
            self.book,
            self.ledger,
            self.executor,
            instruments=self.ground.instruments,
            limits=self.settings.limits,
            rules=self.settings.paper.rules(),
            disabled=self.pairs.disabled,
        )
        self.commands = Commands(self.pairs, self.executor, self.trading, log=self.log)
        frames = {self.ground.base, *self.book.frames}
        self.recorder = Recorder(
            doors.history,
            self.book,
            clock=doors.clock,
            log=doors.log,
            measures=self.measures,
            stored={frame: doors.history.read_last_open_times(frame) for frame in frames},
        )
        self.walk = Walk(
            self.book,
            self.desk,
            self.trading,
            self.executor,
            venue=self.venue,
            recorder=self.recorder,
            measures=self.measures,
            done_ms=self.activity.marks[-1].time_ms if self.activity.marks else 0,
        )

    def begin(self, first_ms: int) -> None:
        """Puts changed settings on record (`first_ms`: the market's time when nothing is on record yet), hears what the
        venue told while no process of ours listened, and ends what a command left open when its process died."""
        if not self._settings_versions and self.venue.events_since(0):
            raise BadInput(
                "The paper venue has traded for this account, and the journal is empty.",
                "They belong together: restore journal.sqlite beside paper.sqlite, or give another --data-dir.",
            )
        self.executor.now_ms = max(self.walk.done_ms, first_ms)
        body = self.settings.of_trading()
        if body != self._settings_body:
            key = str(self._settings_versions + 1)
            account = self.settings.account
            self.executor.store(Entry(EntryKind.SETTINGS, key, account, self.executor.now_ms, body))
            self.log.info(Event.SETTINGS_CHANGED, version=key)
        self.executor.hear_missed(fills_known=self.ledger.fill_count)
        self.executor.tell(self.trading.withdrawals(self.executor.now_ms))

    def _hear(self, stored: StoredEntry) -> None:
        """A new entry is in the journal."""
        self._learn(stored)
        self.measures.heard(stored)
        tell(self.log, stored.entry)

    def _learn(self, stored: StoredEntry) -> None:
        """An entry of the journal, old or new."""
        self.ledger.apply(stored)
        self.pairs.hear(stored)
        entry = stored.entry
        if entry.account != self.settings.account:
            return
        self.activity.hear(stored)
        if entry.kind is EntryKind.DECISION:
            decision = decode_decision(entry).decision
            direction = Direction.LONG if decision.side is Side.BUY else Direction.SHORT
            self.desk.remember(decision.symbol, direction, decision.decided_at_ms)

    def _notice(self, notice: Notice) -> None:
        self.log.warning(Event.DIFFERENCE, what=notice.code, client_order_id=notice.client_order_id)
        self.measures.problems[notice.code] = (
            f"The venue has an order that is not in the journal: {notice.client_order_id}"
        )
