"""A node that is not there: a NodeView over small made-up values, for tests of the API and the cockpit only.

`FixtureView.empty()` has just started and knows nothing; `FixtureView.full()` has traded for a while; `advance()`
closes one more bar. Nothing here is ever used by the product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from holdfast.api import examples
from holdfast.api.views import (
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
from holdfast.model.candle import Candle
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

START_MS = 1_614_556_800_000  # 2021-03-01 00:00 UTC
HOUR_MS = 3_600_000
BTC_SPOT, BTC_USDM = Symbol("binance", "spot", "BTCUSDT"), Symbol("binance", "usdm", "BTCUSDT")
# fmt: off
_COINS = ("ETH", "BNB", "XRP", "SOL", "ADA", "DOGE", "DOT", "LTC", "LINK", "UNI", "AAVE", "ATOM", "AVAX", "BCH", "EOS",
          "ETC", "FIL", "TRX", "XLM")
# fmt: on
KEYS = (
    BTC_SPOT,
    BTC_USDM,
    *(Symbol("binance", "spot", f"{coin}USDT") for coin in _COINS),
    Symbol("oanda", "fx", "EUR_USD"),
)
HEADS = {
    "crypto_metrics": "Funding, open interest, basis, account ratio and taker flow of derivatives.",
    "harmonic": "Harmonic patterns of five confirmed pivots: Gartley, butterfly, bat, crab, shark, cypher and AB=CD.",
    "ict": "Liquidity sweeps, fair value gaps, order blocks, entry zones and New York's hours.",
    "rules": "Candle and chart patterns at support and resistance, confirmed by volume.",
    "sentiment": "The mean tone of recent headlines about the symbol.",
    "structure": "Market structure on four scales: trend of swings, breaks, position in the range and order blocks.",
    "technical": "Trend, momentum and volatility indicators on the closed bars.",
    "volume": "Whether traded volume stands behind the move: accumulation, force, VWAP, surges and taker delta.",
    "wyckoff": "Trading ranges: springs, upthrusts, signs of strength and weakness, climaxes, absorption, phases.",
}
REASONS = {
    "ict": {"sweep": "price ran a confirmed low and closed back above it", "gap": "a fair value gap below was filled"},
    "rules": {
        "engulfing": "an engulfing candle at a confirmed level",
        "volume_weak": "volume below 1.2 times its mean",
    },
    "structure": {"discount": "the close is in the lower part of its 50-bar range"},
    "technical": {
        "trend_up": "moving averages, MACD, ADX and Aroon point up",
        "momentum_up": "RSI, stochastic, CCI and rate of change are in their upper half",
    },
    "volume": {"takers_buy": "takers bought more than they sold over 20 bars"},
    "wyckoff": {"spring": "a spring below the trading range, back inside on higher volume"},
}
ABSTENTIONS = {"no_headlines": "no headline speaks of this symbol", "no_funding": "no source gives funding rates"}


def votes(turn: int) -> list[VoteView]:
    """Nine votes: those with reasons mostly agree, one stands against, the rest abstain. `turn` 1 is long, -1 short."""
    cast = []
    for i, name in enumerate(HEADS):
        given = {"head": name, "version": 1, "measures": {}, "weight": 0.13 if i % 2 else 0.09}
        if name in REASONS:
            side = -turn if name == "structure" else turn
            given |= {"probability": 0.60 + i / 50, "confidence": 0.70 + i / 60, "abstained": None}
            given |= {"direction": "long" if side > 0 else "short", "reasons": list(REASONS[name])}
            given["measures"] = {"score": 0.4, "unsound": math.nan}
        else:
            why = {"sentiment": "no_headlines", "crypto_metrics": "no_funding"}.get(name, "neutral")
            given |= {"direction": "none", "probability": None, "confidence": None, "reasons": [], "abstained": why}
        cast.append(VoteView(**given))
    return cast


def walk(symbol: Symbol, bars: int) -> list[Candle]:
    """Bars of a price that wanders: sums of waves and a scramble of the bar's number, the same on every run."""
    at = KEYS.index(symbol)
    level, digits = (46_500, 2) if symbol.name == "BTCUSDT" else (1.08, 5) if symbol.venue == "oanda" else (620, 3)
    unit, wobble = (
        Decimal(1).scaleb(-digits),
        [((i * 7919 + at * 104_729) * 2654435761 % 2**32) / 2**32 for i in range(bars + 3)],
    )

    def price(i: int) -> float:
        wave = 0.05 * math.sin(i / 27 + at) + 0.018 * math.sin(i / 7.3 + 2 * at) + 0.012 * (wobble[i] - 0.5)
        return level * (1 + wave + 0.00025 * i)

    made = []
    for i in range(bars):
        ends = price(i), price(i + 1)
        reach = level * 0.006 * (0.25 + wobble[i + 2])
        exact = [Decimal(x).quantize(unit) for x in (ends[0], max(ends) + reach, min(ends) - reach, ends[1])]
        volume = None if symbol.venue == "oanda" else Decimal(str(round(800 + 2400 * wobble[i + 1] ** 3, 3)))
        made.append(Candle(START_MS + i * HOUR_MS, *exact, volume))
    return made


class FixtureView:
    """`bars`: how many one-hour bars have closed; 0 is a node that has just started."""

    def __init__(self, bars: int, *, status: str = "ready", frozen_equity: bool = False) -> None:
        self.bars, self.status, self.frozen_equity = bars, status, frozen_equity
        self.disabled: dict[Symbol, tuple[str, str]] = {}

    @classmethod
    def empty(cls) -> FixtureView:
        return cls(0, status="starting")

    @classmethod
    def full(cls) -> FixtureView:
        return cls(260)

    def advance(self) -> None:
        self.bars += 1

    @property
    def now_ms(self) -> int:
        return START_MS + self.bars * HOUR_MS

    def health(self) -> HealthView:
        state = "ready" if self.status == "ready" else "starting"
        return HealthView(
            status=self.status,
            version="0.1.0",
            world="replay",
            started_at_ms=1_760_000_000_000,
            uptime_s=3_725.0 if self.bars else 1.5,
            market_time_ms=self.now_ms if self.bars else None,
            phases=[
                PhaseView(name="journal", state="ready", detail="311 entries"),
                PhaseView(name="market", state=state, detail="" if self.bars else "waiting for the first closed bar"),
            ],
            problems=["the history is away; 120 rows wait"] if self.status == "degraded" else [],
        )

    def timeframes(self) -> Sequence[Timeframe]:
        return (Timeframe.H1, Timeframe.M15, Timeframe.H4)

    def symbol_keys(self) -> Sequence[Symbol]:
        return KEYS

    def symbols(self) -> list[SymbolView]:
        return [self._symbol(i, key) for i, key in enumerate(KEYS)]

    def _symbol(self, i: int, key: Symbol) -> SymbolView:
        trust = ("warming" if not self.bars else {5: "gap", 9: "stale"}.get(i)) or "ready"
        last = walk(key, min(self.bars, 2))[-1].close if self.bars else None
        return SymbolView(
            venue=key.venue,
            market=key.market,
            symbol=key.name,
            base=key.name[:3],
            quote="USD" if key.market == "fx" else "USDT",
            trust=trust,
            bars=min(self.bars, 200),
            last_open_ms=self.now_ms - HOUR_MS if self.bars else None,
            last_close=None if last is None else f"{last:f}",
            gaps=1 if trust == "gap" else 0,
            defects={"duplicate": 2, "late": 1} if i == 5 else {},
            enabled=key not in self.disabled,
        )

    def pairs(self) -> list[PairView]:
        return [self._pair(key) for key in KEYS]

    def _pair(self, key: Symbol) -> PairView:
        said = self.disabled.get(key)
        shown = examples.PAIR if said else examples.PAIR_ENABLED
        update = {"venue": key.venue, "market": key.market, "symbol": key.name}
        return shown.model_copy(update=update | ({"by": said[0], "reason": said[1]} if said else {}))

    def set_pair(self, symbol: Symbol, *, enabled: bool, by: str, reason: str) -> PairView:
        self.disabled.pop(symbol, None)
        if not enabled:
            self.disabled[symbol] = by, reason
        return self._pair(symbol)

    def heads(self) -> list[HeadView]:
        return [
            HeadView(
                name=name,
                version=1,
                summary=summary,
                memory=160,
                inputs=[],
                reasons=REASONS.get(name, {}),
                abstentions=ABSTENTIONS,
                weight=0.11,
            )
            for name, summary in HEADS.items()
        ]

    def signal(self, symbol: Symbol, timeframe: Timeframe) -> SignalView | None:
        if not self.bars:
            return None
        return self._signal(symbol, self.bars, "low_consensus" if self.bars % 2 else "signal")

    def _signal(self, symbol: Symbol, bar: int, outcome: str) -> SignalView:
        turn = 1 if (bar + KEYS.index(symbol)) % 3 else -1
        cast = votes(turn)
        side = "long" if turn > 0 else "short"
        return examples.SIGNAL.model_copy(
            update={
                "id": f"{symbol}-{bar}",
                "venue": symbol.venue,
                "market": symbol.market,
                "symbol": symbol.name,
                "bar_open_ms": START_MS + (bar - 1) * HOUR_MS,
                "bar_close_ms": START_MS + bar * HOUR_MS,
                "direction": side if outcome == "signal" else "none",
                "consensus": 0.84 if outcome == "signal" else 0.68,
                "agreeing_heads": [vote.head for vote in cast if vote.direction == side],
                "outcome": outcome,
                "atr": None if bar % 5 == 0 else 611.4,
                "votes": cast,
            }
        )

    def recent_signals(self, *, symbol: Symbol | None, limit: int) -> list[SignalView]:
        bars = range(self.bars, max(0, self.bars - 40), -1)
        made = [self._signal(KEYS[bar % len(KEYS)], bar, "signal") for bar in bars]
        return [s for s in made if symbol is None or (s.venue, s.market, s.symbol) == _key(symbol)][:limit]

    def decisions(self, *, limit: int) -> list[DecisionView]:
        made = []
        for i, signal in enumerate(self.recent_signals(symbol=None, limit=limit)):
            outcome, size, numbers = (
                ("max_positions", None, {"positions": "3", "max_positions": "3"}),
                ("intent", "0.0205", {}),
                ("edge_below_cost", None, {"edge": "11.2", "fees": "18.6", "spread": "1.4", "min_edge_ratio": "1"}),
            )[i % 3]
            made.append(
                DecisionView(
                    signal_id=signal.id,
                    venue=signal.venue,
                    market=signal.market,
                    symbol=signal.symbol,
                    time_ms=signal.bar_close_ms,
                    outcome=outcome,
                    side="buy" if signal.direction == "long" else "sell",
                    size=size,
                    numbers=numbers,
                )
            )
        return made

    def metrics(self) -> MetricsView:
        if self.bars:
            return examples.METRICS.model_copy(
                update={"candles_total": self.bars * len(KEYS), "symbols_tracked": len(KEYS), "symbols_ready": 20}
            )
        unmeasured = {name: None for name, value in examples.METRICS if isinstance(value, float)}
        zero = {name: 0 for name, value in examples.METRICS if isinstance(value, int)}
        kept = {"window_s": 60.0, "uptime_s": 1.5, "memory_mb": 130.0, "symbols_tracked": len(KEYS)}
        maps = {"candle_defects": {}, "bars_closed_total": {}, "decisions": {}}
        return examples.METRICS.model_copy(update={**unmeasured, **zero, **maps, **kept})

    def performance(self) -> list[PerformanceView]:
        if not self.bars:
            nothing = {name: None for name, value in examples.PERFORMANCE if isinstance(value, float)}
            nothing |= {"average_win": None, "average_loss": None, "total_return": 0.0}
            flat = {"equity": "10000", "realised": "0", "unrealised": "0", "fees": "0"}
            counts = {"trades": 0, "wins": 0, "losses": 0, "equity_curve": []}
            return [examples.PERFORMANCE.model_copy(update=nothing | flat | counts)]
        curve, peak = [], Decimal(0)
        for i in range(self.bars):
            worth = 10_000 + 1.6 * i + 90 * math.sin(i / 17) + 35 * math.sin(i / 4.1)
            equity = Decimal(worth).quantize(Decimal("0.01"))
            peak = max(peak, equity)
            point = {"time_ms": START_MS + (i + 1) * HOUR_MS, "equity": f"{equity}", "peak": f"{peak}"}
            curve.append(examples.POINT.model_copy(update=point))
        last: EquityPointView = curve[-1]
        total = float(last.equity) / 10_000 - 1
        main = {"equity": last.equity, "total_return": total, "equity_curve": curve, "max_drawdown": 0.0131}
        second = {"currency": "USD", "trades": 0, "win_rate": None, "profit_factor": None, "equity": "10000"}
        return [
            examples.PERFORMANCE.model_copy(update=main),
            examples.PERFORMANCE.model_copy(update=second | {"equity_curve": [], "max_drawdown": None}),
        ]

    def websocket(self) -> dict[str, object] | None:
        return {"markets": [], "series": []} if self.bars else None

    def scheduler(self) -> SchedulerView:
        if self.bars:
            return examples.SCHEDULER
        unmeasured = ("last_cycle_market_ms", "next_cycle_market_ms", "cycle_ms_p50", "cycle_ms_p99")
        return examples.SCHEDULER.model_copy(update=dict.fromkeys(unmeasured) | {"outcomes": {}})

    def positions(self) -> list[PositionView]:
        if not self.bars:
            return []
        close = walk(BTC_SPOT, self.bars)[-1].close
        long = {
            "market": "spot",
            "size": "0.0205",
            "mark": f"{close}",
            "entry_price": f"{close * Decimal('0.985'):.2f}",
            "stop_price": f"{close * Decimal('0.972'):.2f}",
            "target_price": f"{close * Decimal('1.012'):.2f}",
            "unrealised": f"{close * Decimal('0.015') * Decimal('0.0205'):.4f}",
            "opened_at_ms": self.now_ms - 6 * HOUR_MS,
        }
        bare = {"symbol": "ETHUSDT", "mark": None, "unrealised": None, "stop_price": None, "target_price": None}
        return [examples.POSITION.model_copy(update=long), examples.POSITION.model_copy(update=bare)]

    def orders(self, *, limit: int) -> list[OrderView]:
        if not self.bars:
            return []
        made = []
        for i, state in enumerate(("working", "working", "unknown", "filled", "filled", "rejected", "cancelled")):
            update = {
                "client_order_id": f"hf-{i}",
                "state": state,
                "leg": ("stop", "target", "entry")[i % 3],
                "type": ("stop", "limit", "market")[i % 3],
                "price": ("48100.20", "52200.00", None)[i % 3],
                "side": "buy" if i % 3 == 2 else "sell",
                "filled_size": "0.020" if state == "filled" else "0",
                "reason": "insufficient balance" if state == "rejected" else "",
                "placed_at_ms": self.now_ms - i * HOUR_MS,
            }
            made.append(examples.ORDER.model_copy(update=update))
        return made[:limit]

    def fills(self, *, symbol: Symbol | None, limit: int) -> list[FillView]:
        made = []
        candles = walk(BTC_SPOT, self.bars)
        for i, back in enumerate(range(6, self.bars, 9)):
            at = self.bars - back
            update = {
                "trade_id": f"t{at}",
                "market": "spot",
                "leg": ("entry", "target", "entry", "stop")[i % 4],
                "side": "sell" if i % 2 else "buy",
                "price": f"{candles[at].close}",
                "time_ms": START_MS + at * HOUR_MS + 1_000,
            }
            made.append(examples.FILL.model_copy(update=update))
        return [f for f in made if symbol is None or (f.venue, f.market, f.symbol) == _key(symbol)][:limit]

    def candles(self, symbol: Symbol, timeframe: Timeframe, *, limit: int) -> list[Candle]:
        return walk(symbol, self.bars)[-limit:]

    def prometheus(self) -> bytes:
        return b'# TYPE holdfast_candles_total counter\nholdfast_candles_total{market="spot",venue="binance"} 7.0\n'

    def settings(self) -> dict[str, Any]:
        return {"account": "paper", "balances": {"USDT": Decimal("10000")}, "market": {"timeframe": Timeframe.H1}}


def _key(symbol: Symbol) -> tuple[str, str, str]:
    return symbol.venue, symbol.market, symbol.name
