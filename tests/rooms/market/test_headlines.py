"""Which assets a headline is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.market.headlines import base_asset, find_assets
from holdfast.model.symbol import Symbol
from holdfast.world.observations import read_headlines


@pytest.mark.parametrize(
    ("title", "assets"),
    [
        ("Bitcoin falls to $36K, traders say bulls need a ‘Hail Mary’", ("BTC",)),
        ("Why the crypto market crash may play in bitcoin's favour", ("BTC",)),
        ("Ethereum's Merge Could Lower Demand for Bitcoin", ("BTC", "ETH")),
        ("Ether price drops below $3K", ("ETH",)),
        ("Price analysis 3/18: BTC, ETH, BNB, XRP, LUNA, SOL, ADA", ("ADA", "BNB", "BTC", "ETH", "LUNA", "SOL", "XRP")),
        ("Ethereum Classic rallies while Bitcoin Cash sleeps", ("BCH", "ETC")),
        ("Solana outage: $SOL slides 12%", ("SOL",)),
        ("El Salvador sol: sunny console for dissolved metaverse solutions", ()),
        ("Together with weather: whether the tether holds", ()),
        ("An avalanche of liquidations has a ripple effect", ()),
        ("Avalanche (AVAX) and Ripple sign a deal", ("AVAX", "XRP")),
        ("NOT A SOL AND NOT A DOT IN SIGHT", ()),
        ("Mastercard files 15 metaverse and NFT related trademarks", ()),
        ("", ()),
    ],
)
def test_names_and_tickers_are_found_as_whole_words(title: str, assets: tuple[str, ...]) -> None:
    assert find_assets(title) == assets


@pytest.mark.parametrize(
    ("name", "asset"),
    [
        ("BTCUSDT", "BTC"),
        ("ETHBTC", "ETH"),
        ("BTC-PERP", "BTC"),
        ("BTC_USD", "BTC"),
        ("EUR_USD", "EUR"),
        ("1000SHIBUSDT", "SHIB"),
        ("1INCHUSDT", "1INCH"),
        ("BTCST", "BTCST"),
    ],
)
def test_the_base_asset_is_what_is_bought(name: str, asset: str) -> None:
    assert base_asset(Symbol("binance", "spot", name)) == asset


def test_recorded_headlines_are_mostly_about_bitcoin_and_ether(project_data: Path) -> None:
    found = [
        find_assets(title) for title in read_headlines(project_data / "news_2022_nyu" / "headlines.parquet").titles
    ]
    counts = {asset: sum(asset in assets for assets in found) for asset in ("BTC", "ETH", "SOL")}
    assert counts["BTC"] > counts["ETH"] > counts["SOL"] > 50
    assert 0.3 < sum(map(bool, found)) / len(found) < 0.9
