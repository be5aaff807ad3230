"""The parameters of one request, read by name and type; what is wrong with them is said in Binance's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from holdfast.model.order import Side
from holdfast.sim.twins.binance.errors import ApiError, illegal, missing

_DECIMAL = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_SYMBOL = re.compile(r"^[A-Z0-9\-_.]{1,50}$")
_MICROSECONDS_FROM = 10**14


class Parameters:
    """Texts by name; an empty one counts as not sent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = {name: value for name, value in values.items() if value != ""}

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """A text that must be there."""
        if (value := self.values.get(name)) is None:
            raise missing(name)
        return value

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def choice(self, name: str, known: Mapping[str, object] | frozenset[str], error: ApiError) -> str:
        """A word that must be there and be one of those known."""
        if (value := self.text(name)) not in known:
            raise error
        return value

    def side(self, name: str = "side") -> Side:
        word = self.choice(name, frozenset({"BUY", "SELL"}), ApiError(-1117, "Invalid side."))
        return Side.BUY if word == "BUY" else Side.SELL

    def symbol(self) -> str:
        """The symbol; whether it is listed is for the exchange to say."""
        value = self.text("symbol")
        if not _SYMBOL.match(value):
            raise illegal("symbol", "^[A-Z0-9-_.]{1,20}$")
        return value

    def decimal(self, name: str, *, digits: int = 8) -> Decimal | None:
        """An exact number, None when it was not sent; -1100 for anything else, -1111 for too many digits."""
        if (value := self.values.get(name)) is None:
            return None
        if not _DECIMAL.match(value):
            raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        number = Decimal(value)
        if number != number.quantize(Decimal(10) ** -digits):
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return number

    def required_decimal(self, name: str, *, digits: int = 8) -> Decimal:
        if (number := self.decimal(name, digits=digits)) is None:
            raise missing(name)
        return number

    def integer(self, name: str, default: int | None = None) -> int | None:
        if (value := self.values.get(name)) is None:
            return default
        if not value.isdigit():
            raise illegal(name, "^[0-9]{1,20}$")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """How many are wanted; more than the venue gives is cut."""
        return min(self.integer("limit", default) or default, most)

    def boolean(self, name: str) -> bool:
        value = self.get(name, "false").lower()
        if value not in ("true", "false"):
            raise illegal(name, "^(true|false)$")
        return value == "true"

    def time(self, name: str) -> int | None:
        """A moment in ms; microseconds are understood too."""
        value = self.integer(name)
        return value // 1000 if value is not None and value >= _MICROSECONDS_FROM else value

    def client_id(self, name: str) -> str:
        """A client's id for an order, '' when it was not sent."""
        value = self.get(name)
        if value and not _CLIENT_ID.match(value):
            raise illegal(name, "^[a-zA-Z0-9-_]{1,36}$")
        return value
