"""One trade of an order, as the venue numbered it. The venue's trade id is what makes it countable once."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol


class Fill(msgspec.Struct, frozen=True):
    """`size` in base units, `price` and `fee` in `quote` currency. (symbol.venue, symbol, trade_id) is unique."""

    trade_id: str
    client_order_id: str
    symbol: Symbol
    side: Side
    leg: Leg
    price: Decimal
    size: Decimal
    fee: Decimal
    quote: str
    maker: bool
    time_ms: int
