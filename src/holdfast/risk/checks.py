"""Every reason to refuse an entry: one small function each, in the order in which they are asked.

Lives here: the bracket, the size and its caps, and the table of checks. Must not live here: what becomes of
the answer (decide.py). A check returns None to pass, or the numbers it compared; it may rely on those before
it having passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from holdfast.model.instrument import Instrument
from holdfast.model.order import Side
from holdfast.model.signal import Signal
from holdfast.model.vote import Direction
from holdfast.risk.limits import Limits
from holdfast.risk.views import READY, AccountView, Exposure, Funds, MarketView

Numbers = dict[str, object]
_CASH_LEVERAGE = Decimal(1)


@dataclass(frozen=True)
class Case:
    """One signal on its way to an entry. What is derived is computed when the first check asks for it."""

    signal: Signal
    instrument: Instrument
    account: AccountView
    market: MarketView
    limits: Limits

    @property
    def sign(self) -> int:
        """+1 long, -1 short."""
        return int(self.signal.direction)

    @property
    def side(self) -> Side:
        return Side.BUY if self.signal.direction is Direction.LONG else Side.SELL

    @property
    def funds(self) -> Funds:
        return self.account.funds[self.instrument.quote]

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Open positions and pending entries alike: a pending entry counts as filled."""
        return self.account.positions + self.account.pending

    @cached_property
    def atr(self) -> Decimal:
        assert self.market.atr is not None, "the check for no_atr comes first"
        return self.market.atr

    @cached_property
    def stop(self) -> Decimal:
        """Rounded to the tick away from the entry: never inside the noise the stop was meant to stand outside
        of."""
        price = self.market.close - self.sign * self.limits.stop_atr * self.atr
        return self.instrument.round_price(price, up=self.sign < 0)

    @cached_property
    def target(self) -> Decimal:
        """Rounded to the tick towards the entry: the reward is never counted larger than it is."""
        price = self.market.close + self.sign * self.limits.target_atr * self.atr
        return self.instrument.round_price(price, up=self.sign < 0)

    @property
    def stop_distance(self) -> Decimal:
        return (self.market.close - self.stop) * self.sign

    @property
    def target_distance(self) -> Decimal:
        return (self.target - self.market.close) * self.sign

    @cached_property
    def size(self) -> Decimal:
        """The size that risks `risk_per_trade`, capped by every limit on size, rounded down to the step."""
        close = self.market.close
        size = self.funds.equity * self.limits.risk_per_trade / self.stop_distance
        size = min(size, self.funds.equity * self.limits.max_position_share / close)
        for room in ROOMS.values():
            left, _ = room(self)
            size = min(size, left / close)
        return self.instrument.round_size(size)

    def gross(self, counts: Callable[[Exposure], bool] = lambda held: True) -> Decimal:
        """Notional of the exposures in the same quote currency; other currencies are not converted by a
        guess."""
        quote = self.instrument.quote
        values = (held.notional for held in self.exposures if held.quote == quote and counts(held))
        return sum(values, Decimal(0))


# ---- room: how much notional a limit leaves, and the notional that has used it ----


def _exposure_room(case: Case) -> tuple[Decimal, Decimal]:
    used = case.gross()
    return case.funds.equity * case.limits.max_exposure_share - used, used


def _leverage_room(case: Case) -> tuple[Decimal, Decimal]:
    """A market that cannot be sold short is a cash market: there is nothing to borrow, so its leverage is at
    most 1."""
    used = case.gross()
    leverage = case.limits.max_leverage
    if not case.instrument.can_short:
        leverage = min(leverage, _CASH_LEVERAGE)
    return case.funds.equity * leverage - used, used


def _venue_room(case: Case) -> tuple[Decimal, Decimal]:
    used = case.gross(lambda held: held.symbol.venue == case.instrument.symbol.venue)
    return case.funds.equity * case.limits.max_venue_share - used, used


def _currency_room(case: Case) -> tuple[Decimal, Decimal]:
    used = case.gross(lambda held: held.base == case.instrument.base)
    return case.funds.equity * case.limits.max_currency_share - used, used


ROOMS: dict[str, Callable[[Case], tuple[Decimal, Decimal]]] = {
    "max_exposure": _exposure_room,
    "max_leverage": _leverage_room,
    "max_venue": _venue_room,
    "max_currency": _currency_room,
}


# ---- checks ----


def _pair_disabled(case: Case) -> Numbers | None:
    reason = case.account.disabled.get(case.signal.symbol)
    return None if reason is None else {"reason": reason}


def _entries_frozen(case: Case) -> Numbers | None:
    return {"reason": case.account.frozen_reason} if case.account.entries_frozen else None


def _series_not_ready(case: Case) -> Numbers | None:
    return {"trust": case.market.trust} if case.market.trust != READY else None


def _already_in_position(case: Case) -> Numbers | None:
    symbol = case.signal.symbol
    for held in (case.account.position_in(symbol), case.account.pending_in(symbol)):
        if held is not None and held.sign == case.sign:
            return {"size": held.size}
    return None


def _opposite_entry_pending(case: Case) -> Numbers | None:
    held = case.account.pending_in(case.signal.symbol)
    return {"size": held.size} if held is not None else None


def _short_not_possible(case: Case) -> Numbers | None:
    return {} if case.sign < 0 and not case.instrument.can_short else None


def _no_balance_in_quote(case: Case) -> Numbers | None:
    quote = case.instrument.quote
    return {"quote": quote} if quote not in case.account.funds else None


def _no_equity(case: Case) -> Numbers | None:
    return {"equity": case.funds.equity} if case.funds.equity <= 0 else None


def _daily_loss(case: Case) -> Numbers | None:
    loss, limit = case.funds.day_start - case.funds.equity, case.limits.daily_loss_share
    if loss > 0 and loss >= case.funds.day_start * limit:
        return {"loss": loss, "day_start": case.funds.day_start, "daily_loss_share": limit}
    return None


def _loss_streak(case: Case) -> Numbers | None:
    losses, last = case.account.consecutive_losses, case.account.last_loss_time_ms
    if losses < case.limits.max_consecutive_losses or last is None:
        return None
    resumes_at_ms = last + case.limits.pause_after_losses_ms
    if case.account.now_ms >= resumes_at_ms:
        return None
    return {
        "consecutive_losses": losses,
        "max_consecutive_losses": case.limits.max_consecutive_losses,
        "resumes_at_ms": resumes_at_ms,
    }


def _max_drawdown(case: Case) -> Numbers | None:
    fall, limit = case.funds.peak - case.funds.equity, case.limits.max_drawdown_share
    if fall > 0 and fall >= case.funds.peak * limit:
        return {"fall": fall, "peak": case.funds.peak, "max_drawdown_share": limit}
    return None


def _max_positions(case: Case) -> Numbers | None:
    count = len({held.symbol for held in case.exposures})
    if count >= case.limits.max_positions:
        return {"positions": count, "max_positions": case.limits.max_positions}
    return None


def _max_intents_per_bar(case: Case) -> Numbers | None:
    count = case.account.intents_this_bar
    if count >= case.limits.max_intents_per_bar:
        return {"intents": count, "max_intents_per_bar": case.limits.max_intents_per_bar}
    return None


def _max_correlation(case: Case) -> Numbers | None:
    """Counts exposures in the same direction that move with the candidate. An unknown correlation counts as
    1."""
    limit = float(case.limits.max_correlation)
    same_way = {held.symbol for held in case.exposures if held.sign == case.sign}
    known = case.market.correlations
    count = sum(not (symbol in known and known[symbol] <= limit) for symbol in same_way)
    if count >= case.limits.max_correlated_positions:
        return {
            "correlated": count,
            "max_correlated_positions": case.limits.max_correlated_positions,
            "max_correlation": case.limits.max_correlation,
        }
    return None


def _no_atr(case: Case) -> Numbers | None:
    atr = case.market.atr
    return {"atr": "none" if atr is None else atr} if atr is None or atr <= 0 else None


def _no_probability(case: Case) -> Numbers | None:
    p = case.signal.probability
    return {"probability": "none" if p is None else p} if p is None or not 0 <= p <= 1 else None


def _bracket_out_of_range(case: Case) -> Numbers | None:
    if case.stop > 0 and case.target > 0 and case.target_distance > 0:
        return None
    return {"stop": case.stop, "target": case.target, "close": case.market.close, "atr": case.atr}


def _reward_below_minimum(case: Case) -> Numbers | None:
    """Compares products, not a quotient. Only ticks that are coarse beside the ATR bring the ratio down."""
    minimum = case.limits.min_reward_to_risk
    if case.target_distance >= minimum * case.stop_distance:
        return None
    return {
        "target_distance": case.target_distance,
        "stop_distance": case.stop_distance,
        "min_reward_to_risk": minimum,
    }


def _edge_below_cost(case: Case) -> Numbers | None:
    """The expected move, target × p - stop × (1 - p), must be worth more than its round trip: taker fees both
    ways on the close price, and the whole spread. All in quote currency per base unit."""
    p = Decimal(repr(float(case.signal.probability or 0)))
    edge = case.target_distance * p - case.stop_distance * (1 - p)
    fees = 2 * case.instrument.taker_fee * case.market.close
    spread = 2 * case.market.half_spread
    if edge > case.limits.min_edge_ratio * (fees + spread):
        return None
    return {"edge": edge, "fees": fees, "spread": spread, "min_edge_ratio": case.limits.min_edge_ratio}


def _full(code: str) -> Callable[[Case], Numbers | None]:
    """The check that a limit on size has any room left; what is left caps the size."""

    def check(case: Case) -> Numbers | None:
        left, used = ROOMS[code](case)
        return {"used": used, "allowed": used + left} if left <= 0 else None

    return check


def _below_min_size(case: Case) -> Numbers | None:
    smallest = case.instrument.min_size
    if case.size > 0 and case.size >= smallest:
        return None
    return {"size": case.size, "min_size": smallest}


def _below_min_notional(case: Case) -> Numbers | None:
    notional = case.size * case.market.close
    if notional >= case.instrument.min_notional:
        return None
    return {"notional": notional, "min_notional": case.instrument.min_notional}


ENTRY_CHECKS: tuple[tuple[str, Callable[[Case], Numbers | None]], ...] = (
    ("pair_disabled", _pair_disabled),
    ("already_in_position", _already_in_position),
    ("opposite_entry_pending", _opposite_entry_pending),
    ("entries_frozen", _entries_frozen),
    ("series_not_ready", _series_not_ready),
    ("short_not_possible", _short_not_possible),
    ("no_balance_in_quote", _no_balance_in_quote),
    ("no_equity", _no_equity),
    ("max_drawdown", _max_drawdown),
    ("daily_loss", _daily_loss),
    ("loss_streak", _loss_streak),
    ("max_positions", _max_positions),
    ("max_intents_per_bar", _max_intents_per_bar),
    ("max_correlation", _max_correlation),
    ("no_atr", _no_atr),
    ("no_probability", _no_probability),
    ("bracket_out_of_range", _bracket_out_of_range),
    ("reward_below_minimum", _reward_below_minimum),
    ("edge_below_cost", _edge_below_cost),
    *((code, _full(code)) for code in ROOMS),
    ("below_min_size", _below_min_size),
    ("below_min_notional", _below_min_notional),
)
