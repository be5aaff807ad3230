"""What Binance says of markets and accounts, read exactly; what it says that nobody knows, tolerated and counted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from binance_scene import FILTERS, INFO, NOW_MS, SPOT, STAMP, USDM, Scene, order, play, refusal, said

from holdfast.model.errors import BadInput, Retryable
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.timeframe import Timeframe
from holdfast.ports.transport import Limited, RateLimit
from holdfast.venues.binance.exchange import CANDLE_LAG_MS, Doors
from holdfast.venues.binance.spot import BinanceSpot

MINUTE_MS = 60_000
OPEN_MS = NOW_MS - NOW_MS % MINUTE_MS


def info_with(**more: Any) -> dict[str, Any]:
    return {**INFO, "symbols": [{**INFO["symbols"][0], **more}]}  # type: ignore[dict-item, index]


def test_instruments_carry_exact_filters_and_the_venues_own_limits() -> None:
    async def scene() -> None:
        s = Scene()
        instrument = (await s.spot.read_instruments())[SPOT]
        assert (instrument.price_tick, instrument.size_step) == (Decimal("0.01"), Decimal("0.001"))
        assert (instrument.min_size, instrument.min_notional) == (Decimal("0.001"), Decimal(5))
        assert (instrument.base, instrument.quote, instrument.can_short) == ("BTC", "USDT", False)
        assert s.wire.limits == [[RateLimit(Limited.WEIGHT, MINUTE_MS, 6000)]]
        assert (await s.usdm.read_instruments())[USDM].can_short

    play(scene)


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ({"status": "HALT"}, {}),
        ({"status": "CANCEL_ONLY"}, {}),
        ({"status": "SLEEPING"}, {"symbol status SLEEPING": 1}),
        ({"contractType": "TRADIFI_PERPETUAL"}, {}),
        ({"contractType": "MOON_PERPETUAL"}, {"contract type MOON_PERPETUAL": 1}),
    ],
)
def test_what_is_not_plainly_tradable_is_left_out(change: dict[str, str], counted: dict[str, int]) -> None:
    async def scene() -> None:
        s = Scene({"GET exchangeInfo": info_with(**change)})
        assert await s.usdm.read_instruments() == {}
        assert dict(s.usdm.odd) == counted

    play(scene)


def test_new_fields_are_passed_over_and_new_filters_counted() -> None:
    async def scene() -> None:
        news = info_with(novelty={"a": [1]}, filters=[*FILTERS, {"filterType": "TIDE", "moon": "full"}])
        s = Scene({"GET exchangeInfo": news})
        assert list(await s.spot.read_instruments()) == [SPOT]
        assert dict(s.spot.odd) == {"filter TIDE": 1}

    play(scene)


def test_a_step_of_zero_means_the_currencys_own_digits() -> None:
    async def scene() -> None:
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0"}, {"filterType": "LOT_SIZE", "stepSize": "0"}]
        s = Scene({"GET exchangeInfo": info_with(filters=filters, quotePrecision=6, baseAssetPrecision=4)})
        instrument = (await s.spot.read_instruments())[SPOT]
        assert (instrument.price_tick, instrument.size_step) == (Decimal("0.000001"), Decimal("0.0001"))

    play(scene)


def test_an_exchange_info_that_cannot_be_read_is_asked_for_again() -> None:
    async def scene() -> None:
        s = Scene({"GET exchangeInfo": {"symbols": 5}})
        with pytest.raises(Retryable, match="exchangeInfo"):
            await s.spot.read_instruments()

    play(scene)


def bar(open_ms: int, close: str = "2") -> list[Any]:
    return [open_ms, "1", "3", "0.5", close, "7.25", open_ms + MINUTE_MS - 1, "9", 4, "3", "5", "0"]


def test_a_bar_that_is_forming_or_just_over_is_not_among_the_closed_ones() -> None:
    async def scene() -> None:
        bars = [bar(OPEN_MS - 2 * MINUTE_MS), bar(OPEN_MS - MINUTE_MS), bar(OPEN_MS)]
        s = Scene({"GET klines": bars})
        s.now_ms = OPEN_MS + CANDLE_LAG_MS - 1
        block = await s.spot.read_candles(SPOT, Timeframe.M1, after_ms=OPEN_MS - 3 * MINUTE_MS, limit=1000)
        assert block.open_time_ms.tolist() == [OPEN_MS - 2 * MINUTE_MS]
        s.now_ms = OPEN_MS + CANDLE_LAG_MS
        block = await s.spot.read_candles(SPOT, Timeframe.M1, after_ms=OPEN_MS - 3 * MINUTE_MS, limit=1000)
        assert block.open_time_ms.tolist() == [OPEN_MS - 2 * MINUTE_MS, OPEN_MS - MINUTE_MS]
        assert block.values.tolist() == [[1.0, 3.0, 0.5, 2.0, 7.25]] * 2
        assert (block.symbols, block.symbol_index.tolist()) == ((SPOT,), [0, 0])
        assert s.wire.sent()["startTime"] == str(OPEN_MS - 3 * MINUTE_MS + 1)

    play(scene)


def test_no_bars_are_an_empty_block_and_limits_are_the_venues() -> None:
    async def scene() -> None:
        s = Scene({"GET klines": []})
        assert len(await s.usdm.read_candles(USDM, Timeframe.H1, after_ms=0, limit=9999)) == 0
        assert (s.wire.sent()["limit"], s.wire.asked[0].weight) == ("1500", 10)
        await s.usdm.read_candles(USDM, Timeframe.H1, after_ms=0, limit=99)
        assert s.wire.asked[1].weight == 1
        await s.spot.read_candles(SPOT, Timeframe.H1, after_ms=0, limit=9999)
        assert (s.wire.sent()["limit"], s.wire.asked[2].weight) == ("1000", 2)

    play(scene)


def trade(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "orderId": 28,
        "price": "100.5",
        "qty": "0.2",
        "commission": "0.02",
        "commissionAsset": "USDT",
        "time": NOW_MS,
        "isBuyer": True,
        "isMaker": False,
        **more,
    }


def test_fills_are_told_once_with_the_orders_own_id_and_leg() -> None:
    async def scene() -> None:
        s = Scene({"POST order": said(), "GET myTrades": ([trade(11)], [trade(12)], [])})  # type: ignore[dict-item]
        await s.spot.place(order(leg=Leg.TARGET), STAMP)
        first, cursor = await s.spot.read_fills(SPOT, since="")
        assert first == [
            Fill(
                trade_id="11",
                client_order_id="hfentry",
                symbol=SPOT,
                side=Side.BUY,
                leg=Leg.TARGET,
                price=Decimal("100.5"),
                size=Decimal("0.2"),
                fee=Decimal("0.02"),
                quote="USDT",
                maker=False,
                time_ms=NOW_MS,
            )
        ]
        assert (cursor, s.wire.sent(1)["fromId"]) == ("11", "0")
        second, cursor = await s.spot.read_fills(SPOT, since=cursor)
        assert ([fill.trade_id for fill in second], cursor, s.wire.sent()["fromId"]) == (["12"], "12", "12")
        assert await s.spot.read_fills(SPOT, since=cursor) == ([], "12")

    play(scene)


def test_pages_of_fills_are_read_to_the_end() -> None:
    async def scene() -> None:
        pages = [[trade(n) for n in range(1, 1001)], [trade(n) for n in range(1001, 1003)]]
        s = Scene({"GET myTrades": tuple(pages), "GET order": said()})  # type: ignore[dict-item]
        fills, cursor = await s.spot.read_fills(SPOT, since="")
        assert (len(fills), cursor) == (1002, "1002")
        assert s.wire.paths.count("GET /api/v3/order") == 1, "an order is asked for once"

    play(scene)


def test_the_leg_of_an_older_order_is_asked_of_who_knows_else_read_from_its_type() -> None:
    async def scene() -> None:
        for known, leg in (({"hfold": Leg.TARGET}, Leg.TARGET), ({}, Leg.STOP)):
            old = said("hfold", type="STOP_LOSS_LIMIT", side="SELL")
            answers = {"GET myTrades": [trade(1, isBuyer=False)], "GET order": old}
            s = Scene(answers, leg_of=known.get)
            (fill,), _ = await s.spot.read_fills(SPOT, since="")
            assert (fill.client_order_id, fill.leg, fill.side) == ("hfold", leg, Side.SELL)

    play(scene)


@pytest.mark.parametrize(
    ("asset", "commission", "fee"),
    [("USDT", "0.02", "0.02"), ("BTC", "0.0002", "0.0201"), ("BNB", "0.001", "0.3125"), ("USDT", "-0.01", "-0.01")],
)
def test_a_fee_in_another_currency_is_valued_in_quote(asset: str, commission: str, fee: str) -> None:
    async def scene() -> None:
        paid = trade(1, commission=commission, commissionAsset=asset)
        minute = [OPEN_MS, "312.5", *bar(OPEN_MS)[2:]]
        s = Scene({"GET myTrades": [paid], "GET order": said(), "GET klines": [minute]})
        (fill,), _ = await s.spot.read_fills(SPOT, since="")
        assert fill.fee == Decimal(fee)
        if asset == "BNB":
            assert (s.wire.sent()["symbol"], s.wire.sent()["startTime"]) == ("BNBUSDT", str(OPEN_MS))

    play(scene)


def test_a_fee_that_cannot_be_valued_keeps_no_fill_back_and_is_counted() -> None:
    async def scene() -> None:
        paid = trade(1, commissionAsset="XYZ")
        s = Scene({"GET myTrades": [paid], "GET order": said(), "GET klines": refusal(-1121)})
        (fill,), _ = await s.spot.read_fills(SPOT, since="")
        assert fill.fee == 0
        assert dict(s.spot.odd) == {"fee in XYZ, which has no price in USDT": 1}

    play(scene)


def test_positions_and_balances_are_exact_and_without_zeros() -> None:
    async def scene() -> None:
        rows = [("BTCUSDT", "0.5"), ("ETHUSDT", "0.000"), ("BTCUSDT", "-0.2")]
        s = Scene(
            {
                "GET positionRisk": [{"symbol": name, "positionAmt": size} for name, size in rows],
                "GET balance": [{"asset": "USDT", "balance": "122607.35137903"}, {"asset": "BNB", "balance": "0.0"}],
                "GET account": {"balances": [{"asset": "BTC", "free": "1.5", "locked": "0.25"}]},
            }
        )
        assert await s.usdm.read_positions() == {USDM: Decimal("0.3")}
        assert await s.usdm.read_balances() == {"USDT": Decimal("122607.35137903")}
        assert await s.spot.read_balances() == {"BTC": Decimal("1.75")}
        assert await s.spot.read_positions() == {}

    play(scene)


def test_reading_requests_are_stamped_with_the_venues_time() -> None:
    async def scene() -> None:
        s = Scene({"GET openOrders": []})
        await s.spot.read_open_orders()
        assert (s.wire.sent()["timestamp"], s.wire.sent()["recvWindow"]) == (str(NOW_MS), "5000")

    play(scene)


def test_without_keys_the_public_calls_answer_and_the_others_say_what_is_missing() -> None:
    async def scene() -> None:
        s = Scene({"GET time": {"serverTime": 17}, "GET ticker/24hr": [TICKER]})
        doors = Doors(s.wire, s.lines, s.clock, s.clock.now_ms)
        spot = BinanceSpot(doors)
        assert await spot.read_time_ms() == 17
        (row,) = await spot.read_liquidity()
        assert (row.symbol, row.quote_volume_24h, row.last_price) == (SPOT, Decimal("15.30"), Decimal("4.000002"))
        with pytest.raises(BadInput, match="key"):
            await spot.read_balances()

    play(scene)


TICKER = {"symbol": "BTCUSDT", "lastPrice": "4.000002", "quoteVolume": "15.30", "volume": "8"}


def test_what_a_key_may_do_is_readable() -> None:
    async def scene() -> None:
        s = Scene(
            {
                "GET account/apiRestrictions": {"ipRestrict": True, "enableWithdrawals": False, "enableReading": True},
                "GET positionSide/dual": {"dualSidePosition": True},
            }
        )
        allowed = await s.spot.read_key_restrictions()
        assert (allowed.ip_restrict, allowed.enable_withdrawals) == (True, False)
        assert await s.usdm.read_hedge_mode()

    play(scene)
