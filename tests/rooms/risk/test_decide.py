"""From a signal to an intent, or to each refusal by its code."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from holdfast.model.errors import BadInput
from holdfast.model.instrument import Instrument
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, Side
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.risk.checks import ENTRY_CHECKS
from holdfast.risk.decide import REFUSALS, decide
from holdfast.risk.limits import Limits
from holdfast.risk.views import AccountView, Exposure, Funds, MarketView

BTC = Symbol("binance", "usdm", "BTCUSDT")
NOW = 1_700_000_000_000

SIGNAL = Signal(
    id="s1",
    symbol=BTC,
    timeframe=Timeframe.H1,
    bar_open_ms=NOW - 3_600_000,
    bar_close_ms=NOW,
    direction=Direction.LONG,
    probability=0.65,
    confidence=0.8,
    consensus=0.8,
    agreeing=("technical",),
    votes=(),
    close=30_000.0,
    atr=300.0,
    data_hash="h",
    policy="p",
    outcome="signal",
)
INSTRUMENT = Instrument(
    symbol=BTC,
    base="BTC",
    quote="USDT",
    price_tick=Decimal("0.1"),
    size_step=Decimal("0.001"),
    min_size=Decimal("0.001"),
    min_notional=Decimal("5"),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    can_short=True,
)
FULL = Funds(Decimal(10_000), Decimal(10_000), Decimal(10_000))
ACCOUNT = AccountView(account="main", now_ms=NOW, funds={"USDT": FULL})
MARKET = MarketView(close=Decimal(30_000), atr=Decimal(300), half_spread=Decimal("0.5"))
ROOMY = Limits(max_position_share=Decimal(50), max_exposure_share=Decimal(50), max_leverage=Decimal(50),
               max_venue_share=Decimal(50), max_currency_share=Decimal(50))  # fmt: skip


def intent_id(account: str, signal_id: str, leg: Leg) -> str:
    return f"{account}/{signal_id}/{leg.value}"


def ask(*, limits: Limits | None = None, **changes: dict[str, object]) -> Intent | Refusal | None:
    """Decides on the example with fields changed: `signal`, `instrument`, `account` and `market` are fields by name."""
    replace = msgspec.structs.replace
    return decide(
        replace(SIGNAL, **changes.get("signal", {})),
        replace(INSTRUMENT, **changes.get("instrument", {})),
        replace(ACCOUNT, **changes.get("account", {})),
        replace(MARKET, **changes.get("market", {})),
        limits or Limits(),
        intent_id=intent_id,
    )


def held(name: str, size: str, price: str = "100", base: str | None = None, venue: str = "binance") -> Exposure:
    symbol = Symbol(venue, "usdm", name)
    return Exposure(symbol, base or name.removesuffix("USDT"), "USDT", Decimal(size), Decimal(price))


SHORT = {"direction": Direction.SHORT}


def test_a_long_signal_becomes_an_entry_that_risks_half_a_percent() -> None:
    intent = ask(limits=ROOMY)
    assert intent == Intent(
        id="main/s1/entry",
        account="main",
        signal_id="s1",
        symbol=BTC,
        timeframe=Timeframe.H1,
        leg=Leg.ENTRY,
        side=Side.BUY,
        size=Decimal("0.111"),
        reference_price=Decimal(30_000),
        stop_price=Decimal(29_550),
        target_price=Decimal(30_900),
        risk_amount=Decimal("49.95"),
        decided_at_ms=NOW,
        expires_at_ms=NOW + 300_000,
    )


def test_a_short_signal_becomes_the_mirror_image() -> None:
    intent = ask(signal=SHORT, limits=ROOMY)
    assert isinstance(intent, Intent)
    assert (intent.side, intent.size) == (Side.SELL, Decimal("0.111"))
    assert (intent.stop_price, intent.target_price) == (Decimal(30_450), Decimal(29_100))


@pytest.mark.parametrize("direction", [Direction.LONG, Direction.SHORT])
def test_the_stop_is_rounded_away_from_the_entry_and_the_target_towards_it(direction: Direction) -> None:
    intent = ask(signal={"direction": direction}, market={"atr": Decimal("300.05")}, limits=ROOMY)
    assert isinstance(intent, Intent)
    assert intent.stop_price is not None and intent.target_price is not None
    assert abs(intent.stop_price - 30_000) == Decimal("450.1")  # 1.5 × 300.05 = 450.075
    assert abs(intent.target_price - 30_000) == Decimal("900.1")  # 3 × 300.05 = 900.15


@pytest.mark.parametrize(
    ("limits", "account", "instrument", "size"),
    [
        ({"max_position_share": Decimal("0.1")}, {}, {}, "0.033"),
        ({"max_exposure_share": Decimal("0.5"), "max_position_share": Decimal("0.5")},
         {"positions": (held("ETHUSDT", "-20"),), "pending": (held("XRPUSDT", "15"),)}, {}, "0.050"),
        ({"max_leverage": Decimal("0.2")}, {"positions": (held("ETHUSDT", "5"),)}, {}, "0.050"),
        ({}, {"positions": (held("ETHUSDT", "95"),)}, {"can_short": False}, "0.016"),
        ({"max_venue_share": Decimal("0.3"), "max_position_share": Decimal("0.3")},
         {"positions": (held("ETHUSDT", "20"), held("XRPUSDT", "90", venue="other"))}, {}, "0.033"),
        ({"max_currency_share": Decimal("0.3"), "max_position_share": Decimal("0.3")},
         {"positions": (held("ETHUSDT", "20"), held("BTCUSDC", "20", base="BTC"))}, {}, "0.033"),
    ],
)  # fmt: skip
def test_a_limit_with_something_left_caps_the_size(
    limits: dict[str, Decimal], account: dict[str, object], instrument: dict[str, object], size: str
) -> None:
    chosen = msgspec.structs.replace(ROOMY, **limits)
    correlations = dict.fromkeys((held("ETHUSDT", "1").symbol, held("BTCUSDC", "1").symbol), 0.0)
    intent = ask(limits=chosen, account=account, instrument=instrument, market={"correlations": correlations})
    assert isinstance(intent, Intent), intent
    assert intent.size == Decimal(size)


LOSING = {"consecutive_losses": 5, "last_loss_time_ms": NOW - 1_000}
FOUR_CURRENCIES = tuple(held(f"{name}USDT", "1") for name in ("ETH", "XRP", "ADA", "SOL"))
EXACTLY_FULL = tuple(held(f"{name}USDT", "20") for name in ("ETH", "XRP", "ADA", "SOL"))

REFUSED: dict[str, dict[str, object]] = {
    "signal_expired": {"account": {"now_ms": NOW + 300_001}},
    "close_pending": {
        "signal": SHORT,
        "account": {"positions": (held("BTCUSDT", "1", "30000"),), "closing": frozenset({BTC})},
    },
    "pair_disabled": {"account": {"disabled": {BTC: "ada: delisting"}}},
    "already_in_position": {"account": {"positions": (held("BTCUSDT", "0.01", "30000"),)}},
    "opposite_entry_pending": {"signal": SHORT, "account": {"pending": (held("BTCUSDT", "0.01", "30000"),)}},
    "entries_frozen": {"account": {"entries_frozen": True, "frozen_reason": "kill level 1"}},
    "series_not_ready": {"market": {"trust": "gap"}},
    "short_not_possible": {"signal": SHORT, "instrument": {"can_short": False}},
    "no_balance_in_quote": {"instrument": {"quote": "EUR"}},
    "no_equity": {"account": {"funds": {"USDT": Funds(Decimal(0), Decimal(0), Decimal(0))}}},
    "max_drawdown": {"account": {"funds": {"USDT": Funds(Decimal(9000), Decimal(10_000), Decimal(9000))}}},
    "daily_loss": {"account": {"funds": {"USDT": Funds(Decimal(9700), Decimal(10_000), Decimal(10_000))}}},
    "loss_streak": {"account": LOSING},
    "max_positions": {
        "account": {"positions": FOUR_CURRENCIES[:2], "pending": FOUR_CURRENCIES[2:3]},
        "limits": Limits(max_positions=3),
    },
    "max_intents_per_bar": {"account": {"intents_this_bar": 5}},
    "max_correlation": {
        "account": {"positions": FOUR_CURRENCIES},
        "market": {"correlations": {FOUR_CURRENCIES[0].symbol: 0.71, FOUR_CURRENCIES[1].symbol: 0.7}},
    },
    "no_atr": {"market": {"atr": None}},
    "no_probability": {"signal": {"probability": None}},
    "bracket_out_of_range": {"market": {"atr": Decimal(20_000)}},
    "reward_below_minimum": {"instrument": {"price_tick": Decimal(500)}},
    "edge_below_cost": {"signal": {"probability": 0.35}},
    "max_exposure": {"account": {"positions": EXACTLY_FULL}, "signal": SHORT},
    "max_leverage": {
        "account": {"positions": (held("ETHUSDT", "-100"),)},
        "instrument": {"can_short": False},
        "limits": ROOMY,
    },
    "max_venue": {
        "account": {"positions": (held("ETHUSDT", "-20"),)},
        "limits": msgspec.structs.replace(Limits(), max_venue_share=Decimal("0.2")),
    },
    "max_currency": {"account": {"positions": (held("BTCUSDC", "20", base="BTC"),)}},
    "below_min_size": {"instrument": {"min_size": Decimal("0.034")}},
    "below_min_notional": {"instrument": {"min_notional": Decimal("990.01")}},
}


@pytest.mark.parametrize("code", REFUSED)
def test_each_refusal_has_its_code_and_its_numbers(code: str) -> None:
    refusal = ask(**REFUSED[code])  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == code
    assert (refusal.account, refusal.signal_id, refusal.symbol, refusal.decided_at_ms) == (
        "main", "s1", BTC, ask_time(REFUSED[code]),
    )  # fmt: skip
    assert all(isinstance(number, str) for number in refusal.numbers.values())
    assert refusal.numbers or code == "short_not_possible"


def ask_time(changes: dict[str, object]) -> int:
    account = changes.get("account", {})
    assert isinstance(account, dict)
    return account.get("now_ms", NOW)


def test_every_refusal_is_named_has_words_and_is_tested() -> None:
    asked = ["signal_expired", "close_pending", *(code for code, _ in ENTRY_CHECKS)]
    assert list(REFUSALS) == asked
    assert set(REFUSED) == set(asked)


def test_the_numbers_of_a_refusal_are_plain_decimals() -> None:
    refusal = ask(**REFUSED["edge_below_cost"])  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal)
    # 900 × .35 - 450 × .65 = 22.5; fees 2 × .0005 × 30000 = 30; spread 1
    assert {name: Decimal(text) for name, text in refusal.numbers.items()} == {
        "edge": Decimal("22.5"),
        "fees": Decimal(30),
        "spread": Decimal(1),
        "min_edge_ratio": Decimal(1),
    }


@pytest.mark.parametrize(
    ("signal", "size", "side"), [({"direction": Direction.SHORT}, "0.0123456", Side.SELL), ({}, "-7", Side.BUY)]
)
def test_an_opposite_signal_closes_the_whole_position_through_every_limit_and_freeze(
    signal: dict[str, object], size: str, side: Side
) -> None:
    account = {
        "positions": (held("BTCUSDT", size, "30000"),),
        "entries_frozen": True,
        "frozen_reason": "kill level 1",
        "disabled": {BTC: "ada: delisting"},
        "funds": {"USDT": Funds(Decimal(-5), Decimal(10_000), Decimal(10_000))},
        **LOSING,
    }
    intent = ask(
        signal=signal, account=account, market={"trust": "stale", "atr": None}, instrument={"can_short": False}
    )
    assert isinstance(intent, Intent)
    assert (intent.leg, intent.side, intent.size) == (Leg.CLOSE, side, abs(Decimal(size)))
    assert (intent.stop_price, intent.target_price, intent.risk_amount) == (None, None, 0)
    assert intent.id == "main/s1/close"


def test_a_disabled_pair_says_so_before_anything_else_and_disables_no_other() -> None:
    stopped = {"entries_frozen": True, "frozen_reason": "kill level 1", "disabled": {BTC: "ada: delisting"}}
    refusal = ask(account={**stopped, "positions": (held("BTCUSDT", "0.01", "30000"),)})
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.numbers) == ("pair_disabled", {"reason": "ada: delisting"})
    assert ask(account={"disabled": {held("ETHUSDT", "1").symbol: "ada"}}) == ask()


@pytest.mark.parametrize("signal", [{"direction": Direction.NONE}, {"outcome": "too_few_heads"}])
def test_without_a_signal_nothing_is_decided(signal: dict[str, object]) -> None:
    assert ask(signal=signal) is None


def test_a_pause_after_losses_ends_by_itself_and_one_more_loss_renews_it() -> None:
    later = NOW + Limits().pause_after_losses_ms
    over = {"consecutive_losses": 5, "last_loss_time_ms": NOW, "now_ms": later}
    assert isinstance(ask(account=over, signal={"bar_close_ms": later}), Intent)
    renewed = {"consecutive_losses": 6, "last_loss_time_ms": later, "now_ms": later}
    refusal = ask(account=renewed, signal={"bar_close_ms": later})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "loss_streak"


def test_a_position_that_moves_otherwise_or_points_the_other_way_is_no_correlated_bet() -> None:
    unlike = {position.symbol: 0.7 for position in FOUR_CURRENCIES}
    assert isinstance(ask(account={"positions": FOUR_CURRENCIES}, market={"correlations": unlike}), Intent)
    assert isinstance(ask(account={"positions": FOUR_CURRENCIES}, signal=SHORT), Intent)


def test_an_unknown_correlation_counts_as_the_worst() -> None:
    unknown: dict[Symbol, float] = {position.symbol: float("nan") for position in FOUR_CURRENCIES[:1]}
    refusal = ask(account={"positions": FOUR_CURRENCIES}, market={"correlations": unknown})
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.numbers["correlated"]) == ("max_correlation", "4")


def test_what_is_held_against_another_currency_uses_up_none_of_this_one() -> None:
    elsewhere = Exposure(Symbol("binance", "usdm", "BTCUSDC"), "BTC", "USDC", Decimal(100), Decimal(30_000))
    quiet = {elsewhere.symbol: 0.0}
    assert ask(account={"positions": (elsewhere,)}, market={"correlations": quiet}) == ask()


def test_a_signal_and_an_instrument_of_two_symbols_are_a_mistake() -> None:
    with pytest.raises(BadInput, match="came with the instrument"):
        ask(instrument={"symbol": Symbol("binance", "spot", "BTCUSDT")})


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (
            lambda: MarketView(close=30_000.0, atr=None, half_spread=Decimal(0)),
            TypeError,
            "close is a float",
        ),
        (lambda: MarketView(close=Decimal(1), atr=1.5, half_spread=Decimal(0)), TypeError, "atr is a float"),
        (lambda: MarketView(close=Decimal(0), atr=None, half_spread=Decimal(0)), ValueError, "closes at 0"),
        (lambda: MarketView(close=Decimal("NaN"), atr=None, half_spread=Decimal(0)), ValueError, "close is NaN"),
        (lambda: Funds(Decimal(1), Decimal(1), 1.0), TypeError, "Funds.day_start is a float"),
        (lambda: held("BTCUSDT", "0"), ValueError, "has the size 0"),
        (lambda: AccountView(account="a", now_ms=0, funds={}, consecutive_losses=1), ValueError, "no time of the last"),
    ],
)
def test_an_inexact_or_impossible_view_cannot_be_made(
    make: Callable[[], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        make()


def test_a_signal_may_be_acted_on_to_the_last_millisecond_of_its_life() -> None:
    assert isinstance(ask(account={"now_ms": NOW + 300_000}), Intent)
