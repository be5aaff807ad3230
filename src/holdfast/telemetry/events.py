"""The names of everything the log may say: one line of the log, one of these names.

A name reads `noun.what_happened`. Names are read by people's own scripts, so one is never given a new meaning. What
belongs beside a name (fields, levels) is the caller's business; nothing here is decided or counted.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What happened. The comment beside each name lists the fields that come with it."""

    NODE_PHASE = "node.phase_reached"  # phase, took_ms, detail
    NODE_READY = "node.ready"  # took_ms
    NODE_STOPPING = "node.stopping"  # reason
    NODE_STOPPED = "node.stopped"  # took_ms
    LOOP_FAILED = "loop.failed"  # loop, error, place: what ended it; without the walk the node ends

    SETTINGS_CHANGED = "settings.changed"  # version: what decides on trades was put on record, at first or anew

    FEED_STARTED = "feed.started"  # venue, symbols, timeframe
    FEED_SILENT = "feed.silent"  # venue, silent_s, stream, measure: what is done about it
    UNIVERSE_CHANGED = "universe.changed"  # added, removed, symbols
    UNIVERSE_KEPT = "universe.kept"  # venue, market, error: it could not be chosen anew
    FEED_ENDED = "feed.ended"  # candles

    SIGNAL = "signal.emitted"  # id, symbol, timeframe, direction, consensus
    INTENT = "decision.intended"  # intent, signal, symbol, side, size
    REFUSAL = "decision.refused"  # code, signal, symbol, side, numbers
    ORDER = "order.state_changed"  # client_order_id, state, reason
    FILL = "fill.applied"  # trade_id, client_order_id, symbol, side, price, size
    DIFFERENCE = "account.difference_found"  # what, client_order_id

    JOURNAL_OPENED = "journal.opened"  # sequence, chain_hash
    HISTORY_AWAY = "history.away"  # error, waiting_rows

    OPERATOR_COMMAND = "operator.commanded"  # command, by
    LIBRARY = "library.said"  # library, message: what a third-party package wrote to Python's own logging
