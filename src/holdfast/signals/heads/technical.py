"""The technical head: trend, momentum and volatility indicators, each a number in [-1, 1], averaged.

Trend counts 40 %, momentum 35 %, volatility 25 %. The vote's probability grows with the average, its confidence with
how well the three groups agree. Indicator definitions: Wilder 1978 (RSI, ADX, ATR), Appel 1979 (MACD), Bollinger 1983,
Chande 1995 (Aroon), Lane 1984 (stochastic), Lambert 1980 (CCI).
"""

from __future__ import annotations

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes

REASONS = {
    "trend_up": "moving averages, MACD, ADX and Aroon point up",
    "trend_down": "moving averages, MACD, ADX and Aroon point down",
    "momentum_up": "RSI, stochastic, CCI and rate of change are in their upper half",
    "momentum_down": "RSI, stochastic, CCI and rate of change are in their lower half",
    "breakout_up": "the close is in the upper part of its volatility bands",
    "breakout_down": "the close is in the lower part of its volatility bands",
    "rsi_overbought": "RSI(14) is above 70",
    "rsi_oversold": "RSI(14) is below 30",
    "adx_trending": "ADX(14) is above 25",
}
ABSTENTIONS = {"flat_price": "the price has not moved: no indicator is defined"}
TREND, MOMENTUM, VOLATILITY = 0.40, 0.35, 0.25


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    high, low, close = window.high, window.low, window.close
    atr = c.atr(high, low, close)
    rsi = c.rsi(close, 14)
    adx, trend = _trend(high, low, close, atr)
    momentum = _momentum(high, low, close, rsi, atr)
    volatility = _volatility(high, low, close, atr)
    score = TREND * trend + MOMENTUM * momentum + VOLATILITY * volatility
    spread = (
        np.abs(trend - score) * TREND + np.abs(momentum - score) * MOMENTUM + np.abs(volatility - score) * VOLATILITY
    )

    ballot.abstain("flat_price", atr <= 0)
    for code, where in (
        ("trend_up", trend > 0.1),
        ("trend_down", trend < -0.1),
        ("momentum_up", momentum > 0.1),
        ("momentum_down", momentum < -0.1),
        ("breakout_up", volatility > 0.1),
        ("breakout_down", volatility < -0.1),
        ("rsi_overbought", rsi > 70),
        ("rsi_oversold", rsi < 30),
        ("adx_trending", adx > 25),
    ):
        ballot.reason(code, where)
    strength = np.abs(score)
    return ballot.cast(
        np.where(strength > 0.1, score, 0.0),
        0.5 + 0.4 * strength,
        0.25 + 0.9 * strength - 0.5 * spread,
        measures={
            "score": score,
            "trend": trend,
            "momentum": momentum,
            "volatility": volatility,
            "rsi": rsi,
            "adx": adx,
        },
    )


def _trend(high: Floats, low: Floats, close: Floats, atr: Floats) -> tuple[Floats, Floats]:
    """ADX(14) in points, and the mean of five trend readings in [-1, 1]."""
    fast, slow = c.ema(close, c.span(12)), c.ema(close, c.span(26))
    macd = fast - slow
    histogram = macd - c.ema(macd, c.span(9))
    up, down = high - c.shift(high, 1), c.shift(low, 1) - low
    rise = c.ema(np.where((up > down) & (up > 0), up, 0.0 * up), c.wilder(14))
    fall = c.ema(np.where((down > up) & (down > 0), down, 0.0 * down), c.wilder(14))
    directional = c.ratio(rise - fall, rise + fall, otherwise=0.0)
    adx = 100.0 * c.ema(np.abs(directional), c.wilder(14))
    aroon = _aroon(high, low, 25)
    cross = c.squash(2.0 * c.ratio(macd, atr, otherwise=0.0))
    turn = c.squash(4.0 * c.ratio(histogram, atr, otherwise=0.0))
    above = c.squash(c.ratio(close - c.rolling_mean(close, 50), 2.0 * atr, otherwise=0.0))
    strong = directional * np.minimum(adx / 25.0, 1.0)
    return adx, 0.25 * cross + 0.15 * turn + 0.25 * above + 0.2 * strong + 0.15 * aroon


def _aroon(high: Floats, low: Floats, bars: int) -> Floats:
    """Aroon oscillator in [-1, 1]: how much younger the newest high of `bars` + 1 bars is than the newest low."""
    since_high = c.bars_since(high >= c.rolling_max(high, bars + 1), bars + 1)
    since_low = c.bars_since(low <= c.rolling_min(low, bars + 1), bars + 1)
    reach = float(bars)
    return (np.where(np.isnan(since_low), reach, since_low) - np.where(np.isnan(since_high), reach, since_high)) / reach


def _momentum(high: Floats, low: Floats, close: Floats, rsi: Floats, atr: Floats) -> Floats:
    """Mean of four momentum readings in [-1, 1]."""
    top, bottom = c.rolling_max(high, 14), c.rolling_min(low, 14)
    stochastic = c.rolling_mean(c.ratio(close - bottom, top - bottom, otherwise=0.5), 3)
    typical = (high + low + close) / 3.0
    mean = c.rolling_mean(typical, 20)
    deviation = c.rolling_mean(np.abs(typical - mean), 20)
    cci = c.ratio(typical - mean, 0.015 * deviation, otherwise=0.0)
    change = c.squash(c.ratio(close - c.shift(close, 10), 2.0 * atr, otherwise=0.0))
    lean = np.clip((rsi - 50.0) / 25.0, -1.0, 1.0)
    return 0.3 * lean + 0.2 * (2.0 * stochastic - 1.0) + 0.25 * c.squash(cci / 100.0) + 0.25 * change


def _volatility(high: Floats, low: Floats, close: Floats, atr: Floats) -> Floats:
    """Mean of three positions inside volatility bands, in [-1, 1]."""
    middle, width = c.rolling_mean(close, 20), c.rolling_std(close, 20)
    bollinger = np.clip(c.ratio(close - middle, 2.0 * width, otherwise=0.0), -1.0, 1.0)
    keltner = np.clip(c.ratio(close - c.ema(close, c.span(20)), 2.0 * atr, otherwise=0.0), -1.0, 1.0)
    top, bottom = c.rolling_max(high, 20), c.rolling_min(low, 20)
    donchian = 2.0 * c.ratio(close - bottom, top - bottom, otherwise=0.5) - 1.0
    return 0.4 * bollinger + 0.3 * keltner + 0.3 * donchian


HEAD = Head(
    name="technical",
    version=1,
    summary="Trend, momentum and volatility indicators on the closed bars.",
    memory=c.ema_terms(c.wilder(14)) * 2 + 1,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    vote=_vote,
)
