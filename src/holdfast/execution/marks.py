"""What execution writes in the journal, and how it reads it back.

Mark 1 is a DECISION: the decision and, for an intent, the full order that will be sent. The venue's word on an order is
an ORDER. Mark 2 is a FILL. Each has a key that says what may be there only once. Not here: when they are written.
"""

from __future__ import annotations

import msgspec

from holdfast.execution.identity import client_order_id
from holdfast.model.entry import Entry, EntryKind, encode_body
from holdfast.model.fill import Fill
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderType

EntryKey = tuple[EntryKind, str]


class Decision(msgspec.Struct, frozen=True):
    """The body of mark 1. `order` is what will be sent, protection and all; None for a refusal. `attempt` counts
    from 1: a higher one is a new order for the same intent, allowed only after the absence of the one before it was
    proved."""

    decision: Intent | Refusal
    order: OrderRequest | None
    attempt: int


def request_for(intent: Intent, *, attempt: int, placed_at_ms: int) -> OrderRequest:
    """The market order an intent becomes: a close is reduce-only; an entry carries its stop and its target."""

    def order_id(leg: Leg) -> str:
        return client_order_id(intent.account, intent.id, leg, attempt)

    exits = ((Leg.STOP, OrderType.STOP, intent.stop_price), (Leg.TARGET, OrderType.LIMIT, intent.target_price))
    protection = tuple(
        OrderRequest(
            client_order_id=order_id(leg),
            symbol=intent.symbol,
            side=intent.side.opposite,
            type=order_type,
            size=intent.size,
            price=price,
            reduce_only=True,
            leg=leg,
            placed_at_ms=placed_at_ms,
        )
        for leg, order_type, price in exits
        if price is not None and intent.leg is Leg.ENTRY
    )
    return OrderRequest(
        client_order_id=order_id(intent.leg),
        symbol=intent.symbol,
        side=intent.side,
        type=OrderType.MARKET,
        size=intent.size,
        price=None,
        reduce_only=intent.leg is Leg.CLOSE,
        leg=intent.leg,
        placed_at_ms=placed_at_ms,
        expires_at_ms=intent.expires_at_ms,
        protection=protection,
    )


def decision_entry(decision: Decision, *, time_ms: int) -> Entry:
    """Mark 1. The key is the signal's id, so that a signal is decided once; a later attempt adds its number."""
    what = decision.decision
    key = what.signal_id if decision.attempt == 1 else f"{what.signal_id}:attempt:{decision.attempt}"
    return Entry(EntryKind.DECISION, key, what.account, time_ms, encode_body(decision))


def order_entry(account: str, report: OrderReport) -> Entry:
    """The venue's word on an order. An order's state and filled size only go forward, so no key comes twice."""
    key = f"{report.client_order_id}:{report.state.value}:{report.filled_size}"
    return Entry(EntryKind.ORDER, key, account, report.time_ms, encode_body(report))


def fill_entry(account: str, fill: Fill) -> Entry:
    """Mark 2. The key is the venue's own name for the trade."""
    return Entry(EntryKind.FILL, fill_key(fill), account, fill.time_ms, encode_body(fill))


def fill_key(fill: Fill) -> str:
    """venue:market:name:trade_id, what makes a fill countable once."""
    return f"{fill.symbol}:{fill.trade_id}"


def key_of(entry: Entry) -> EntryKey:
    """What is unique about an entry."""
    return entry.kind, entry.key


_DECISION = msgspec.json.Decoder(Decision)
_REPORT = msgspec.json.Decoder(OrderReport)
_FILL = msgspec.json.Decoder(Fill)


def decode_decision(entry: Entry) -> Decision:
    """The body of a DECISION entry."""
    return _DECISION.decode(entry.body)


def decode_report(entry: Entry) -> OrderReport:
    """The body of an ORDER entry."""
    return _REPORT.decode(entry.body)


def decode_fill(entry: Entry) -> Fill:
    """The body of a FILL entry."""
    return _FILL.decode(entry.body)
