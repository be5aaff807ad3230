"""Plays a .play file: lines that begin with '>' are what happens, the lines under each are what it leads to.

    > bars BTC 100/121/99/120 v 40, 118 x 3       a bar (open/high/low/close; v and its volume where that matters), then
                                                  three of one price each
    > decide s1 buy 1 BTC stop 90 target 120        an intent to open
    > decide s2 close sell 1 BTC                    an intent to close
    > refuse s3 max_positions                       a refusal
    > die before command 2           the process will die before it carries out the second command from here on
    > die                            it dies now
    > restart                        a new process over what is left; it is shown the bars seen so far
    > stream repeats trade 1         the venue's stream gives a fill again
    > venue keeps but does not answer | venue neither keeps nor answers | venue answers
    > timer 61                       the market's clock stands at minute 61

`python tests/plays/play_runner.py FILE…` writes what the lines lead to now into the files; then read the difference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from desk import BTC, ETH, MINUTE, SPOT, Crash, Desk, bars, d, flat, intent

from holdfast.execution import protocol as on
from holdfast.execution.marks import decode_decision, decode_fill, decode_report
from holdfast.model.base_bars import BaseBars
from holdfast.model.entry import Entry, EntryKind
from holdfast.model.errors import Unknown
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, OrderReport, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.paper_rules import MarketRules, PaperRules
from holdfast.venues.paper_store import MemoryPaperStore, Record

SYMBOLS = {"BTC": BTC, "ETH": ETH, "SPOT": SPOT}


class Moody(MemoryPaperStore):
    """A store whose answers can get lost, after keeping what it was given or without."""

    mood = "answers"

    def append(self, records: Sequence[Record]) -> None:
        if self.mood != "neither keeps nor answers":
            super().append(records)
        if self.mood != "answers":
            raise Unknown("no answer")


class Stage(Desk):
    """A desk that says what it does, in the words of a trader."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        self.moody = Moody()
        super().__init__(rules=PaperRules({"usdm": _free(5), "spot": _free(1)}, d("0.10")), store=self.moody)

    def say(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def hear(self, told: Sequence[Fill | OrderReport]) -> None:  # type: ignore[override]
        for word in told:
            self.say(f"venue tells: {self._word(word)}")
            super().hear([word])

    def _answer(self, command: on.Command) -> list[on.Event]:
        if isinstance(command, on.StoreMark):
            for entry in command.entries:
                self.say(f"journal: {self._entry(entry)}")
            return super()._answer(command)
        if isinstance(command, on.Notice):
            self.say(f"operator is told: {command.code} {command.client_order_id}")
            return []
        verbs = {on.Send: "send", on.Cancel: "cancel", on.Query: "ask for"}
        order = command.request.client_order_id if isinstance(command, on.Send) else command.client_order_id
        events = super()._answer(command)
        self.say(f"{verbs[type(command)]} {self.names[order]} → {self._heard(events[0])}")
        return events

    def _heard(self, event: on.Event) -> str:
        if isinstance(event, on.VenueReported):
            return event.report.state.value
        if isinstance(event, on.VenueRefused):
            return f"refused: {event.reason}"
        return {on.VenueUnknown: "no answer", on.NotFoundProven: "not there"}[type(event)]

    def _entry(self, entry: Entry) -> str:
        if entry.kind is EntryKind.FILL:
            return f"fill, {self._word(decode_fill(entry))}"
        if entry.kind is EntryKind.ORDER:
            return f"order, {self._word(decode_report(entry))}"
        body = decode_decision(entry)
        made = body.decision
        if body.order is None or isinstance(made, Refusal):
            return f"decision {made.signal_id}: refused, {getattr(made, 'code', '')}"
        again = f" attempt {body.attempt}" if body.attempt > 1 else ""
        for order in (body.order, *body.order.protection):
            self.names[order.client_order_id] = f"{made.signal_id} {order.leg.value}{again}"
        legs = "".join(f", {leg.leg.value} {leg.price}" for leg in body.order.protection)
        return f"decision {made.signal_id}{again}: {made.leg.value} {made.side.value} {made.size}{legs}"

    def _word(self, word: Fill | OrderReport) -> str:
        name = self.names[word.client_order_id]
        if isinstance(word, Fill):
            return f"trade {word.trade_id}: {name} {word.side.value} {word.size} at {word.price}, fee {word.fee}"
        reason = f" ({word.reason})" if word.reason else ""
        return f"{name} {word.state.value}, {word.filled_size} filled{reason}"

    def summary(self) -> None:
        """The book, beside the venue where they differ."""
        orders = [f"{self.names[order.id]} {order.state.value}" for order in self.book.open_orders()]
        held, at_venue = (
            ", ".join(f"{size} {symbol.name}" for symbol, size in sorted(positions.items())) or "nothing"
            for positions in (self.book.positions, self.venue.positions())
        )
        self.say(f"book: holds {held}; open: {', '.join(orders) or 'nothing'}")
        if held != at_venue:
            self.say(f"venue: holds {at_venue}")


def _free(leverage: int) -> MarketRules:
    return MarketRules(d(0), d(0), d(leverage))


class Play:
    """The state of a play between its lines."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.seen: list[dict[Symbol, BaseBars]] = []
        self.next_bar: dict[Symbol, int] = dict.fromkeys(SYMBOLS.values(), 0)
        self.dead = False

    def line(self, words: list[str]) -> None:
        verbs: dict[str, Callable[[list[str]], None]] = {
            "bars": self._bars,
            "decide": self._decide,
            "refuse": self._refuse,
            "die": self._die,
            "restart": self._restart,
            "stream": self._stream,
            "venue": self._venue,
            "timer": self._timer,
        }
        try:
            verbs[words[0]](words[1:])
        except Crash:
            self.dead = True
        if self.dead:
            self.stage.say("*** the process is dead ***")
        else:
            self.stage.summary()

    def _bars(self, words: list[str]) -> None:
        symbol = SYMBOLS[words[0]]
        rows = []
        for text in " ".join(words[1:]).split(","):
            bar, _, times = text.strip().partition(" x ")
            prices, _, volume = bar.partition(" v ")
            numbers = [float(number) for number in prices.split("/")]
            row = flat(numbers[0]) if len(numbers) == 1 else tuple(numbers)
            rows += [(*row, float(volume or 1000))] * int(times or 1)
        shown = {symbol: bars(*rows, first=self.next_bar[symbol])}
        self.next_bar[symbol] += len(rows)
        self.seen.append(shown)
        if not self.dead:
            self.stage.show(shown)

    def _decide(self, words: list[str]) -> None:
        signal, *rest = words
        leg = Leg.CLOSE if rest[0] == "close" else Leg.ENTRY
        side, size, name, *exits = rest[1:] if leg is Leg.CLOSE else rest
        prices = dict(zip(exits[::2], exits[1::2], strict=True))
        now = self.stage.now_ms
        made: Intent = intent(
            signal,
            leg=leg,
            side=Side(side),
            size=d(size),
            symbol=SYMBOLS[name],
            stop_price=d(prices["stop"]) if prices else None,
            target_price=d(prices["target"]) if prices else None,
            decided_at_ms=now,
            expires_at_ms=now + 60 * MINUTE,
        )
        self.stage.happen(on.IntentDecided(made))

    def _refuse(self, words: list[str]) -> None:
        refusal = Refusal(words[1], "demo", words[0], BTC, Timeframe.M1, Side.BUY, self.stage.now_ms, {})
        self.stage.happen(on.RefusalDecided(refusal))

    def _die(self, words: list[str]) -> None:
        if not words:
            raise Crash
        self.stage.crash_before = int(words[2]) - 1

    def _restart(self, words: list[str]) -> None:
        self.dead = False
        self.stage.start(self.seen)

    def _stream(self, words: list[str]) -> None:
        number = int(words[2])
        self.stage.hear([self.stage.venue.fills_since(number - 1)[0]])

    def _venue(self, words: list[str]) -> None:
        self.stage.moody.mood = {
            "answers": "answers",
            "keeps but does not answer": "keeps",
            "neither keeps nor answers": "neither keeps nor answers",
        }[" ".join(words)]

    def _timer(self, words: list[str]) -> None:
        self.stage.now_ms = int(words[0]) * MINUTE
        self.stage.happen(on.Timer(self.stage.now_ms))


def perform(script: str) -> str:
    """The script with every '>' line followed by what it leads to now; comments and blank lines stay."""
    play = Play()
    out: list[str] = []
    for line in script.splitlines():
        if line.startswith("  "):
            continue
        out.append(line)
        if line.startswith(">"):
            play.stage.lines = []
            play.line(line[1:].split())
            out += play.stage.lines
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(perform(Path(name).read_text()))
