"""The operator's limits: what they are, what they may be, and which way is tighter.

Lives here: values, their defaults, and the checks of one against another. Must not live here: how a limit is
applied (checks.py), or any way for the machine to loosen one.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from holdfast.model.errors import BadInput


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one account. A share is a fraction of the equity in the traded symbol's quote currency (0.1 =
    10 %); an `_atr` is a multiple of the average true range; `_ms` is milliseconds. docs/risk.md says what
    each one does.

    Raises BadInput, with the reason, for a value out of range or at odds with another one.
    """

    risk_per_trade: Decimal = Decimal("0.005")
    stop_atr: Decimal = Decimal("1.5")
    target_atr: Decimal = Decimal("3.0")
    min_reward_to_risk: Decimal = Decimal("1.5")
    min_edge_ratio: Decimal = Decimal("1.0")
    max_positions: int = 10
    max_position_share: Decimal = Decimal("0.10")
    max_exposure_share: Decimal = Decimal("0.80")
    max_leverage: Decimal = Decimal("3")
    max_venue_share: Decimal = Decimal("0.80")
    max_currency_share: Decimal = Decimal("0.20")
    max_correlation: Decimal = Decimal("0.7")
    max_correlated_positions: int = 3
    daily_loss_share: Decimal = Decimal("0.03")
    max_consecutive_losses: int = 5
    pause_after_losses_ms: int = 86_400_000
    max_drawdown_share: Decimal = Decimal("0.10")
    intent_ttl_ms: int = 300_000
    max_intents_per_bar: int = 5

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _check_value(name, getattr(self, name))
        for smaller, larger, reason in _ORDERED:
            if getattr(self, smaller) > getattr(self, larger):
                raise BadInput(
                    f"{smaller} = {getattr(self, smaller)} is more than {larger} = {getattr(self, larger)}: {reason}.",
                    f"Lower {smaller} or raise {larger}.",
                )
        if self.target_atr < self.min_reward_to_risk * self.stop_atr:
            raise BadInput(
                f"target_atr = {self.target_atr} over stop_atr = {self.stop_atr} is less than "
                f"min_reward_to_risk = {self.min_reward_to_risk}: every entry would be refused.",
                "Raise target_atr, or lower stop_atr or min_reward_to_risk.",
            )


class Tighter(Enum):
    """Which way a limit is tightened. FIXED: it is the shape of a trade, neither tight nor loose."""

    LOWER = "lower"
    HIGHER = "higher"
    FIXED = "fixed"


TIGHTER: dict[str, Tighter] = {
    "risk_per_trade": Tighter.LOWER,
    "stop_atr": Tighter.FIXED,
    "target_atr": Tighter.FIXED,
    "min_reward_to_risk": Tighter.HIGHER,
    "min_edge_ratio": Tighter.HIGHER,
    "max_positions": Tighter.LOWER,
    "max_position_share": Tighter.LOWER,
    "max_exposure_share": Tighter.LOWER,
    "max_leverage": Tighter.LOWER,
    "max_venue_share": Tighter.LOWER,
    "max_currency_share": Tighter.LOWER,
    "max_correlation": Tighter.LOWER,
    "max_correlated_positions": Tighter.LOWER,
    "daily_loss_share": Tighter.LOWER,
    "max_consecutive_losses": Tighter.LOWER,
    "pause_after_losses_ms": Tighter.HIGHER,
    "max_drawdown_share": Tighter.LOWER,
    "intent_ttl_ms": Tighter.LOWER,
    "max_intents_per_bar": Tighter.LOWER,
}

# name: (lowest, highest). The lowest of a Decimal is not allowed itself, unless it is listed in _FROM_ZERO.
_RANGE: dict[str, tuple[int, int]] = {
    "risk_per_trade": (0, 1),
    "stop_atr": (0, 100),
    "target_atr": (0, 1000),
    "min_reward_to_risk": (0, 100),
    "min_edge_ratio": (0, 1000),
    "max_positions": (1, 10_000),
    "max_position_share": (0, 100),
    "max_exposure_share": (0, 100),
    "max_leverage": (0, 100),
    "max_venue_share": (0, 100),
    "max_currency_share": (0, 100),
    "max_correlation": (0, 1),
    "max_correlated_positions": (1, 10_000),
    "daily_loss_share": (0, 1),
    "max_consecutive_losses": (1, 10_000),
    "pause_after_losses_ms": (0, 31_536_000_000),
    "max_drawdown_share": (0, 1),
    "intent_ttl_ms": (1, 86_400_000),
    "max_intents_per_bar": (1, 10_000),
}
_FROM_ZERO = frozenset({"min_edge_ratio", "pause_after_losses_ms"})
_WHOLE = frozenset(field.name for field in msgspec.structs.fields(Limits) if field.type is int)

_ORDERED = (
    ("risk_per_trade", "daily_loss_share", "one stopped trade would spend more than the loss of a day"),
    ("daily_loss_share", "max_drawdown_share", "the account would stop for good before the day's limit could bind"),
    ("max_position_share", "max_exposure_share", "one position may not be larger than all of them together"),
    ("max_position_share", "max_venue_share", "one position may not be larger than its venue's share"),
    ("max_position_share", "max_currency_share", "one position may not be larger than its currency's share"),
    ("max_correlated_positions", "max_positions", "there cannot be more correlated positions than positions"),
)


def tighten(current: Limits, proposed: Limits) -> Limits:
    """`proposed`, if no limit in it is looser than in `current`: the only way in which a program may change limits.
    Raises BadInput naming every limit that would be loosened or, where neither way is tighter, changed."""
    loosened = [
        f"{name} from {getattr(current, name)} to {getattr(proposed, name)}"
        for name, way in TIGHTER.items()
        if _loosens(way, getattr(current, name), getattr(proposed, name))
    ]
    if loosened:
        raise BadInput(
            f"Limits may be tightened here, never loosened: {'; '.join(loosened)}.",
            "Only the operator loosens a limit, in the settings.",
        )
    return proposed


def _loosens(way: Tighter, current: Decimal | int, proposed: Decimal | int) -> bool:
    if way is Tighter.LOWER:
        return proposed > current
    if way is Tighter.HIGHER:
        return proposed < current
    return proposed != current


def _check_value(name: str, value: object) -> None:
    if name in _WHOLE:
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(f"{name} = {value!r} is not a whole number.", "Write it without a fraction.")
    elif not isinstance(value, Decimal) or not value.is_finite():
        raise BadInput(f"{name} = {value!r} is not an exact number.", "Write it as a decimal, for example '0.1'.")
    low, high = _RANGE[name]
    open_below = name not in _WHOLE and name not in _FROM_ZERO
    assert isinstance(value, int | Decimal)
    if value < low or value > high or (open_below and value == low):
        bound = "above" if open_below else "at least"
        raise BadInput(f"{name} = {value} is out of range.", f"It must be {bound} {low} and at most {high}.")
