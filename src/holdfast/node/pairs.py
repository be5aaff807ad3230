"""Which symbols may be entered, as an operator said it while the node runs: what the journal says about it, and the
command that says it. A pair that nobody ever disabled is enabled. Nothing here decides on a signal.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from holdfast.api.views import PairView
from holdfast.model.entry import Entry, EntryKind, StoredEntry, encode_body
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.node.executor import Executor
from holdfast.node.trading import Trading
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log


class PairChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a PAIR entry: who enabled or disabled a symbol, and why."""

    symbol: Symbol
    enabled: bool
    by: str
    reason: str


class Pairs:
    """The newest word on every symbol that one was said about, folded from the journal. `disabled` gives who and why,
    and is always the same mapping, so that it may be looked at for ever."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.disabled: dict[Symbol, str] = {}
        self._newest: dict[Symbol, tuple[int, PairChange]] = {}
        self._told: Counter[Symbol] = Counter()  # by whatever account: keys are unique in the whole journal

    def hear(self, stored: StoredEntry) -> None:
        """Takes in one entry of the journal, old or new. BadInput for a body that is no PairChange."""
        entry = stored.entry
        if entry.kind is not EntryKind.PAIR:
            return
        change = _decode(entry)
        self._told[change.symbol] += 1
        if entry.account != self.account:
            return
        self._newest[change.symbol] = entry.time_ms, change
        self.disabled.pop(change.symbol, None)
        if not change.enabled:
            self.disabled[change.symbol] = f"{change.by}: {change.reason}" if change.reason else change.by

    def entry(self, change: PairChange, *, time_ms: int) -> Entry:
        """The change as the next entry about its symbol."""
        key = f"{change.symbol}:{self._told[change.symbol] + 1}"
        return Entry(EntryKind.PAIR, key, self.account, time_ms, encode_body(change))

    def show(self, symbol: Symbol) -> PairView:
        """One symbol, as the API says it."""
        time_ms, change = self._newest.get(symbol, (None, None))
        return PairView(
            venue=symbol.venue,
            market=symbol.market,
            symbol=symbol.name,
            enabled=symbol not in self.disabled,
            changed_at_ms=time_ms,
            by=None if change is None else change.by,
            reason=None if change is None else change.reason,
        )


def _decode(entry: Entry) -> PairChange:
    try:
        return msgspec.json.decode(entry.body, type=PairChange)
    except msgspec.DecodeError as error:
        raise BadInput(f"The pair entry {entry.key} is unreadable: {error}.", "Its body is a PairChange.") from error


class Commands:
    """What an operator may tell a running node. Called between two steps of the walk, never during one."""

    def __init__(self, pairs: Pairs, executor: Executor, trading: Trading, *, log: Log) -> None:
        self._pairs = pairs
        self._executor = executor
        self._trading = trading
        self._log = log

    def set_pair(self, symbol: Symbol, *, enabled: bool, by: str, reason: str) -> PairView:
        """Enables or disables entries in a symbol: durable before it is acknowledged. A disabled symbol's entries that
        are still filling are cancelled; its positions, stops and targets stay. What is so already is not written."""
        if enabled == (symbol in self._pairs.disabled):
            change, now_ms = PairChange(symbol, enabled, by, reason), self._executor.now_ms
            self._executor.store(self._pairs.entry(change, time_ms=now_ms))
            self._log.info(Event.OPERATOR_COMMAND, command=f"{'enable' if enabled else 'disable'} {symbol}", by=by)
            self._executor.tell(self._trading.withdrawals(now_ms))
        return self._pairs.show(symbol)
