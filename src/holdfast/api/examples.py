"""One example of every answer, for the OpenAPI description. They illustrate shapes; no route ever answers with them."""

from __future__ import annotations

from holdfast.api.views import (
    CandleView,
    DecisionView,
    EquityPointView,
    FillView,
    HeadView,
    HealthView,
    MetricsView,
    OrderView,
    PairView,
    PerformanceView,
    PhaseView,
    PositionView,
    SchedulerView,
    SignalView,
    SymbolView,
    VoteView,
)

_BAR_MS = 1_614_816_000_000  # 2021-03-04 00:00 UTC
_HOUR_MS = 3_600_000

HEALTH = HealthView(
    status="ready",
    version="0.1.0",
    world="replay",
    started_at_ms=1_760_000_000_000,
    uptime_s=42.5,
    market_time_ms=_BAR_MS,
    phases=[PhaseView(name="journal", state="ready", detail="311 entries, chain whole")],
    problems=[],
)
SYMBOL = SymbolView(
    venue="binance",
    market="spot",
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    trust="ready",
    bars=200,
    last_open_ms=_BAR_MS,
    last_close="50349.37",
    gaps=1,
    defects={"duplicate": 2},
    enabled=True,
)
PAIR = PairView(
    venue="binance",
    market="spot",
    symbol="BTCUSDT",
    enabled=False,
    changed_at_ms=_BAR_MS,
    by="operator",
    reason="delisting announced",
)
PAIR_ENABLED = PAIR.model_copy(update={"enabled": True, "changed_at_ms": None, "by": None, "reason": None})
CANDLE = CandleView(
    open_time_ms=_BAR_MS, open="50349.37", high="50600.00", low="50110.20", close="50412.01", volume="1892.118"
)
VOTE = VoteView(
    head="technical",
    version=1,
    direction="long",
    probability=0.66,
    confidence=0.78,
    reasons=["trend_up", "momentum_up"],
    abstained=None,
    measures={"rsi": 61.2},
    weight=1.0,
)
SIGNAL = SignalView(
    id="1c9e0f7a2b",
    venue="binance",
    market="spot",
    symbol="BTCUSDT",
    timeframe="1h",
    bar_open_ms=_BAR_MS,
    bar_close_ms=_BAR_MS + _HOUR_MS,
    direction="long",
    probability=0.66,
    probability_calibrated=False,
    confidence=0.78,
    consensus=0.83,
    agreeing_heads=["technical", "volume", "ict", "structure", "rules"],
    outcome="signal",
    close=50412.01,
    atr=611.4,
    data_hash="9f2c61d0",
    policy="heads-1 weights-1",
    votes=[VOTE],
)
DECISION = DecisionView(
    signal_id="1c9e0f7a2b",
    venue="binance",
    market="spot",
    symbol="BTCUSDT",
    time_ms=_BAR_MS + _HOUR_MS,
    outcome="max_positions",
    side="buy",
    size=None,
    numbers={"positions": "10", "max_positions": "10"},
)
METRICS = MetricsView(
    window_s=60.0,
    uptime_s=42.5,
    candles_total=343_000,
    candles_per_s=8_120.5,
    candle_defects={"duplicate": 2},
    bars_closed_total={"1m": 343_000, "1h": 5_720},
    symbols_tracked=11,
    symbols_ready=11,
    evaluations_total=5_720,
    signals_total=61,
    consensus_rate=0.0107,
    decisions={"intent": 23, "max_positions": 38},
    orders_total=69,
    fills_total=44,
    heads_ms_p50=2.1,
    heads_ms_p99=4.8,
    walk_step_ms_p50=3.3,
    walk_step_ms_p99=7.9,
    journal_append_ms_p50=0.4,
    journal_append_ms_p99=1.9,
    event_loop_lag_ms_p99=1.2,
    history_rows_waiting=120,
    memory_mb=212.4,
)
POINT = EquityPointView(
    time_ms=_BAR_MS, equity="10112.40", realised="98.10", unrealised="31.20", fees="16.90", peak="10140.02"
)
PERFORMANCE = PerformanceView(
    account="paper",
    currency="USDT",
    opening_balance="10000",
    equity="10112.40",
    realised="98.10",
    unrealised="31.20",
    fees="16.90",
    total_return=0.01124,
    max_drawdown=0.0131,
    trades=21,
    wins=12,
    losses=9,
    win_rate=0.571,
    win_rate_low=0.365,
    win_rate_high=0.755,
    profit_factor=1.42,
    average_win="27.60",
    average_loss="-25.90",
    sharpe_daily_annualised=None,
    equity_curve=[POINT],
)
SCHEDULER = SchedulerView(
    timeframe="1h",
    deadline_ms=1_000,
    cycles_total=520,
    evaluations_total=5_720,
    late_total=0,
    signals_total=61,
    outcomes={"signal": 61, "no_quorum": 5_659},
    last_cycle_market_ms=_BAR_MS,
    next_cycle_market_ms=_BAR_MS + _HOUR_MS,
    cycle_ms_p50=3.3,
    cycle_ms_p99=7.9,
)
POSITION = PositionView(
    venue="binance",
    market="usdm",
    symbol="BTCUSDT",
    size="-0.020",
    entry_price="50349.37",
    mark="50110.20",
    unrealised="4.7834",
    realised="0",
    quote="USDT",
    stop_price="51267.00",
    target_price="48515.10",
    opened_at_ms=_BAR_MS,
)
ORDER = OrderView(
    client_order_id="hf-1c9e0f7a2b-e1",
    venue="binance",
    market="usdm",
    symbol="BTCUSDT",
    leg="entry",
    side="sell",
    type="market",
    size="0.020",
    filled_size="0.020",
    price=None,
    state="filled",
    reason="",
    placed_at_ms=_BAR_MS,
)
FILL = FillView(
    trade_id="1842",
    client_order_id="hf-1c9e0f7a2b-e1",
    venue="binance",
    market="usdm",
    symbol="BTCUSDT",
    leg="entry",
    side="sell",
    price="50349.37",
    size="0.020",
    fee="0.4028",
    quote="USDT",
    maker=False,
    time_ms=_BAR_MS,
)
HEAD = HeadView(
    name="technical",
    version=1,
    summary="trend, momentum and volatility indicators",
    memory=120,
    inputs=[],
    reasons={"trend_up": "moving averages, MACD, ADX and Aroon point up"},
    abstentions={"flat_price": "the price has not moved: no indicator is defined"},
    weight=1.0,
)
SETTINGS = {"account": "paper", "market": {"timeframe": "1h", "min_bars": 200}}

WEBSOCKET: dict[str, object] = {
    "feed": {
        "until_ms": 1620604800000,
        "blocks": 25,
        "late_blocks": 0,
        "requests": 12,
        "failed_requests": 0,
        "under_way": 0,
        "failing": {},
        "markets": [
            {
                "venue": "binance",
                "market": "usdm",
                "streams": {
                    "connections": [{"number": 1, "phase": "open", "streams": 12, "flowing": 12, "failures": 0}],
                    "streams": [{"stream": "btcusdt@kline_1m", "phase": "flowing", "seen_ms": 1620604799250}],
                },
                "reasons": {},
            }
        ],
        "series": [],
    }
}
