"""Laws of the books, for any sequence of fills."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.entry import Entry, EntryKind, StoredEntry, encode_body
from holdfast.model.fill import Fill
from holdfast.model.order import Leg, Side
from holdfast.model.symbol import Symbol
from holdfast.portfolio.equity import make_equity_entry
from holdfast.portfolio.ledger import Ledger

SYMBOLS = (Symbol("binance", "usdm", "BTCUSDT"), Symbol("binance", "spot", "BTCUSDT"), Symbol("oanda", "fx", "EUR_USD"))
QUOTES = ("USDT", "USDT", "USD")
OPENING = {"USDT": Decimal("10000.01"), "USD": Decimal("777.77")}


def exact_numbers(low: int, high: int, places: int):
    return st.builds(lambda digits, by: Decimal(digits).scaleb(-by), st.integers(low, high), st.integers(0, places))


exacts = exact_numbers(1, 10**15, 12)
fees = exact_numbers(-(10**9), 10**12, 14)
even_sizes = st.sampled_from([Decimal(1), Decimal(2), Decimal("0.5")])
trades = st.tuples(st.integers(0, 2), st.sampled_from(list(Side)), exacts, exacts, fees, st.integers(0, 10**12))
# Few distinct sizes, so that positions often come back to flat or cross it.
even_trades = st.tuples(st.integers(0, 2), st.sampled_from(list(Side)), exacts, even_sizes, fees, st.just(1))
sequences = st.lists(trades | even_trades, max_size=25)


def entries_of(sequence) -> list[StoredEntry]:
    first = Entry(EntryKind.SETTINGS, "v1", "main", 0, encode_body({"balances": OPENING}))
    entries = [first]
    for number, (index, side, price, size, fee, time_ms) in enumerate(sequence):
        fill = Fill(str(number), "o", SYMBOLS[index], side, Leg.ENTRY, price, size, fee, QUOTES[index], False, time_ms)
        entries.append(Entry(EntryKind.FILL, f"{fill.symbol}:{number}", "main", time_ms, encode_body(fill)))
    return [StoredEntry(number + 1, "0" * 64, entry) for number, entry in enumerate(entries)]


def fold(entries: list[StoredEntry]) -> Ledger:
    ledger = Ledger("main")
    ledger.apply_all(entries)
    return ledger


def everything(ledger: Ledger, marks) -> tuple:
    return (
        dict(ledger.opening),
        ledger.positions,
        ledger.open_trips,
        ledger.trips,
        ledger.consecutive_losses,
        ledger.last_loss_time_ms,
        ledger.days(),
        ledger.standing(marks, 10**12),
        ledger.sequence,
    )


@given(sequences, st.lists(exacts, min_size=3, max_size=3))
@settings(deadline=None)
def test_equity_is_opening_plus_cash_flows_plus_holdings_at_mark_less_fees_exactly(sequence, prices) -> None:
    marks = dict(zip(SYMBOLS, prices, strict=True))
    worth = fold(entries_of(sequence)).standing(marks, 0)
    expected = {currency: Fraction(opening) for currency, opening in OPENING.items()}
    for index, side, price, size, fee, _ in sequence:
        signed = Fraction(size) if side is Side.BUY else -Fraction(size)
        expected[QUOTES[index]] += signed * (Fraction(prices[index]) - Fraction(price)) - Fraction(fee)
    assert {currency: Fraction(line.equity) for currency, line in worth.items()} == expected
    for currency, line in worth.items():
        parts = Fraction(line.realised) - Fraction(line.fees) + Fraction(line.unrealised)
        assert Fraction(line.equity) == Fraction(OPENING[currency]) + parts


@given(sequences, st.lists(exacts, min_size=3, max_size=3), st.data())
@settings(deadline=None)
def test_a_prefix_then_the_rest_is_the_whole_and_telling_it_again_changes_nothing(sequence, prices, data) -> None:
    marks = dict(zip(SYMBOLS, prices, strict=True))
    entries = entries_of(sequence)
    whole = everything(fold(entries), marks)
    cut = data.draw(st.integers(0, len(entries)))
    ledger = fold(entries[:cut])
    ledger.apply_all(entries[cut:])
    assert everything(ledger, marks) == whole
    assert ledger.apply_all(entries) == 0
    assert ledger.apply_all(data.draw(st.permutations(entries))) == 0
    assert everything(ledger, marks) == whole


@given(sequences)
@settings(deadline=None)
def test_lots_have_one_sign_and_trips_account_for_every_realised_unit_and_fee(sequence) -> None:
    ledger = fold(entries_of(sequence))
    for symbol, position in ledger.positions.items():
        assert len({lot.size > 0 for lot in position.lots}) <= 1
        trips = [trip for trip in (*ledger.trips, *ledger.open_trips.values()) if trip.symbol == symbol]
        assert sum(Fraction(trip.realised) for trip in trips) == Fraction(position.realised)
        assert sum(Fraction(trip.fees) for trip in trips) == Fraction(position.fees)
        signed = sum(
            Fraction(s if side is Side.BUY else -s) for i, side, _, s, _, _ in sequence if SYMBOLS[i] == symbol
        )
        assert Fraction(sum(Fraction(lot.size) for lot in position.lots)) == signed
    for trip in ledger.trips:
        made = Fraction(trip.closed_value) - Fraction(trip.opened_value)
        assert Fraction(trip.realised) == (made if trip.side is Side.BUY else -made)


@given(st.lists(st.tuples(exacts, st.integers(1, 200_000_000)), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_peak_never_falls_and_a_day_starts_where_the_last_one_ended(steps) -> None:
    ledger = fold(entries_of([(0, Side.BUY, Decimal(100), Decimal(1), Decimal(0), 0)]))
    time_ms, seen = 0, [OPENING["USDT"]]
    last_of_day: dict[int, Decimal] = {}
    for price, wait_ms in steps:
        time_ms += wait_ms
        line = ledger.standing({SYMBOLS[0]: price}, time_ms)["USDT"]
        seen.append(line.equity)
        assert line.peak == max(seen)
        before = [day for day in last_of_day if day < time_ms // 86_400_000]
        assert line.day_start == (last_of_day[max(before)] if before else OPENING["USDT"])
        last_of_day[time_ms // 86_400_000] = line.equity
        ledger.apply(StoredEntry(1, "0" * 64, make_equity_entry(ledger, {SYMBOLS[0]: price}, time_ms)))
