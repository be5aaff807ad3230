"""The tone of headlines: real titles from the project's recorded news, and the tables the scorer is made of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from holdfast.signals.tone import NEUTRAL, PHRASES, WORDS, ToneScorer

GOOD = (
    "Binance Obtains In-Principle Approval From the Abu Dhabi Global Market",
    "Crypto funds register largest weekly inflows since December",
    "Bitcoin hits 3-week high as fresh impulse move sends BTC price to $43.3K",
    "Bitcoin spikes to $41.7K highs as Ethereum nears $3K reclaim",
    "Analysts say Bitcoin 'bottom is in’ as BTC bounces back to $38,000",
    "Bitcoin 'Doji' points to bullish reversal scenario as BTC holds $36K support",
)
BAD = (
    "This is Why Bitcoin’s Price Crashed to $35K on Robinhood Today",
    "Over $200 Million Liquidated as Bitcoin Gets Rejected at $32K",
    "Harmony hacker sends stolen funds to Tornado Cash mixer",
    "OpenSea Daily Volume Plunges Below USD 1M as NFT Sales Sink",
    "Robinhood Shares Fall as Company Fires 9% of Full-Time Employees",
    "Bitcoin and Ethereum Struggle to Break Resistance, LUNA Dives",
    "Bitpanda announces layoffs citing no compromise on product quality",
    "Ukraine bans Bitcoin purchases with local currency amid martial law",
)
PLAIN = (
    "Custodial vs non-custodial NFTs: Key differences",
    "Block Games studio announces launch of first skill-based free-to-play blockchain mobile game",
    "Price analysis 5/23: BTC, ETH, BNB, XRP, ADA, SOL, DOGE, DOT, AVAX, SHIB",
    "Crypto Listing and Delisting Announcements: Week 18",
    "Singaporean Court Blocks Sale of a Bored Ape (BAYC) NFT: Report",
)


@pytest.fixture(scope="module")
def scorer() -> ToneScorer:
    return ToneScorer()


@pytest.fixture(scope="module")
def news(project_data: Path) -> pl.DataFrame:
    return pl.read_parquet(project_data / "news_2022_nyu" / "headlines.parquet")


def test_the_titles_below_are_real(news: pl.DataFrame) -> None:
    assert {*GOOD, *BAD, *PLAIN} <= set(news["title"])


@pytest.mark.parametrize("title", GOOD)
def test_good_news_scores_above_the_threshold(scorer: ToneScorer, title: str) -> None:
    assert scorer.tone(title) >= 0.2


@pytest.mark.parametrize("title", BAD)
def test_bad_news_scores_below_the_threshold(scorer: ToneScorer, title: str) -> None:
    assert scorer.tone(title) <= -0.2


@pytest.mark.parametrize("title", PLAIN)
def test_names_and_announcements_have_no_tone(scorer: ToneScorer, title: str) -> None:
    assert scorer.tone(title) == 0.0


def test_the_market_terms_are_read_right_where_the_general_lexicon_is_blind(scorer: ToneScorer) -> None:
    general = SentimentIntensityAnalyzer()
    missed = [title for title in BAD if general.polarity_scores(title)["compound"] > -0.2]
    assert len(missed) >= 3
    assert all(scorer.tone(title) <= -0.2 for title in missed)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Token trims losses", "Token trims gains"),
        ("SEC clears way for ETF approval", "SEC decision: ETF rejection"),
        ("Bitcoin up 7% today", "Bitcoin down 7% today"),
        ("Ether sets all-time high", "Ether sets all-time low"),
        ("Exchange lists new token", "Exchange delists new token"),
        ("Funds see record inflows", "Funds see record outflows"),
        ("Bitcoin is not bearish", "Bitcoin is bearish"),
        ("Traders buy the dip", "Traders fear the dip"),
        ("Fed announces rate cut", "Fed announces rate hike"),
    ],
)
def test_opposite_news_has_opposite_tone(scorer: ToneScorer, better: str, worse: str) -> None:
    assert scorer.tone(better) > 0 > scorer.tone(worse)


def test_up_and_down_count_only_before_a_percentage(scorer: ToneScorer) -> None:
    assert scorer.tone("Startup opens up in Berlin") == 0.0
    assert scorer.tone("CEO steps down") == 0.0
    assert scorer.tone("Bitcoin up nearly 3.5%") > 0.2


def test_every_title_of_the_recording_scores_within_one_and_the_same_twice(
    scorer: ToneScorer, news: pl.DataFrame
) -> None:
    titles = news["title"].to_list()
    tones = [scorer.tone(title) for title in titles]
    assert all(-1 <= tone <= 1 for tone in tones)
    another = ToneScorer()
    assert tones[:500] == [another.tone(title) for title in titles[:500]]
    assert 0.4 < sum(tone != 0 for tone in tones) / len(tones) < 0.8


def test_the_two_worst_weeks_of_2022_are_those_of_the_celsius_freeze_and_the_luna_collapse(
    scorer: ToneScorer, news: pl.DataFrame
) -> None:
    weeks = (
        news.with_columns(
            pl.Series("tone", [scorer.tone(title) for title in news["title"]]),
            pl.col("ts").dt.truncate("1w").dt.date().cast(pl.String).alias("week"),
        )
        .group_by("week")
        .agg(pl.len().alias("titles"), pl.col("tone").mean())
        .filter(pl.col("titles") >= 100)
        .sort("tone")
    )
    assert weeks["week"].to_list()[:2] == ["2022-06-13", "2022-05-09"]


def test_the_tables_hold_each_word_once_on_the_lexicons_scale() -> None:
    words = [word for group in WORDS.values() for word in group.split()]
    phrases = [phrase for group in PHRASES.values() for phrase in group.split(", ")]
    assert len(words) == len(set(words))
    assert len(phrases) == len(set(phrases))
    assert not set(words) & set(NEUTRAL.split())
    assert set(NEUTRAL.split()) <= set(SentimentIntensityAnalyzer().lexicon)
    assert all(-4 <= score <= 4 for score in (*WORDS, *PHRASES))
    assert all(" " in phrase or "-" in phrase for phrase in phrases)
