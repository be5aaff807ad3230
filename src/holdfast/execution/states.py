"""The life of an order as one table. A missing cell is an error, and the diagram in the docs is drawn from the table.

Here: which state follows which. Not here: what is done about it (`protocol.py`), or who remembers it (`book.py`).
"""

from __future__ import annotations

from enum import StrEnum

from holdfast.model.errors import HoldfastError
from holdfast.model.order import OrderState


class OrderEvent(StrEnum):
    """What can happen to an order.

    SEND: handed to the venue. ABSENT: proved not to be at the venue. LOST: the venue's answer was lost.
    HELD to EXPIRED: the venue says so (EXPIRED also when we let a stale order, proved absent, go).
    FILL_PART, FILL_WHOLE: a fill was counted, after which a rest is open, or none.
    ENTRY_ACCEPTED, ENTRY_ENDED: what happens to a protective leg when the venue takes its entry, and when the entry
    ends with nothing filled.
    """

    SEND = "send"
    ABSENT = "absent"
    LOST = "lost"
    HELD = "held"
    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FILL_PART = "fill_part"
    FILL_WHOLE = "fill_whole"
    ENTRY_ACCEPTED = "entry_accepted"
    ENTRY_ENDED = "entry_ended"


class ImpossibleTransition(HoldfastError):
    """Something happened to an order that cannot happen in its state: book and venue disagree. Stop and look."""


_S, _E = OrderState, OrderEvent

# The venue's words while nothing final is known; a word may overtake an earlier one, so each leads on from each.
_WORDS = {
    _E.WORKING: _S.WORKING,
    _E.PARTIAL: _S.PARTIAL,
    _E.FILLED: _S.FILLED,
    _E.CANCELLED: _S.CANCELLED,
    _E.REJECTED: _S.REJECTED,
    _E.EXPIRED: _S.EXPIRED,
    _E.FILL_PART: _S.PARTIAL,
    _E.FILL_WHOLE: _S.FILLED,
}
_UNANSWERED = {
    **_WORDS,
    _E.HELD: _S.HELD,
    _E.ABSENT: _S.MARKED,
    _E.ENTRY_ACCEPTED: _S.HELD,
    _E.ENTRY_ENDED: _S.CANCELLED,
}


def _stay(state: OrderState, *events: OrderEvent) -> dict[OrderEvent, OrderState]:
    """Cells that change nothing: a word that arrives late, and a lost answer that another word has replaced."""
    return dict.fromkeys(events, state)


_ROWS: dict[OrderState, dict[OrderEvent, OrderState]] = {
    # MARKED is certain not to be at the venue, so the venue has no word to say about it.
    _S.MARKED: {_E.SEND: _S.SENT, _E.EXPIRED: _S.EXPIRED, _E.ENTRY_ENDED: _S.CANCELLED},
    _S.SENT: {**_UNANSWERED, _E.LOST: _S.UNKNOWN},
    _S.UNKNOWN: {**_UNANSWERED, **_stay(_S.UNKNOWN, _E.LOST)},
    _S.HELD: {**_WORDS, **_stay(_S.HELD, _E.LOST, _E.HELD, _E.ENTRY_ACCEPTED), _E.ENTRY_ENDED: _S.CANCELLED},
    _S.WORKING: {**_WORDS, **_stay(_S.WORKING, _E.LOST, _E.HELD, _E.ENTRY_ACCEPTED)},
    _S.PARTIAL: {**_WORDS, **_stay(_S.PARTIAL, _E.LOST, _E.HELD, _E.WORKING, _E.ENTRY_ACCEPTED)},
    _S.FILLED: _stay(
        _S.FILLED,
        *(_E.LOST, _E.HELD, _E.WORKING, _E.PARTIAL, _E.FILLED, _E.FILL_PART, _E.FILL_WHOLE, _E.ENTRY_ACCEPTED),
    ),
    _S.CANCELLED: _stay(
        _S.CANCELLED,
        *(_E.LOST, _E.HELD, _E.WORKING, _E.PARTIAL, _E.CANCELLED, _E.FILL_PART, _E.FILL_WHOLE),
        *(_E.ENTRY_ACCEPTED, _E.ENTRY_ENDED),
    ),
    _S.REJECTED: _stay(_S.REJECTED, _E.LOST, _E.HELD, _E.WORKING, _E.REJECTED, _E.ENTRY_ACCEPTED, _E.ENTRY_ENDED),
    _S.EXPIRED: _stay(
        _S.EXPIRED,
        *(_E.LOST, _E.HELD, _E.WORKING, _E.PARTIAL, _E.EXPIRED, _E.FILL_PART, _E.FILL_WHOLE),
        *(_E.ENTRY_ACCEPTED, _E.ENTRY_ENDED),
    ),
}
del _ROWS[_S.PARTIAL][_E.REJECTED]  # an order that has traded was accepted

TABLE: dict[tuple[OrderState, OrderEvent], OrderState] = {
    (state, event): after for state, row in _ROWS.items() for event, after in row.items()
}


def next_state(state: OrderState, event: OrderEvent, *, order: str = "") -> OrderState:
    """The state after `event`; raises ImpossibleTransition when the table has no such cell."""
    after = TABLE.get((state, event))
    if after is None:
        raise ImpossibleTransition(f"order {order or '?'} is {state.value}: '{event.value}' cannot happen to it")
    return after


def diagram() -> str:
    """The table as Mermaid text, one arrow for each pair of states, in the table's order."""
    arrows: dict[tuple[OrderState, OrderState], list[str]] = {}
    for (state, event), after in TABLE.items():
        arrows.setdefault((state, after), []).append(event.value)
    lines = ["stateDiagram-v2", "    [*] --> marked"]
    lines += [f"    {a.value} --> {b.value}: {', '.join(events)}" for (a, b), events in arrows.items()]
    lines += [f"    {state.value} --> [*]" for state in OrderState if state.final]
    return "\n".join(lines)
