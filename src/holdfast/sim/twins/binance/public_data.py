"""What the venue tells everybody: time, listings with filters, candles, tickers, the quote, funding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from holdfast.sim.exchange.instrument import Instrument, Trading
from holdfast.sim.twins.binance.desk import Call, Desk
from holdfast.sim.twins.binance.errors import ApiError
from holdfast.sim.twins.binance.figures import INTERVALS_MS, fixed, plain
from holdfast.sim.twins.market import FUNDING_MS, FUNDING_RATE, Bar, Tape, Tick

Json = dict[str, object]
_STP = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
_SPOT_STATUS = {Trading.OPEN: "TRADING", Trading.CANCEL_ONLY: "CANCEL_ONLY", Trading.HALTED: "BREAK"}
_USDM_STATUS = {Trading.OPEN: "TRADING", Trading.CANCEL_ONLY: "PENDING_TRADING", Trading.HALTED: "SETTLING"}


def figure(desk: Desk) -> Callable[[Decimal], str]:
    return fixed if desk.spot else plain


def ping(desk: Desk, call: Call) -> object:
    return {}


def time(desk: Desk, call: Call) -> object:
    return {"serverTime": call.now_ms}


def exchange_info(desk: Desk, call: Call) -> object:
    symbols = [(_spot_symbol if desk.spot else _usdm_symbol)(desk, found) for found in desk.instruments(call)]
    info: Json = {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": desk.meter.rate_limits(),
        "exchangeFilters": [],
        "symbols": symbols,
    }
    if not desk.spot:
        quotes = sorted({book.instrument.quote for book in desk.exchange.books.values()})
        info["assets"] = [{"asset": quote, "marginAvailable": True, "autoAssetExchange": "0"} for quote in quotes]
        info["futuresType"] = "U_MARGINED"
    return info


def _spot_symbol(desk: Desk, instrument: Instrument) -> Json:
    return {
        "symbol": instrument.name,
        "status": _SPOT_STATUS[desk.exchange.books[instrument.name].trading],
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [
            *("LIMIT", "LIMIT_MAKER", "MARKET"),
            *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
        ],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _spot_filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": _STP,
    }


def _spot_filters(one: Instrument) -> list[Json]:
    up, down = plain(one.percent_up or Decimal(0)), plain(one.percent_down or Decimal(0))
    filters: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(one.min_price or Decimal(0)),
            "maxPrice": fixed(one.max_price or Decimal(0)),
            "tickSize": fixed(one.price_tick),
        },
        _lot("LOT_SIZE", one, one.max_size),
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        _lot("MARKET_LOT_SIZE", one, one.max_market_size or one.max_size) | {"minQty": fixed(Decimal(0))},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed(one.min_notional or Decimal(0)),
            "applyMinToMarket": True,
            "maxNotional": fixed(Decimal(9_000_000)),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": one.max_conditional},
    ]
    if one.max_position is not None:
        filters.append({"filterType": "MAX_POSITION", "maxPosition": fixed(one.max_position)})
    return filters


def _lot(kind: str, one: Instrument, most: Decimal) -> Json:
    return {
        "filterType": kind,
        "minQty": fixed(one.min_size),
        "maxQty": fixed(most),
        "stepSize": fixed(one.size_step),
    }


def _usdm_symbol(desk: Desk, one: Instrument) -> Json:
    tape = desk.tapes[one.name]
    least, tick, step = plain(one.min_size), plain(one.price_tick), plain(one.size_step)
    return {
        "symbol": one.name,
        "pair": one.name,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": _USDM_STATUS[desk.exchange.books[one.name].trading],
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.base,
        "quoteAsset": one.quote,
        "marginAsset": one.quote,
        "pricePrecision": tape.price_digits,
        "quantityPrecision": tape.size_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": plain(one.min_price or Decimal(0)),
             "maxPrice": plain(one.max_price or Decimal(0)), "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": plain(one.max_size), "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": plain(one.max_market_size or one.max_size),
             "stepSize": step},
            {"filterType": "MAX_NUM_ORDERS", "limit": one.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": one.max_conditional},
            {"filterType": "MIN_NOTIONAL", "notional": plain(one.min_notional or Decimal(0))},
            {"filterType": "PERCENT_PRICE", "multiplierUp": f"{one.percent_up:.4f}",
             "multiplierDown": f"{one.percent_down:.4f}", "multiplierDecimal": "4"},
        ],
        "orderTypes": [
            *("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }  # fmt: skip


def klines(desk: Desk, call: Call) -> object:
    instrument = desk.instrument(call.parameters.symbol())
    tape, now_ms = desk.tapes[instrument.name], desk.market_ms(instrument.name)
    interval_ms = interval(call.parameters.text("interval"), tape)
    limit = call.parameters.limit(500, 1000 if desk.spot else 1500)
    first, last = call.parameters.time("startTime"), call.parameters.time("endTime")
    if first is not None:
        bars = tape.bars(interval_ms, first_ms=first, last_ms=last or now_ms, now_ms=now_ms, limit=limit)
    else:
        bars = tape.latest_bars(interval_ms, now_ms=now_ms, limit=limit, last_ms=last)
    return [_kline(bar, figure(desk)) for bar in bars]


def interval(word: str, tape: Tape) -> int:
    """An interval in ms; the venue's refusal for an unknown one, or one that the recording is too coarse for."""
    interval_ms = INTERVALS_MS.get(word)
    if interval_ms is None or interval_ms % tape.bar_ms:
        raise ApiError(-1120, "Invalid interval.")
    return interval_ms


def _kline(bar: Bar, show: Callable[[Decimal], str]) -> list[object]:
    return [
        bar.open_ms,
        show(bar.open),
        show(bar.high),
        show(bar.low),
        show(bar.close),
        show(bar.volume),
        bar.close_ms - 1,
        show(bar.quote_volume),
        bar.trades,
        show(bar.taker_volume),
        show(bar.taker_quote_volume),
        "0",
    ]


def ticks(desk: Desk, call: Call) -> list[tuple[Tick, Bar]]:
    """(market now, last day) of the symbols asked for, as far as they have traded."""
    found = [(one.name, desk.tick(one.name)) for one in desk.instruments(call)]
    days = [(tick, desk.tapes[name].day(desk.market_ms(name))) for name, tick in found if tick is not None]
    return [(tick, day) for tick, day in days if day is not None]


def one_or_all(call: Call, rows: list[Json]) -> object:
    """The venue answers with one object where `symbol` was asked for, else with a list."""
    return rows[0] if "symbol" in call.parameters and rows else rows


def ticker_24h(desk: Desk, call: Call) -> object:
    return one_or_all(call, [ticker(desk, tick, day) for tick, day in ticks(desk, call)])


def ticker(desk: Desk, tick: Tick, day: Bar) -> Json:
    """A row of ticker/24hr."""
    show, change = figure(desk), day.close - day.open
    told: Json = {
        "symbol": tick.symbol,
        "priceChange": show(change),
        "priceChangePercent": f"{change / day.open * 100:.3f}",
        "weightedAvgPrice": show(
            (day.quote_volume / day.volume if day.volume else day.close).quantize(Decimal("1e-8"))
        ),
        "lastPrice": show(day.close),
        "lastQty": show(tick.quoted),
        "openPrice": show(day.open),
        "highPrice": show(day.high),
        "lowPrice": show(day.low),
        "volume": show(day.volume),
        "quoteVolume": show(day.quote_volume),
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": 1,
        "lastId": max(day.trades, 1),
        "count": day.trades,
    }
    if desk.spot:
        told |= {"prevClosePrice": show(day.open), **_quote(tick, show)}
        del told["symbol"]
        told = {"symbol": tick.symbol, **told}
    return told


def _quote(tick: Tick, show: Callable[[Decimal], str]) -> Json:
    quoted = show(tick.quoted)
    return {"bidPrice": show(tick.bid), "bidQty": quoted, "askPrice": show(tick.ask), "askQty": quoted}


def ticker_price(desk: Desk, call: Call) -> object:
    rows: list[Json] = []
    for tick, _ in ticks(desk, call):
        row: Json = {"symbol": tick.symbol, "price": figure(desk)(tick.price)}
        rows.append(row if desk.spot else row | {"time": tick.time_ms})
    return one_or_all(call, rows)


def book_ticker(desk: Desk, call: Call) -> object:
    rows: list[Json] = []
    for tick, _ in ticks(desk, call):
        row: Json = {"symbol": tick.symbol, **_quote(tick, figure(desk))}
        rows.append(row if desk.spot else row | {"time": tick.time_ms})
    return one_or_all(call, rows)


def depth(desk: Desk, call: Call) -> object:
    instrument = desk.instrument(call.parameters.symbol())
    tick, count = desk.tick(instrument.name), call.parameters.limit(100, 5000)
    sides = levels(tick, instrument, min(count, 20), figure(desk)) if tick else {"bids": [], "asks": []}
    told: Json = {"lastUpdateId": call.now_ms, **sides}
    return told if desk.spot else told | {"E": call.now_ms, "T": call.now_ms}


def levels(tick: Tick, one: Instrument, count: int, show: Callable[[Decimal], str]) -> Json:
    """A thin book: the quote, and the same amount again at each tick beyond it."""
    bids = [(tick.bid - one.price_tick * n, tick.quoted) for n in range(count)]
    asks = [(tick.ask + one.price_tick * n, tick.quoted) for n in range(count)]
    return {
        "bids": [[show(price), show(size)] for price, size in bids if price > 0],
        "asks": [[show(price), show(size)] for price, size in asks],
    }


def average_price(desk: Desk, call: Call) -> object:
    rows = ticks(desk, call)
    if not rows:
        raise ApiError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return {"mins": 5, "price": fixed(rows[0][0].price), "closeTime": rows[0][0].time_ms}


def premium_index(desk: Desk, call: Call) -> object:
    rows: list[Json] = []
    for tick, _ in ticks(desk, call):
        rows.append(
            {
                "symbol": tick.symbol,
                "markPrice": fixed(tick.price),
                "indexPrice": fixed(tick.price),
                "estimatedSettlePrice": fixed(tick.price),
                "lastFundingRate": fixed(desk.funding(tick.symbol, tick.time_ms)),
                "interestRate": fixed(FUNDING_RATE),
                "nextFundingTime": next_funding(tick.time_ms),
                "time": tick.time_ms,
            }
        )
    return one_or_all(call, rows)


def next_funding(now_ms: int) -> int:
    return (now_ms // FUNDING_MS + 1) * FUNDING_MS


def funding_rate(desk: Desk, call: Call) -> object:
    wanted = {one.name for one in desk.instruments(call)}
    first, last = call.parameters.time("startTime") or 0, call.parameters.time("endTime") or call.now_ms
    rows = [
        {"symbol": symbol, "fundingTime": time_ms, "fundingRate": fixed(rate), "markPrice": fixed(mark)}
        for symbol, time_ms, rate, mark in desk.paid
        if symbol in wanted and first <= time_ms <= last
    ]
    return rows[-call.parameters.limit(100, 1000) :]


def funding_info(desk: Desk, call: Call) -> object:
    """Only symbols whose interval or caps were adjusted are told: none here."""
    return []


def no_symbols(desk: Desk, call: Call) -> object:
    """The listings of a market that the twin does not play (COIN-M)."""
    return {"timezone": "UTC", "serverTime": call.now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": []}


def trading_schedule(desk: Desk, call: Call) -> object:
    """Sessions of perpetuals on stocks and commodities: none is listed here."""
    return {"updateTime": call.now_ms, "marketSchedules": {}}
