"""The paper venue as a venue: what it refuses, what it remembers, and what it answers after it died."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from desk import ACCOUNT, BTC, FREE, MINUTE, SPOT, bars, d, flat, instruments, intent, paper

from holdfast.execution.marks import request_for
from holdfast.model.errors import BadInput, HoldfastError, Refused, Retryable, Unknown
from holdfast.model.order import Leg, OrderRequest, OrderState, OrderType, Side
from holdfast.model.symbol import Symbol
from holdfast.ports.venue import GuaranteeTier, Venue
from holdfast.venues.paper import PaperVenue
from holdfast.venues.paper_acceptance import REFUSALS
from holdfast.venues.paper_rules import MarketRules, PaperRules
from holdfast.venues.paper_sqlite import SqlitePaperStore
from holdfast.venues.paper_store import MemoryPaperStore, Record

GOOD = request_for(intent("s1"), attempt=1, placed_at_ms=MINUTE)
STOP, TARGET = GOOD.protection
CLOSE = msgspec.structs.replace(GOOD, reduce_only=True, side=Side.SELL, leg=Leg.CLOSE, protection=())


def open_venue(**balances: object) -> PaperVenue:
    venue = paper(MemoryPaperStore(), **balances)  # type: ignore[arg-type]
    venue.advance({BTC: bars(flat(100)), SPOT: bars(flat(100))})
    return venue


def changed(**changes: object) -> OrderRequest:
    return msgspec.structs.replace(GOOD, **changes)


BAD: dict[str, OrderRequest] = {
    "unknown_symbol": changed(symbol=Symbol("binance", "usdm", "XRPUSDT")),
    "bad_price": changed(price=d(100)),
    "bad_protection": changed(protection=(msgspec.structs.replace(STOP, reduce_only=False),)),
    "price_tick": changed(protection=(msgspec.structs.replace(STOP, price=d("90.05")),)),
    "size_step": changed(size=d("1.001")),
    "min_notional": changed(size=d("0.04"), protection=()),
    "no_price": changed(symbol=Symbol("binance", "usdm", "ETHUSDT"), protection=()),
    "short_not_allowed": changed(symbol=SPOT, side=Side.SELL, protection=()),
    "nothing_to_reduce": CLOSE,
    "insufficient_balance": changed(size=d(10_000), protection=()),
}


@pytest.mark.parametrize("code", BAD)
def test_a_wrong_order_is_refused_by_name_and_leaves_no_trace(code: str) -> None:
    venue = open_venue()
    with pytest.raises(Refused, match=f"^{code}$"):
        venue.place(BAD[code])
    assert venue.query(GOOD.client_order_id) is None
    assert venue.events_since(0) == []


def test_every_refusal_is_tried_by_a_test() -> None:
    assert set(REFUSALS) == {*BAD, "min_size", "duplicate_client_id"}


def test_a_size_below_the_smallest_is_refused() -> None:
    listed = instruments()
    listed[BTC] = msgspec.structs.replace(listed[BTC], min_size=d(2))
    venue = PaperVenue(account=ACCOUNT, instruments=listed, balances={}, rules=FREE, store=MemoryPaperStore())
    with pytest.raises(Refused, match=r"^min_size$"):
        venue.place(GOOD)


def test_a_client_order_id_is_accepted_once_for_ever_its_legs_included() -> None:
    venue = open_venue()
    venue.place(GOOD)
    venue.advance({BTC: bars(flat(100), flat(130), first=1)})
    assert venue.open_orders() == []
    for request in (GOOD, changed(client_order_id=STOP.client_order_id, protection=())):
        with pytest.raises(Refused, match=r"^duplicate_client_id$"):
            venue.place(request)


def test_a_stop_without_a_price_and_a_price_of_zero_are_refused() -> None:
    for change in ({"price": None}, {"price": d(0)}, {"price": d("NaN")}):
        with pytest.raises(Refused, match=r"^bad_price$"):
            open_venue().place(changed(type=OrderType.STOP, protection=(), **change))


def test_spot_locks_what_a_buy_may_cost_with_its_fee() -> None:
    venue = open_venue(USDT=d("250.05"))
    request = changed(symbol=SPOT, protection=(), size=d(2))
    assert venue.place(request).state is OrderState.WORKING
    with pytest.raises(Refused, match=r"^insufficient_balance$"):
        venue.place(changed(client_order_id="b", symbol=SPOT, protection=(), size=d("0.5")))
    venue.cancel(request.client_order_id, time_ms=MINUTE)
    venue.place(changed(client_order_id="b", symbol=SPOT, protection=(), size=d("2.49")))


def test_a_derivative_binds_margin_while_it_works_and_while_it_is_held() -> None:
    venue = open_venue(USDT=d(25))  # leverage 5: one at 100 binds 20
    venue.place(changed(protection=()))
    for _ in range(2):
        with pytest.raises(Refused, match=r"^insufficient_balance$"):
            venue.place(changed(client_order_id="b", protection=()))
        venue.advance({BTC: bars(flat(100), first=1)})
    assert venue.positions() == {BTC: d(1)}
    venue.place(msgspec.structs.replace(CLOSE, client_order_id="c", placed_at_ms=2 * MINUTE))
    venue.advance({BTC: bars(flat(100), first=2)})
    venue.place(changed(client_order_id="b", protection=(), placed_at_ms=3 * MINUTE))


def test_a_spot_holding_can_be_sold_but_not_more() -> None:
    venue = open_venue()
    venue.place(changed(symbol=SPOT, protection=()))
    venue.advance({SPOT: bars(flat(100), first=1)})
    sale = changed(symbol=SPOT, side=Side.SELL, protection=(), placed_at_ms=2 * MINUTE)
    with pytest.raises(Refused, match=r"^short_not_allowed$"):
        venue.place(msgspec.structs.replace(sale, client_order_id="a", size=d("1.5")))
    venue.place(msgspec.structs.replace(sale, client_order_id="b"))
    venue.advance({SPOT: bars(flat(110), first=2)})
    assert venue.positions() == {}


def test_it_is_a_venue_whose_log_proves_absence() -> None:
    venue: Venue = open_venue()
    assert venue.guarantee_tier is GuaranteeTier.LOG_PROVABLE
    assert set(venue.instruments()) == set(instruments())
    assert venue.query("never") is None
    with pytest.raises(Refused, match="unknown_order"):
        venue.cancel("never", time_ms=0)


def test_fills_are_numbered_and_read_from_a_number_on() -> None:
    venue = open_venue()
    venue.place(GOOD)
    told = venue.advance({BTC: bars(flat(100), flat(130), first=1)})
    assert [fill.trade_id for fill in venue.fills_since(0)] == ["1", "2"]
    assert [fill.trade_id for fill in venue.fills_since(1)] == ["2"]
    assert venue.fills_since(2) == []
    assert list(venue.events_since(0))[1:] == told  # the first is the acceptance
    assert list(venue.events_since(1)) == told[1:]


def test_a_market_without_rules_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no rules for market 'spot'"):
        paper(MemoryPaperStore(), PaperRules({"usdm": MarketRules(d(0), d(0))}))
    with pytest.raises(BadInput, match="participation"):
        PaperRules({}, d(0))
    with pytest.raises(BadInput, match="leverage"):
        PaperRules({"usdm": MarketRules(d(0), d(0), d("0.5"))})
    with pytest.raises(BadInput, match="On spot it is 1"):
        PaperRules({"spot": MarketRules(d(0), d(0), d(2))})


# ---- memory


class LostAnswers(MemoryPaperStore):
    """A store that keeps what it is given, or not, and then says that it does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.mood = "good"

    def append(self, records: Sequence[Record]) -> None:
        if self.mood in ("good", "keeps"):
            super().append(records)
        if self.mood == "full":
            raise Retryable("disk full")
        if self.mood != "good":
            raise Unknown("who knows")


@pytest.mark.parametrize(("mood", "kept"), [("keeps", True), ("loses", False)])
def test_after_a_lost_answer_the_venue_knows_what_its_store_knows(mood: str, kept: bool) -> None:
    store = LostAnswers()
    venue = paper(store)
    venue.advance({BTC: bars(flat(100))})
    store.mood = mood
    with pytest.raises(Unknown):
        venue.place(GOOD)
    assert (venue.query(GOOD.client_order_id) is not None) is kept


def test_when_nothing_was_kept_nothing_has_happened() -> None:
    store = LostAnswers()
    venue = paper(store)
    venue.advance({BTC: bars(flat(100))})
    venue.place(GOOD)
    store.mood = "full"
    with pytest.raises(Retryable):
        venue.advance({BTC: bars(flat(100), first=1)})
    assert venue.positions() == {}
    store.mood = "good"
    assert len(venue.advance({BTC: bars(flat(100), first=1)})) == 4


def test_reopened_it_is_as_it_was_and_bars_given_again_change_nothing(tmp_path: Path) -> None:
    rules = PaperRules(FREE.markets, d("0.10"))
    rows = bars(flat(100), (100, 100, 100, 100, 3), (100, 101, 95, 100, 4), (100, 121, 89, 90, 50), first=0)
    path = tmp_path / "paper.sqlite"
    for stop in range(1, 5):
        venue = paper(SqlitePaperStore(path), rules)
        venue.advance({BTC: rows.part(0, stop)})
        if stop == 1:
            venue.place(GOOD)
        seen = (venue.events_since(0), venue.open_orders(), venue.positions(), venue.balances())
        venue.close()
        again = paper(SqlitePaperStore(path), rules)
        assert (again.events_since(0), again.open_orders(), again.positions(), again.balances()) == seen
        assert again.advance({BTC: rows.part(0, stop)}) == []
        assert again.query(STOP.client_order_id) is not None
        again.close()
    assert seen[2] == {}


def test_another_account_or_other_opening_balances_are_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    paper(SqlitePaperStore(path), USDT=d(5)).close()
    store = SqlitePaperStore(path)
    with pytest.raises(BadInput, match="with 5 USDT, not for 'demo' with 6 USDT"):
        paper(store, USDT=d(6))
    store.close()


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    SqlitePaperStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(BadInput, match=r"newer holdfast \(version 2, this one knows 1\)"):
        SqlitePaperStore(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be read as one " * 100)
    with pytest.raises(BadInput, match="damaged or not a database"):
        SqlitePaperStore(tmp_path / "text")
    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(BadInput, match="something else"):
        SqlitePaperStore(tmp_path / "other")
    with pytest.raises(BadInput, match="cannot be used"):
        SqlitePaperStore(tmp_path / "no" / "such" / "folder")


def test_a_file_in_use_is_refused(tmp_path: Path) -> None:
    first = SqlitePaperStore(tmp_path / "paper.sqlite")
    with pytest.raises(BadInput, match="in use by another process"):
        SqlitePaperStore(tmp_path / "paper.sqlite")
    first.close()
    SqlitePaperStore(tmp_path / "paper.sqlite").close()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    paper(SqlitePaperStore(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE record SET body = ?", (b'{"type":"opened"',))
    connection.commit()
    connection.close()
    store = SqlitePaperStore(path)
    with pytest.raises(BadInput, match=r"Record 1 of .*paper\.sqlite cannot be read"):
        paper(store)
    store.close()


def test_a_full_disk_is_no_venue_out_of_reach_and_loses_nothing(tmp_path: Path) -> None:
    store = SqlitePaperStore(tmp_path / "paper.sqlite")
    venue = paper(store)
    venue.advance({BTC: bars(flat(100))})
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    placed = 0
    with pytest.raises(HoldfastError, match="full") as raised:
        for placed in range(100):
            venue.place(changed(client_order_id=f"order{placed}", protection=(), size=d("0.1")))
    assert not isinstance(raised.value, Retryable | Unknown)  # those would let the run go on without its venue
    assert len(venue.open_orders()) == placed > 0
    venue.close()
    again = paper(SqlitePaperStore(tmp_path / "paper.sqlite"))
    assert len(again.open_orders()) == placed
    again.close()


_CHILD = """
import sys
sys.path.append(sys.argv[1])
import paper_storm
paper_storm.run(sys.argv[2], out=sys.stdout)
"""


def test_killed_at_any_moment_it_ends_as_if_it_had_never_been_killed(tmp_path: Path) -> None:
    """A real process on a real file, killed without warning after so many lines, started again from the first bar."""
    here = str(Path(__file__).parent)
    path = tmp_path / "paper.sqlite"
    for lines in (1, 2, 5, 9, 17, 30):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, here, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stderr is not None
        for _ in range(lines):
            child.stdout.readline()
        child.kill()
        _, errors = child.communicate()
        assert not errors
    sys.path.append(here)
    import paper_storm

    killed = paper_storm.run(str(path))
    whole = paper_storm.run(str(tmp_path / "whole.sqlite"))
    assert killed == whole
    assert sum("trade_id" in line for line in whole) > 20
