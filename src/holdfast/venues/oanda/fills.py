"""Fills as OANDA's log tells them: one for each trade that an order's fill touched. Pure.

A fill is named by the number of its transaction and that of the trade, which are the same in the stream and when asked
for later. OANDA earns by the spread; a commission, where an account has one, comes in the account's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Context, Decimal

from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol
from holdfast.venues.oanda.wire import Piece, Transaction, time_ms

VENUE, MARKET = "oanda", "fx"
_ZERO = Decimal(0)
# A fee in another currency is divided by a rate: ten decimals, the same on every machine.
_FEE_STEP = Decimal("1e-10")
_DIVISION = Context(prec=40)
_LEGS = {
    "STOP_LOSS_ORDER": Leg.STOP,
    "TRAILING_STOP_LOSS_ORDER": Leg.STOP,
    "GUARANTEED_STOP_LOSS_ORDER": Leg.STOP,
    "TAKE_PROFIT_ORDER": Leg.TARGET,
}

LegOf = Callable[[str], Leg | None]


def fills_of(said: Transaction, leg_of: LegOf, odd: Counter[str]) -> list[Fill]:
    """The fills of one ORDER_FILL, none of anything else. `leg_of` knows what our orders are for."""
    if said.type != "ORDER_FILL" or not said.units:
        return []
    client_id = said.client_order_id or stranger(int(said.order_id))
    leg = leg_of(client_id) or _LEGS.get(said.reason) or (Leg.ENTRY if said.trade_opened else Leg.CLOSE)
    symbol = Symbol(VENUE, MARKET, said.instrument)
    quote = said.instrument.rpartition("_")[2]
    fees = [_fee(said, odd)]
    return [
        Fill(
            trade_id=f"{said.number}:{int(piece.trade_id)}" if piece.trade_id else str(said.number),
            client_order_id=client_id,
            symbol=symbol,
            side=Side.BUY if said.units > 0 else Side.SELL,
            leg=leg,
            price=piece.price or said.price or _ZERO,
            size=abs(piece.units),
            # The fee is the whole fill's; its first piece bears it.
            fee=fees.pop() if fees else _ZERO,
            quote=quote,
            maker=False,
            time_ms=time_ms(said.time),
        )
        for piece in said.pieces or (Piece(0, said.units, said.price),)
    ]


def stranger(order_id: int) -> str:
    """What an order without a client id is called here."""
    return f"oanda-{order_id}"


def _fee(said: Transaction, odd: Counter[str]) -> Decimal:
    """In quote currency. The loss factor is what a quote unit lost costs in the account's currency."""
    fee = (said.commission or _ZERO) + (said.guaranteed_execution_fee or _ZERO)
    if not fee:
        return _ZERO
    factor = said.loss_quote_home_conversion_factor
    if factor is None and said.home_conversion_factors is not None:
        told = said.home_conversion_factors.loss_quote_home
        factor = told.factor if told is not None else None
    if not factor:
        # A fill counts even where its fee cannot be valued; that it was not is counted.
        odd["fee without a conversion factor"] += 1
        return _ZERO
    return _DIVISION.divide(fee, factor).quantize(_FEE_STEP, context=_DIVISION).normalize(_DIVISION)
