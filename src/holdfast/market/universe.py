"""Which symbols are followed: the most traded of a market, chosen anew from time to time without churning.

Pure: volumes and instruments come in, a choice with its reasons comes out, and what a choice changes is a difference.
Nothing is subscribed, kept or switched off here: what an operator disables is the node's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.model.errors import BadInput, Retryable
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Liquidity

_STABLE_COINS = """
    USDT USDC FDUSD TUSD BUSD DAI USDP USDE USDD PYUSD USD1 RLUSD USDS USDB UST USTC SUSD GUSD LUSD FRAX XUSD BFUSD
    EURI AEUR EURT EURC EURS IDRT BIDR BVND BKRW TRYB
"""
_FIAT = "USD EUR GBP AUD CAD CHF JPY NZD TRY BRL RUB UAH NGN ZAR PLN RON ARS MXN COP CZK IDR"
_METALS_ENERGY_SHARES = """
    XAU XAG XPT XPD PAXG XAUT KAG KAU BRENT WTI NATGAS COPPER QQQ NDX DJI TSLA NVDA AAPL MSFT AMZN GOOGL MSTR HOOD CRCL
    INTC AMD PLTR NFLX BABA
"""
# Bases that stand for a currency: a pair of two of them is an exchange rate that hardly moves.
STABLE_COINS = frozenset(_STABLE_COINS.split())
# Bases whose price is made in another market than crypto's, with hours of its own.
NON_CRYPTO = frozenset(_FIAT.split()) | frozenset(_METALS_ENERGY_SHARES.split())
_LEVERAGED = ("UP", "DOWN", "BULL", "BEAR", "2L", "2S", "3L", "3S", "5L", "5S")


class Reason(StrEnum):
    """Why a symbol is followed, or no longer is, or was not considered."""

    RANK = "rank"  # among the first N
    HYSTERESIS = "hysteresis"  # was followed, and has not fallen far enough
    HELD = "held"  # has a position or an open order
    NAMED = "named"  # the owner named it
    FELL_BEHIND = "fell_behind"
    THIN = "thin"  # too little volume
    NOT_TRADABLE = "not_tradable"
    UNTRADED = "untraded"  # the venue tells no volume for it
    QUOTE = "quote"
    STABLE_COIN = "stable_coin"
    LEVERAGED = "leveraged"
    NON_CRYPTO = "non_crypto"
    EXCLUDED = "excluded"  # the owner excluded it


class UniverseRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one market the first `size` by 24 h quote volume enter if they have `min_quote_volume`; one that is in leaves
    past rank `size` × `leave_factor`, or below `min_quote_volume` / `leave_factor`.

    `quotes`: allowed quote currencies, all worth about the same, so that volumes compare. `named` symbols are followed
    whatever their rank; `excluded` bases or symbol names never enter.
    """

    size: int = 50
    leave_factor: Decimal = Decimal("1.2")
    min_quote_volume: Decimal = Decimal(1_000_000)
    quotes: tuple[str, ...] = ("USDT", "USDC")
    named: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or self.leave_factor < 1 or self.min_quote_volume < 0:
            raise BadInput(
                f"No universe has {self.size} symbols that leave at {self.leave_factor} times that rank.",
                "Set size and min_quote_volume to zero or more, leave_factor to 1 or more.",
            )
        if not self.quotes and not self.named:
            raise BadInput("No quote currency is allowed.", "Set quotes, or name the symbols.")

    @property
    def leave_rank(self) -> int:
        """The last rank at which a followed symbol stays."""
        return int(self.size * self.leave_factor)


class Member(msgspec.Struct, frozen=True):
    """One followed symbol: why, since when, and where it stood at the last choice (None: it was not ranked)."""

    symbol: Symbol
    reason: Reason
    since_ms: int
    rank: int | None
    quote_volume_24h: Decimal | None


class Left(msgspec.Struct, frozen=True):
    """One that is no longer followed, and why."""

    symbol: Symbol
    reason: Reason
    rank: int | None


class Choice(msgspec.Struct, frozen=True):
    """What was chosen at `time_ms`. `members` by rank, those without one last; `passed_over` counts by reason what was
    not eligible."""

    time_ms: int
    venue: str
    market: str
    members: tuple[Member, ...]
    added: tuple[Symbol, ...]
    left: tuple[Left, ...]
    passed_over: Mapping[Reason, int]

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(member.symbol for member in self.members)

    @property
    def removed(self) -> tuple[Symbol, ...]:
        return tuple(left.symbol for left in self.left)

    @property
    def kept(self) -> tuple[Symbol, ...]:
        """Those that were followed before and still are."""
        new = frozenset(self.added)
        return tuple(symbol for symbol in self.symbols if symbol not in new)


def nothing_chosen(venue: str, market: str) -> Choice:
    """What is followed before the first choice."""
    return Choice(0, venue, market, (), (), (), {})


def choose(
    previous: Choice,
    liquidity: Iterable[Liquidity],
    instruments: Mapping[Symbol, Instrument],
    *,
    rules: UniverseRules,
    held: Collection[Symbol],
    now_ms: int,
) -> Choice:
    """The next choice for the market of `previous`. `instruments` are those that are tradable now; `held` have a
    position or an open order, and stay whatever happens to them.

    Retryable when the answer cannot be whole: it names no candidate, or misses more than half of what is followed.
    """
    of_market = {row.symbol: row for row in liquidity if _is_of(row.symbol, previous)}
    before = {member.symbol: member for member in previous.members}
    unseen = sum(symbol not in of_market and symbol not in instruments for symbol in before)
    if not (of_market or rules.named) or unseen * 2 > len(before):
        raise Retryable(f"{previous.venue} {previous.market} told the volume of too few symbols to choose from.")
    bases = {instrument.base for instrument in instruments.values()}
    barred = {symbol: _bar(symbol, instruments.get(symbol), bases, rules) for symbol in {*of_market, *before}}
    ranked = sorted(
        (row for row in of_market.values() if barred[row.symbol] is None),
        key=lambda row: (-row.quote_volume_24h, row.symbol),
    )
    members = {}
    for rank, row in enumerate(ranked, 1):
        if (reason := _why_in(row, rank, rules, followed=row.symbol in before)) is not None:
            members[row.symbol] = _member(row.symbol, reason, before, now_ms, rank=rank, row=row)
    named = [symbol for symbol in instruments if symbol.name in rules.named and _is_of(symbol, previous)]
    kept = [symbol for symbol in held if _is_of(symbol, previous)]
    ranks = {row.symbol: rank for rank, row in enumerate(ranked, 1)}
    for symbols, reason in ((named, Reason.NAMED), (kept, Reason.HELD)):
        for symbol in sorted(symbols):
            if symbol not in members:
                rank_now, row_now = ranks.get(symbol), of_market.get(symbol)
                members[symbol] = _member(symbol, reason, before, now_ms, rank=rank_now, row=row_now)
    gone = [symbol for symbol in before if symbol not in members]
    return Choice(
        time_ms=now_ms,
        venue=previous.venue,
        market=previous.market,
        members=tuple(sorted(members.values(), key=_by_rank)),
        added=tuple(sorted(symbol for symbol in members if symbol not in before)),
        left=tuple(Left(symbol, _why_out(symbol, ranks, barred, rules), ranks.get(symbol)) for symbol in sorted(gone)),
        passed_over=dict(Counter(reason for symbol in of_market if (reason := barred[symbol]) is not None)),
    )


def is_leveraged(base: str, bases: Collection[str]) -> bool:
    """Whether `base` is another listed base with a word for leverage behind it: BTCUP is, JUP is not."""
    return any(base.endswith(word) and base.removesuffix(word) in bases for word in _LEVERAGED)


def _is_of(symbol: Symbol, choice: Choice) -> bool:
    return symbol.venue == choice.venue and symbol.market == choice.market


def _bar(symbol: Symbol, instrument: Instrument | None, bases: Collection[str], rules: UniverseRules) -> Reason | None:
    """What bars a symbol from being ranked."""
    if instrument is None:
        return Reason.NOT_TRADABLE
    base = instrument.base
    for bars, reason in (
        (symbol.name in rules.excluded or base in rules.excluded, Reason.EXCLUDED),
        (instrument.quote not in rules.quotes, Reason.QUOTE),
        (base in STABLE_COINS, Reason.STABLE_COIN),
        (base in NON_CRYPTO, Reason.NON_CRYPTO),
        (is_leveraged(base, bases), Reason.LEVERAGED),
    ):
        if bars:
            return reason
    return None


def _why_in(row: Liquidity, rank: int, rules: UniverseRules, *, followed: bool) -> Reason | None:
    volume = row.quote_volume_24h
    if rank <= rules.size and volume >= rules.min_quote_volume:
        return Reason.RANK
    if followed and rank <= rules.leave_rank and volume * rules.leave_factor >= rules.min_quote_volume:
        return Reason.HYSTERESIS
    return None


def _why_out(
    symbol: Symbol, ranks: Mapping[Symbol, int], barred: Mapping[Symbol, Reason | None], rules: UniverseRules
) -> Reason:
    if (reason := barred[symbol]) is not None:
        return reason
    if symbol not in ranks:
        return Reason.UNTRADED
    return Reason.FELL_BEHIND if ranks[symbol] > rules.leave_rank else Reason.THIN


def _member(
    symbol: Symbol,
    reason: Reason,
    before: Mapping[Symbol, Member],
    now_ms: int,
    *,
    rank: int | None,
    row: Liquidity | None,
) -> Member:
    since_ms = before[symbol].since_ms if symbol in before else now_ms
    return Member(symbol, reason, since_ms, rank, None if row is None else row.quote_volume_24h)


def _by_rank(member: Member) -> tuple[bool, int, Symbol]:
    return member.rank is None, member.rank or 0, member.symbol
