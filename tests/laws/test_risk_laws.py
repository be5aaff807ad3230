"""Laws of risk: no accepted intent breaks a limit, and long and short are mirror images."""

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.instrument import Instrument
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg, Side
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.risk.decide import REFUSALS, decide
from holdfast.risk.limits import Limits
from holdfast.risk.views import AccountView, Exposure, Funds, MarketView

BTC = Symbol("binance", "usdm", "BTCUSDT")
NOW = 1_700_000_000_000
OTHERS = [Symbol(venue, "usdm", f"{base}USDT") for venue in ("binance", "other") for base in ("ETH", "BTCX", "XRP")]


def exact_numbers(low: int, high: int, places: int):
    return st.builds(lambda digits: Decimal(digits).scaleb(-places), st.integers(low, high))


def signal_of(direction: Direction, probability: float, close: Decimal) -> Signal:
    return Signal(
        id="s1",
        symbol=BTC,
        timeframe=Timeframe.H1,
        bar_open_ms=NOW - 3_600_000,
        bar_close_ms=NOW,
        direction=direction,
        probability=probability,
        confidence=0.8,
        consensus=0.8,
        agreeing=(),
        votes=(),
        close=float(close),
        atr=None,
        data_hash="h",
        policy="p",
        outcome="signal",
    )


instruments = st.builds(
    Instrument,
    symbol=st.just(BTC),
    base=st.sampled_from(["BTC", "BTCX"]),
    quote=st.just("USDT"),
    price_tick=st.sampled_from([Decimal(text) for text in ("0.01", "0.03", "0.5", "7")]),
    size_step=st.sampled_from([Decimal(text) for text in ("0.00001", "0.003", "0.7", "1")]),
    min_size=st.sampled_from([Decimal(text) for text in ("0", "0.003", "1")]),
    min_notional=st.sampled_from([Decimal(0), Decimal(10)]),
    maker_fee=st.just(Decimal(0)),
    taker_fee=exact_numbers(0, 20, 4),
    can_short=st.sampled_from([True, True, True, False]),
)
exposures = st.lists(
    st.builds(
        lambda symbol, quote, size, price: Exposure(
            symbol, symbol.name.removesuffix("USDT"), quote, size if size else Decimal(1), price
        ),
        st.sampled_from(OTHERS),
        st.sampled_from(["USDT", "USDT", "USDT", "EUR"]),
        exact_numbers(-500, 500, 2),
        exact_numbers(1, 20_000, 2),
    ),
    max_size=2,
    unique_by=lambda held: held.symbol,
)
limit_sets = st.builds(
    Limits,
    risk_per_trade=exact_numbers(1, 30, 3),
    max_positions=st.integers(3, 8),
    max_position_share=exact_numbers(1, 20, 2),
    max_exposure_share=exact_numbers(20, 400, 2),
    max_leverage=exact_numbers(1, 30, 1),
    max_venue_share=exact_numbers(20, 300, 2),
    max_currency_share=exact_numbers(20, 200, 2),
    max_correlation=exact_numbers(1, 100, 2),
    max_correlated_positions=st.integers(1, 3),
    min_edge_ratio=exact_numbers(0, 30, 1),
)
intact = st.builds(lambda equity: Funds(equity, equity, equity), exact_numbers(10**5, 10**8, 2))
dented = st.builds(
    lambda equity, fall, loss: Funds(equity, equity * (1 + fall), equity * (1 + loss)),
    exact_numbers(10**5, 10**8, 2),
    exact_numbers(0, 120, 3),
    exact_numbers(0, 35, 3),
)
funds = intact | dented
correlation_sets = st.fixed_dictionaries({symbol: st.floats(-1, 1) for symbol in OTHERS[1:]})
prices = exact_numbers(1_000, 5_000_000, 2)
atr_shares = exact_numbers(0, 300, 3)


def id_of(account: str, signal_id: str, leg: Leg) -> str:
    return f"{account}/{signal_id}/{leg.value}"


@given(
    instrument=instruments,
    limits=limit_sets,
    worth=funds,
    positions=exposures,
    pending=exposures,
    correlations=correlation_sets,
    close=prices,
    atr_share=atr_shares,
    half_spread=exact_numbers(0, 100, 3),
    probability=st.floats(0.3, 1),
    direction=st.sampled_from([Direction.LONG, Direction.SHORT]),
)
@settings(deadline=None, max_examples=400)
def test_an_accepted_entry_respects_every_limit(
    instrument, limits, worth, positions, pending, correlations, close, atr_share, half_spread, probability, direction
) -> None:
    account = AccountView(
        account="main", now_ms=NOW, funds={"USDT": worth}, positions=tuple(positions), pending=tuple(pending)
    )
    market = MarketView(close=close, atr=close * atr_share, half_spread=half_spread, correlations=correlations)
    answer = decide(signal_of(direction, probability, close), instrument, account, market, limits, intent_id=id_of)
    if isinstance(answer, Refusal):
        assert answer.code in REFUSALS
        return
    assert isinstance(answer, Intent)
    require_limits(answer, instrument, account, market, limits)
    require_edge(answer, instrument, market, limits, probability)


def require_limits(
    intent: Intent, instrument: Instrument, account: AccountView, market: MarketView, limits: Limits
) -> None:
    """Everything recomputed with fractions, from the intent and the raw inputs alone."""
    worth = account.funds["USDT"]
    equity, value = Fraction(worth.equity), Fraction(intent.size) * Fraction(intent.reference_price)
    held = [(e, abs(Fraction(e.size)) * Fraction(e.price)) for e in (*account.positions, *account.pending)]
    ours = [(e, notional) for e, notional in held if e.quote == "USDT"]
    assert intent.size > 0
    assert Fraction(intent.size) / Fraction(instrument.size_step) % 1 == 0
    assert intent.size >= instrument.min_size
    assert value >= instrument.min_notional
    assert value <= equity * Fraction(limits.max_position_share)
    gross = value + sum(notional for _, notional in ours)
    assert gross <= equity * Fraction(limits.max_exposure_share)
    assert gross <= equity * Fraction(limits.max_leverage)
    assert instrument.can_short or gross <= equity
    assert value + sum(n for e, n in ours if e.symbol.venue == "binance") <= equity * Fraction(limits.max_venue_share)
    assert value + sum(n for e, n in ours if e.base == instrument.base) <= equity * Fraction(limits.max_currency_share)
    assert len({e.symbol for e, _ in held}) < limits.max_positions
    sign = 1 if intent.side is Side.BUY else -1
    alike = {e.symbol for e, _ in held if e.size * sign > 0}
    alike = {symbol for symbol in alike if market.correlations.get(symbol, 1.0) > limits.max_correlation}
    assert len(alike) < limits.max_correlated_positions
    assert Fraction(worth.peak) - equity < Fraction(worth.peak) * Fraction(limits.max_drawdown_share)
    assert Fraction(worth.day_start) - equity < Fraction(worth.day_start) * Fraction(limits.daily_loss_share)
    assert sign > 0 or instrument.can_short
    assert intent.stop_price is not None
    at_stop = Fraction(intent.size) * abs(Fraction(intent.reference_price) - Fraction(intent.stop_price))
    assert at_stop <= equity * Fraction(limits.risk_per_trade)


def require_edge(
    intent: Intent, instrument: Instrument, market: MarketView, limits: Limits, probability: float
) -> None:
    assert intent.stop_price is not None and intent.target_price is not None
    sign = 1 if intent.side is Side.BUY else -1
    entry, stop, target = (Fraction(p) for p in (intent.reference_price, intent.stop_price, intent.target_price))
    risk, reward = (entry - stop) * sign, (target - entry) * sign
    atr, tick = Fraction(market.atr or 0), Fraction(instrument.price_tick)
    assert stop > 0 and target > 0
    assert stop / tick % 1 == 0 and target / tick % 1 == 0
    assert 0 <= risk - Fraction(limits.stop_atr) * atr < tick
    assert 0 <= Fraction(limits.target_atr) * atr - reward < tick
    assert reward >= Fraction(limits.min_reward_to_risk) * risk
    assert Fraction(intent.risk_amount) == Fraction(intent.size) * risk
    p = Fraction(repr(probability))
    cost = 2 * Fraction(instrument.taker_fee) * entry + 2 * Fraction(market.half_spread)
    assert reward * p - risk * (1 - p) > Fraction(limits.min_edge_ratio) * cost


@given(
    instrument=instruments,
    limits=limit_sets,
    positions=exposures,
    correlations=correlation_sets,
    ticks=st.integers(100, 100_000),
    atr=exact_numbers(1, 200_000, 3),
    probability=st.floats(0.4, 1),
)
@settings(deadline=None, max_examples=200)
def test_mirrored_at_its_close_a_long_is_a_short_of_the_same_size_and_distances(
    instrument, limits, positions, correlations, ticks, atr, probability
) -> None:
    instrument = msgspec.structs.replace(instrument, can_short=True)
    close = ticks * instrument.price_tick
    market = MarketView(close=close, atr=min(atr, close / 4), half_spread=Decimal(0), correlations=correlations)
    worth = Funds(Decimal(100_000), Decimal(100_000), Decimal(100_000))
    flipped = tuple(msgspec.structs.replace(held, size=-held.size) for held in positions)
    answers = [
        decide(
            signal_of(direction, probability, close),
            instrument,
            AccountView(account="main", now_ms=NOW, funds={"USDT": worth}, positions=tuple(held)),
            market,
            limits,
            intent_id=id_of,
        )
        for direction, held in ((Direction.LONG, positions), (Direction.SHORT, flipped))
    ]
    require_mirrored(*answers, close, close)


@given(
    instrument=instruments,
    ticks=st.tuples(st.integers(10_000, 100_000), st.integers(10_000, 100_000)),
    atr_ticks=st.integers(30, 2_000),
    worth=exact_numbers(10**6, 10**9, 2),
)
@settings(deadline=None, max_examples=200)
def test_mirrored_about_any_price_what_only_the_stop_sizes_stays_the_same(instrument, ticks, atr_ticks, worth) -> None:
    """Caps by value see another price after mirroring, so they are out of reach here."""
    instrument = msgspec.structs.replace(instrument, can_short=True, taker_fee=Decimal(0), min_notional=Decimal(0))
    roomy = Limits(
        max_position_share=Decimal(100),
        max_exposure_share=Decimal(100),
        max_leverage=Decimal(100),
        max_venue_share=Decimal(100),
        max_currency_share=Decimal(100),
    )
    closes = [count * instrument.price_tick for count in ticks]
    answers = [
        decide(
            signal_of(direction, 0.6, close),
            instrument,
            AccountView(account="main", now_ms=NOW, funds={"USDT": Funds(worth, worth, worth)}),
            MarketView(close=close, atr=atr_ticks * instrument.price_tick, half_spread=Decimal(0)),
            roomy,
            intent_id=id_of,
        )
        for direction, close in zip((Direction.LONG, Direction.SHORT), closes, strict=True)
    ]
    require_mirrored(*answers, *closes)


def require_mirrored(long, short, long_close: Decimal, short_close: Decimal) -> None:
    if isinstance(long, Refusal):
        assert isinstance(short, Refusal)
        assert short.code == long.code
        return
    assert (long.side, short.side) == (Side.BUY, Side.SELL)
    assert long.size == short.size
    assert long.risk_amount == short.risk_amount
    assert long_close - long.stop_price == short.stop_price - short_close > 0
    assert long.target_price - long_close == short_close - short.target_price > 0
