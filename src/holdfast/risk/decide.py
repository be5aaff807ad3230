"""One signal becomes an intent, or a refusal with its reason, or nothing when there was no signal.

Lives here: the order of the questions, and the words of every refusal. Must not live here: the questions
themselves (checks.py), order ids (they are handed in), or anything that remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

from holdfast.model.errors import BadInput
from holdfast.model.instrument import Instrument
from holdfast.model.intent import Intent, Refusal
from holdfast.model.order import Leg
from holdfast.model.signal import Signal
from holdfast.model.vote import Direction
from holdfast.risk.checks import ENTRY_CHECKS, Case, Numbers
from holdfast.risk.limits import Limits
from holdfast.risk.views import AccountView, Exposure, MarketView

IntentId = Callable[[str, str, Leg], str]

# Products stay exact; the one quotient, a size, is cut and so never above what the limit allows.
_CONTEXT = Context(prec=100, rounding=ROUND_DOWN, traps=[InvalidOperation, DivisionByZero, Overflow])

REFUSALS: dict[str, str] = {
    "signal_expired": "The signal is older than intent_ttl_ms.",
    "close_pending": "A close of this position is already under way.",
    "pair_disabled": "An operator has disabled the symbol; it is closed and protected as before.",
    "already_in_position": "A position or a pending entry in this symbol has the same direction.",
    "opposite_entry_pending": "An entry in the other direction is still pending.",
    "entries_frozen": "Entries in every symbol are frozen.",
    "series_not_ready": "The candle series is not trusted.",
    "short_not_possible": "The market cannot be sold short, and there is no position to close.",
    "no_balance_in_quote": "The account has no balance in the symbol's quote currency.",
    "no_equity": "The account's equity in the quote currency is zero or less.",
    "max_drawdown": "Equity has fallen from its peak by max_drawdown_share or more.",
    "daily_loss": "The loss since the start of the day is daily_loss_share or more.",
    "loss_streak": "max_consecutive_losses round trips lost in a row, less than pause_after_losses_ms ago.",
    "max_positions": "max_positions symbols are held or pending.",
    "max_intents_per_bar": "max_intents_per_bar entries were decided at this bar already.",
    "max_correlation": "max_correlated_positions in the same direction move with this symbol.",
    "no_atr": "There is no average true range to place a stop by.",
    "no_probability": "The signal states no probability.",
    "bracket_out_of_range": "The stop or the target is not a possible price.",
    "reward_below_minimum": "Rounded to ticks, reward to risk is below min_reward_to_risk.",
    "edge_below_cost": "The expected move does not pay fees and spread min_edge_ratio times.",
    "max_exposure": "max_exposure_share of equity is in use.",
    "max_leverage": "Gross notional has reached max_leverage (1 on a cash market).",
    "max_venue": "max_venue_share of equity is in use at this venue.",
    "max_currency": "max_currency_share of equity is in use in this base currency.",
    "below_min_size": "The size within all limits is below the venue's smallest.",
    "below_min_notional": "The value within all limits is below the venue's smallest.",
}


def decide(
    signal: Signal,
    instrument: Instrument,
    account: AccountView,
    market: MarketView,
    limits: Limits,
    *,
    intent_id: IntentId,
) -> Intent | Refusal | None:
    """What the account does about `signal`: an entry, the close of an opposite position, a refusal (its code
    is one of REFUSALS), or None when the signal has no direction.

    `intent_id(account, signal_id, leg)` names the intent, always the same for the same three. A close passes
    every limit and every freeze: it can only lower the risk. Raises BadInput when signal and instrument are
    of two symbols.
    """
    if signal.symbol != instrument.symbol:
        raise BadInput(f"A signal on {signal.symbol} came with the instrument {instrument.symbol}.")
    if signal.direction is Direction.NONE or signal.outcome != "signal":
        return None
    case = Case(signal, instrument, account, market, limits)
    with localcontext(_CONTEXT):
        age_ms = account.now_ms - signal.bar_close_ms
        if age_ms > limits.intent_ttl_ms:
            return _refuse(case, "signal_expired", {"age_ms": age_ms, "intent_ttl_ms": limits.intent_ttl_ms})
        held = account.position_in(signal.symbol)
        if held is not None and held.sign != case.sign:
            return _close(case, held, intent_id)
        for code, check in ENTRY_CHECKS:
            numbers = check(case)
            if numbers is not None:
                return _refuse(case, code, numbers)
        return _enter(case, intent_id)


def _enter(case: Case, intent_id: IntentId) -> Intent:
    return Intent(
        id=intent_id(case.account.account, case.signal.id, Leg.ENTRY),
        account=case.account.account,
        signal_id=case.signal.id,
        symbol=case.signal.symbol,
        timeframe=case.signal.timeframe,
        leg=Leg.ENTRY,
        side=case.side,
        size=case.size,
        reference_price=case.market.close,
        stop_price=case.stop,
        target_price=case.target,
        risk_amount=case.size * case.stop_distance,
        decided_at_ms=case.account.now_ms,
        expires_at_ms=case.signal.bar_close_ms + case.limits.intent_ttl_ms,
    )


def _close(case: Case, held: Exposure, intent_id: IntentId) -> Intent | Refusal:
    """Closes the whole position. The opposite one is for a later signal to open, from flat."""
    if case.signal.symbol in case.account.closing:
        return _refuse(case, "close_pending", {"size": held.size})
    return Intent(
        id=intent_id(case.account.account, case.signal.id, Leg.CLOSE),
        account=case.account.account,
        signal_id=case.signal.id,
        symbol=case.signal.symbol,
        timeframe=case.signal.timeframe,
        leg=Leg.CLOSE,
        side=case.side,
        size=abs(held.size),
        reference_price=case.market.close,
        stop_price=None,
        target_price=None,
        risk_amount=Decimal(0),
        decided_at_ms=case.account.now_ms,
        expires_at_ms=case.signal.bar_close_ms + case.limits.intent_ttl_ms,
    )


def _refuse(case: Case, code: str, numbers: Numbers) -> Refusal:
    return Refusal(
        code=code,
        account=case.account.account,
        signal_id=case.signal.id,
        symbol=case.signal.symbol,
        timeframe=case.signal.timeframe,
        side=case.side,
        decided_at_ms=case.account.now_ms,
        numbers={name: _plain(value) for name, value in numbers.items()},
    )


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
