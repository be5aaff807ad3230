"""One bar of one symbol, judged by all heads outside a running node: from a candle file, or from a history on disk.

The same heads, thresholds and weights as in a node. What depends on the signals before it (cool-down, duplicates) is
known to a node only; a history answers with the stored record where the bar was a signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.cli.screen import minute
from holdfast.cli.symbols import find_symbol
from holdfast.history.sqlite import SqliteHistory
from holdfast.market.book import CandleBook
from holdfast.market.inputs import Inputs
from holdfast.model.errors import BadInput
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.compose import Ground, block_span_ms, build_book
from holdfast.node.desk import Desk
from holdfast.node.market_record import lay_inputs, list_instruments, read_market
from holdfast.node.measures import Measures
from holdfast.node.replay import fill_book
from holdfast.node.settings import Settings
from holdfast.signals.head import Head
from holdfast.signals.panel import LONGEST_MEMORY, Panel
from holdfast.world.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which bar: the newest of `settings.market.timeframe` that had closed at `at_ms` (None: the newest there is)."""

    symbol: str
    venue: str | None
    market: str | None
    at_ms: int | None


def judge_recorded(
    asked: Asked, settings: Settings, heads: Sequence[Head], *, candles: Path, headlines: Sequence[Path]
) -> Signal:
    """The bar from a candle file, with the inputs that lie beside it. BadInput when it is not there."""
    recording = read_market([candles], venue=asked.venue, market=asked.market)
    symbol = find_symbol(asked.symbol, recording.symbols)
    recording = recording.only([symbol.name])
    inputs = lay_inputs(recording.symbols, [candles], venue=asked.venue, market=asked.market, headlines=headlines)
    ground = Ground(list_instruments(recording, settings.paper), recording.timeframe)
    book = build_book(settings, ground)
    until_ms = recording.last_close_ms if asked.at_ms is None else asked.at_ms
    span_ms = block_span_ms(ground.base, settings.market.timeframe)
    fill_book(book, recording, until_ms=until_ms, span_ms=span_ms)
    return _judge(symbol, settings, heads, book=book, inputs=inputs)


def judge_stored(asked: Asked, settings: Settings, heads: Sequence[Head], *, data_dir: Path) -> Signal:
    """The bar from a data directory: its stored record if it was a signal, else the stored candles judged again.

    Inputs beside the candles (funding, headlines) are not in a history: the heads that need them abstain.
    """
    path = data_dir / "history.sqlite"
    if not path.is_file():
        raise BadInput(f"There is no history in {data_dir}.", "Name the --data-dir of a run, or a file with --candles.")
    frame = settings.market.timeframe
    history = SqliteHistory(path)
    try:
        known = history.read_last_open_times(frame)
        if not known:
            raise BadInput(f"The history in {data_dir} has no {frame} candles.", _frames_there(history))
        symbol = find_symbol(asked.symbol, known, market=asked.market, venue=asked.venue)
        before_ms = None if asked.at_ms is None else asked.at_ms - frame.ms + 1
        block = history.read_block([symbol], frame, limit=LONGEST_MEMORY, before_ms=before_ms)
        book = CandleBook([symbol], frame, [])
        if len(block):
            book.warm_up(block, now_ms=int(block.open_time_ms[-1]) + frame.ms)
        judged = _judge(symbol, settings, heads, book=book, inputs=Inputs([symbol]))
        return history.read_signal(judged.id) or judged
    finally:
        history.close()


def _frames_there(history: SqliteHistory) -> str:
    there = [frame.value for frame in Timeframe if history.read_last_open_times(frame)]
    return f"It has {', '.join(there)}: choose with --timeframe." if there else "It holds no candles at all yet."


def _judge(symbol: Symbol, settings: Settings, heads: Sequence[Head], *, book: CandleBook, inputs: Inputs) -> Signal:
    measures = Measures(SystemClock(), window_s=settings.node.metrics_window_s, deadline_ms=settings.node.deadline_ms)
    desk = Desk(
        book,
        inputs,
        Panel(heads),
        timeframe=settings.market.timeframe,
        weights=settings.weights,
        quorum=settings.quorum,
        measures=measures,
    )
    signal = desk.newest(symbol, settings.market.timeframe)
    if signal is None:
        raise BadInput(
            f"No {settings.market.timeframe} bar of {symbol} had closed by then.",
            "Choose a later --at, or leave it out for the newest bar.",
        )
    return signal


def period(signal: Signal) -> str:
    """From when to when the bar was."""
    return f"{minute(signal.bar_open_ms).removesuffix(' UTC')} to {minute(signal.bar_close_ms)}"
