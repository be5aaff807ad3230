"""The choice of what is followed: by rank, with hysteresis, and never against a position."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from holdfast.market.universe import (
    Choice,
    Reason,
    UniverseRules,
    choose,
    is_leveraged,
    nothing_chosen,
)
from holdfast.model.errors import BadInput, Retryable
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.ports.exchange import Liquidity

ONE = Decimal(1)
RULES = UniverseRules(size=5, min_quote_volume=Decimal(1000))


def spot(name: str) -> Symbol:
    return Symbol("binance", "spot", name)


def listed(*bases: str, quote: str = "USDT", market: str = "spot") -> dict[Symbol, Instrument]:
    return {
        Symbol("binance", market, base + quote): Instrument(
            symbol=Symbol("binance", market, base + quote),
            base=base,
            quote=quote,
            price_tick=ONE,
            size_step=ONE,
            min_size=ONE,
            min_notional=ONE,
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            can_short=False,
        )
        for base in bases
    }


def ranked(*names: str, market: str = "spot", top: int = 1_000_000) -> list[Liquidity]:
    """Symbols from the most traded to the least."""
    return [Liquidity(Symbol("binance", market, name), Decimal(top - at), ONE) for at, name in enumerate(names)]


BASES = [f"{letter}AA" for letter in "BCDEFGHKLM"]
NAMES = [f"{base}USDT" for base in BASES]


def first(order: Sequence[str] = NAMES, rules: UniverseRules = RULES) -> Choice:
    return choose(nothing_chosen("binance", "spot"), ranked(*order), listed(*BASES), rules=rules, held=(), now_ms=1000)


def following(before: Choice, order: Sequence[str], *held: Symbol, now_ms: int = 2000) -> Choice:
    return choose(before, ranked(*order), listed(*BASES), rules=RULES, held=held, now_ms=now_ms)


def names(symbols: Sequence[Symbol]) -> list[str]:
    return [symbol.name for symbol in symbols]


def test_the_most_traded_enter_and_the_rest_do_not() -> None:
    choice = first()
    assert names(choice.symbols) == NAMES[:5]
    assert names(choice.added) == sorted(NAMES[:5]) and choice.removed == () and choice.kept == ()
    assert [(member.rank, member.reason) for member in choice.members] == [(n, Reason.RANK) for n in range(1, 6)]


def test_a_symbol_leaves_past_the_leaving_rank_and_not_before() -> None:
    before = first()
    sixth = [*NAMES[:4], NAMES[5], NAMES[4], *NAMES[6:]]  # the fifth is now sixth, and six is where one still stays
    choice = following(before, sixth)
    assert names(choice.added) == [NAMES[5]] and choice.removed == ()
    assert choice.members[5].reason is Reason.HYSTERESIS and choice.members[5].since_ms == 1000
    seventh = [*NAMES[:4], NAMES[5], NAMES[6], NAMES[4], *NAMES[7:]]
    choice = following(before, seventh)
    assert [(left.symbol.name, left.reason, left.rank) for left in choice.left] == [(NAMES[4], Reason.FELL_BEHIND, 7)]


def test_two_symbols_that_trade_places_around_the_last_rank_change_nothing_more() -> None:
    swapped = [*NAMES[:4], NAMES[5], NAMES[4], *NAMES[6:]]
    choice = first()
    changes = 0
    for turn in range(10):
        choice = following(choice, swapped if turn % 2 else NAMES, now_ms=2000 + turn)
        changes += len(choice.added) + len(choice.removed)
    assert changes == 1 and len(choice.symbols) == 6


def test_a_held_symbol_never_leaves_whatever_becomes_of_it() -> None:
    before = first()
    held = spot(NAMES[0])
    last = [*NAMES[1:], NAMES[0]]
    choice = following(before, last, held)
    assert held in choice.symbols and choice.removed == ()
    assert next(m for m in choice.members if m.symbol == held).reason is Reason.HELD
    delisted = choose(before, ranked(*NAMES[1:]), listed(*BASES[1:]), rules=RULES, held=(held,), now_ms=3000)
    assert held in delisted.symbols and held not in delisted.removed
    let_go = following(delisted, last, now_ms=4000)
    assert names(let_go.removed) == [NAMES[0]]


def test_a_symbol_with_an_order_of_another_process_enters_although_it_was_never_chosen() -> None:
    stranger = spot(NAMES[9])
    choice = following(first(), NAMES, stranger)
    assert choice.added == (stranger,) and choice.members[-1].reason is Reason.HELD


def test_what_cannot_be_traded_or_is_no_crypto_is_passed_over_with_its_reason() -> None:
    bases = ["BTC", "ETH", "BTCUP", "ETHBEAR", "JUP", "FDUSD", "EUR", "XAU", "ADA", "ADA3L", "SOL"]
    instruments = listed(*bases) | listed("BTC", quote="TRY") | listed("SHIB", quote="USDC")
    order = [f"{base}USDT" for base in bases] + ["BTCTRY", "SHIBUSDC", "GONEUSDT"]
    rules = UniverseRules(size=20, min_quote_volume=ONE, excluded=("SOL",))
    choice = choose(nothing_chosen("binance", "spot"), ranked(*order), instruments, rules=rules, held=(), now_ms=1)
    assert names(choice.symbols) == ["BTCUSDT", "ETHUSDT", "JUPUSDT", "ADAUSDT", "SHIBUSDC"]
    assert choice.passed_over == {
        Reason.LEVERAGED: 3,
        Reason.STABLE_COIN: 1,
        Reason.NON_CRYPTO: 2,
        Reason.EXCLUDED: 1,
        Reason.QUOTE: 1,
        Reason.NOT_TRADABLE: 1,
    }


@pytest.mark.parametrize(
    ("base", "leveraged"), [("BTCUP", True), ("BTCDOWN", True), ("JUP", False), ("SYRUP", False), ("UP", False)]
)
def test_a_token_is_leveraged_only_if_what_it_multiplies_is_listed(base: str, leveraged: bool) -> None:
    assert is_leveraged(base, {"BTC", "ETH", base}) is leveraged


def test_a_thin_market_gives_fewer_symbols_than_asked() -> None:
    thin = ranked(*NAMES[:3]) + ranked(*NAMES[3:], top=999)
    before = choose(nothing_chosen("binance", "spot"), thin, listed(*BASES), rules=RULES, held=(), now_ms=1)
    assert names(before.symbols) == NAMES[:3]
    quieter = ranked(*NAMES[:2]) + ranked(NAMES[2], top=900) + ranked(*NAMES[3:], top=800)
    assert names(choose(before, quieter, listed(*BASES), rules=RULES, held=(), now_ms=2).symbols) == NAMES[:3]
    quiet = ranked(*NAMES[:2]) + ranked(NAMES[2], top=800) + ranked(*NAMES[3:], top=700)
    left = choose(before, quiet, listed(*BASES), rules=RULES, held=(), now_ms=3).left
    assert [(row.symbol.name, row.reason) for row in left] == [(NAMES[2], Reason.THIN)]


def test_the_same_name_on_spot_and_futures_is_two_symbols() -> None:
    rows = ranked(*NAMES) + ranked(*NAMES, market="usdm")
    instruments = listed(*BASES) | listed(*BASES, market="usdm")
    chosen = [
        choose(nothing_chosen("binance", market), rows, instruments, rules=RULES, held=(), now_ms=1).symbols
        for market in ("spot", "usdm")
    ]
    assert names(chosen[0]) == names(chosen[1]) and not set(chosen[0]) & set(chosen[1])


def test_an_answer_that_cannot_be_whole_changes_nothing() -> None:
    before = first()
    with pytest.raises(Retryable):
        choose(before, [], listed(*BASES), rules=RULES, held=(), now_ms=2)
    with pytest.raises(Retryable):
        choose(before, ranked(*NAMES[:2]), listed(*BASES[:2]), rules=RULES, held=(), now_ms=2)


def test_symbols_that_the_owner_names_are_followed_without_any_volume() -> None:
    rules = UniverseRules(size=0, named=(NAMES[8],))
    choice = choose(nothing_chosen("binance", "spot"), [], listed(*BASES), rules=rules, held=(), now_ms=1)
    assert names(choice.symbols) == [NAMES[8]] and choice.members[0].reason is Reason.NAMED


@pytest.mark.parametrize(
    "wrong", [{"size": -1}, {"leave_factor": Decimal("0.9")}, {"quotes": ()}, {"min_quote_volume": Decimal(-1)}]
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        UniverseRules(**wrong)  # type: ignore[arg-type]
