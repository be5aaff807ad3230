"""The books of one account, entry by entry."""

from datetime import timedelta, timezone
from decimal import Decimal

import pytest

from holdfast.model.entry import Entry, EntryKind, StoredEntry, encode_body
from holdfast.model.errors import BadInput
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol
from holdfast.portfolio.equity import (
    EquityLine,
    EquityMark,
    decode_equity_mark,
    encode_equity_mark,
    make_equity_entry,
)
from holdfast.portfolio.ledger import Ledger

BTC = Symbol("binance", "usdm", "BTCUSDT")
ETH = Symbol("binance", "usdm", "ETHUSDT")
EUR = Symbol("oanda", "fx", "EUR_USD")
DAY_MS = 86_400_000


def stored(entry: Entry, sequence: int = 1) -> StoredEntry:
    return StoredEntry(sequence=sequence, chain_hash="0" * 64, entry=entry)


def settings(balances: object, account: str = "main") -> StoredEntry:
    body = encode_body({"balances": balances, "universe": ["BTCUSDT"]})
    return stored(Entry(kind=EntryKind.SETTINGS, key="v1", account=account, time_ms=0, body=body))


def fill(trade_id: str, side: Side, size: str, price: str, **other) -> StoredEntry:
    made = Fill(
        trade_id=trade_id,
        client_order_id="o" + trade_id,
        symbol=other.get("symbol", BTC),
        side=side,
        leg=other.get("leg", Leg.ENTRY),
        price=Decimal(price),
        size=Decimal(size),
        fee=Decimal(other.get("fee", "0")),
        quote=other.get("quote", "USDT"),
        maker=False,
        time_ms=other.get("time_ms", 1_000),
    )
    return stored(
        Entry(
            kind=EntryKind.FILL,
            key=other.get("key", f"{made.symbol}:{trade_id}"),
            account=other.get("account", "main"),
            time_ms=made.time_ms,
            body=encode_body(made),
        )
    )


def mark(time_ms: int, equity: str, currency: str = "USDT") -> StoredEntry:
    line = EquityLine(*map(Decimal, (equity, "0", "0", "0", equity, equity)))
    body = encode_equity_mark(EquityMark(time_ms, {currency: line}))
    return stored(Entry(kind=EntryKind.EQUITY, key=str(time_ms), account="main", time_ms=time_ms, body=body))


def ledger_of(*entries: StoredEntry, **other) -> Ledger:
    ledger = Ledger("main", **other)
    ledger.apply_all([settings({"USDT": "10000"}), *entries])
    return ledger


def test_profit_is_matched_first_in_first_out_to_the_last_digit() -> None:
    ledger = ledger_of(
        fill("1", Side.BUY, "0.1", "30000.01", fee="3.000001"),
        fill("2", Side.BUY, "0.2", "31000.07", fee="6.200014"),
        fill("3", Side.SELL, "0.15", "32000.03", fee="4.8000045"),
    )
    position = ledger.positions[BTC]
    assert [(lot.size, lot.price) for lot in position.lots] == [(Decimal("0.15"), Decimal("31000.07"))]
    assert position.realised == Decimal("0.1") * Decimal("2000.02") + Decimal("0.05") * Decimal("999.96")
    line = ledger.standing({BTC: Decimal("31500")}, 1_000)["USDT"]
    assert line.fees == Decimal("14.0000195")
    assert line.unrealised == Decimal("0.15") * Decimal("499.93")
    assert line.equity == Decimal("10000") + line.realised - line.fees + line.unrealised


def test_a_fill_is_counted_once_however_often_it_is_told() -> None:
    ledger = ledger_of(fill("1", Side.BUY, "1", "100", fee="1"))
    assert ledger.apply(fill("1", Side.BUY, "1", "100", fee="1")) is False
    assert ledger.positions[BTC].size == 1
    assert ledger.fill_count == 1


def test_the_same_trade_id_on_another_symbol_is_another_fill() -> None:
    ledger = ledger_of(fill("1", Side.BUY, "1", "100"), fill("1", Side.BUY, "2", "10", symbol=ETH))
    assert ledger.positions[BTC].size == 1
    assert ledger.positions[ETH].size == 2


def test_a_fill_that_crosses_zero_closes_one_trip_and_opens_the_next() -> None:
    ledger = ledger_of(
        fill("1", Side.BUY, "1", "100", fee="0.1", time_ms=1_000),
        fill("2", Side.SELL, "3", "110", fee="0.33", time_ms=2_000, leg=Leg.CLOSE),
    )
    (done,) = ledger.trips
    assert (done.side, done.size, done.realised, done.fees) == (Side.BUY, 1, 10, Decimal("0.43"))
    assert (done.opened_at_ms, done.closed_at_ms, done.closed_by) == (1_000, 2_000, Leg.CLOSE)
    assert (done.opened_value, done.closed_value, done.net) == (100, 110, Decimal("9.57"))
    still = ledger.open_trips[BTC]
    assert (still.side, still.size, still.fees, still.opened_value) == (Side.SELL, 2, 0, 220)
    assert ledger.positions[BTC].size == -2
    assert ledger.positions[BTC].lots[0].price == 110


def test_a_trip_keeps_its_largest_size_and_every_fee() -> None:
    ledger = ledger_of(
        fill("1", Side.SELL, "1", "100", fee="1"),
        fill("2", Side.SELL, "2", "100", fee="2"),
        fill("3", Side.BUY, "2", "90", fee="2"),
        fill("4", Side.BUY, "1", "105", fee="1", leg=Leg.STOP),
    )
    (done,) = ledger.trips
    assert (done.size, done.fees, done.realised, done.net, done.closed_by) == (
        Decimal(3),
        Decimal(6),
        Decimal(15),
        Decimal(9),
        Leg.STOP,
    )
    assert not ledger.open_positions
    assert not ledger.open_trips


def losing(number: int, time_ms: int) -> list[StoredEntry]:
    return [
        fill(f"{number}a", Side.BUY, "1", "100", time_ms=time_ms - 1),
        fill(f"{number}b", Side.SELL, "1", "99", time_ms=time_ms),
    ]


def test_the_losing_streak_counts_round_trips_after_fees_and_a_win_ends_it() -> None:
    costly = [fill("c1", Side.BUY, "1", "100", fee="1"), fill("c2", Side.SELL, "1", "101", fee="1", time_ms=30)]
    ledger = ledger_of(*losing(1, 10), *losing(2, 20), *costly)
    assert ledger.consecutive_losses == 3
    assert ledger.last_loss_time_ms == 30
    ledger.apply_all([fill("w1", Side.SELL, "1", "100"), fill("w2", Side.BUY, "1", "90")])
    assert ledger.consecutive_losses == 0
    assert ledger.last_loss_time_ms == 30
    assert (ledger.wins, ledger.losses, len(ledger.trips)) == (1, 3, 4)


def test_a_trip_of_exactly_zero_is_neither_win_nor_loss_and_ends_the_streak() -> None:
    ledger = ledger_of(*losing(1, 10), fill("e1", Side.BUY, "1", "100"), fill("e2", Side.SELL, "1", "100"))
    assert (ledger.wins, ledger.losses, ledger.consecutive_losses) == (0, 1, 0)


def test_a_day_result_belongs_to_the_day_of_closing_in_the_ledgers_zone() -> None:
    entries = losing(1, DAY_MS - 1) + losing(2, DAY_MS)
    utc = ledger_of(*entries).days()
    assert {day: result["USDT"].net for day, result in utc.items()} == {
        "1970-01-01": Decimal(-1),
        "1970-01-02": Decimal(-1),
    }
    east = ledger_of(*entries, zone=timezone(timedelta(hours=1))).days()
    assert {day: result["USDT"].trips for day, result in east.items()} == {"1970-01-02": 2}


def test_the_peak_is_the_highest_mark_and_the_day_starts_at_the_last_mark_before_it() -> None:
    ledger = ledger_of()
    assert ledger.standing({}, 0)["USDT"].day_start == 10_000
    ledger.apply_all([mark(1_000, "10100"), mark(DAY_MS - 1, "10050"), mark(DAY_MS, "9000"), mark(DAY_MS + 5, "9500")])
    today = ledger.standing({}, DAY_MS + 10)["USDT"]
    assert (today.peak, today.day_start) == (10100, 10050)
    tomorrow = ledger.standing({}, 2 * DAY_MS)["USDT"]
    assert (tomorrow.peak, tomorrow.day_start) == (10100, 9500)


def test_a_peak_reached_only_now_counts_now() -> None:
    ledger = ledger_of(fill("1", Side.BUY, "1", "100"))
    assert ledger.standing({BTC: Decimal(150)}, 0)["USDT"].peak == 10_050


def test_an_equity_entry_says_what_the_ledger_says_and_making_it_again_gives_the_same_bytes() -> None:
    ledger = ledger_of(mark(1_000, "10500"), fill("1", Side.BUY, "1", "100", fee="0.1", time_ms=DAY_MS))
    entry = make_equity_entry(ledger, {BTC: Decimal("101.5")}, DAY_MS)
    assert (entry.kind, entry.key, entry.account, entry.time_ms) == (EntryKind.EQUITY, str(DAY_MS), "main", DAY_MS)
    line = decode_equity_mark(entry.body).currencies["USDT"]
    assert line == EquityLine(
        Decimal("10001.4"), Decimal(0), Decimal("1.5"), Decimal("0.1"), Decimal("10500"), Decimal("10500")
    )
    assert ledger.apply(stored(entry)) is True
    assert make_equity_entry(ledger, {BTC: Decimal("101.5")}, DAY_MS) == entry
    assert ledger.apply(stored(entry)) is False


def test_currencies_are_kept_apart() -> None:
    ledger = ledger_of(fill("1", Side.BUY, "1000", "1.1", symbol=EUR, quote="USD", fee="0.5"))
    worth = ledger.standing({EUR: Decimal("1.2")}, 0)
    assert worth["USDT"].equity == 10_000
    assert worth["USD"].equity == Decimal("99.5")
    assert ledger.quote_of(EUR) == "USD"
    assert ledger.fees_paid("USD") == Decimal("0.5")


def test_the_first_settings_that_name_a_currency_open_it_for_ever() -> None:
    ledger = ledger_of()
    assert ledger.apply(settings({"USDT": "20000"})) is False
    assert ledger.apply(settings({"USDT": "20000", "EUR": "5"})) is True
    assert dict(ledger.opening) == {"USDT": 10000, "EUR": 5}
    assert ledger.apply(stored(Entry(EntryKind.SETTINGS, "v2", "main", 0, b'{"heads": []}'))) is False


def test_other_accounts_and_entries_without_money_are_passed_over() -> None:
    ledger = ledger_of(fill("1", Side.BUY, "1", "100", account="other"))
    for kind in (EntryKind.DECISION, EntryKind.ORDER, EntryKind.KILL):
        assert ledger.apply(stored(Entry(kind, "k", "main", 0, b"not even json"), sequence=9)) is False
    assert not ledger.positions
    assert ledger.sequence == 9


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (fill("1", Side.BUY, "0", "100"), "has the size 0"),
        (fill("1", Side.BUY, "1", "-100"), "has the price -100"),
        (fill("1", Side.BUY, "1", "NaN"), "has the price NaN"),
        (fill("1", Side.BUY, "1", "100", fee="Infinity"), "has the fee Infinity"),
        (fill("1", Side.BUY, "1", "100", key="binance:usdm:BTCUSDT:2"), "holds the fill binance:usdm:BTCUSDT:1"),
        (fill("7", Side.SELL, "1e-31", "1"), "has the size 1E-31"),
        (fill("7", Side.SELL, "1", "1e30"), "has the price 1E"),
        (stored(Entry(EntryKind.FILL, "x", "main", 0, b"{}")), "unreadable"),
        (stored(Entry(EntryKind.EQUITY, "1", "main", 0, b"[]")), "unreadable"),
        (mark(1, "NaN"), "worth NaN"),
        (settings({"EUR": "many"}), "unreadable balances"),
        (settings({"EUR": "-1"}), "opening balance of EUR is -1"),
        (fill("8", Side.BUY, "1", "1", quote="USDC"), "booked in USDT"),
    ],
)
def test_a_bad_entry_is_a_clear_error_and_leaves_the_books_as_they_were(bad: StoredEntry, says: str) -> None:
    ledger = ledger_of(fill("0", Side.BUY, "1", "100", fee="0.25"))
    with pytest.raises(BadInput, match=says):
        ledger.apply(bad)
    assert ledger.standing({BTC: Decimal(101)}, 0)["USDT"].equity == Decimal("10000.75")
    assert ledger.fill_count == 1


def test_what_is_not_a_stored_entry_or_an_exact_mark_is_refused_by_name() -> None:
    ledger = ledger_of(fill("0", Side.BUY, "1", "100"))
    with pytest.raises(TypeError, match="not Entry"):
        ledger.apply(fill("1", Side.BUY, "1", "100").entry)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is a float"):
        ledger.standing({BTC: 101.0}, 0)  # type: ignore[dict-item]
    with pytest.raises(BadInput, match="no price for the open position"):
        ledger.standing({}, 0)
    with pytest.raises(BadInput, match="above zero"):
        ledger.standing({BTC: Decimal(0)}, 0)
