"""An account: what it has, what of that is held for open orders, and its positions as lots. Exact, no protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from holdfast.model.order import Side
from holdfast.sim.exchange.order import ZERO, LotChange

# An average price is rounded once, when a position grows, so that every sum made from it is exact.
_AVERAGE_STEP = Decimal("1e-10")


class Lot(msgspec.Struct, frozen=True):
    """An open piece: the number of the trade that opened it, signed size, price."""

    id: int
    size: Decimal
    price: Decimal


class Position(msgspec.Struct, frozen=True):
    """Open lots of one symbol (all of one sign), and what was realised so far, in quote currency before fees."""

    lots: tuple[Lot, ...] = ()
    realised: Decimal = ZERO
    changed_ms: int = 0

    @property
    def size(self) -> Decimal:
        return sum((lot.size for lot in self.lots), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((lot.size * lot.price for lot in self.lots), ZERO)

    @property
    def entry_price(self) -> Decimal:
        """The average price of the open lots; 0 when flat."""
        return _average(self.cost, self.size) if self.lots else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        return self.size * mark - self.cost

    def traded(
        self, trade_id: int, signed_size: Decimal, price: Decimal, *, fifo: bool, first_lot: int | None, time_ms: int
    ) -> tuple[Position, tuple[LotChange, ...]]:
        """This position after a trade, and what happened to its lots."""
        left, lots, changes = signed_size, list(self.lots), []
        if first_lot is not None:
            lots.sort(key=lambda lot: lot.id != first_lot)
        kept: list[Lot] = []
        for lot in lots:
            if left and lot.size * left < 0:
                closed = min(abs(lot.size), abs(left)).copy_sign(lot.size)
                realised = (price - lot.price) * closed
                changes.append(LotChange(lot.id, closed, lot.price, realised, opened=False))
                left += closed
                if lot.size != closed:
                    kept.append(Lot(lot.id, lot.size - closed, lot.price))
            else:
                kept.append(lot)
        kept.sort(key=lambda lot: lot.id)
        if left:
            changes.append(LotChange(trade_id, left, price, ZERO, opened=True))
            kept.append(Lot(trade_id, left, price))
            if not fifo and len(kept) > 1:
                size = sum((lot.size for lot in kept), ZERO)
                kept = [Lot(kept[0].id, size, _average(sum((lot.size * lot.price for lot in kept), ZERO), size))]
        realised = self.realised + sum((change.realised for change in changes), ZERO)
        return Position(tuple(kept), realised, time_ms), tuple(changes)


def _average(cost: Decimal, size: Decimal) -> Decimal:
    return (cost / size).quantize(_AVERAGE_STEP, ROUND_HALF_EVEN)


@dataclass(slots=True)
class Account:
    """`totals` per asset, held amounts included. A hold belongs to an order under a key (its group, or itself): orders
    of one key share one hold, the largest of theirs, because at most one of them trades."""

    name: str
    totals: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    leverage: dict[str, int] = field(default_factory=dict)
    hedged: bool = False
    default_leverage: int = 20
    changed_ms: int = 0
    _holds: dict[str, dict[int, tuple[str, Decimal]]] = field(default_factory=dict)
    _locked: dict[str, Decimal] = field(default_factory=dict)

    def total(self, asset: str) -> Decimal:
        return self.totals.get(asset, ZERO)

    def locked(self, asset: str) -> Decimal:
        """What open orders hold of an asset."""
        return self._locked.get(asset, ZERO)

    def free(self, asset: str) -> Decimal:
        return self.total(asset) - self.locked(asset)

    def add(self, asset: str, amount: Decimal) -> None:
        self.totals[asset] = self.total(asset) + amount

    def hold(self, key: str, order_id: int, asset: str, amount: Decimal) -> None:
        """Sets what an order holds; it replaces what it held."""
        self._count(key, -1)
        self._holds.setdefault(key, {})[order_id] = (asset, amount)
        self._count(key, 1)

    def release(self, key: str, order_id: int) -> None:
        """Gives back what an order held, if anything."""
        if (holds := self._holds.get(key)) is not None:
            self._count(key, -1)
            holds.pop(order_id, None)
            if holds:
                self._count(key, 1)
            else:
                del self._holds[key]

    def _count(self, key: str, sign: int) -> None:
        """Adds (or with -1 takes away) a key's holds to the sums, which are kept because every order asks for them."""
        for asset in {asset for asset, _ in self._holds.get(key, {}).values()}:
            self._locked[asset] = self.locked(asset) + sign * self.held_under(key, asset)

    def held_under(self, key: str, asset: str) -> Decimal:
        """The hold of a key, of one asset."""
        return _share(self._holds.get(key, {}), asset)

    def position(self, symbol: str, side: str = "") -> Position:
        return self.positions.get((symbol, side), Position())

    def leverage_of(self, symbol: str) -> int:
        return self.leverage.get(symbol, self.default_leverage)

    def margin_in_use(self, marks: Mapping[str, Decimal]) -> Decimal:
        """The initial margin of all open positions at these marks."""
        return sum(
            (
                abs(position.size) * marks[symbol] / self.leverage_of(symbol)
                for (symbol, _), position in self.positions.items()
                if position.lots
            ),
            ZERO,
        )

    def unrealised(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Profit or loss of all open positions at these marks, in quote currency."""
        return sum(
            (position.unrealised(marks[symbol]) for (symbol, _), position in self.positions.items() if position.lots),
            ZERO,
        )


def _share(holds: Mapping[int, tuple[str, Decimal]], asset: str) -> Decimal:
    return max((amount for held, amount in holds.values() if held == asset), default=ZERO)


def signed(side: Side, size: Decimal) -> Decimal:
    """The size with the sign of the side."""
    return size if side is Side.BUY else -size
