"""The votes of all heads on one bar, in words: what each says and why, or why it abstains, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from holdfast.api.views import HeadView, SignalView, VoteView
from holdfast.cockpit import words
from holdfast.cockpit.chosen import Chosen
from holdfast.cockpit.facts import Facts
from holdfast.cockpit.panel import heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.table import Row, Table
from holdfast.cockpit.words import Cell

Heads = Mapping[str, HeadView]
_COLUMNS = (
    ("head", "text"),
    ("vote", "text"),
    ("p", "number"),
    ("confidence", "number"),
    ("weight", "number"),
    ("why", "words"),
)
_PIPS = {"long": "l", "short": "s"}


class Ballot:
    """A summary line and one row for each head; a panel and a dialog are made of it."""

    def __init__(self, *, waiting: str) -> None:
        self._summary = Facts(label="consensus").classes("summary")
        self._table = Table(_COLUMNS, label="votes", empty=waiting).classes("votes")

    def show(self, signal: SignalView | None, heads: Heads) -> None:
        self._summary.show(summary(signal) if signal else [])
        self._table.show(rows(signal.votes, heads) if signal else [])


class NewestVotes:
    """The panel with the votes on the newest closed bar of the chosen symbol."""

    def __init__(self, shared: SharedView, chosen: Chosen) -> None:
        self._shared, self._chosen = shared, chosen
        with panel("Votes on the newest bar", area="area-votes"):
            with heading("Newest bar"):
                self._of = ui.label().classes("of")
            self._ballot = Ballot(waiting="Waiting for the first closed bar…")

    def refresh(self) -> None:
        symbol, frame = self._chosen.symbol(self._shared), self._chosen.timeframe
        signal = self._shared.signal(symbol, frame) if symbol else None
        closed = f" · closed {words.minute(signal.bar_close_ms)} UTC" if signal else ""
        self._of.set_text(f"{symbol.name} {frame}{closed}" if symbol else "")
        self._ballot.show(signal, self._shared.heads())


def summary(signal: SignalView) -> list[tuple[str, Cell]]:
    """What came of the votes."""
    none = "no vote is qualified"
    result = words.direction(signal.direction)
    if signal.outcome != "signal":
        result = words.text("no signal", tone="muted", why=words.outcome(signal.outcome))
    calibrated = "calibrated on outcomes" if signal.probability_calibrated else "not calibrated on outcomes yet"
    probability = words.percent(signal.probability, 0, why=none)
    probability.setdefault("why", f"weighted mean of the agreeing heads, {calibrated}")
    facts: list[tuple[str, Cell]] = [
        ("result", result),
        ("consensus", words.percent(signal.consensus, 0, why=none)),
        ("p", probability),
        ("confidence", words.percent(signal.confidence, 0, why=none)),
        ("votes", pips(signal.votes)),
    ]
    if signal.outcome != "signal":
        facts.append(("because", words.text(words.outcome(signal.outcome), tone="reason")))
    return facts


def pips(votes: list[VoteView]) -> Cell:
    """One mark a vote: first the longs, then the shorts, then the abstentions."""
    marks = "".join(sorted((_PIPS.get(vote.direction, "n") for vote in votes), key="lsn".index))
    said = f"{marks.count('l')} long, {marks.count('s')} short, {marks.count('n')} abstain"
    return {"text": said, "pips": marks, "why": said}


def rows(votes: list[VoteView], heads: Heads) -> list[Row]:
    """Those that vote first, the heavier ones above; then those that abstain."""
    ordered = sorted(votes, key=lambda vote: (vote.abstained is not None, -vote.weight, vote.head))
    return [_row(vote, heads.get(vote.head)) for vote in ordered]


def _row(vote: VoteView, head: HeadView | None) -> Row:
    name = words.text(words.plain(vote.head), tone="head", why=head.summary if head else "")
    weight = words.measured(vote.weight, 2)
    if vote.abstained is not None:
        why = words.abstention(head, vote.abstained)
        cells = [name, words.text("– abstains", tone="muted"), words.absent(why), words.absent(why), weight]
        return {"key": vote.head, "cells": [*cells, words.text(why, tone="muted")]}
    reasons = "; ".join(words.reason(head, code) for code in vote.reasons)
    cells = [
        name,
        words.direction(vote.direction),
        _share(vote.probability),
        _share(vote.confidence),
        weight,
        words.text(reasons) if reasons else words.absent("the head names no reason"),
    ]
    return {"key": vote.head, "cells": cells}


def _share(value: float | None) -> Cell:
    cell = words.measured(value, 2, why="the head gives no number")
    return {**cell, "meter": round(value, 3)} if value is not None and "why" not in cell else cell
