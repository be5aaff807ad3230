"""The shapes of what OANDA answers and streams, as far as holdfast reads them. Pure: bytes in, values out.

A field that we do not know is passed over. Numbers come as texts and stay exact; times come as seconds with nine
decimals or as RFC 3339, and are read to the millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.model.errors import Retryable

# OANDA writes the number of a transaction, an order or a trade as a text, and older servers as a number.
Id = str | int


def oanda_name(name: str) -> str:
    """order_id → orderID, trades_closed → tradesClosed."""
    first, *rest = name.split("_")
    capital = {"id": "ID", "ids": "IDs"}
    return first + "".join(capital.get(part, part.capitalize()) for part in rest)


class Extensions(msgspec.Struct, frozen=True):
    """What a client hung on an order or a trade."""

    id: str = ""
    tag: str = ""


class OnFill(msgspec.Struct, frozen=True, rename=oanda_name):
    """A stop or target that OANDA makes when its order is filled."""

    price: Decimal | None = None
    client_extensions: Extensions | None = None


class Piece(msgspec.Struct, frozen=True, rename=oanda_name):
    """One trade that a fill opened, reduced or closed, and at which price."""

    trade_id: Id
    units: Decimal
    price: Decimal | None = None


class _Factor(msgspec.Struct, frozen=True):
    factor: Decimal


class HomeFactors(msgspec.Struct, frozen=True, rename=oanda_name):
    loss_quote_home: _Factor | None = None


class Transaction(msgspec.Struct, frozen=True, rename=oanda_name):
    """One numbered entry of an account's log, of whatever type, or a heartbeat (no id, `last_transaction_id`)."""

    type: str
    time: str
    id: Id = 0
    instrument: str = ""
    units: Decimal | None = None
    price: Decimal | None = None
    reason: str = ""
    reject_reason: str = ""
    order_id: Id = 0
    client_order_id: str = ""
    trade_id: Id = 0
    position_fill: str = ""
    client_extensions: Extensions | None = None
    stop_loss_on_fill: OnFill | None = None
    take_profit_on_fill: OnFill | None = None
    replaces_order_id: Id = 0
    replaced_by_order_id: Id = 0
    trade_opened: Piece | None = None
    trade_reduced: Piece | None = None
    trades_closed: list[Piece] | None = None
    commission: Decimal | None = None
    guaranteed_execution_fee: Decimal | None = None
    loss_quote_home_conversion_factor: Decimal | None = None
    home_conversion_factors: HomeFactors | None = None
    last_transaction_id: Id = 0

    @property
    def number(self) -> int:
        return int(self.id)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What a fill closed first, then what it opened."""
        rest = (self.trade_reduced, self.trade_opened)
        return (*(self.trades_closed or ()), *(piece for piece in rest if piece is not None))

    @property
    def attached(self) -> tuple[OnFill, ...]:
        return tuple(one for one in (self.stop_loss_on_fill, self.take_profit_on_fill) if one is not None)


class Order(msgspec.Struct, frozen=True, rename=oanda_name):
    """An order as OANDA tells it when asked. Stops and targets of a trade have no units: `trade_id` names the trade."""

    id: Id
    type: str
    state: str
    create_time: str = ""
    instrument: str = ""
    units: Decimal | None = None
    trade_id: Id = 0
    position_fill: str = ""
    client_extensions: Extensions | None = None
    stop_loss_on_fill: OnFill | None = None
    take_profit_on_fill: OnFill | None = None
    filling_transaction_id: Id = 0
    cancelling_transaction_id: Id = 0


class Trade(msgspec.Struct, frozen=True, rename=oanda_name):
    id: Id
    instrument: str
    initial_units: Decimal
    current_units: Decimal


class Placed(msgspec.Struct, frozen=True, rename=oanda_name):
    """The answer to placing, replacing or cancelling: the transactions that it led to, or why there are none."""

    order_cancel_transaction: Transaction | None = None
    order_create_transaction: Transaction | None = None
    order_fill_transaction: Transaction | None = None
    order_reissue_transaction: Transaction | None = None
    replacing_order_cancel_transaction: Transaction | None = None
    order_reject_transaction: Transaction | None = None
    order_cancel_reject_transaction: Transaction | None = None
    last_transaction_id: Id = 0
    error_code: str = ""
    error_message: str = ""

    @property
    def transactions(self) -> list[Transaction]:
        """Those that came about, by number."""
        given = (
            self.order_cancel_transaction,
            self.order_create_transaction,
            self.order_fill_transaction,
            self.order_reissue_transaction,
            self.replacing_order_cancel_transaction,
        )
        return sorted((one for one in given if one is not None), key=lambda one: one.number)


class TheOrder(msgspec.Struct, frozen=True, rename=oanda_name):
    order: Order
    last_transaction_id: Id = 0


class Orders(msgspec.Struct, frozen=True, rename=oanda_name):
    orders: list[Order]
    last_transaction_id: Id = 0


class TheTrade(msgspec.Struct, frozen=True, rename=oanda_name):
    trade: Trade
    last_transaction_id: Id = 0


class Trades(msgspec.Struct, frozen=True, rename=oanda_name):
    trades: list[Trade]
    last_transaction_id: Id = 0


class TheTransaction(msgspec.Struct, frozen=True, rename=oanda_name):
    transaction: Transaction
    last_transaction_id: Id = 0


class Transactions(msgspec.Struct, frozen=True, rename=oanda_name):
    transactions: list[Transaction]
    last_transaction_id: Id = 0


class Pages(msgspec.Struct, frozen=True, rename=oanda_name):
    """Where the transactions of a span of time are found: addresses with `from` and `to`."""

    pages: list[str]
    last_transaction_id: Id = 0


class _Side(msgspec.Struct, frozen=True):
    units: Decimal


class _Position(msgspec.Struct, frozen=True):
    instrument: str
    long: _Side
    short: _Side


class Positions(msgspec.Struct, frozen=True, rename=oanda_name):
    positions: list[_Position]
    last_transaction_id: Id = 0


class _Summary(msgspec.Struct, frozen=True, rename=oanda_name):
    id: str
    currency: str
    balance: Decimal
    hedging_enabled: bool = False


class Account(msgspec.Struct, frozen=True, rename=oanda_name):
    account: _Summary
    last_transaction_id: Id = 0


class _Listed(msgspec.Struct, frozen=True, rename=oanda_name):
    id: str
    mt4_account_id: int | None = msgspec.field(name="mt4AccountID", default=None)
    tags: list[str] = []


class Accounts(msgspec.Struct, frozen=True, rename=oanda_name):
    accounts: list[_Listed]


class Unreadable(Retryable):
    """An answer that says success in a shape that we do not know. After a request that changes something, its caller
    turns this into Unknown."""


def reader(shape: Any, *, strict: bool = True) -> Callable[[bytes], Any]:
    """Reads bodies of one shape; Unreadable for anything else. Not `strict`: a text may stand for a number."""
    decode = msgspec.json.Decoder(shape, strict=strict).decode

    def read(body: bytes) -> Any:
        try:
            return decode(body)
        except msgspec.DecodeError as error:
            raise Unreadable(f"OANDA's answer cannot be read: {error}") from error

    return read


read_placed: Callable[[bytes], Placed] = reader(Placed)
read_order: Callable[[bytes], TheOrder] = reader(TheOrder)
read_orders: Callable[[bytes], Orders] = reader(Orders)
read_trade: Callable[[bytes], TheTrade] = reader(TheTrade)
read_trades: Callable[[bytes], Trades] = reader(Trades)
read_transaction: Callable[[bytes], TheTransaction] = reader(TheTransaction)
read_transactions: Callable[[bytes], Transactions] = reader(Transactions)
read_pages: Callable[[bytes], Pages] = reader(Pages)
read_positions: Callable[[bytes], Positions] = reader(Positions)
read_account: Callable[[bytes], Account] = reader(Account)
read_accounts: Callable[[bytes], Accounts] = reader(Accounts)
read_line: Callable[[bytes], Transaction] = reader(Transaction)


def time_ms(text: str) -> int:
    """Milliseconds since 1970 of '1514852541.189833163' or '2016-10-05T05:28:16.729643492Z'; Unreadable otherwise."""
    try:
        if "T" in text:
            seconds = int(datetime.fromisoformat(f"{text[:19]}+00:00").timestamp())
            fraction = text[20:].rstrip("Z") if text[19:20] == "." else ""
        else:
            whole, _, fraction = text.partition(".")
            seconds = int(whole)
        return seconds * 1000 + int(fraction[:3].ljust(3, "0"))
    except ValueError as error:
        raise Unreadable(f"OANDA gave '{text}' as a time.") from error


def time_text(moment_ms: int) -> str:
    """Seconds with a fraction, as OANDA takes them."""
    return f"{moment_ms // 1000}.{moment_ms % 1000:03d}"
