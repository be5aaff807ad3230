"""Orders as the transactions of OANDA's log tell them, one transaction after the other. Pure: no request leaves here.

The log never says an order's whole state at once: an order is created, then filled or cancelled, and a stop or target
is promised by its entry, made by the entry's fill, and ended by the end of its trade. A `Tale` keeps what was said
before; what it does not know it names in `unknown_orders` and `unknown_trades`, to be read and noted first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from decimal import Decimal

import msgspec

from holdfast.model.order import OrderReport, OrderState
from holdfast.venues.oanda.errors import DUPLICATES
from holdfast.venues.oanda.fills import stranger
from holdfast.venues.oanda.wire import Extensions, OnFill, Order, Trade, Transaction, time_ms

_REMEMBERED = 20_000
_ZERO = Decimal(0)

# Orders by themselves, and orders that belong to a trade and have its size.
_OWN = frozenset({"MARKET_ORDER", "FIXED_PRICE_ORDER", "LIMIT_ORDER", "STOP_ORDER", "MARKET_IF_TOUCHED_ORDER"})
_OF_TRADE = frozenset(
    {"TAKE_PROFIT_ORDER", "STOP_LOSS_ORDER", "TRAILING_STOP_LOSS_ORDER", "GUARANTEED_STOP_LOSS_ORDER"}
)
_REJECTS = frozenset(f"{kind}_REJECT" for kind in _OWN | _OF_TRADE)
# Filled or cancelled in the same instant as it is created: its end is its first word.
_INSTANT = frozenset({"MARKET_ORDER", "FIXED_PRICE_ORDER", "MARKET", "FIXED_PRICE"})
# Known, and nothing that becomes of an order.
_IDLE = frozenset(
    {"CREATE", "CLOSE", "REOPEN", "CLIENT_CONFIGURE", "CLIENT_CONFIGURE_REJECT", "TRANSFER_FUNDS", "HEARTBEAT"}
    | {"TRANSFER_FUNDS_REJECT", "ORDER_CANCEL_REJECT", "ORDER_CLIENT_EXTENSIONS_MODIFY", "RESET_RESETTABLE_PL"}
    | {"ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT", "TRADE_CLIENT_EXTENSIONS_MODIFY", "MARGIN_CALL_ENTER"}
    | {"TRADE_CLIENT_EXTENSIONS_MODIFY_REJECT", "MARGIN_CALL_EXTEND", "MARGIN_CALL_EXIT", "DELAYED_TRADE_CLOSURE"}
    | {"DAILY_FINANCING", "DIVIDEND_ADJUSTMENT"}
)
_REPLACED = "CLIENT_REQUEST_REPLACED"


class Known(msgspec.Struct):
    """An order of the log. `attached`: the client ids of its stop and target, until it is filled or over."""

    number: int
    client_id: str
    size: Decimal
    time_ms: int
    state: OrderState = OrderState.WORKING
    filled: Decimal = _ZERO
    reason: str = ""
    reduce_only: bool = False
    instant: bool = False
    of_trade: bool = False
    attached: tuple[str, ...] = ()


class Tale:
    """`tell` takes transactions in their order and gives the reports that follow. `odd` counts unknown types."""

    def __init__(self, odd: Counter[str]) -> None:
        self._odd = odd
        self._orders: OrderedDict[int, Known] = OrderedDict()
        self._trades: OrderedDict[int, Decimal] = OrderedDict()
        self._replaced: dict[int, Known] = {}
        self._partial: dict[str, Known] = {}

    # ---- what has to be known first

    def unknown_order(self, said: Transaction) -> int | None:
        """The order that a fill or cancel speaks of and that nobody told of yet."""
        if said.type in ("ORDER_FILL", "ORDER_CANCEL") and int(said.order_id) not in self._orders:
            return int(said.order_id)
        return None

    def unknown_trade(self, said: Transaction | Order) -> int | None:
        """The trade whose size an order has."""
        of_trade = said.type in _OF_TRADE if isinstance(said, Transaction) else bool(said.trade_id)
        return int(said.trade_id) if of_trade and int(said.trade_id) not in self._trades else None

    def note_trade(self, trade: Trade) -> None:
        self._remember_trade(int(trade.id), trade.current_units or trade.initial_units)

    def note_order(self, order: Order) -> OrderReport:
        """Takes an order that was read; the report of it as it stands, as far as the order alone tells it."""
        extensions = order.client_extensions or Extensions()
        known = Known(
            number=int(order.id),
            client_id=extensions.id or stranger(int(order.id)),
            size=abs(order.units) if order.units is not None else self._trades.get(int(order.trade_id), _ZERO),
            time_ms=time_ms(order.create_time) if order.create_time else 0,
            reduce_only=order.position_fill == "REDUCE_ONLY",
            instant=order.type in _INSTANT,
            of_trade=bool(order.trade_id),
            attached=_ids((order.stop_loss_on_fill, order.take_profit_on_fill)),
        )
        if order.state not in ("PENDING", "FILLED", "TRIGGERED", "CANCELLED"):
            self._odd[f"order state {order.state}"] += 1
            known.state = OrderState.UNKNOWN
        self._remember(known)
        return _report(known)

    def held(self, order_id: int) -> list[OrderReport]:
        """The stop and target that an order at work will make."""
        known = self._orders[order_id]
        return [_leg_report(known, leg, OrderState.HELD) for leg in known.attached]

    # ---- what is told

    def tell(self, said: Transaction) -> list[OrderReport]:
        """The reports that follow from one transaction, each transaction being told once and in order."""
        if said.type in _OWN:
            return self._created(said)
        if said.type in _OF_TRADE:
            return [_report(self._made(said))]
        if said.type in _REJECTS:
            return self._rejected(said)
        if said.type == "ORDER_FILL":
            return self._filled(said)
        if said.type == "ORDER_CANCEL":
            return self._cancelled(said)
        if said.type not in _IDLE:
            self._odd[f"transaction {said.type}"] += 1
        return []

    def _created(self, said: Transaction) -> list[OrderReport]:
        known = Known(
            number=said.number,
            client_id=_client_id(said),
            size=abs(said.units or _ZERO),
            time_ms=time_ms(said.time),
            reduce_only=said.position_fill == "REDUCE_ONLY",
            instant=said.type in _INSTANT,
            attached=_ids(said.attached),
        )
        if (part := self._partial.pop(known.client_id, None)) is not None:
            # What was left of an order after a part of it was filled goes on as an order of its own.
            known.size, known.filled = part.size, part.filled
        told: list[OrderReport] = []
        before = self._replaced.pop(int(said.replaces_order_id), None)
        if before is not None and before.client_id != known.client_id:
            told.append(_ended(before, OrderState.CANCELLED, "replaced", known.time_ms))
        self._remember(known)
        if known.instant:
            return told
        return [*told, _report(known), *(_leg_report(known, leg, OrderState.HELD) for leg in known.attached)]

    def _made(self, said: Transaction) -> Known:
        """A stop or target that OANDA made for a trade."""
        known = Known(
            number=said.number,
            client_id=_client_id(said),
            size=self._trades.get(int(said.trade_id), _ZERO),
            time_ms=time_ms(said.time),
            reduce_only=True,
            of_trade=True,
        )
        self._replaced.pop(int(said.replaces_order_id), None)
        self._remember(known)
        return known

    def _rejected(self, said: Transaction) -> list[OrderReport]:
        if said.reject_reason in DUPLICATES or said.client_extensions is None:
            # The first order of this id lives, so that this is no word about it.
            return []
        known = Known(
            number=said.number,
            client_id=_client_id(said),
            size=abs(said.units or _ZERO),
            time_ms=time_ms(said.time),
            attached=_ids(said.attached),
        )
        self._remember(known)
        return self._end(known, OrderState.REJECTED, said.reject_reason.lower(), known.time_ms)

    def _filled(self, said: Transaction) -> list[OrderReport]:
        moment = time_ms(said.time)
        units = abs(said.units or _ZERO)
        if (opened := said.trade_opened) is not None:
            self._remember_trade(int(opened.trade_id), abs(opened.units))
        known = self._orders.get(int(said.order_id)) or self._never_seen(said, units)
        known.filled += units
        known.time_ms = moment
        if known.of_trade:
            known.size = known.filled
        told: list[OrderReport] = []
        if opened is None and known.attached:
            # It only lessened what there was, so that there is no trade to protect.
            told = [_leg_report(known, leg, OrderState.CANCELLED, "no_trade_opened") for leg in known.attached]
        known.attached = ()
        if known.filled >= known.size:
            known.state = OrderState.FILLED
        elif known.instant or known.reduce_only:
            # OANDA drops what is left of it: there was no more to take or to reduce.
            known.state, known.reason = OrderState.CANCELLED, "partly_filled"
        else:
            known.state = OrderState.PARTIAL
            self._partial[known.client_id] = known
        return [_report(known), *told]

    def _cancelled(self, said: Transaction) -> list[OrderReport]:
        moment = time_ms(said.time)
        known = self._orders.get(int(said.order_id)) or self._never_seen(said, _ZERO)
        if said.reason in DUPLICATES:
            # Its trade is open, by an order of the same id: that order's word counts, not this one's.
            del self._orders[known.number]
            return []
        if said.reason == _REPLACED:
            self._replaced[known.number] = known
            known.state = OrderState.CANCELLED
            return []
        expired = said.reason == "TIME_IN_FORCE_EXPIRED"
        return self._end(known, OrderState.EXPIRED if expired else OrderState.CANCELLED, said.reason.lower(), moment)

    def _end(self, known: Known, state: OrderState, reason: str, moment_ms: int) -> list[OrderReport]:
        """An order is over, and so is what it would have made."""
        self._partial.pop(known.client_id, None)
        legs, known.attached = known.attached, ()
        ended = _ended(known, state, reason, moment_ms)
        return [ended, *(_leg_report(known, leg, OrderState.CANCELLED, "entry_ended") for leg in legs)]

    def _never_seen(self, said: Transaction, units: Decimal) -> Known:
        """An order that OANDA no longer tells of."""
        known = Known(
            int(said.order_id), said.client_order_id or stranger(int(said.order_id)), units, time_ms(said.time)
        )
        self._remember(known)
        return known

    def _remember(self, known: Known) -> None:
        self._orders[known.number] = known
        if len(self._orders) > _REMEMBERED:
            self._orders.popitem(last=False)

    def _remember_trade(self, number: int, units: Decimal) -> None:
        self._trades[number] = abs(units)
        if len(self._trades) > _REMEMBERED:
            self._trades.popitem(last=False)


def _client_id(said: Transaction) -> str:
    extensions = said.client_extensions
    return extensions.id if extensions is not None and extensions.id else stranger(said.number)


def _ids(attached: tuple[OnFill | None, ...]) -> tuple[str, ...]:
    found = [one.client_extensions for one in attached if one is not None]
    return tuple(extensions.id for extensions in found if extensions is not None and extensions.id)


def _ended(known: Known, state: OrderState, reason: str, moment_ms: int) -> OrderReport:
    known.state, known.reason, known.time_ms = state, reason, moment_ms
    return _report(known)


def _report(known: Known) -> OrderReport:
    return OrderReport(
        client_order_id=known.client_id,
        venue_order_id=str(known.number),
        state=known.state,
        size=known.size,
        filled_size=known.filled,
        time_ms=known.time_ms,
        reason=known.reason,
    )


def _leg_report(entry: Known, leg: str, state: OrderState, reason: str = "") -> OrderReport:
    """A stop or target that is not an order at OANDA, or not yet."""
    return OrderReport(
        client_order_id=leg,
        venue_order_id="",
        state=state,
        size=entry.size,
        filled_size=_ZERO,
        time_ms=entry.time_ms,
        reason=reason,
    )
