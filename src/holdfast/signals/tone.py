"""The tone of one news headline: a lexicon count (VADER) with the words of finance and crypto put right.

A general lexicon misreads the market's language in two ways: it scores words that say nothing here ("support" is a
price, "Block" a company, "difficulty" a property of mining), and it does not know those that say most ("bearish",
"liquidation", "depeg"). The tables below take out the first and add the second. Only single titles are scored here; how
they are summed over time belongs to the market room, and what a sum means to the `sentiment` head.

Sources: Hutto and Gilbert, VADER, ICWSM 2014 (the rules and the -4 to 4 scale); Loughran and McDonald, When is a
liability not a liability?, Journal of Finance 2011 (why a domain's own word list is needed).
"""

from __future__ import annotations

import re

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

# Words of the general lexicon that carry no tone in this field: names, instruments, chart terms, everyday verbs.
NEUTRAL = (
    "active alert amazon aml argues asset assets authority avoid avoids backed backing backs block blocks "
    "bored brave chance clear commits create created creates creating creation credit cut defense demand "
    "difficulty discord dominance energy engagement entertainment exclusive extend extends fan fine fire "
    "flagship focused free freedom fun gross hand hard harmony help important increase increased "
    "intelligence interest interested interesting join kind legal legally like limited lobbying love low "
    "matter natural nifty no number ok optimism optimize party parties pay play playing plays please "
    "pressure promote reach reached reaches ready resolve reward rewards rich secure secures security "
    "securities share shares sharing smart solution solutions spark special stable strike strikes super "
    "support supporting supports swift talent top treasury trust truth united value valued vested vision "
    "want wealth wells worth"
)

# score → words; the scale is the lexicon's own, from -4 (worst) to 4 (best).
WORDS = {
    2.8: "bullish skyrocket skyrockets skyrocketed skyrocketing moons mooning",
    2.4: "soar soars soared soaring surge surges surged surging ath rallies rallied rallying rally breakout",
    2.0: "outperform outperforms outperformed rebound rebounds rebounded recovers recovered recovery approved "
    "approves approval jump jumps jumped jumping spike spikes climbs climb climbed inflow inflows uptrend bulls",
    1.6: "gain gains gained rise rises rose rising bull uptick upside bounce bounces bounced bottomed reclaims "
    "reclaim upgrade upgrades upgraded outpaces recover doubles halving adoption adopts accumulate accumulates "
    "accumulation",
    1.0: "higher highs listing lists listed partnership partners buys buying bought launches integrates raises "
    "milestone optimistic staking integration invests legalize legalizes",
    -1.0: "lower lows dip dips dipped slips slip slipped downside concerns outage downtime bug pauses delays "
    "postpones uncertainty backlash inflation overvalued volatile stagnates warns warn warned correction outflow "
    "bears bear hike hikes sanctioned",
    -1.6: "fall falls fell falling drop drops dropped dropping decline declines declined outflows sink sinks sank "
    "slide slides slid retreats retreat selloff sell-off sell-offs probe probes probed investigation investigates "
    "subpoena sues sued lawsuit lawsuits sanctions layoffs downgrade downgrades downgraded downtrend recession "
    "stagflation drained overbought sells struggles struggle",
    -2.2: "plunge plunges plunged plunging tumble tumbles tumbled dive dives dived nosedive nosedives slump slumps "
    "slumped dump dumps dumped bearish liquidation liquidations liquidated ban bans banned banning delist delists "
    "delisted delisting delistings halts halted capitulation breakdown freezes frozen phishing ponzi laundering "
    "breach breached vulnerability ransomware",
    -3.0: "crash crashes crashed crashing collapse collapses collapsed hack hacks hacked hackers hacker exploit "
    "exploits exploited exploiter bankrupt bankruptcy insolvent insolvency default defaults defaulted depeg depegs "
    "depegged depegging de-peg fraud rugpull stolen heist implodes implosion contagion meltdown bloodbath theft",
}

# score → what counts as one word. A phrase takes its words' own scores out: a "lower fee" is no fall of the price.
PHRASES = {
    3.0: "all-time high, all time high, all-time highs, all time highs, record high, record highs, etf approval",
    2.2: "bull run, bull market, golden cross, short squeeze, buy the dip, buys the dip, buying the dip, bottom is in, "
    "rate cut, rate cuts, green light, trim losses, trims losses, recover losses, recovers losses",
    1.4: "new highs, higher high, higher highs, higher low, higher lows, lower fees, inflation slows",
    0.0: "super bowl, play to earn, play-to-earn, hard fork, listing and delisting, tax gains, capital gains, "
    "fear and greed, fear & greed, nft drop, nft drops, open interest, market cap, higher or lower, "
    "recovery phrase, recovery phrases, ethereum killer, ethereum killers",
    -1.4: "rate hike, rate hikes, lower low, lower lows, lower high, raises concerns, trim gains, trims gains, "
    "class action, wells notice, crypto winter, extreme fear",
    -2.2: "bear market, death cross, dead cat bounce, extend losses, extends losses, all-time low, all time low, "
    "long squeeze, margin call, margin calls, bull trap, loses support, etf rejection, sell off, sells off",
    -3.0: "rug pull, rug pulls, rug-pull, flash crash, flash crashes, pauses withdrawals, freezes withdrawals, "
    "halts withdrawals, suspends withdrawals, chapter 11, loses peg, below peg, ponzi scheme, exit scam",
}

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "—": " ", "–": " ", "\u200b": " "})
_UP_OR_DOWN = re.compile(r"\b(up|down)(?= (?:by |over |nearly |almost |around )?\$?\d[\d.,]*%)", re.IGNORECASE)


class ToneScorer:
    """Scores titles. Built once, where a process is put together: reading the lexicon takes some milliseconds."""

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()
        lexicon: dict[str, float] = self._analyzer.lexicon
        for word in NEUTRAL.split():
            lexicon.pop(word, None)
        for score, words in WORDS.items():
            lexicon.update(dict.fromkeys(words.split(), score))
        lexicon.update({"moved_up": 1.6, "moved_down": -1.6})
        self._tokens: dict[str, str] = {}
        for score, phrases in PHRASES.items():
            for phrase in phrases.split(", "):
                token = re.sub(r"\W+", "_", f"phrase {phrase} phrase")
                self._tokens[phrase] = token
                if score:
                    lexicon[token] = score
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._phrase = re.compile(
            r"(?<![\w-])(?:" + "|".join(re.escape(p) for p in longest_first) + r")(?![\w-])", re.IGNORECASE
        )

    def tone(self, title: str) -> float:
        """How good the news in a title sounds, from -1 to 1; 0 where no word of it is known to have a tone."""
        text = _UP_OR_DOWN.sub(r"moved_\1", title.translate(_QUOTES))
        text = self._phrase.sub(lambda found: self._tokens[found.group().lower()], text)
        return float(self._analyzer.polarity_scores(text)["compound"])
