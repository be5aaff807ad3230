"""Which assets a headline is about. The names are data in one table; how a headline sounds is judged elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.model.symbol import Symbol

# Asset: names that mean it in any case. Ordinary words (stellar, cosmos, waves, near) are not among them.
_NAMES = {
    "BTC": ("bitcoin", "bitcoins"),
    "ETH": ("ethereum", "ether"),
    "BCH": ("bitcoin cash",),
    "BSV": ("bitcoin sv",),
    "ETC": ("ethereum classic",),
    "SOL": ("solana",),
    "XRP": ("ripple",),
    "ADA": ("cardano",),
    "BNB": ("binance coin",),
    "DOT": ("polkadot",),
    "LINK": ("chainlink",),
    "LTC": ("litecoin",),
    "DOGE": ("dogecoin",),
    "SHIB": ("shiba inu",),
    "MATIC": ("polygon",),
    "AVAX": ("avalanche",),
    "LUNA": ("terra", "terra luna"),
    "TRX": ("tron",),
    "XLM": ("stellar lumens",),
    "XMR": ("monero",),
    "ALGO": ("algorand",),
    "UNI": ("uniswap",),
    "SUSHI": ("sushiswap",),
    "CAKE": ("pancakeswap",),
    "AAVE": ("aave",),
    "EOS": ("eos",),
    "FIL": ("filecoin",),
    "FTM": ("fantom",),
    "THETA": ("theta network",),
    "VET": ("vechain",),
    "CHZ": ("chiliz",),
    "ENJ": ("enjin",),
    "GRT": ("the graph",),
    "ZIL": ("zilliqa",),
    "KAVA": ("kava",),
    "KSM": ("kusama",),
    "ENA": ("ethena",),
    "LAYER": ("solayer",),
}
# Tickers count in capitals only, so that no part of a word and no ordinary word is taken for one.
_TICKERS = frozenset(_NAMES) | {"BTT", "RUNE", "CRV", "OMG", "NEO", "WAVES", "ICX", "SXP", "ATOM", "NEAR"}
# Turns of speech that hold a name and mean no asset; found first, because they are longer.
_NO_ASSET = ("avalanche of", "terra firma", "terra incognita", "ripple effect", "ripple effects")
_BY_NAME = {name: asset for asset, names in _NAMES.items() for name in names}
_LONGEST_FIRST = sorted((*_BY_NAME, *_NO_ASSET), key=len, reverse=True)
_NAME = re.compile(r"\b(" + "|".join(map(re.escape, _LONGEST_FIRST)) + r")\b", re.IGNORECASE)
_TICKER = re.compile(r"\b(" + "|".join(sorted(_TICKERS, key=len, reverse=True)) + r")\b")
# In a headline written all in capitals an ordinary word looks like a ticker.
_LIKE_WORDS = frozenset(
    ["SOL", "ADA", "DOT", "LINK", "UNI", "CAKE", "SUSHI", "LUNA", "LAYER", "RUNE", "VET", "FIL", "WAVES", "NEAR"]
)

_MULTIPLE = re.compile(r"^1(?:000)+(?=[A-Z])")
_QUOTE = re.compile(r"[-_/:].*$|(?<=.)(?:USDT|USDC|BUSD|FDUSD|TUSD|USD|BTC|ETH|BNB|EUR)$")


def find_assets(title: str) -> tuple[str, ...]:
    """The base currencies a headline names, each once, in alphabetical order; empty when it names none."""
    return tuple(sorted(set(_mentions(title))))


def base_asset(symbol: Symbol) -> str:
    """The currency that is bought: BTC of BTCUSDT, BTC-PERP and BTC_USD; SHIB of 1000SHIBUSDT."""
    return _QUOTE.sub("", _MULTIPLE.sub("", symbol.name), count=1)


def _mentions(title: str) -> Iterator[str]:
    for match in _NAME.finditer(title):
        if (asset := _BY_NAME.get(match.group().lower())) is not None:
            yield asset
    shouted = title.isupper() and " " in title
    for match in _TICKER.finditer(title):
        if not (shouted and match.group() in _LIKE_WORDS):
            yield match.group()
