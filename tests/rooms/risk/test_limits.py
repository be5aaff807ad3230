"""The operator's limits: checked against each other, closed, and tightened only."""

from decimal import Decimal

import msgspec
import pytest

from holdfast.model.errors import BadInput
from holdfast.node.settings import read_settings
from holdfast.risk.limits import TIGHTER, Limits, Tighter, tighten


def read(values: dict[str, object]) -> Limits:
    return read_settings(None, {"limits": values}).limits


def test_the_defaults_hold_together() -> None:
    assert Limits().risk_per_trade == Decimal("0.005")
    assert read({}) == Limits()


def test_limits_are_read_from_numbers_and_from_strings_alike() -> None:
    limits = read({"risk_per_trade": 0.01, "max_exposure_share": "0.5", "max_positions": 4})
    found = (limits.risk_per_trade, limits.max_exposure_share, limits.max_positions)
    assert found == (Decimal("0.01"), Decimal("0.5"), 4)


def test_an_unknown_limit_is_refused_with_the_nearest_known_name() -> None:
    with pytest.raises(BadInput, match="Did you mean 'max_positions'"):
        read({"max_position": 4})
    with pytest.raises(BadInput, match="Known there: daily_loss_share, "):
        read({"zzz": 4})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"risk_per_trade": "much"}, r"not right: .* at `\$.limits.risk_per_trade`"),
        ({"max_positions": 2.5}, "Expected `int`, got `float`"),
        ({"risk_per_trade": "NaN"}, "not an exact number"),
        ({"risk_per_trade": 0}, "must be above 0"),
        ({"max_drawdown_share": 2}, "at most 1"),
        ({"max_positions": 0}, "at least 1"),
        ({"risk_per_trade": "0.04"}, "more than the loss of a day"),
        ({"daily_loss_share": "0.2"}, "before the day's limit could bind"),
        (
            {"max_position_share": "0.9", "max_currency_share": 1, "max_venue_share": 1},
            "larger than all of them together",
        ),
        ({"max_position_share": "0.3"}, "larger than its currency's share"),
        ({"max_venue_share": "0.05"}, "larger than its venue's share"),
        ({"max_positions": 2}, "more correlated positions than positions"),
        ({"target_atr": 2}, "every entry would be refused"),
    ],
)
def test_limits_at_odds_are_refused_with_the_reason(values: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(values)


def test_a_float_never_becomes_a_limit_unnoticed() -> None:
    with pytest.raises(BadInput, match="not an exact number"):
        Limits(risk_per_trade=0.005)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="not a whole number"):
        Limits(max_positions=True)


def test_every_limit_says_which_way_is_tighter() -> None:
    assert list(TIGHTER) == [field.name for field in msgspec.structs.fields(Limits)]


@pytest.mark.parametrize("name", TIGHTER)
def test_the_machine_tightens_a_limit_and_never_loosens_it(name: str) -> None:
    middle = Limits(min_edge_ratio=Decimal("1.2"), max_currency_share=Decimal("0.5"), daily_loss_share=Decimal("0.05"))
    value = getattr(middle, name)
    step = 1 if isinstance(value, int) else value / 100
    higher = msgspec.structs.replace(middle, **{name: value + step})
    lower = msgspec.structs.replace(middle, **{name: value - step})
    tighter, looser = (higher, lower) if TIGHTER[name] is Tighter.HIGHER else (lower, higher)
    with pytest.raises(BadInput, match=name):
        tighten(middle, looser)
    if TIGHTER[name] is Tighter.FIXED:
        with pytest.raises(BadInput, match=name):
            tighten(middle, tighter)
    else:
        assert tighten(middle, tighter) is tighter
    assert tighten(middle, middle) is middle
