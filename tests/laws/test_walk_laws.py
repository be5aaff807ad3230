"""Laws of the walk: how candles are cut into blocks changes nothing, nor does what comes later in the recording."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).resolve().parents[1] / "rooms" / "node"))

from walking import (
    DATA,
    HOUR,
    PERPETUAL_MINUTES,
    SPOT_HOURS,
    World,
    cut_at,
    late_bars,
    long_blocks,
    made_up,
    part_of,
    random_cuts,
    recorded,
    redenominated,
    set_up,
    single_bars,
    walked,
    with_rows,
)

from holdfast.model.entry import Entry, EntryKind
from holdfast.model.timeframe import Timeframe
from holdfast.node.compose import Ground
from holdfast.node.market_record import lay_inputs, list_instruments
from holdfast.node.settings import Settings
from holdfast.world.recording import Recording

HOURLY = set_up()
EVERY_5M = set_up(market={"timeframe": "5m"})
MOUNTAINS = recorded(SPOT_HOURS, ("ADAUSDT", "ALICEUSDT", "BTCUSDT", "ETHUSDT"), start_ms=1_615_150_800_000, bars=300)
MINUTES = recorded(PERPETUAL_MINUTES, ("BTCUSDT", "ETHUSDT", "XRPUSDT"), bars=1440)
EURO = DATA / "oanda_fx_2018_skyline" / "candles_1h.parquet"


def of(world: World) -> list[Entry]:
    return [stored.entry for stored in world.entries()]


def check_same(one: World, other: World) -> None:
    first = next((pair for pair in zip(of(one), of(other), strict=False) if pair[0] != pair[1]), None)
    assert first is None
    assert one.entries()[-1].chain_hash == other.entries()[-1].chain_hash
    assert one.kept() == other.kept()


def check_it_traded(world: World) -> None:
    """A law about a walk in which nothing happens says nothing."""
    assert world.kinds()[EntryKind.FILL] >= 10
    assert len(world.kept()[1]) >= 10


@pytest.mark.parametrize(
    ("recording", "chosen"),
    [
        pytest.param(MOUNTAINS, HOURLY, id="hours of spot, one listed on the way"),
        pytest.param(MINUTES, EVERY_5M, id="minutes of perpetuals, decided every five"),
    ],
)
def test_a_recording_walked_in_long_blocks_or_bar_by_bar_leaves_the_same(
    recording: Recording, chosen: Settings
) -> None:
    inputs = lay_inputs(recording.symbols, [PERPETUAL_MINUTES])
    whole = walked(recording, chosen, long_blocks(recording, chosen), inputs=inputs)
    check_it_traded(whole)
    check_same(whole, walked(recording, chosen, single_bars(recording, chosen), inputs=inputs))
    check_same(whole, walked(recording, chosen, random_cuts(recording, chosen, 1), inputs=inputs))


def test_weeks_with_closed_markets_leave_the_same_however_they_are_cut() -> None:
    """A sparse venue: hours without a trade have no candle, and a long bar is made of what there is."""
    chosen = set_up(market={"timeframe": "4h"})
    recording = recorded(EURO, ("EUR_USD",), bars=1200)
    whole = walked(recording, chosen, long_blocks(recording, chosen))
    assert whole.kinds()[EntryKind.FILL] >= 2
    check_same(whole, walked(recording, chosen, single_bars(recording, chosen)))
    check_same(whole, walked(recording, chosen, random_cuts(recording, chosen, 2)))


def soiled(seed: int, *, gaps: bool, repeats: bool, impossible: bool, units: int, ragged: bool) -> Recording:
    """A made-up market with the dirt of real ones, most of it in the newest 60 bars, where decisions are dense."""
    chance = np.random.default_rng(seed)
    clean = made_up(("AAAUSDT", "BBBUSDT", "CCCUSDT"), bars=258, seed=seed % 7)
    start = clean.first_open_ms
    for _ in range(units):
        clean = redenominated(
            clean, int(chance.integers(3)), start + int(chance.integers(200, 256)) * HOUR, chance.choice([1000, 0.1])
        )
    keep = np.ones(len(clean), dtype=bool)
    if gaps:
        keep &= chance.random(len(clean)) > 0.04
    if ragged:
        keep &= (clean.symbol_index != 1) | (clean.open_time_ms >= start + int(chance.integers(1, 225)) * HOUR)
        keep &= (clean.symbol_index != 2) | (clean.open_time_ms < start + int(chance.integers(225, 258)) * HOUR)
    recording = part_of(clean, keep)
    rows = []
    for at in chance.integers(200 * 3, len(recording), 12) if len(recording) > 620 else ():
        symbol, time_ms = int(recording.symbol_index[at]), int(recording.open_time_ms[at])
        values = recording.values[at]
        if repeats:
            rows.append((symbol, time_ms, values * [1, 1, 1, 1, 2] if chance.random() < 0.5 else values))
            rows.append((symbol, time_ms, np.array([values[0], values[1] * 9, values[2], values[1] * 9, 1.0])))
        if impossible:
            bad = chance.choice([np.nan, -1.0, 0.0, np.inf, 1e9])
            rows.append((symbol, time_ms, np.array([values[0], values[1], values[2], bad, 5.0])))
            rows.append((symbol, time_ms + HOUR // 4, values * 40))
    return with_rows(recording, rows) if rows else recording


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    gaps=st.booleans(),
    repeats=st.booleans(),
    impossible=st.booleans(),
    units=st.integers(0, 2),
    ragged=st.booleans(),
)
def test_however_a_dirty_market_is_cut_it_leaves_the_same(
    seed: int, gaps: bool, repeats: bool, impossible: bool, units: int, ragged: bool
) -> None:
    recording = soiled(seed, gaps=gaps, repeats=repeats, impossible=impossible, units=units, ragged=ragged)
    start, end = recording.first_open_ms, recording.last_close_ms
    chance = np.random.default_rng(seed)
    hours = sorted({*chance.integers(195, (end - start) // HOUR, 25).tolist(), 60, 120, 180, (end - start) // HOUR})
    whole = walked(recording, HOURLY, long_blocks(recording, HOURLY))
    check_same(whole, walked(recording, HOURLY, cut_at(recording, [start + hour * HOUR for hour in hours])))


@pytest.mark.parametrize("hidden", [np.nan, 300.0])
def test_a_bar_that_does_not_enter_does_not_hide_a_redenomination(hidden: float) -> None:
    """It stands just before the first bar in the new unit: compared with it, that bar would look harmless."""
    clean = made_up()
    from_ms = clean.first_open_ms + 230 * HOUR
    recording = redenominated(clean, 0, from_ms)
    before = (recording.symbol_index == 0) & (recording.open_time_ms == from_ms - HOUR)
    recording.values[before, 3] *= hidden
    check_same(
        walked(recording, HOURLY, long_blocks(recording, HOURLY)),
        walked(recording, HOURLY, late_bars(recording, HOURLY)),
    )


def test_candles_that_come_too_late_change_nothing() -> None:
    recording = made_up()
    calm, late = World(), World()
    one, other = calm.start(recording, HOURLY), late.start(recording, HOURLY)
    for end_ms, block in late_bars(recording, HOURLY):
        one.walk.take(block, end_ms)
        other.walk.take(block, end_ms)
        if end_ms > recording.first_open_ms + 210 * HOUR:
            (back,) = (
                part for at, part in cut_at(recording, [end_ms - 5 * HOUR, end_ms - 4 * HOUR]) if at > end_ms - 5 * HOUR
            )
            other.walk.take(back, end_ms)
    one.recorder.flush(), other.recorder.flush()
    check_same(calm, late)
    assert sum(status.defects["duplicate"] for status in other.book.status(recording.last_close_ms)) > 40


@pytest.mark.parametrize("what", ["cut off", "altered"])
@pytest.mark.parametrize(
    ("recording", "chosen"),
    [pytest.param(MOUNTAINS, HOURLY, id="hours"), pytest.param(MINUTES, EVERY_5M, id="minutes")],
)
def test_what_comes_after_a_moment_changes_no_entry_up_to_it(recording: Recording, chosen: Settings, what: str) -> None:
    """Instruments are what a venue announces beforehand, and so are read off the whole recording in both walks."""
    ground = Ground(list_instruments(recording, chosen.paper), recording.timeframe)
    whole = walked(recording, chosen, long_blocks(recording, chosen), ground=ground)
    length = recording.last_close_ms - recording.first_open_ms
    for share in (0.71, 0.9):
        moment = recording.first_open_ms + int(length * share) // HOUR * HOUR + 2 * recording.timeframe.ms
        later = recording.open_time_ms + recording.timeframe.ms > moment
        if what == "cut off":
            other = part_of(recording, ~later)
        else:
            values = recording.values.copy()
            values[later] = np.round(values[later][::-1] * 1.5, 2)
            values[later, 1], values[later, 2] = values[later, :4].max(axis=1), values[later, :4].min(axis=1)
            other = Recording(
                recording.symbols, recording.timeframe, recording.symbol_index, recording.open_time_ms, values
            )
        told = walked(other, chosen, long_blocks(other, chosen), ground=ground)
        assert known_at(moment, told) == known_at(moment, whole)
        assert any(entry.kind is EntryKind.FILL for entry in known_at(moment, whole))
        assert len(known_at(moment, whole)) < len(of(whole))


def known_at(moment_ms: int, world: World) -> list[Entry]:
    """What was written up to a moment: a trade at the open of the next bar bears the same time, but comes later."""
    own = (EntryKind.SETTINGS, EntryKind.DECISION, EntryKind.EQUITY)
    return [
        entry for entry in of(world) if entry.time_ms < moment_ms or (entry.time_ms == moment_ms and entry.kind in own)
    ]


def test_a_walk_until_a_moment_goes_on_as_if_it_had_never_stopped() -> None:
    """The moment lies within a bar that is decided on: what there is of that bar must not be taken for all of it."""
    chosen = set_up(market={"timeframe": "4h"})
    recording = recorded(EURO, ("EUR_USD",), bars=1500)
    ground = Ground(list_instruments(recording, chosen.paper), recording.timeframe)
    whole = walked(recording, chosen, long_blocks(recording, chosen), ground=ground)
    stopped = World()
    moment = recording.first_open_ms + 1001 * HOUR
    first = recording.until(moment)
    walker = stopped.start(first, chosen, ground=ground)
    for end_ms, block in long_blocks(first, chosen):
        walker.walk.take(block, end_ms)
    walker.recorder.flush()
    walker = stopped.start(recording, chosen, ground=ground)
    for end_ms, block in long_blocks(recording, chosen, walker.walk.done_ms):
        walker.walk.take(block, end_ms)
    walker.recorder.flush()
    check_same(whole, stopped)


def test_how_long_a_window_is_changes_no_correlation() -> None:
    """Two series that share every third bar only: a longer window would show more common bars."""
    from holdfast.market.correlations import correlate_returns

    recording = made_up(bars=600, venue="oanda", market="fx")
    thin = part_of(recording, (recording.symbol_index == 0) | (recording.open_time_ms // HOUR % 3 == 0))
    chosen = set_up(
        paper={"markets": {"fx": dict.fromkeys(("maker_fee", "taker_fee", "half_spread_bps", "slippage_bps"), 0)}}
    )
    walker = World().start(thin, chosen)
    for end_ms, block in long_blocks(thin, chosen):
        walker.walk.take(block, end_ms)
    windows = [walker.book.window(Timeframe.H1, bars) for bars in (200, 230, 263)]
    found = {correlate_returns(window, 0, 1, moment_ms=thin.last_close_ms) for window in windows}
    assert len(found) == 1 and np.isfinite(found.pop())
