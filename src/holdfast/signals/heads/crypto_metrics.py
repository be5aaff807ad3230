"""The crypto metrics head: what derivatives traders pay, hold and do, beside the price.

Five parts, each of which speaks only where its input exists: funding and basis (a crowd that pays unusually much for
one side tends to be on the wrong one), open interest with price (new money confirms a move, closing positions do not),
the ratio of long to short accounts (contrarian at extremes) and the takers' share of buying (with the flow).
"Unusual" is measured against the symbol's own last 168 bars, so that the venue's settlement interval (8, 4 or 1 hours)
need not be known. The mark price is compared with the index only: without an index there is no basis.

Sources: Murphy, Technical Analysis of the Financial Markets, 1999, ch. 7 (open interest and price); Binance futures
documents (funding rate, premium of mark over index, global long/short account ratio, taker buy volume).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import (
    FUNDING_RATE,
    INDEX_PRICE,
    LONG_SHORT_RATIO,
    MARK_PRICE,
    OPEN_INTEREST,
    TAKER_BUY_VOLUME,
    Window,
)
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes

REASONS = {
    "funding_longs_pay": "funding is positive and unusually high: longs are crowded",
    "funding_shorts_pay": "funding is negative and unusually low: shorts are crowded",
    "open_interest_with_rise": "open interest grows as the price rises: new money buys",
    "open_interest_with_fall": "open interest grows as the price falls: new money sells",
    "open_interest_leaves_rise": "open interest shrinks as the price rises: shorts close, nobody new buys",
    "open_interest_leaves_fall": "open interest shrinks as the price falls: longs close, nobody new sells",
    "basis_rich": "the mark price stands unusually far above the index",
    "basis_cheap": "the mark price stands unusually far below the index",
    "accounts_long": "three or more long accounts for each short one",
    "accounts_short": "three or more short accounts for each long one",
    "takers_buy": "takers buy unusually much of the volume",
    "takers_sell": "takers sell unusually much of the volume",
    "without_funding": "left out: no funding rate",
    "without_open_interest": "left out: no open interest",
    "without_basis": "left out: no mark or no index price",
    "without_accounts": "left out: no ratio of long to short accounts",
    "without_takers": "left out: no taker volume",
}
ABSTENTIONS = {
    "no_derivatives_data": "no source gives funding, open interest, basis, account ratio or taker volume here",
}

OWN_BARS = 168  # a week of hours: what "unusual" is measured against
FLOW_BARS = 6
CHANGE_BARS = 24
FUNDING_CHANGES = 5  # a rate that moved less often within OWN_BARS shows no habit that it could depart from
MEMORY = max(OWN_BARS + FLOW_BARS - 1, OWN_BARS + 1, CHANGE_BARS + 1, c.ATR_MEMORY)
WEIGHTS = {"funding": 0.25, "open_interest": 0.20, "basis": 0.15, "accounts": 0.20, "takers": 0.20}

# A part: its score in [-1, 1] (NaN where it has no input), and what it measured.
Part = tuple[Floats, Floats]


def _beyond(x: Floats, threshold: float, full: float) -> Floats:
    """0 inside ±threshold, ±0.5 at it, growing to ±1 at ±full; NaN stays NaN."""
    size = np.abs(x)
    score = 0.5 + 0.5 * np.minimum((size - threshold) / (full - threshold), 1.0)
    return np.where(size >= threshold, np.copysign(score, x), 0.0 * x)


def _unusual(x: Floats, floor: float) -> Floats:
    """How unusual `x`, whose ordinary value is zero, is for this symbol: ±0.5 from 2 standard deviations of its last
    `OWN_BARS` values, ±1 from 4; 0 while it is within ±floor, or unusual only towards zero."""
    score = _beyond(c.standard_score(x, OWN_BARS), 2.0, 4.0)
    return np.where((score * x > 0) & (np.abs(x) >= floor), score, 0.0 * score)


def _funding(rate: Floats) -> Part:
    """Floor: 0.01 % an interval, the interest part of the rate, which everybody pays on an ordinary day."""
    changes = c.rolling_count(rate != c.shift(rate, 1), OWN_BARS)
    score = -_unusual(rate, 1e-4)
    return np.where(changes >= FUNDING_CHANGES, score, 0.0 * score), rate


def _open_interest(held: Floats, window: Window) -> Part:
    """Growth over `CHANGE_BARS` bars in its own standard deviations, times the direction of the price over the same
    bars, which counts from one average true range on. Positions that close weigh half of those that open."""
    step = c.ratio(held, c.shift(held, 1), otherwise=1.0) - 1.0
    growth = c.ratio(held, c.shift(held, CHANGE_BARS), otherwise=1.0) - 1.0
    # The deviation of a sum of n independent steps is sqrt(n) times that of one.
    unit = np.sqrt(float(CHANGE_BARS)) * c.rolling_std(step, OWN_BARS)
    surprise = _beyond(c.ratio(growth, unit, otherwise=0.0), 1.0, 3.0)
    atr = c.atr(window.high, window.low, window.close)
    moved = c.ratio(window.close - c.shift(window.close, CHANGE_BARS), atr, otherwise=0.0)
    score = surprise * np.sign(_beyond(moved, 1.0, 2.0))
    return np.where(surprise < 0, 0.5 * score, score), growth


def _basis(mark: Floats, index: Floats) -> Part:
    """Premium of mark over index, contrarian; floor: 5 basis points."""
    premium = c.ratio(mark - index, index, otherwise=np.nan)
    return -_unusual(premium, 5e-4), premium


def _accounts(ratio: Floats) -> Part:
    """(longs - shorts) / all accounts: a ratio of 3 is +0.5, one of 1/3 is -0.5."""
    imbalance = c.ratio(ratio - 1.0, ratio + 1.0, otherwise=np.nan)
    return -_beyond(imbalance, 0.5, 0.8), ratio


def _takers(bought: Floats, volume: Floats) -> Part:
    """Takers' share of buying over `FLOW_BARS` bars, less one half; floor: 2 percentage points."""
    share = c.ratio(c.rolling_sum(bought, FLOW_BARS), c.rolling_sum(volume, FLOW_BARS), otherwise=0.5)
    return _unusual(share - 0.5, 0.02), share


def _parts(window: Window) -> Iterator[tuple[str, Part]]:
    """The parts whose columns are there, in the order of `WEIGHTS`."""
    have = window.inputs
    if FUNDING_RATE in have:
        yield "funding", _funding(have[FUNDING_RATE])
    if OPEN_INTEREST in have:
        yield "open_interest", _open_interest(have[OPEN_INTEREST], window)
    if MARK_PRICE in have and INDEX_PRICE in have:
        yield "basis", _basis(have[MARK_PRICE], have[INDEX_PRICE])
    if LONG_SHORT_RATIO in have:
        yield "accounts", _accounts(have[LONG_SHORT_RATIO])
    if TAKER_BUY_VOLUME in have:
        yield "takers", _takers(have[TAKER_BUY_VOLUME], window.volume)


def _explain(ballot: Ballot, name: str, score: Floats, measured: Floats) -> None:
    """The reason codes of one part: contrarian parts score against what they saw, the takers with it."""
    up, down = score > 0, score < 0
    if name == "open_interest":
        for code, where in (
            ("open_interest_with_rise", up & (measured > 0)),
            ("open_interest_with_fall", down & (measured > 0)),
            ("open_interest_leaves_rise", down & (measured < 0)),
            ("open_interest_leaves_fall", up & (measured < 0)),
        ):
            ballot.reason(code, where)
        return
    codes = {
        "funding": ("funding_shorts_pay", "funding_longs_pay"),
        "basis": ("basis_cheap", "basis_rich"),
        "accounts": ("accounts_short", "accounts_long"),
        "takers": ("takers_buy", "takers_sell"),
    }[name]
    ballot.reason(codes[0], up)
    ballot.reason(codes[1], down)


def _vote(window: Window) -> Votes:
    """The weighted mean of the parts that speak; probability .5 + .3 times its size. Confidence grows with its size and
    with each further part on the same side, and falls with each part on the other.

    The parts read whole columns; the rest is reckoned only on the bars whose memory is complete.
    """
    bars = window.shape[1]
    settled = max(bars - MEMORY + 1, 1)
    present = {name: (score[:, -settled:], measured[:, -settled:]) for name, (score, measured) in _parts(window)}
    return _stretched(_weighed(present, window.tail(settled)), bars)


def _weighed(present: dict[str, Part], window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    total, speaking = np.zeros(window.shape), np.zeros(window.shape)
    longs, shorts = np.zeros(window.shape), np.zeros(window.shape)
    known = np.zeros(window.shape, dtype=np.bool_)
    measures = {}
    for name, weight in WEIGHTS.items():
        if name not in present:
            ballot.reason(f"without_{name}", ~np.zeros(window.shape, dtype=np.bool_))
            continue
        score, measures[name] = present[name]
        missing = ballot.reason(f"without_{name}", np.isnan(score))
        _explain(ballot, name, score, measures[name])
        known |= ~missing
        total += np.where(missing, 0.0, weight * score)
        longs += score > 0
        shorts += score < 0
        speaking += weight * ((score > 0) | (score < 0))
    ballot.abstain("no_derivatives_data", ~known)
    net = c.ratio(total, speaking, otherwise=0.0)
    net = np.where(np.abs(net) > 1e-9, net, 0.0)  # parts that cancel leave rounding, not a direction
    size = np.abs(net)
    with_it, against = np.where(net > 0, longs, shorts), np.where(net > 0, shorts, longs)
    return ballot.cast(
        net,
        0.5 + 0.3 * size,
        0.6 + 0.15 * size + 0.06 * (with_it - 1.0) - 0.08 * against,
        measures={"score": net, **measures},
    )


def _stretched(votes: Votes, bars: int) -> Votes:
    """The same votes as the newest columns of `bars`; the older ones, which lack their history, are empty."""
    gap = ((0, 0), (bars - votes.direction.shape[1], 0))
    return Votes(
        direction=np.pad(votes.direction, gap),
        probability=np.pad(votes.probability, gap, constant_values=0.5),
        confidence=np.pad(votes.confidence, gap),
        reasons=np.pad(votes.reasons, gap),
        abstained=np.pad(votes.abstained, gap, constant_values=2),
        measures={name: np.pad(column, gap, constant_values=np.nan) for name, column in votes.measures.items()},
    )


HEAD = Head(
    name="crypto_metrics",
    version=1,
    summary="Funding, open interest, basis, account ratio and taker flow of derivatives.",
    memory=MEMORY,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    inputs=(FUNDING_RATE, OPEN_INTEREST, MARK_PRICE, INDEX_PRICE, LONG_SHORT_RATIO, TAKER_BUY_VOLUME),
    vote=_vote,
)
