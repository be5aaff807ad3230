"""The ccxt adapter over a client that answers from a table: exact numbers, typed failures, and no promise too many."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.model.errors import BadInput, HoldfastError, Refused, Retryable, Unknown
from holdfast.model.order import Leg, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.exchange import Stamp, StreamNote, StreamState
from holdfast.venues.long_tail import reading
from holdfast.venues.long_tail.errors import NotFound
from holdfast.venues.long_tail.exchange import CcxtExchange, Doors
from holdfast.venues.long_tail.opening import open_client
from holdfast.world.clock import RecordedClock

NOW_MS = 1_700_000_000_000
SPOT = Symbol("elsewhere", "spot", "BTC-USDT")
SWAP = Symbol("elsewhere", "usdm", "BTC-USDT")
STAMP = Stamp(NOW_MS, 1000)

Json = dict[str, Any]
MARKETS: dict[str, Json] = {
    "BTC/USDT": {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "type": "spot",
        "active": True,
        "precision": {"price": 0.01, "amount": 1e-8},
        "limits": {"amount": {"min": 0.0001}, "cost": {"min": 5.0}},
        "maker": 0.001,
        "taker": 0.002,
    },
    "OLD/USDT": {"symbol": "OLD/USDT", "base": "OLD", "quote": "USDT", "type": "spot", "active": False},
    "ODD/USDT": {"symbol": "ODD/USDT", "base": "ODD", "quote": "USDT", "type": "spot", "precision": {}},
    "BTC/USDT:USDT": {
        "symbol": "BTC/USDT:USDT",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "type": "swap",
        "contract": True,
        "linear": True,
        "contractSize": 0.001,
        "precision": {"price": 0.1, "amount": 1.0},
        "limits": {"amount": {"min": 2.0}},
    },
    "BTC/USD:BTC": {
        "symbol": "BTC/USD:BTC",
        "base": "BTC",
        "quote": "USD",
        "settle": "BTC",
        "type": "swap",
        "linear": False,
    },
}
ABILITIES = (
    *("fetchTickers", "fetchOHLCV", "fetchOpenOrders", "fetchClosedOrders", "fetchOrder", "fetchMyTrades"),
    *("fetchPositions", "createTriggerOrder"),
)


class BaseError(Exception):
    """The root of ccxt's errors, and below it some of its names."""


def failure(*names: str) -> Exception:
    """An error whose class and parents are called as given, most special first."""
    kind: type[Exception] = BaseError
    for name in reversed(names):
        kind = type(name, (kind,), {})
    return kind("said the venue")


class Client:
    """Answers a method's name from a table, and keeps what was asked."""

    id = "elsewhere"

    def __init__(self, **answers: Any) -> None:
        self.apiKey = "the-key"
        self.precisionMode = 4
        self.has = dict.fromkeys(ABILITIES, True)
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self._answers = {"load_markets": MARKETS, "close": None} | answers

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def answer(*given: Any) -> Any:
            self.asked.append((name, given))
            said = self._answers[name]
            said = said(*given) if callable(said) else said
            if isinstance(said, Exception):
                raise said
            return said

        return answer


def exchange(market: str = "spot", **answers: Any) -> tuple[CcxtExchange, Client]:
    client, clock = Client(**answers), RecordedClock(NOW_MS)
    return CcxtExchange(client, BaseError, market, Doors(clock, clock.now_ms)), client


def order(symbol: Symbol = SPOT, **more: Any) -> OrderRequest:
    given: Json = {
        "client_order_id": "hf-1",
        "symbol": symbol,
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "size": Decimal("0.5"),
        "price": None,
        "reduce_only": False,
        "leg": Leg.ENTRY,
        "placed_at_ms": NOW_MS,
    }
    return OrderRequest(**(given | more))


def told(**more: Any) -> Json:
    return {
        "id": "77",
        "clientOrderId": "hf-1",
        "symbol": "BTC/USDT",
        "status": "open",
        "amount": 0.5,
        "filled": 0.0,
    } | more


def test_markets_become_instruments_with_the_steps_as_they_are_written() -> None:
    async def scene() -> None:
        ccxt, _ = exchange()
        (instrument,) = (await ccxt.read_instruments()).values()
        assert instrument.symbol == SPOT
        assert (instrument.price_tick, instrument.size_step) == (Decimal("0.01"), Decimal("1E-8"))
        assert (instrument.min_size, instrument.min_notional) == (Decimal("0.0001"), Decimal(5))
        assert (instrument.maker_fee, instrument.taker_fee) == (Decimal("0.001"), Decimal("0.002"))
        assert ccxt.odd == {"symbols without fixed steps": 1}
        ccxt, _ = exchange("usdm")
        (instrument,) = (await ccxt.read_instruments()).values()
        assert (instrument.symbol, instrument.can_short) == (SWAP, True)
        assert (instrument.size_step, instrument.min_size) == (Decimal("0.001"), Decimal("0.002"))

    asyncio.run(scene())


def test_a_step_in_decimal_places_is_a_power_of_ten_and_significant_digits_are_no_step() -> None:
    listed = MARKETS["BTC/USDT"] | {"precision": {"price": 2, "amount": 5}}
    instrument = reading.instrument_of(SPOT, listed, precision_mode=2)
    assert instrument is not None
    assert (instrument.price_tick, instrument.size_step) == (Decimal("0.01"), Decimal("0.00001"))
    assert reading.instrument_of(SPOT, listed, precision_mode=3) is None


def test_only_closed_bars_are_candles() -> None:
    async def scene() -> None:
        minute = 60_000
        first = NOW_MS // minute * minute - 3 * minute
        rows = [[first + step * minute, 1.0, 2.0, 0.5, 1.5, None if step else 7.0] for step in (1, 0, 2, 3, 1)]
        ccxt, client = exchange(fetch_ohlcv=rows)
        block = await ccxt.read_candles(SPOT, Timeframe.M1, after_ms=first - 1, limit=100)
        assert block.open_time_ms.tolist() == [first, first + minute, first + 2 * minute]
        assert block.values[0].tolist() == [1.0, 2.0, 0.5, 1.5, 7.0]
        assert client.asked[-1] == ("fetch_ohlcv", ("BTC/USDT", "1m", first, 100))
        block = await ccxt.read_candles(SPOT, Timeframe.M1, after_ms=first, limit=1)
        assert block.open_time_ms.tolist() == [first + minute]

    asyncio.run(scene())


def test_an_order_is_sent_once_with_our_id_and_exact_numbers() -> None:
    async def scene() -> None:
        ccxt, client = exchange(create_order=told(status="closed", filled=0.5, timestamp=NOW_MS + 5))
        report = await ccxt.place(order(), STAMP)
        assert (report.state, report.size, report.filled_size) == (OrderState.FILLED, Decimal("0.5"), Decimal("0.5"))
        assert (report.venue_order_id, report.time_ms) == ("77", NOW_MS + 5)
        assert client.asked[-1] == ("create_order", ("BTC/USDT", "market", "buy", 0.5, None, {"clientOrderId": "hf-1"}))
        await ccxt.place(order(type=OrderType.STOP, price=Decimal("9.5"), side=Side.SELL, leg=Leg.STOP), STAMP)
        assert client.asked[-1][1][4:] == (None, {"clientOrderId": "hf-1", "triggerPrice": 9.5})

        ccxt, client = exchange("usdm", create_order=told(amount=500.0, filled=200.0))
        report = await ccxt.place(order(SWAP, reduce_only=True), STAMP)
        assert (report.state, report.size, report.filled_size) == (OrderState.PARTIAL, Decimal("0.5"), Decimal("0.2"))
        assert client.asked[-1][1][3:] == (500.0, None, {"clientOrderId": "hf-1", "reduceOnly": True})

    asyncio.run(scene())


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": Decimal("0.12345678901234567")},
        {"type": OrderType.LIMIT, "price": Decimal("1.00000000000000000001")},
        {"protection": (order(leg=Leg.STOP, price=Decimal(1)),)},
        {"symbol": Symbol("elsewhere", "spot", "NO-SUCH")},
    ],
)
def test_what_cannot_be_said_exactly_or_safely_is_refused_before_it_leaves(wrong: Json) -> None:
    async def scene() -> None:
        ccxt, client = exchange()
        with pytest.raises(Refused):
            await ccxt.place(order(**wrong), STAMP)
        assert {name for name, _ in client.asked} <= {"load_markets"}

    asyncio.run(scene())


def test_protection_goes_with_the_order_where_the_venue_can() -> None:
    async def scene() -> None:
        ccxt, client = exchange("usdm", create_order=told())
        client.has["createOrderWithTakeProfitAndStopLoss"] = True
        assert ccxt.capabilities.attached_protection
        legs = (order(SWAP, leg=Leg.STOP, price=Decimal(1)), order(SWAP, leg=Leg.TARGET, price=Decimal(9)))
        await ccxt.place(order(SWAP, protection=legs), STAMP)
        params = client.asked[-1][1][5]
        assert (params["stopLoss"], params["takeProfit"]) == ({"triggerPrice": 1.0}, {"triggerPrice": 9.0})

    asyncio.run(scene())


FAILURES: dict[tuple[str, ...], tuple[type[HoldfastError], type[HoldfastError]]] = {
    ("RequestTimeout", "NetworkError", "OperationFailed"): (Unknown, Retryable),
    ("ExchangeNotAvailable", "NetworkError", "OperationFailed"): (Unknown, Retryable),
    ("BadResponse", "OperationFailed"): (Unknown, Retryable),
    ("ExchangeError",): (Unknown, Retryable),
    ("RateLimitExceeded", "NetworkError", "OperationFailed"): (Retryable, Retryable),
    ("InvalidNonce", "NetworkError", "OperationFailed"): (Retryable, Retryable),
    ("InsufficientFunds", "ExchangeError"): (Refused, Refused),
    ("OrderImmediatelyFillable", "InvalidOrder", "ExchangeError"): (Refused, Refused),
    ("PermissionDenied", "AuthenticationError", "ExchangeError"): (Refused, Refused),
}


@pytest.mark.parametrize("names", FAILURES, ids=lambda names: names[0])
def test_ccxts_errors_are_named_by_what_to_do_next(names: tuple[str, ...]) -> None:
    writing, read = FAILURES[names]

    async def scene() -> None:
        ccxt, client = exchange(create_order=failure(*names), fetch_balance=failure(*names))
        with pytest.raises(writing):
            await ccxt.place(order(), STAMP)
        assert [name for name, _ in client.asked].count("create_order") == 1
        with pytest.raises(read):
            await ccxt.read_balances()

    asyncio.run(scene())


def test_an_answer_that_ccxt_stumbles_over_is_unknown_and_a_second_sending_is_told_as_one() -> None:
    async def scene() -> None:
        ccxt, _ = exchange(create_order=KeyError("id"))
        with pytest.raises(Unknown):
            await ccxt.place(order(), STAMP)
        ccxt, _ = exchange(create_order=failure("DuplicateOrderId", "InvalidOrder", "ExchangeError"))
        with pytest.raises(Refused, match=r"^duplicate_client_id$"):
            await ccxt.place(order(), STAMP)
        with pytest.raises(Retryable, match="not sent"):
            await ccxt.place(order(), Stamp(NOW_MS - 2000, 1000))

    asyncio.run(scene())


def test_a_lost_order_is_looked_for_by_our_id_and_absence_is_none() -> None:
    async def scene() -> None:
        ended = told(status="canceled", filled=0.2)
        ccxt, client = exchange(fetch_open_orders=[told(clientOrderId="other")], fetch_closed_orders=[ended])
        report = await ccxt.query(order())
        assert report is not None
        assert (report.state, report.filled_size, report.reason) == (OrderState.CANCELLED, Decimal("0.2"), "canceled")
        client._answers["fetch_order"] = failure("OrderNotFound", "InvalidOrder", "ExchangeError")
        assert await ccxt.query(order()) is None
        ccxt, _ = exchange(fetch_open_orders=[], fetch_closed_orders=[])
        assert await ccxt.query(order()) is None
        with pytest.raises(NotFound):
            await ccxt.cancel(order(), STAMP)

    asyncio.run(scene())


def test_cancelling_ends_with_the_venues_last_word() -> None:
    async def scene() -> None:
        gone = failure("OrderNotFound", "InvalidOrder", "ExchangeError")
        ccxt, _ = exchange(create_order=told(), cancel_order=gone, fetch_order=told(status="closed", filled=0.5))
        await ccxt.place(order(), STAMP)
        assert (await ccxt.cancel(order(), STAMP)).state is OrderState.FILLED
        ccxt, _ = exchange(create_order=told(), cancel_order=gone, fetch_order=told())
        await ccxt.place(order(), STAMP)
        with pytest.raises(NotFound):
            await ccxt.cancel(order(), STAMP)

    asyncio.run(scene())


def trade(number: str, time_ms: int, **more: Any) -> Json:
    fee = {"cost": 0.001, "currency": "BTC"}
    return {
        "id": number,
        "order": "77",
        "side": "buy",
        "price": 100.1,
        "amount": 0.1,
        "timestamp": time_ms,
        "fee": fee,
    } | more


def test_a_fill_is_read_once_by_its_number_also_within_one_millisecond() -> None:
    async def scene() -> None:
        book = [trade("1", 10), trade("2", 10, fee={"cost": 0.5, "currency": "USDT"})]
        ccxt, _ = exchange(
            fetch_my_trades=lambda _name, since: [one for one in book if since is None or one["timestamp"] >= since],
            fetch_order=told(),
        )
        fills, cursor = await ccxt.read_fills(SPOT, since="")
        assert [(fill.trade_id, fill.client_order_id, fill.fee) for fill in fills] == [
            ("1", "hf-1", Decimal("0.1001")),
            ("2", "hf-1", Decimal("0.5")),
        ]
        book += [trade("3", 10, fee={"cost": 1.0, "currency": "BNB"}), trade("4", 12)]
        fills, cursor = await ccxt.read_fills(SPOT, since=cursor)
        assert [fill.trade_id for fill in fills] == ["3", "4"]
        assert (fills[0].fee, ccxt.odd["fee in BNB"]) == (Decimal(0), 1)
        assert await ccxt.read_fills(SPOT, since=cursor) == ([], cursor)

    asyncio.run(scene())


def test_positions_have_signs_and_balances_their_totals() -> None:
    async def scene() -> None:
        held = [{"symbol": "BTC/USDT:USDT", "side": "short", "contracts": 300.0}, {"symbol": "X", "contracts": 1.0}]
        balance = {"total": {"USDT": 10.5, "BTC": 0.0}}
        ccxt, _ = exchange("usdm", fetch_positions=held, fetch_balance=balance)
        assert await ccxt.read_positions() == {SWAP: Decimal("-0.3")}
        assert await ccxt.read_balances() == {"USDT": Decimal("10.5")}
        assert await exchange()[0].read_positions() == {}

    asyncio.run(scene())


def test_what_a_venue_cannot_do_is_said_and_not_tried() -> None:
    async def scene() -> None:
        ccxt, client = exchange()
        client.has = {}
        for ask in (
            ccxt.read_time_ms(),
            ccxt.read_liquidity(),
            ccxt.read_open_orders(),
            ccxt.arm_dead_man(SPOT, 1),
            ccxt.place(order(type=OrderType.STOP, price=Decimal(1)), STAMP),
        ):
            with pytest.raises(Refused):
                await ask
        note = await anext(aiter(ccxt.private_events()))
        assert isinstance(note, StreamNote)
        assert note.state is StreamState.STALE
        client.apiKey = ""
        with pytest.raises(BadInput, match="HOLDFAST_ELSEWHERE_KEY"):
            await ccxt.read_balances()

    asyncio.run(scene())


def test_an_unknown_status_is_counted_and_unknown() -> None:
    odd: Counter[str] = Counter()
    report = reading.report_of(told(status="frozen"), Decimal(1), asked=None, time_ms=1, odd=odd)
    assert report.state is OrderState.UNKNOWN
    assert odd == {"order status frozen": 1}
    ended = reading.report_of(told(status="closed", filled=0.25), Decimal(1), asked=None, time_ms=1, odd=odd)
    assert (ended.state, ended.filled_size) == (OrderState.CANCELLED, Decimal("0.25"))


def test_a_market_that_ccxt_has_no_word_for_is_refused_before_it_is_imported() -> None:
    with pytest.raises(BadInput, match="fx"):
        open_client("binance", "fx")
