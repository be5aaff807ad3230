"""The volume head: does traded volume sit behind the move, or against it?

Nine readings in [-1, 1] (accumulation is positive), averaged by weight, then leaned by divergences:

- on-balance volume: its change over 20 bars as a share of the volume traded (Granville 1963);
- Chaikin money flow over 20 bars, and the Chaikin oscillator: the 3-bar EMA of the accumulation/distribution line less
  its 10-bar EMA (Chaikin; the line itself never ends, but this difference of averages reads 32 bars);
- money flow index over 14 bars (Quong and Soudack 1989), force index over 13 (Elder 1993), ease of movement over 14
  (Arms 1996): the last two in units of ATR and of mean volume, so that they have no scale;
- the close's distance from the 48-bar volume-weighted average price, in ATR;
- surges: bars of at least 1.5 times the mean volume, signed by their own move, fading over 4 bars;
- taker delta: taker buys less taker sells over 20 bars as a share of volume, where `taker_buy_volume` exists. Where it
  does not, this reading is absent (reason `no_taker_volume`) and nothing else takes its name.

A divergence is price travelled by more than an ATR over 20 bars to that side of its range, with the volume flow against
it. It is signed: a bearish one lowers a LONG and raises a SHORT.
"""

from __future__ import annotations

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import TAKER_BUY_VOLUME, Window
from holdfast.signals import columns as c
from holdfast.signals.columns import Mask
from holdfast.signals.head import Ballot, Head, Votes

REASONS = {
    "obv_rising": "on-balance volume rose over 20 bars",
    "obv_falling": "on-balance volume fell over 20 bars",
    "accumulation": "money flow (Chaikin, accumulation/distribution, MFI) points in",
    "distribution": "money flow (Chaikin, accumulation/distribution, MFI) points out",
    "force_up": "force index and ease of movement point up",
    "force_down": "force index and ease of movement point down",
    "above_vwap": "the close is above its 48-bar volume-weighted average price",
    "below_vwap": "the close is below its 48-bar volume-weighted average price",
    "surge_up": "a rise on at least 1.5 times the mean volume within 4 bars",
    "surge_down": "a fall on at least 1.5 times the mean volume within 4 bars",
    "takers_buy": "takers bought more than they sold over 20 bars",
    "takers_sell": "takers sold more than they bought over 20 bars",
    "bullish_divergence": "price fell over 20 bars while the volume flow was positive",
    "bearish_divergence": "price rose over 20 bars while the volume flow was negative",
    "no_taker_volume": "no source gives taker volume: taker delta is left out",
}
ABSTENTIONS = {"no_volume": "volume is missing or zero on bars this head reads"}
ON_BALANCE, MONEY, FORCE, VWAP, SURGE, TAKER = 0.18, 0.27, 0.15, 0.15, 0.10, 0.15
TREND_BARS, VWAP_BARS, MONEY_BARS, SURGE_BARS = 20, 48, 14, 4
SURGE_TIMES = 1.5
DIVERGENCE_LEAN = 0.15
FLOW_AGAINST = 0.05  # a flow below 5 % of volume is no divergence
NOTABLE = 0.05


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    high, low, close, volume = window.high, window.low, window.close, window.volume
    atr = c.atr(high, low, close)
    change = close - c.shift(close, 1)
    traded = c.rolling_sum(volume, TREND_BARS)
    usual = traded / TREND_BARS
    typical = (high + low + close) / 3.0
    dollars = typical * volume

    on_balance = c.ratio(c.rolling_sum(np.sign(change) * volume, TREND_BARS), traded, otherwise=0.0)
    chaikin, money = _money(window, typical, dollars, traded)
    force = _force(high, low, change * volume, volume, usual=usual, atr=atr)
    vwap = c.ratio(c.rolling_sum(dollars, VWAP_BARS), c.rolling_sum(volume, VWAP_BARS), otherwise=np.nan)
    stretch = c.ratio(close - vwap, atr, otherwise=0.0)
    surge = _surge(change, volume, usual=usual, atr=atr)
    taker = _taker_delta(window, traded)
    has_taker = ~np.isnan(taker)
    delta = np.where(has_taker, taker, 0.0)

    parts = (
        (ON_BALANCE, c.squash(2.0 * on_balance)),
        (MONEY, money),
        (FORCE, force),
        (VWAP, c.squash(0.5 * stretch)),
        (SURGE, surge),
        (TAKER, c.squash(6.0 * delta)),
    )
    weight = np.where(has_taker, 1.0, 1.0 - TAKER)
    mean = sum((w * part for w, part in parts[1:]), parts[0][0] * parts[0][1]) / weight
    spread = sum((w * np.abs(part - mean) for w, part in parts[1:-1]), ON_BALANCE * np.abs(parts[0][1] - mean))
    spread = (spread + np.where(has_taker, TAKER * np.abs(parts[-1][1] - mean), 0.0)) / weight

    flow = np.where(has_taker, 0.5 * (chaikin + delta), chaikin)
    bearish = _divergence(high, close, flow, atr)
    bullish = _divergence(-low, -close, -flow, atr)
    score = mean + DIVERGENCE_LEAN * (bullish.astype(np.float64) - bearish)

    untraded = ~(c.rolling_min(volume, VWAP_BARS) >= 0) | ~(traded > 0)
    ballot.abstain("no_volume", untraded)
    for (up, down), part in zip(PAIRS, (part for _, part in parts), strict=True):
        ballot.reason(up, part > NOTABLE)
        ballot.reason(down, part < -NOTABLE)
    ballot.reason("bullish_divergence", bullish)
    ballot.reason("bearish_divergence", bearish)
    ballot.reason("no_taker_volume", ~has_taker & ~untraded)
    strength = np.abs(score)
    return ballot.cast(
        np.where(strength > 0.1, score, 0.0),
        0.5 + 0.4 * strength,
        0.5 + 0.6 * strength - 0.4 * spread,
        measures={
            "score": score,
            "obv_change": on_balance,
            "chaikin_money_flow": chaikin,
            "vwap_distance_atr": stretch,
            "taker_delta": taker,
            "relative_volume": c.ratio(volume, usual, otherwise=0.0),
        },
    )


PAIRS = (
    ("obv_rising", "obv_falling"),
    ("accumulation", "distribution"),
    ("force_up", "force_down"),
    ("above_vwap", "below_vwap"),
    ("surge_up", "surge_down"),
    ("takers_buy", "takers_sell"),
)


def _money(window: Window, typical: Floats, dollars: Floats, traded: Floats) -> tuple[Floats, Floats]:
    """Chaikin money flow in [-1, 1], and the mean of it, the Chaikin oscillator and the money flow index."""
    place = c.ratio((window.close - window.low) - (window.high - window.close), window.high - window.low, otherwise=0.0)
    flow = place * window.volume
    chaikin = c.ratio(c.rolling_sum(flow, TREND_BARS), traded, otherwise=0.0)
    oscillator = c.ratio(chaikin_oscillator(flow), traded / TREND_BARS, otherwise=0.0)
    index = money_flow_index(typical, dollars, MONEY_BARS)
    money = 0.4 * c.squash(4.0 * chaikin) + 0.3 * c.squash(oscillator) + 0.3 * c.squash((index - 50.0) / 15.0)
    return chaikin, money


def chaikin_oscillator(flow: Floats) -> Floats:
    """3-bar EMA less 10-bar EMA of the running sum of `flow`, without running a sum: reads 32 bars."""
    return _behind(flow, 10) - _behind(flow, 3)


def _behind(flow: Floats, bars: int) -> Floats:
    """How far the EMA (of span `bars`) of the running sum of `flow` lies below that sum itself.

    With weights w_i over N bars that add to one, sum - EMA = Σ_j flow[t-j] · (w_{j+1} + … + w_{N-1}); for geometric
    weights of ratio k the bracket is (k^{j+1} - k^N) / (1 - k^N).
    """
    alpha = c.span(bars)
    terms = c.ema_terms(alpha)
    keep = 1.0 - alpha
    rest = keep**terms / (1.0 - keep**terms)
    return (keep / alpha) * c.ema(flow, alpha) - rest * c.rolling_sum(flow, terms)


def money_flow_index(typical: Floats, dollars: Floats, bars: int) -> Floats:
    """0 to 100: the share of the money of `bars` bars that changed hands on bars whose typical price rose."""
    before = c.shift(typical, 1)
    known = 0.0 * before
    inflow = c.rolling_sum(np.where(typical > before, dollars, known), bars)
    outflow = c.rolling_sum(np.where(typical < before, dollars, known), bars)
    return 100.0 * c.ratio(inflow, inflow + outflow, otherwise=0.5)


def _force(high: Floats, low: Floats, push: Floats, volume: Floats, *, usual: Floats, atr: Floats) -> Floats:
    """The mean of Elder's force index (13) and Arms' ease of movement (14), each in [-1, 1]."""
    elder = c.ratio(c.ema(push, c.span(13)), atr * usual, otherwise=0.0)
    middle = high + low
    travel = 0.5 * (middle - c.shift(middle, 1))
    ease = c.rolling_mean(c.ratio(travel * (high - low), volume, otherwise=0.0), MONEY_BARS)
    arms = c.ratio(ease * usual, atr * atr, otherwise=0.0)
    return 0.6 * c.squash(4.0 * elder) + 0.4 * c.squash(4.0 * arms)


def _surge(change: Floats, volume: Floats, *, usual: Floats, atr: Floats) -> Floats:
    """Moves in ATR of the bars with at least 1.5 times the mean volume, fading over 4 bars, in [-1, 1]."""
    move = np.clip(c.ratio(change, atr, otherwise=0.0), -1.0, 1.0)
    event = np.where(volume >= SURGE_TIMES * usual, move, 0.0 * move)
    total = event
    for age in range(1, SURGE_BARS):
        total = total + (1.0 - age / SURGE_BARS) * c.shift(event, age)
    return np.clip(total, -1.0, 1.0)


def _taker_delta(window: Window, traded: Floats) -> Floats:
    """Taker buys less taker sells of 20 bars as a share of their volume, in [-1, 1]; NaN where no source says."""
    bought = window.inputs.get(TAKER_BUY_VOLUME)
    if bought is None:
        return np.full(window.shape, np.nan)
    return c.ratio(c.rolling_sum(2.0 * bought - window.volume, TREND_BARS), traded, otherwise=0.0)


def _divergence(high: Floats, close: Floats, flow: Floats, atr: Floats) -> Mask:
    """A new 20-bar high within 3 bars, the close more than an ATR up over 20 bars, and the flow going out."""
    fresh = c.rolling_max(high, 3) >= c.rolling_max(high, TREND_BARS + 1)
    risen = close - c.shift(close, TREND_BARS) > atr
    return fresh & risen & (flow < -FLOW_AGAINST) & (atr > 0)


HEAD = Head(
    name="volume",
    version=1,
    summary="Whether traded volume stands behind the move: accumulation, force, VWAP, surges and taker delta.",
    memory=max(c.ATR_MEMORY + SURGE_BARS - 1, VWAP_BARS),
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    inputs=(TAKER_BUY_VOLUME,),
    vote=_vote,
)
