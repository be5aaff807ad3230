"""The sentiment head: the mean tone of recent headlines, newer ones counting more.

It reads three sums that come with the candles: tone times decay weight, the weights alone, and how many headlines that
were. The tone of a single title is scored in `signals/tone.py`; how fast it decays is the market room's to say. A
symbol without headlines gets no vote here: silence is not good news.
"""

from __future__ import annotations

import numpy as np

from holdfast.model.window import HEADLINE_COUNT, HEADLINE_TONE, HEADLINE_WEIGHT, Window
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes

REASONS = {
    "tone_good": "recent headlines sound good: their weighted mean tone is 0.2 or more",
    "tone_bad": "recent headlines sound bad: their weighted mean tone is -0.2 or less",
    "tone_one_sided": "recent headlines mostly agree: their weighted mean tone is beyond 0.4 either way",
    "few_headlines": "fewer than two fresh headlines' worth of weight",
}
ABSTENTIONS = {
    "no_headlines": "no source of headlines covers this symbol, or none is recent enough to count",
}
SPEAKS_AT = 0.2
LEAST_WEIGHT = 0.25


def _vote(window: Window) -> Votes:
    """Probability .5 + .4 times the tone. Confidence needs both many headlines and a clear tone: one title alone, whose
    weight is at most 1, stays below .70 however shrill it is."""
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    nothing = np.full(window.shape, np.nan)
    total, weight, count = (
        window.inputs.get(name, nothing) for name in (HEADLINE_TONE, HEADLINE_WEIGHT, HEADLINE_COUNT)
    )
    heard = (weight >= LEAST_WEIGHT) & (count >= 1) & ~np.isnan(total)
    ballot.abstain("no_headlines", ~heard)
    tone = np.where(heard, c.ratio(total, weight, otherwise=0.0), 0.0)
    strength = np.minimum(np.abs(tone), 1.0)
    speaks = strength >= SPEAKS_AT
    ballot.reason("tone_good", speaks & (tone > 0))
    ballot.reason("tone_bad", speaks & (tone < 0))
    ballot.reason("tone_one_sided", strength > 2 * SPEAKS_AT)
    ballot.reason("few_headlines", heard & (weight < 2.0))
    amount = c.ratio(weight, weight + 2.0, otherwise=0.0)
    return ballot.cast(
        np.where(speaks, tone, 0.0),
        0.5 + 0.4 * strength,
        0.5 + 0.5 * amount * np.minimum(strength / 0.5, 1.0),
        measures={"tone": np.where(heard, tone, np.nan), "weight": weight, "headlines": count},
    )


HEAD = Head(
    name="sentiment",
    version=1,
    summary="The mean tone of recent headlines about the symbol.",
    memory=1,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    inputs=(HEADLINE_TONE, HEADLINE_WEIGHT, HEADLINE_COUNT),
    vote=_vote,
)
