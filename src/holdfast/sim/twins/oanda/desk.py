"""What a client may ask of the account: orders made, cancelled, replaced, named; trades and positions closed, trades
protected. Each answer is (HTTP status, body); a rejection is a Refusal with its transaction in the body.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from holdfast.sim.twins.oanda.account import Account
from holdfast.sim.twins.oanda.execution import Execution
from holdfast.sim.twins.oanda.instruments import Tradable
from holdfast.sim.twins.oanda.reasons import MESSAGES
from holdfast.sim.twins.oanda.records import OrderRecord, TradeRecord
from holdfast.sim.twins.oanda.requests import (
    TRADE_TYPES,
    Asked,
    fault_of,
    fault_of_extensions,
    fault_of_protection,
    read_extensions,
    read_order,
    read_protection,
)
from holdfast.sim.twins.oanda.wire import Json, Refusal, invalid, read_decimal

_PENDING_MOST = 1000
_NOT_FOUND = frozenset({"ORDER_DOESNT_EXIST", "TRADE_DOESNT_EXIST", "CLOSEOUT_POSITION_DOESNT_EXIST"})
_PROTECTIONS = (("takeProfit", "TAKE_PROFIT"), ("stopLoss", "STOP_LOSS"))
Answer = tuple[int, Json]
Written = Callable[[], list[str]]


class Desk:
    """Serves one account. `request_id` marks the transactions that a request makes."""

    def __init__(self, account: Account, execution: Execution) -> None:
        self.account = account
        self.execution = execution

    # ---- orders

    def create_order(self, body: Json, now_ms: int, request_id: str) -> Answer:
        asked = self._of_trade(read_order(body, self.account.tradables))
        with self.account.log.batch(request_id) as written:
            if fault := self._fault_of_new(asked, now_ms):
                raise self._rejected(asked, fault, now_ms, written)
            return 201, self._make(asked, now_ms, written, reason="CLIENT_ORDER")

    def replace_order(self, specifier: str, body: Json, now_ms: int, request_id: str) -> Answer:
        asked = self._of_trade(read_order(body, self.account.tradables))
        with self.account.log.batch(request_id) as written:
            old = self._pending(specifier, now_ms, written)
            fault = self._fault_of_new(asked, now_ms, replaces=old)
            if asked.type != old.asked.type or asked.trade_id != old.asked.trade_id:
                fault = "REPLACING_ORDER_INVALID"
            if fault:
                raise self._rejected(asked, fault, now_ms, written, reason="REPLACEMENT")
            cancelled = self.execution.cancel(
                old, now_ms, "CLIENT_REQUEST_REPLACED", replaced_by=self.account.log.last_id + 2
            )
            made = self._make(
                asked, now_ms, written, reason="REPLACEMENT", replacesOrderID=str(old.number),
                cancellingTransactionID=cancelled["id"],
            )  # fmt: skip
            self.account.orders[int(made["orderCreateTransaction"]["id"])].replaces = old.number
            if "orderCancelTransaction" in made:
                made["replacingOrderCancelTransaction"] = made["orderCancelTransaction"]
            return 201, made | {"orderCancelTransaction": cancelled}

    def cancel_order(self, specifier: str, now_ms: int, request_id: str) -> Answer:
        with self.account.log.batch(request_id) as written:
            order = self._pending(specifier, now_ms, written)
            return 200, self._answer(
                written, orderCancelTransaction=self.execution.cancel(order, now_ms, "CLIENT_REQUEST")
            )

    def name_order(self, specifier: str, body: Json, now_ms: int, request_id: str) -> Answer:
        """Changes an order's client extensions, and those of the trade that it will open."""
        own, trades = read_extensions(body, "clientExtensions"), read_extensions(body, "tradeClientExtensions")
        kind = "ORDER_CLIENT_EXTENSIONS_MODIFY"
        fields: Json = {"clientExtensionsModify": own, "tradeClientExtensionsModify": trades}
        with self.account.log.batch(request_id) as written:
            order = self.account.find_order(specifier)
            fault = self._fault_of_names(own, trades)
            if order is None or order.state != "PENDING":
                fault, order = "ORDER_DOESNT_EXIST", None
            elif own and own.get("id") and self._order_id_taken(own["id"], but=order):
                fault = "CLIENT_ORDER_ID_ALREADY_EXISTS"
            named = {"orderID": str(order.number) if order else specifier, **fields}
            if fault or order is None:
                raise self._modify_rejected(
                    "orderClientExtensionsModify", kind, fault or "", now_ms, fields=named, written=written
                )
            order.asked = msgspec.structs.replace(
                order.asked,
                extensions=_merged(order.asked.extensions, own),
                trade_extensions=_merged(order.asked.trade_extensions, trades),
            )
            return 200, self._answer(
                written, orderClientExtensionsModifyTransaction=self.account.log.write(kind, now_ms, **named)
            )

    # ---- trades

    def close_trade(self, specifier: str, body: Json, now_ms: int, request_id: str) -> Answer:
        units_text = str(body.get("units", "ALL"))
        trade = self.account.find_trade(specifier)
        with self.account.log.batch(request_id) as written:
            closes: Json = {"tradeID": specifier if trade is None else str(trade.number), "units": units_text}
            asked = Asked(type="MARKET", lasting="FOK", position_fill="REDUCE_ONLY", closes={"tradeClose": closes})
            if trade is None or not trade.is_open:
                raise self._rejected(asked, "TRADE_DOESNT_EXIST", now_ms, written, reason="TRADE_CLOSE")
            held = abs(trade.units)
            size = held if units_text == "ALL" else read_decimal(units_text, "units")
            asked = msgspec.structs.replace(
                asked,
                instrument=trade.instrument,
                trade_id=str(trade.number),
                units=-size.copy_sign(trade.units),
            )
            fault = "CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE" if size > held else None
            if size <= 0 or size % self.account.tradables[trade.instrument].unit_step:
                fault = "UNITS_INVALID" if size <= 0 else "UNITS_PRECISION_EXCEEDED"
            if fault:
                raise self._rejected(asked, fault, now_ms, written, reason="TRADE_CLOSE")
            return 200, self._make(asked, now_ms, written, reason="TRADE_CLOSE")

    def name_trade(self, specifier: str, body: Json, now_ms: int, request_id: str) -> Answer:
        """Changes a trade's client extensions."""
        wanted = read_extensions(body, "clientExtensions")
        kind = "TRADE_CLIENT_EXTENSIONS_MODIFY"
        with self.account.log.batch(request_id) as written:
            trade = self.account.find_trade(specifier)
            fault = fault_of_extensions(wanted, "TRADE") if wanted else "CLIENT_EXTENSIONS_DATA_MISSING"
            if trade is None or not trade.is_open:
                fault, trade = "TRADE_DOESNT_EXIST", None
            elif wanted and wanted.get("id") and self._trade_id_taken(wanted["id"], but=trade):
                fault = "CLIENT_TRADE_ID_ALREADY_EXISTS"
            named: Json = {
                "tradeID": str(trade.number) if trade else specifier,
                "tradeClientExtensionsModify": wanted,
            }
            if fault or trade is None:
                raise self._modify_rejected(
                    "tradeClientExtensionsModify", kind, fault or "", now_ms, fields=named, written=written
                )
            trade.extensions = _merged(trade.extensions, wanted)
            return 200, self._answer(
                written, tradeClientExtensionsModifyTransaction=self.account.log.write(kind, now_ms, **named)
            )

    def protect_trade(self, specifier: str, body: Json, now_ms: int, request_id: str) -> Answer:
        """Sets, replaces or (null) removes a trade's take profit and stop loss; what is not named stays."""
        trade = self.account.find_trade(specifier)
        if trade is None or not trade.is_open:
            raise no_such_trade(self.account)
        wanted = {name: read_protection(body, name) for name, _ in _PROTECTIONS if name in body}
        tradable = self.account.tradables[trade.instrument]
        with self.account.log.batch(request_id) as written:
            for name, kind in _PROTECTIONS:
                found = wanted.get(name)
                fault = found and fault_of_protection(found, tradable, now_ms, f"{kind}_ON_FILL")
                if found and fault:
                    fault = fault.replace("_ON_FILL", "_ORDER") if "BOTH" in fault else fault.split("_ON_FILL_")[-1]
                    asked = Asked(type=kind, trade_id=str(trade.number), price=found.price, distance=found.distance)
                    raise self._rejected(asked, fault, now_ms, written, name=f"{name}OrderReject")
            made: Json = {}
            for name, kind in _PROTECTIONS:
                if name in wanted:
                    made |= self._set_protection(trade, name, kind, wanted, now_ms)
            return 200, self._answer(written, **made)

    def _set_protection(self, trade: TradeRecord, name: str, kind: str, wanted: Json, now_ms: int) -> Json:
        made: Json = {}
        old = trade.take_profit if kind == "TAKE_PROFIT" else trade.stop_loss
        replaced = old is not None and old.state == "PENDING"
        if old is not None and replaced:
            by = self.account.log.last_id + 2 if wanted[name] is not None else None
            reason = "CLIENT_REQUEST_REPLACED" if by else "CLIENT_REQUEST"
            made[f"{name}OrderCancelTransaction"] = self.execution.cancel(old, now_ms, reason, replaced_by=by)
        if wanted[name] is not None:
            more = {"replacesOrderID": str(old.number)} if old is not None and replaced else {}
            reason = "REPLACEMENT" if replaced else "CLIENT_ORDER"
            made[f"{name}OrderTransaction"] = self.execution.protect(
                trade, kind, wanted[name], now_ms, reason=reason, **more
            )
        return made

    # ---- positions

    def close_position(self, name: str, body: Json, now_ms: int, request_id: str) -> Answer:
        if name not in self.account.tradables:
            raise invalid("instrument")
        asked_for = {side: str(body.get(f"{side}Units", "NONE" if body else "ALL")) for side in ("long", "short")}
        net = self.account.net_units(name)
        made: Json = {}
        with self.account.log.batch(request_id) as written:
            if set(asked_for.values()) == {"NONE"}:
                raise Refusal(400, MESSAGES["CLOSEOUT_POSITION_INCOMPLETE_SPECIFICATION"],
                              errorCode="CLOSEOUT_POSITION_INCOMPLETE_SPECIFICATION")  # fmt: skip
            for side, units in asked_for.items():
                held = abs(net) if (net > 0) == (side == "long") else Decimal(0)
                if units == "NONE" or (not held and not body):
                    continue
                closeout: Json = {f"{side}PositionCloseout": {"instrument": name, "units": units}}
                asked = Asked(
                    type="MARKET", instrument=name, lasting="FOK", position_fill="REDUCE_ONLY", closes=closeout,
                    extensions=read_extensions(body, f"{side}ClientExtensions"),
                )  # fmt: skip
                size = held if units == "ALL" else read_decimal(units, f"{side}Units")
                fault = None if held else "CLOSEOUT_POSITION_DOESNT_EXIST"
                if held and size > held:
                    fault = "CLOSEOUT_POSITION_UNITS_EXCEED_POSITION_SIZE"
                if fault or size <= 0:
                    raise self._rejected(
                        asked, fault or "UNITS_INVALID", now_ms, written, reason="POSITION_CLOSEOUT",
                        name=f"{side}OrderReject",
                    )  # fmt: skip
                asked = msgspec.structs.replace(asked, units=-size.copy_sign(net))
                answer = self._make(asked, now_ms, written, reason="POSITION_CLOSEOUT")
                made |= {f"{side}O{key[1:]}": value for key, value in answer.items() if key.startswith("order")}
            if not made:
                raise Refusal(404, MESSAGES["CLOSEOUT_POSITION_DOESNT_EXIST"],
                              errorCode="CLOSEOUT_POSITION_DOESNT_EXIST")  # fmt: skip
            return 200, self._answer(written, **made)

    # ---- common steps

    def _make(self, asked: Asked, now_ms: int, written: Written, *, reason: str, **more: object) -> Json:
        order, created = self.execution.accept(asked, now_ms, reason=reason, **more)
        self.execution.send(order, now_ms)
        outcome: Json = {}
        for number in range(order.number + 1, self.account.log.last_id + 1):
            found = self.account.log.get(number) or {}
            if found.get("orderID") == str(order.number):
                outcome["orderFillTransaction" if found["type"] == "ORDER_FILL" else "orderCancelTransaction"] = found
        return self._answer(written, orderCreateTransaction=created, **outcome)

    def _answer(self, written: Written, **fields: object) -> Json:
        return {**fields, "relatedTransactionIDs": written(), "lastTransactionID": str(self.account.log.last_id)}

    def _rejected(
        self, asked: Asked, fault: str, now_ms: int, written: Written, *, reason: str = "CLIENT_ORDER",
        name: str = "orderReject",
    ) -> Refusal:  # fmt: skip
        transaction = self.account.log.write(
            f"{asked.type}_ORDER_REJECT", now_ms, **asked.to_json(), reason=reason, rejectReason=fault
        )
        return self._refusal(fault, written, **{f"{name}Transaction": transaction})

    def _modify_rejected(
        self, name: str, kind: str, fault: str, now_ms: int, *, fields: Json, written: Written
    ) -> Refusal:  # fmt: skip
        transaction = self.account.log.write(f"{kind}_REJECT", now_ms, **fields, rejectReason=fault)
        return self._refusal(fault, written, **{f"{name}RejectTransaction": transaction})

    def _refusal(self, fault: str, written: Written, **fields: object) -> Refusal:
        status = 404 if fault in _NOT_FOUND else 400
        return Refusal(status, MESSAGES[fault], **self._answer(written, **fields), errorCode=fault)

    def _pending(self, specifier: str, now_ms: int, written: Written) -> OrderRecord:
        order = self.account.find_order(specifier)
        if order is not None and order.state == "PENDING":
            return order
        by_client = specifier.startswith("@")
        transaction = self.account.log.write(
            "ORDER_CANCEL_REJECT",
            now_ms,
            orderID=str(order.number) if order else None if by_client else specifier,
            clientOrderID=specifier[1:] if by_client else None,
            rejectReason="ORDER_DOESNT_EXIST",
        )
        raise self._refusal("ORDER_DOESNT_EXIST", written, orderCancelRejectTransaction=transaction)

    def _of_trade(self, asked: Asked) -> Asked:
        """A take profit or stop loss may name its trade by the client's id."""
        if asked.type not in TRADE_TYPES:
            return asked
        named = asked.trade_id or (f"@{asked.client_trade_id}" if asked.client_trade_id else "")
        trade = self.account.find_trade(named) if named else None
        if trade is None:
            return asked
        return msgspec.structs.replace(asked, trade_id=str(trade.number))

    def _fault_of_new(self, asked: Asked, now_ms: int, *, replaces: OrderRecord | None = None) -> str | None:
        tradable: Tradable | None = None
        if asked.type in TRADE_TYPES:
            if not asked.trade_id and not asked.client_trade_id:
                return "TRADE_ID_UNSPECIFIED"
            trade = self.account.find_trade(asked.trade_id) if asked.trade_id else None
            if trade is None or not trade.is_open:
                return "TRADE_DOESNT_EXIST"
            if asked.client_trade_id and asked.client_trade_id != trade.client_id:
                return "TRADE_IDENTIFIER_INCONSISTENCY"
            there = trade.take_profit if asked.type == "TAKE_PROFIT" else trade.stop_loss
            if there is not None and there.state == "PENDING" and there is not replaces:
                return f"{asked.type}_ORDER_ALREADY_EXISTS"
            tradable = self.account.tradables[trade.instrument]
        else:
            tradable = self.account.tradables.get(asked.instrument)
        if fault := fault_of(asked, tradable, now_ms):
            return fault
        if asked.type != "MARKET" and len(self.account.pending()) >= _PENDING_MOST and replaces is None:
            return "PENDING_ORDERS_ALLOWED_EXCEEDED"
        if asked.client_id and self._order_id_taken(asked.client_id, but=replaces):
            return "CLIENT_ORDER_ID_ALREADY_EXISTS"
        taken = asked.type == "MARKET" and asked.client_trade and self._trade_id_taken(asked.client_trade)
        return "CLIENT_TRADE_ID_ALREADY_EXISTS" if taken else None

    def _fault_of_names(self, own: Json | None, trades: Json | None) -> str | None:
        if not own and not trades:
            return "CLIENT_EXTENSIONS_DATA_MISSING"
        return fault_of_extensions(own, "ORDER") or fault_of_extensions(trades, "TRADE")

    def _order_id_taken(self, client_id: str, *, but: OrderRecord | None = None) -> bool:
        return any(order.client_id == client_id and order is not but for order in self.account.pending())

    def _trade_id_taken(self, client_id: str, *, but: TradeRecord | None = None) -> bool:
        return any(trade.client_id == client_id and trade is not but for trade in self.account.open_trades())


def _merged(old: Json | None, new: Json | None) -> Json | None:
    return {**(old or {}), **(new or {})} or None


def no_such_order(account: Account) -> Refusal:
    return Refusal(
        404, "The order ID specified does not exist", errorCode="NO_SUCH_ORDER",
        lastTransactionID=str(account.log.last_id),
    )  # fmt: skip


def no_such_trade(account: Account) -> Refusal:
    return Refusal(
        404, "The trade ID specified does not exist", errorCode="NO_SUCH_TRADE",
        lastTransactionID=str(account.log.last_id),
    )  # fmt: skip
