"""What the private streams tell: the exchange's events as executionReport, ORDER_TRADE_UPDATE and their like."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from holdfast.sim.exchange.events import Event, EventKind
from holdfast.sim.exchange.order import ZERO, GroupKind, Order, State
from holdfast.sim.twins.binance.desk import FIRST_ALGO_ID, Desk
from holdfast.sim.twins.binance.figures import average, fixed, plain, side_word
from holdfast.sim.twins.binance.spot_orders import STATES
from holdfast.sim.twins.binance.usdm_orders import ALGO, live_type, words

Json = dict[str, object]
_EXECUTIONS = {
    EventKind.PENDING: "NEW",
    EventKind.OPENED: "NEW",
    EventKind.TRIGGERED: "NEW",
    EventKind.TRADED: "TRADE",
    EventKind.CANCELLED: "CANCELED",
    EventKind.EXPIRED: "EXPIRED",
}


def spot_frames(desk: Desk, event: Event, venue_ms: int) -> Iterator[Json]:
    """The frames of one event, in the venue's order: the order, its list, then the balances."""
    if event.order is not None:
        yield _execution(event, event.order, venue_ms)
    if event.group is not None:
        yield _list_status(desk, event, venue_ms)
    if event.kind is EventKind.TRANSFERRED:
        yield {
            "e": "balanceUpdate",
            "E": venue_ms,
            "a": event.asset,
            "d": fixed(event.amount),
            "T": event.time_ms,
        }
    if event.balances:
        balances = [{"a": one.asset, "f": fixed(one.free), "l": fixed(one.locked)} for one in event.balances]
        yield {"e": "outboundAccountPosition", "E": venue_ms, "u": event.time_ms, "B": balances}


def _execution(event: Event, order: Order, venue_ms: int) -> Json:
    spec, trade = order.spec, event.trade
    note = spec.note
    assert isinstance(note, tuple)
    cancelled = event.kind is EventKind.CANCELLED
    frame: Json = {
        "e": "executionReport",
        "E": venue_ms,
        "s": spec.symbol,
        "c": event.cause if cancelled and event.cause else spec.client_id,
        "S": side_word(spec.side),
        "o": note[0],
        "f": note[1],
        "q": fixed(order.size),
        "p": fixed(spec.price or ZERO),
        "P": fixed(spec.trigger_price or ZERO),
        "F": fixed(ZERO),
        "g": order.group or -1,
        "C": spec.client_id if cancelled else "",
        "x": _EXECUTIONS[event.kind],
        "X": STATES[order.state],
        "r": "NONE",
        "i": order.id,
        "l": fixed(trade.size if trade else ZERO),
        "z": fixed(order.filled),
        "L": fixed(trade.price if trade else ZERO),
        "n": fixed(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": event.time_ms,
        "t": trade.id if trade else -1,
        "I": event.number,
        "w": order.state in (State.OPEN, State.PARTIAL) and not order.waiting,
        "m": bool(trade and trade.maker),
        "M": trade is not None,
        "O": order.created_ms,
        "Z": fixed(order.spent),
        "Y": fixed(trade.price * trade.size if trade else ZERO),
        "Q": fixed(spec.quote_size or ZERO),
        "V": "EXPIRE_MAKER",
    }
    if order.working_ms is not None:
        frame["W"] = order.working_ms
    return frame


def _list_status(desk: Desk, event: Event, venue_ms: int) -> Json:
    group = event.group
    assert group is not None
    orders = [desk.exchange.orders[number] for number in group.orders]
    return {
        "e": "listStatus",
        "E": venue_ms,
        "s": group.symbol,
        "g": group.id,
        "c": "OCO" if group.kind is GroupKind.OCO else "OTO",
        "l": "ALL_DONE" if group.done else "EXEC_STARTED",
        "L": "ALL_DONE" if group.done else "EXECUTING",
        "r": "NONE",
        "C": group.client_id,
        "T": event.time_ms,
        "O": [{"s": order.spec.symbol, "i": order.id, "c": order.spec.client_id} for order in orders],
    }


def usdm_frames(desk: Desk, event: Event, venue_ms: int) -> Iterator[Json]:
    """The frames of one event: a trade tells the account first, then the order (as the venue does)."""
    order = event.order
    algo = order is not None and order.spec.id_space == ALGO
    if event.kind in (EventKind.TRADED, EventKind.FUNDED, EventKind.TRANSFERRED):
        yield _account_update(desk, event, venue_ms)
    if event.kind is EventKind.CONFIGURED and event.symbol:
        leverage = desk.exchange.accounts[event.account].leverage_of(event.symbol)
        settings = {"s": event.symbol, "l": leverage}
        yield {"e": "ACCOUNT_CONFIG_UPDATE", "E": venue_ms, "T": event.time_ms, "ac": settings}
    if order is None:
        return
    if algo and order.waiting:
        status = {EventKind.OPENED: "NEW", EventKind.CANCELLED: "CANCELED"}.get(event.kind, "EXPIRED")
        yield _algo_update(desk, order, status, event.time_ms, venue_ms)
        return
    if event.kind is EventKind.TRIGGERED:
        yield _algo_update(desk, order, "TRIGGERING", event.time_ms, venue_ms)
    yield _order_update(desk, event, order, venue_ms)
    if event.kind is EventKind.TRIGGERED:
        yield _algo_update(desk, order, "TRIGGERED", event.time_ms, venue_ms)
    elif algo and order.state.final:
        yield _algo_update(desk, order, "FINISHED", event.time_ms, venue_ms)


def _order_update(desk: Desk, event: Event, order: Order, venue_ms: int) -> Json:
    spec, trade = order.spec, event.trade
    _, lasting, working = words(order)
    kind = live_type(order)
    value = order.left * (spec.price or ZERO) if spec.kind.priced and not order.state.final else ZERO
    buying = spec.side.value == "buy"
    told: Json = {
        "s": spec.symbol,
        "c": spec.client_id,
        "S": side_word(spec.side),
        "o": kind,
        "f": lasting,
        "q": plain(order.size),
        "p": plain(spec.price or ZERO),
        "ap": plain(average(order.spent, order.filled, desk.instrument(spec.symbol).price_tick)),
        "sp": "0",
        "x": _EXECUTIONS[event.kind],
        "X": STATES[order.state],
        "i": order.id,
        "l": plain(trade.size if trade else ZERO),
        "z": plain(order.filled),
        "L": plain(trade.price if trade else ZERO),
        "n": plain(trade.fee if trade else ZERO),
        "N": desk.instrument(spec.symbol).quote,
        "T": event.time_ms,
        "t": trade.id if trade else 0,
        "b": plain(value if buying else ZERO),
        "a": plain(ZERO if buying else value),
        "m": bool(trade and trade.maker),
        "R": spec.reduce_only and not spec.position,
        "wt": working,
        "ot": kind,
        "ps": spec.position or "BOTH",
        "cp": spec.close_position,
        "rp": plain(trade.realised if trade else ZERO),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": spec.expires_ms or 0,
        "er": "0",
    }
    if spec.id_space == ALGO:
        told |= {"si": FIRST_ALGO_ID + order.id, "ss": -1, "st": "ALGO_CONDITION"}
    return {"e": "ORDER_TRADE_UPDATE", "T": event.time_ms, "E": venue_ms, "o": told}


def _algo_update(desk: Desk, order: Order, status: str, time_ms: int, venue_ms: int) -> Json:
    spec = order.spec
    word, lasting, working = words(order)
    live = status in ("TRIGGERED", "FINISHED")
    told: Json = {
        "caid": spec.client_id,
        "aid": FIRST_ALGO_ID + order.id,
        "at": "CONDITIONAL",
        "o": word,
        "s": spec.symbol,
        "S": side_word(spec.side),
        "ps": spec.position or "BOTH",
        "f": lasting,
        "q": plain(spec.size),
        "X": status,
        "ai": str(order.id) if live else "",
        "tp": plain(spec.trigger_price or ZERO),
        "p": plain(spec.price or ZERO),
        "V": "EXPIRE_MAKER",
        "wt": working,
        "pm": "NONE",
        "cp": spec.close_position,
        "pP": False,
        "R": spec.reduce_only and not spec.position,
        "tt": order.triggered_ms or 0,
        "gtd": spec.expires_ms or 0,
    }
    if live:
        price = average(order.spent, order.filled, desk.instrument(spec.symbol).price_tick)
        told |= {"ap": plain(price), "aq": plain(order.filled), "act": live_type(order)}
    return {"e": "ALGO_UPDATE", "T": time_ms, "E": venue_ms, "o": told}


def _account_update(desk: Desk, event: Event, venue_ms: int) -> Json:
    reason = {EventKind.TRADED: "ORDER", EventKind.FUNDED: "FUNDING_FEE"}.get(event.kind, "DEPOSIT")
    change = event.amount if event.kind is not EventKind.TRADED else Decimal(0)
    balances = [
        {"a": one.asset, "wb": fixed(one.total), "cw": fixed(one.total), "bc": plain(change)} for one in event.balances
    ]
    positions: list[Json] = []
    if event.position is not None:
        mark = desk.exchange.books[event.symbol].worth or ZERO
        positions.append(
            {
                "s": event.symbol,
                "pa": plain(event.position.size),
                "ep": plain(event.position.entry_price),
                "bep": plain(event.position.entry_price),
                "cr": plain(event.position.realised),
                "up": fixed(event.position.unrealised(mark)),
                "mt": "cross",
                "iw": "0",
                "ps": event.position_side or "BOTH",
                "ma": desk.instrument(event.symbol).quote,
            }
        )
    body: Json = {"B": balances, "P": positions, "m": reason}
    return {"e": "ACCOUNT_UPDATE", "T": event.time_ms, "E": venue_ms, "a": body}
