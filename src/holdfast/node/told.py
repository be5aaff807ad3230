"""What the log says when an entry is new in the journal: decisions, orders, fills. Nothing is decided here."""

from __future__ import annotations

from holdfast.execution.marks import decode_decision, decode_fill, decode_report
from holdfast.model.entry import Entry, EntryKind
from holdfast.model.intent import Intent
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log


def tell(log: Log, entry: Entry) -> None:
    """One line for a decision, a word on an order, or a fill; nothing for entries of other kinds."""
    if entry.kind is EntryKind.DECISION:
        decision = decode_decision(entry).decision
        what = {"signal": decision.signal_id, "symbol": str(decision.symbol), "side": decision.side}
        if isinstance(decision, Intent):
            log.info(Event.INTENT, intent=decision.id, **what, size=decision.size)
        else:
            log.info(Event.REFUSAL, code=decision.code, **what, numbers=decision.numbers)
    elif entry.kind is EntryKind.ORDER:
        word = decode_report(entry)
        log.info(Event.ORDER, client_order_id=word.client_order_id, state=word.state, reason=word.reason)
    elif entry.kind is EntryKind.FILL:
        fill = decode_fill(entry)
        log.info(
            Event.FILL,
            trade_id=fill.trade_id,
            client_order_id=fill.client_order_id,
            symbol=str(fill.symbol),
            side=fill.side,
            price=fill.price,
            size=fill.size,
        )
