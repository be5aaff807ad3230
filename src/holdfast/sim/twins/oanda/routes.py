"""The endpoints of v20: each reads its request, asks the desk or the account, and gives (status, body)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from holdfast.sim.twins.faults import Fault
from holdfast.sim.twins.oanda.changes import changes_json
from holdfast.sim.twins.oanda.desk import Answer, no_such_order, no_such_trade
from holdfast.sim.twins.oanda.history import candles_json, read_query
from holdfast.sim.twins.oanda.instruments import Tradable
from holdfast.sim.twins.oanda.log import known_filter
from holdfast.sim.twins.oanda.prices import price_json, units_available
from holdfast.sim.twins.oanda.session import Session
from holdfast.sim.twins.oanda.wire import Json, Moment, Refusal, invalid, read_body, read_moment

Handler = Callable[[Session, web.Request], Awaitable[Answer]]
_ID_RANGE_MOST = 1000
_ORDER_STATES = ("PENDING", "FILLED", "TRIGGERED", "CANCELLED", "ALL")
_TRADE_STATES = ("OPEN", "CLOSED", "CLOSE_WHEN_TRADEABLE", "ALL")


async def accounts(session: Session, _request: web.Request) -> Answer:
    return 200, {"accounts": [{"id": session.account.id, "tags": []}]}


async def account(session: Session, _request: web.Request) -> Answer:
    return 200, _with_last(session, account=session.account.details_json())


async def summary(session: Session, _request: web.Request) -> Answer:
    return 200, _with_last(session, account=session.account.summary_json())


async def instruments(session: Session, request: web.Request) -> Answer:
    listed = _named(session, request) if "instruments" in request.query else session.account.tradables.values()
    return 200, _with_last(session, instruments=[tradable.to_json() for tradable in listed])


async def configuration(session: Session, request: web.Request) -> Answer:
    body = read_body(await request.read())
    alias = str(body.get("alias", session.account.alias))
    session.account.alias = alias
    done = session.account.log.write("CLIENT_CONFIGURE", session.now_ms(), alias=alias, marginRate="0.02")
    return 200, _with_last(session, clientConfigureTransaction=done)


async def changes(session: Session, request: web.Request) -> Answer:
    since = _number(request, "sinceTransactionID")
    if since > session.account.log.last_id:
        raise Refusal(416, "Invalid value specified for 'sinceTransactionID'")
    return 200, _with_last(session, **changes_json(session.account, since))


# ---- prices


async def candles(session: Session, request: web.Request) -> Answer:
    tradable = _instrument(session, request)
    now_ms = session.now_ms()
    query = read_query(request.query, now_ms)
    if session.faults.take(Fault.LATE_PARTIAL, request.path):
        # As a stale cache would: the newest closed period as it was just before it closed.
        now_ms = session.before_this_period(query, now_ms)
    return 200, candles_json(session.source.tapes[tradable.name], tradable, query, now_ms)


async def pricing(session: Session, request: web.Request) -> Answer:
    listed, now_ms = _named(session, request), session.now_ms()
    since_ms = read_moment(request.query["since"], "since") if "since" in request.query else -1
    books = [(tradable, session.account.book(tradable.name)) for tradable in listed]
    prices = [
        price_json(tradable, book, tradeable=session.execution.tradeable(tradable.name, now_ms))
        | _account_part(session, tradable)
        for tradable, book in books
        if book.bid is not None and book.time_ms > since_ms
    ]
    body: Json = {"time": Moment(now_ms), "prices": prices}
    if request.query.get("includeHomeConversions", "").lower() == "true":
        body["homeConversions"] = [
            {"currency": tradable.quote, "accountGain": factor, "accountLoss": factor, "positionValue": factor}
            for tradable in listed
            if tradable.available and (factor := session.account.factor(tradable.name)) is not None
        ]
    return 200, body


# ---- orders


async def create_order(session: Session, request: web.Request) -> Answer:
    return session.desk.create_order(read_body(await request.read()), *session.stamp(request))


async def orders(session: Session, request: web.Request) -> Answer:
    state = request.query.get("state", "PENDING")
    if state not in _ORDER_STATES:
        raise invalid("state")
    found = [order for order in reversed(session.account.orders.values()) if state in ("ALL", order.state)]
    chosen = _chosen(request, [(order.number, order.instrument, order.to_json()) for order in found])
    return 200, _with_last(session, orders=chosen)


async def pending_orders(session: Session, _request: web.Request) -> Answer:
    return 200, _with_last(session, orders=[order.to_json() for order in session.account.pending()])


async def order(session: Session, request: web.Request) -> Answer:
    found = session.account.find_order(request.match_info["order"])
    if found is None:
        raise no_such_order(session.account)
    return 200, _with_last(session, order=found.to_json())


async def replace_order(session: Session, request: web.Request) -> Answer:
    body = read_body(await request.read())
    return session.desk.replace_order(request.match_info["order"], body, *session.stamp(request))


async def cancel_order(session: Session, request: web.Request) -> Answer:
    return session.desk.cancel_order(request.match_info["order"], *session.stamp(request))


async def name_order(session: Session, request: web.Request) -> Answer:
    body = read_body(await request.read())
    return session.desk.name_order(request.match_info["order"], body, *session.stamp(request))


# ---- trades and positions


async def trades(session: Session, request: web.Request) -> Answer:
    state = request.query.get("state", "OPEN")
    if state not in _TRADE_STATES:
        raise invalid("state")
    found = [
        (trade.number, trade.instrument, session.account.trade_json(trade))
        for trade in reversed(session.account.trades.values())
        if state == "ALL" or trade.is_open == (state == "OPEN")
    ]
    return 200, _with_last(session, trades=_chosen(request, found))


async def open_trades(session: Session, _request: web.Request) -> Answer:
    found = [session.account.trade_json(trade) for trade in session.account.open_trades()]
    return 200, _with_last(session, trades=found)


async def trade(session: Session, request: web.Request) -> Answer:
    found = session.account.find_trade(request.match_info["trade"])
    if found is None:
        raise no_such_trade(session.account)
    return 200, _with_last(session, trade=session.account.trade_json(found))


async def close_trade(session: Session, request: web.Request) -> Answer:
    raw = await request.read()
    return session.desk.close_trade(request.match_info["trade"], read_body(raw) if raw else {}, *session.stamp(request))


async def name_trade(session: Session, request: web.Request) -> Answer:
    body = read_body(await request.read())
    return session.desk.name_trade(request.match_info["trade"], body, *session.stamp(request))


async def protect_trade(session: Session, request: web.Request) -> Answer:
    body = read_body(await request.read())
    return session.desk.protect_trade(request.match_info["trade"], body, *session.stamp(request))


async def positions(session: Session, _request: web.Request) -> Answer:
    names = session.account.traded_instruments()
    return 200, _with_last(session, positions=[session.account.position_json(name) for name in names])


async def open_positions(session: Session, _request: web.Request) -> Answer:
    names = session.account.open_instruments()
    return 200, _with_last(session, positions=[session.account.position_json(name) for name in names])


async def position(session: Session, request: web.Request) -> Answer:
    return 200, _with_last(session, position=session.account.position_json(_instrument(session, request).name))


async def close_position(session: Session, request: web.Request) -> Answer:
    raw = await request.read()
    name = request.match_info["instrument"]
    return session.desk.close_position(name, read_body(raw) if raw else {}, *session.stamp(request))


# ---- transactions


async def transactions(session: Session, request: web.Request) -> Answer:
    log, query = session.account.log, request.query
    size = _number(request, "pageSize", 100)
    if not 1 <= size <= _ID_RANGE_MOST:
        raise Refusal(400, "Invalid value specified for 'pageSize'", errorCode="INVALID_PAGESIZE")
    from_ms = read_moment(query["from"], "from") if "from" in query else session.account.created_ms
    to_ms = read_moment(query["to"], "to") if "to" in query else session.now_ms()
    found = log.within(from_ms, to_ms, _kinds(request))
    first, last = (int(found[0]["id"]), int(found[-1]["id"])) if found else (1, 0)
    base = f"{request.url.origin()}{request.path}/idrange"
    pages = [f"{base}?from={start}&to={min(start + size - 1, last)}" for start in range(first, last + 1, size)]
    return 200, _with_last(
        session, **{"from": Moment(from_ms), "to": Moment(to_ms)}, pageSize=size, count=len(found), pages=pages,
        type=_kinds(request) or None,
    )  # fmt: skip


async def transaction(session: Session, request: web.Request) -> Answer:
    text = request.match_info["transaction"]
    found = session.account.log.get(int(text)) if text.isdecimal() else None
    if found is None:
        raise Refusal(404, "The transaction ID specified does not exist", errorCode="NO_SUCH_TRANSACTION")
    return 200, _with_last(session, transaction=found)


async def transactions_between(session: Session, request: web.Request) -> Answer:
    first, last = _number(request, "from"), _number(request, "to")
    if not 1 <= first <= last <= session.account.log.last_id:
        raise Refusal(416, "The transaction ID range specified is not valid")
    if last - first >= _ID_RANGE_MOST:
        raise Refusal(400, "Maximum value for 'to' exceeded")
    return 200, _with_last(session, transactions=session.account.log.between(first, last, _kinds(request)))


async def transactions_since(session: Session, request: web.Request) -> Answer:
    since = _number(request, "id")
    if since > session.account.log.last_id:
        raise Refusal(416, "The transaction ID specified is not valid")
    found = session.account.log.between(since + 1, since + _ID_RANGE_MOST, _kinds(request))
    return 200, _with_last(session, transactions=found)


_A = "/v3/accounts/{account}"
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v3/accounts", accounts),
    ("GET", _A, account),
    ("GET", f"{_A}/summary", summary),
    ("GET", f"{_A}/instruments", instruments),
    ("PATCH", f"{_A}/configuration", configuration),
    ("GET", f"{_A}/changes", changes),
    ("GET", "/v3/instruments/{instrument}/candles", candles),
    ("GET", f"{_A}/instruments/{{instrument}}/candles", candles),
    ("GET", f"{_A}/pricing", pricing),
    ("POST", f"{_A}/orders", create_order),
    ("GET", f"{_A}/orders", orders),
    ("GET", f"{_A}/pendingOrders", pending_orders),
    ("GET", f"{_A}/orders/{{order}}", order),
    ("PUT", f"{_A}/orders/{{order}}", replace_order),
    ("PUT", f"{_A}/orders/{{order}}/cancel", cancel_order),
    ("PUT", f"{_A}/orders/{{order}}/clientExtensions", name_order),
    ("GET", f"{_A}/trades", trades),
    ("GET", f"{_A}/openTrades", open_trades),
    ("GET", f"{_A}/trades/{{trade}}", trade),
    ("PUT", f"{_A}/trades/{{trade}}/close", close_trade),
    ("PUT", f"{_A}/trades/{{trade}}/clientExtensions", name_trade),
    ("PUT", f"{_A}/trades/{{trade}}/orders", protect_trade),
    ("GET", f"{_A}/positions", positions),
    ("GET", f"{_A}/openPositions", open_positions),
    ("GET", f"{_A}/positions/{{instrument}}", position),
    ("PUT", f"{_A}/positions/{{instrument}}/close", close_position),
    ("GET", f"{_A}/transactions", transactions),
    ("GET", f"{_A}/transactions/idrange", transactions_between),
    ("GET", f"{_A}/transactions/sinceid", transactions_since),
    ("GET", f"{_A}/transactions/{{transaction}}", transaction),
)


def _with_last(session: Session, **fields: object) -> Json:
    return {**fields, "lastTransactionID": str(session.account.log.last_id)}


def _instrument(session: Session, request: web.Request) -> Tradable:
    found = session.account.tradables.get(request.match_info["instrument"])
    if found is None:
        raise invalid("instrument")
    return found


def _named(session: Session, request: web.Request) -> list[Tradable]:
    return session.named(request.query.get("instruments", ""))


def _chosen(request: web.Request, found: list[tuple[int, str, Json]]) -> list[Json]:
    """The rows (number, instrument, body) that the query's ids, instrument, beforeID and count leave."""
    query = request.query
    count = _number(request, "count", 50)
    if not 1 <= count <= 500:
        raise invalid("count")
    ids = set(query["ids"].split(",")) if "ids" in query else None
    before = _number(request, "beforeID", 1 << 60)
    name = query.get("instrument")
    return [
        body
        for number, instrument, body in found
        if (ids is None or str(number) in ids) and number <= before and name in (None, instrument)
    ][:count]


def _number(request: web.Request, name: str, otherwise: int | None = None) -> int:
    text = request.query.get(name, "" if otherwise is None else str(otherwise))
    if not text.isdecimal():
        raise invalid(name)
    return int(text)


def _kinds(request: web.Request) -> list[str]:
    kinds = [kind for kind in request.query.get("type", "").split(",") if kind]
    if not all(known_filter(kind) for kind in kinds):
        raise invalid("type")
    return kinds


def _account_part(session: Session, tradable: Tradable) -> Json:
    """What a price means to this account."""
    owner = session.account
    if not tradable.available:
        return {}
    factor = owner.factor(tradable.name)
    free, held = owner.margin_available(), owner.net_units(tradable.name)
    per_unit = owner.margin_for(tradable.name, tradable.unit_step) / tradable.unit_step
    return {
        "quoteHomeConversionFactors": {"positiveUnits": factor, "negativeUnits": factor},
        "unitsAvailable": units_available(free, per_unit, held),
    }
