"""The walk: the whole way of a candle, each step of it one line.

    candles ─▶ market ─▶ signals ─▶ risk ─▶ execution ─▶ portfolio

Every world walks it: live, paper, replay and the simulator differ only in the doors they hand to `compose`. Candles
come in blocks (one minute of a live feed, two days of a replay); decisions are taken in the order of time, and each
sees only what was known at its moment, so the size of a block changes nothing but the speed.
"""

from __future__ import annotations

from holdfast.execution.protocol import Timer
from holdfast.market.book import CandleBook
from holdfast.market.closed import Moment
from holdfast.model.candle import CandleBlock
from holdfast.node.desk import Desk, Panorama
from holdfast.node.executor import Executor
from holdfast.node.measures import Measures
from holdfast.node.recorder import Recorder
from holdfast.node.trading import Trading
from holdfast.venues.paper import PaperVenue


class Walk:
    """`done_ms`: every moment up to it has been walked, and a restart begins there. `market_ms`: the market's time.
    `look_back_ms`: how late a bar may come and still be matched by the paper venue (it passes over those it knows)."""

    def __init__(
        self,
        book: CandleBook,
        desk: Desk,
        trading: Trading,
        executor: Executor,
        *,
        venue: PaperVenue,
        recorder: Recorder,
        measures: Measures,
        done_ms: int,
        look_back_ms: int = 0,
    ) -> None:
        self.book = book
        self.desk = desk
        self.trading = trading
        self.executor = executor
        self.venue = venue
        self.recorder = recorder
        self.measures = measures
        self.done_ms = done_ms
        self.market_ms = done_ms
        self.look_back_ms = look_back_ms
        self._settled = False

    def take(self, block: CandleBlock, now_ms: int) -> None:
        """One block of closed candles, all the way. `now_ms` is the market's time at the end of the block."""
        for part, until_ms in self.book.parts(block, now_ms=now_ms):  # nearly always one
            with self.measures.step():
                self.leave(part, until_ms)  # positions in a unit that ends here
                closed = self.book.ingest(part, now_ms=until_ms)  # candles that hold become bars …
                self.measures.closed(self.book, closed)
                self.recorder.keep(closed)  # … and history
                panorama = self.desk.look(closed)  # all heads vote on every new bar
                for moment in closed.moments(self.desk.timeframe):  # and then, in the order of time:
                    if moment.close_ms > self.done_ms:
                        assert panorama is not None, "bars closed, so they were looked at"
                        self.decide(moment, panorama)
                self.match(until_ms)

    def decide(self, moment: Moment, panorama: Panorama) -> None:
        """Everything that happens when bars close at one moment."""
        self.match(moment.close_ms)  # what the venue did until now
        if not self._settled:
            self.executor.settle()  # what a process before this one left open
            self._settled = True
        self.executor.tell([Timer(moment.close_ms)])  # orders that were not sent, or not answered
        self.executor.tell(self.trading.withdrawals(moment.close_ms))  # entries in what an operator has disabled
        self.trading.begin(moment.close_ms)  # the account as it stands now
        for signal in self.desk.signals(moment, panorama):  # the votes that reached a consensus
            self.recorder.note(signal)
            self.venue.advance(self.trading.bar_of(signal))  # the venue has seen the price, too
            decision = self.trading.decide(signal, panorama)  # risk: an intent, or a refusal
            self.executor.tell(self.trading.events(decision))  # execution: mark 1, send, the venue's word
        self.recorder.flush()
        self.executor.store(self.trading.equity_entry())  # portfolio: what the account is worth; the moment is done
        self.done_ms = moment.close_ms

    def leave(self, part: CandleBlock, until_ms: int) -> None:
        """Ends every order, and closes at its last price every position, in a symbol that this part redenominates:
        they are in a unit in which no later price will be."""
        if involved := self.trading.involved():
            for symbol in involved.intersection(self.book.begins_anew(part, now_ms=until_ms)):
                begun_ms = int(part.open_time_ms[0])
                known_ms = begun_ms + self.book.base.ms  # nobody knows before the bar has closed
                self.match(begun_ms)
                self.executor.settle()
                self.executor.tell(self.trading.leaving(symbol, known_ms))
                self.executor.see(self.venue.advance(self.trading.last_price(symbol, known_ms)))

    def match(self, until_ms: int) -> None:
        """Lets the paper venue live on to `until_ms`, and books what it did (mark 2)."""
        if until_ms > self.market_ms:
            self.executor.now_ms = until_ms
            after_ms = self.market_ms - self.look_back_ms
            self.executor.see(self.venue.advance(self.trading.bars_to_match(after_ms, until_ms)))
            self.market_ms = until_ms
