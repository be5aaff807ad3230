"""What the node can be asked, and the shapes of its answers.

Every number is measured: a figure that has no source yet is null, never zero or a constant. Rates and latencies are
over the last `window_s` seconds. Money, prices and sizes are decimal strings. Times are milliseconds since 1970 UTC;
`market` times are on the market's clock (which a replay drives), `started_at_ms` and the like on the machine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from holdfast.model.candle import Candle
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe


class _View(BaseModel):
    # A float that is not finite is written as null: it is a number nobody has.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class PhaseView(_View):
    """One phase of the start: waiting, starting, ready, failed or stopped; `detail` says what it waits for."""

    name: str
    state: str
    detail: str


class HealthView(_View):
    """`status` is 'ready' when every phase is, else 'starting', 'degraded' (a part fails now) or 'stopping'."""

    status: str
    version: str
    world: str
    started_at_ms: int
    uptime_s: float
    market_time_ms: int | None
    phases: list[PhaseView]
    problems: list[str]


class SymbolView(_View):
    """`trust` is ready, warming, gap or stale on the decision timeframe; `defects` counts refused candles by code.
    `enabled` is false where an operator has disabled the symbol for entries."""

    venue: str
    market: str
    symbol: str
    base: str
    quote: str
    trust: str
    bars: int
    last_open_ms: int | None
    last_close: str | None
    gaps: int
    defects: dict[str, int]
    enabled: bool


class PairView(_View):
    """Whether a symbol may be entered, and who said so last, when and why: null where nobody ever did."""

    venue: str
    market: str
    symbol: str
    enabled: bool
    changed_at_ms: int | None
    by: str | None
    reason: str | None


class CandleView(_View):
    """One closed bar. `volume` is null where the venue reports none (FX mid prices)."""

    open_time_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str | None


class VoteView(_View):
    """One head's vote; `probability` and `confidence` are null and `abstained` says why when there is none."""

    head: str
    version: int
    direction: str
    probability: float | None
    confidence: float | None
    reasons: list[str]
    abstained: str | None
    measures: dict[str, float]
    weight: float


class SignalView(_View):
    """The consensus on one bar. `outcome` is 'signal', or the code that says why the votes gave none."""

    id: str
    venue: str
    market: str
    symbol: str
    timeframe: str
    bar_open_ms: int
    bar_close_ms: int
    direction: str
    probability: float | None
    probability_calibrated: bool
    confidence: float | None
    consensus: float | None
    agreeing_heads: list[str]
    outcome: str
    close: float
    atr: float | None
    data_hash: str
    policy: str
    votes: list[VoteView]


class MetricsView(_View):
    """Measured over a sliding window of `window_s` seconds of the machine's clock; counts are since start."""

    window_s: float
    uptime_s: float
    candles_total: int
    candles_per_s: float | None
    candle_defects: dict[str, int]
    bars_closed_total: dict[str, int]
    symbols_tracked: int
    symbols_ready: int
    evaluations_total: int
    signals_total: int
    consensus_rate: float | None
    decisions: dict[str, int]
    orders_total: int
    fills_total: int
    heads_ms_p50: float | None
    heads_ms_p99: float | None
    walk_step_ms_p50: float | None
    walk_step_ms_p99: float | None
    journal_append_ms_p50: float | None
    journal_append_ms_p99: float | None
    event_loop_lag_ms_p99: float | None
    history_rows_waiting: int
    memory_mb: float


class EquityPointView(_View):
    time_ms: int
    equity: str
    realised: str
    unrealised: str
    fees: str
    peak: str


class PerformanceView(_View):
    """One account in one currency. A ratio that has no trades behind it is null."""

    account: str
    currency: str
    opening_balance: str
    equity: str
    realised: str
    unrealised: str
    fees: str
    total_return: float | None
    max_drawdown: float | None
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    profit_factor: float | None
    average_win: str | None
    average_loss: str | None
    sharpe_daily_annualised: float | None
    equity_curve: list[EquityPointView]


class SchedulerView(_View):
    """Evaluations of symbols at bar close; a cycle is one such moment. `late_total` counts steps of the walk that took
    longer than `deadline_ms` for each cycle in them. `cycle_ms` is of all heads over one block: one cycle live, up to
    64 in a replay at full speed."""

    timeframe: str
    deadline_ms: int
    cycles_total: int
    evaluations_total: int
    late_total: int
    signals_total: int
    outcomes: dict[str, int]
    last_cycle_market_ms: int | None
    next_cycle_market_ms: int | None
    cycle_ms_p50: float | None
    cycle_ms_p99: float | None


class PositionView(_View):
    venue: str
    market: str
    symbol: str
    size: str
    entry_price: str
    mark: str | None
    unrealised: str | None
    realised: str
    quote: str
    stop_price: str | None
    target_price: str | None
    opened_at_ms: int


class OrderView(_View):
    client_order_id: str
    venue: str
    market: str
    symbol: str
    leg: str
    side: str
    type: str
    size: str
    filled_size: str
    price: str | None
    state: str
    reason: str
    placed_at_ms: int


class FillView(_View):
    trade_id: str
    client_order_id: str
    venue: str
    market: str
    symbol: str
    leg: str
    side: str
    price: str
    size: str
    fee: str
    quote: str
    maker: bool
    time_ms: int


class DecisionView(_View):
    """What risk made of a signal: outcome 'intent' or the refusal's code, with the numbers compared."""

    signal_id: str
    venue: str
    market: str
    symbol: str
    time_ms: int
    outcome: str
    side: str
    size: str | None
    numbers: dict[str, str]


class HeadView(_View):
    """A head as it describes itself."""

    name: str
    version: int
    summary: str
    memory: int
    inputs: list[str]
    reasons: dict[str, str]
    abstentions: dict[str, str]
    weight: float


class ErrorView(_View):
    """What went wrong. `error` is a code, `message` says it in words and what to do; `known` lists at most 20 names
    that would have been right (the nearest first) of the `known_count` there are."""

    error: str
    message: str
    known: list[str]
    known_count: int


class NodeView(Protocol):
    """What a node answers. All methods are quick and synchronous; none changes anything."""

    def health(self) -> HealthView: ...

    def timeframes(self) -> Sequence[Timeframe]:
        """The timeframes the candle book holds; the first is the one decided on."""
        ...

    def symbol_keys(self) -> Sequence[Symbol]: ...

    def symbols(self) -> list[SymbolView]: ...

    def pairs(self) -> list[PairView]: ...

    def heads(self) -> list[HeadView]: ...

    def signal(self, symbol: Symbol, timeframe: Timeframe) -> SignalView | None:
        """The consensus on the newest closed bar; None while there is no closed bar."""
        ...

    def recent_signals(self, *, symbol: Symbol | None, limit: int) -> list[SignalView]:
        """Emitted signals, newest first."""
        ...

    def decisions(self, *, limit: int) -> list[DecisionView]: ...

    def metrics(self) -> MetricsView: ...

    def performance(self) -> list[PerformanceView]:
        """One for each currency the account has a balance in; the first is the main one."""
        ...

    def websocket(self) -> dict[str, Any] | None:
        """The live feed as it stands: markets with their connections and streams, requests, series; None where the
        candles come from a recording."""
        ...

    def scheduler(self) -> SchedulerView: ...

    def positions(self) -> list[PositionView]: ...

    def orders(self, *, limit: int) -> list[OrderView]:
        """Newest first, working orders before finished ones."""
        ...

    def fills(self, *, symbol: Symbol | None, limit: int) -> list[FillView]: ...

    def candles(self, symbol: Symbol, timeframe: Timeframe, *, limit: int) -> list[Candle]: ...

    def prometheus(self) -> bytes:
        """The metrics in Prometheus' text format."""
        ...

    def settings(self) -> dict[str, Any]:
        """The settings in force, as nested plain values; no secrets are among them."""
        ...


class NodeCommands(Protocol):
    """What a node can be told. Each command is durable when it returns, and saying it again changes nothing."""

    def set_pair(self, symbol: Symbol, *, enabled: bool, by: str, reason: str) -> PairView: ...
