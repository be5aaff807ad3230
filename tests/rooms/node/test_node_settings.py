"""Settings: refused in plain words when wrong, every one of them read by something, and all of them on their page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from settings_page import PAGE, leaves, render
from walking import SPOT_HOURS, World, long_blocks, made_up, part_of, quiet, set_up, walked

import holdfast.node.serve as serve_module
from holdfast.model.entry import EntryKind
from holdfast.model.errors import BadInput
from holdfast.node.node import Market, Node
from holdfast.node.settings import PaperMarket, Settings, read_settings
from holdfast.world.clock import SystemClock
from holdfast.world.recording import Recording

# ---- what is wrong is said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("acount = 'x'", "There is no setting 'acount'. Did you mean 'account'?"),
        ("[quorum]\nmin_agreing = 4", "There is no setting [quorum] 'min_agreing'. Did you mean 'min_agreeing'?"),
        ("[limits]\nmax_position = 4", "There is no setting [limits] 'max_position'. Did you mean 'max_positions'?"),
        ("[zzz]\na = 1", "There is no setting 'zzz'. Known there: account, api,"),
        ("[paper.markets.spot]\nmaker_fees = '0'", "maker_fees"),
        ("market = 5", "The setting 'market' is a table. Write it as [market]."),
        ("[market]\ntimeframe = '7m'", "market.timeframe"),
        ("[market]\nmin_bars = 'many'", "market.min_bars"),
        ("[market]\nmin_bars = 500", "min_bars is 500. The candle book holds 200 bars: set 1 to 200."),
        ("[market]\nquarantine_bars = -1", "quarantine_bars is -1. Set 0 to 200."),
        ("[quorum]\nmin_consensus = 0.4", "min_consensus is 0.4. It is above 0.5"),
        ("[limits]\nrisk_per_trade = '0.2'", "one stopped trade would spend more than the loss of a day"),
        ("[limits]\ntarget_atr = '1'", "every entry would be refused"),
        ("[history]\nbatch_rows = 0", "A history batch needs at least one row"),
        ("[api]\nport = 70000", "Port 70000 does not exist."),
        ("[node]\ndeadline_ms = 0", "at least 1"),
        ("[weights.heads]\ntechnical = -1", "The weight of head 'technical' is -1"),
        ("balances = {}", "The account has no balance."),
        ("balances = { USDT = '-1' }", "The balance of USDT is -1."),
        ("balances = { USDT = 'NaN' }", "The balance of USDT is NaN."),
        ("this is no toml", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_refused_in_plain_words(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        read_settings(path)
    assert says in str(refused.value)


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no settings file"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read"):
        read_settings(tmp_path / "binary.toml")


def test_numbers_of_a_file_stay_exact_and_the_command_line_goes_before_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[limits]\nrisk_per_trade = 0.0025\nmax_positions = 4\n[api]\nport = 9000\n")
    read = read_settings(path, {"api": {"port": 0}, "limits": {"max_positions": 3}})
    assert read.limits.risk_per_trade == Decimal("0.0025")
    assert (read.limits.max_positions, read.api.port, read.api.host) == (3, 0, "127.0.0.1")
    assert read_settings(None) == Settings()


# ---- every setting is read

BASE: dict[str, Any] = {"market": {"quarantine_bars": 1}}

# Another value for every setting that decides, under which a busy sample must come out differently.
DECIDES: dict[str, Any] = {
    "account": "other",
    "balances": {"USDT": "20000"},
    "market.timeframe": "4h",
    "market.frames": ["4h"],
    "market.min_bars": 200,
    "market.quarantine_bars": 40,
    "quorum.min_agreeing": 3,
    "quorum.min_probability": 0.62,
    "quorum.min_confidence": 0.5,
    "quorum.min_consensus": 0.95,
    "quorum.cool_down_ms": 20_000_000,
    "quorum.deduplicate_ms": 20_000_000,
    "weights.version": "mine",
    "weights.heads": {"technical": 1, "volume": 0, "structure": 0},
    "weights.calibration": {"technical": [[0.0, 0.1], [1.0, 0.2]], "volume": [[0.0, 0.1], [1.0, 0.2]]},
    "limits.risk_per_trade": "0.0005",
    "limits.stop_atr": "1",
    "limits.target_atr": "6",
    "limits.min_reward_to_risk": "1.99999",
    "limits.min_edge_ratio": "40",
    "limits.max_positions": 1,
    "limits.max_position_share": "0.01",
    "limits.max_exposure_share": "0.11",
    "limits.max_leverage": "0.11",
    "limits.max_venue_share": "0.11",
    "limits.max_currency_share": "0.10",
    "limits.max_correlation": "0.000001",
    "limits.max_correlated_positions": 1,
    "limits.daily_loss_share": "0.0005",
    "limits.max_consecutive_losses": 1,
    "limits.pause_after_losses_ms": 1,
    "limits.max_drawdown_share": "0.0005",
    "limits.intent_ttl_ms": 20_000_000,
    "limits.max_intents_per_bar": 1,
    "paper.participation": "0.0005",
    "paper.markets.usdm.maker_fee": "0.01",
    "paper.markets.usdm.taker_fee": "0.001",
    "paper.markets.usdm.half_spread_bps": "9",
    "paper.markets.usdm.slippage_bps": "9",
    "paper.markets.usdm.max_leverage": "1",
}

# Some values bite only beside others.
BESIDE: dict[str, dict[str, Any]] = {
    "limits.max_positions": {"limits": {"max_correlated_positions": 1}},
    "limits.max_currency_share": {"limits": {"max_currency_share": "5"}},
    "limits.max_correlation": {"limits": {"max_correlated_positions": 1, "max_correlation": "1"}},
    "limits.max_correlated_positions": {"limits": {"max_correlation": "0.000001"}},
    "limits.daily_loss_share": {"limits": {"risk_per_trade": "0.0005"}},
    "limits.max_drawdown_share": {"limits": {"daily_loss_share": "0.0005", "risk_per_trade": "0.0005"}},
    "limits.pause_after_losses_ms": {"limits": {"max_consecutive_losses": 1}},
    "paper.markets.usdm.max_leverage": {
        "limits": {
            "risk_per_trade": "0.05",
            "max_position_share": "0.8",
            "max_currency_share": "2",
            "max_exposure_share": "2",
            "max_venue_share": "2",
        }
    },
}

# Settings that decide nothing, and where a node shows that it has read them.
SHOWS: dict[str, tuple[Any, Callable[[Node], Any]]] = {
    "history.batch_rows": (77, lambda node: node.doors.history._buffer.batch_rows),  # type: ignore[attr-defined]
    "history.batch_age_s": (7.5, lambda node: node.doors.history._buffer.batch_age_s),  # type: ignore[attr-defined]
    "node.deadline_ms": (123, lambda node: node.assembly.measures.deadline_ms),
    "node.metrics_window_s": (9.0, lambda node: node.assembly.measures.window_s),
}


def nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = laid_over(merged[name], value) if both else value
    return merged


@cache
def sample() -> Recording:
    whole = made_up(("AAAUSDT", "AAA_USDT", "CCCUSDT"), bars=265, seed=3)  # two of one base currency
    hole = (whole.symbol_index == 0) & (whole.open_time_ms // whole.timeframe.ms % 97 == 5)
    return part_of(whole, ~hole)


@cache
def outcome_of(settings: bytes) -> tuple[Any, ...]:
    """What is written of a walk, but for the settings themselves."""
    chosen = msgspec.json.decode(settings, type=Settings)
    world: World = walked(sample(), chosen, long_blocks(sample(), chosen))
    entries = [stored.entry for stored in world.entries() if stored.entry.kind is not EntryKind.SETTINGS]
    return entries, world.kept()


def chosen_with(over: dict[str, Any]) -> bytes:
    usual = msgspec.to_builtins(Settings().paper.markets["usdm"], str_keys=True)
    eager = laid_over({**BASE, "paper": {"markets": {"usdm": usual}}}, over)
    read = set_up(**eager)
    return msgspec.json.encode(read)


@pytest.mark.parametrize("name", DECIDES)
def test_a_setting_that_decides_changes_what_is_traded_or_kept(name: str) -> None:
    beside = BESIDE.get(name, {})
    changed = laid_over(beside, nested(name, DECIDES[name]))
    assert outcome_of(chosen_with(changed)) != outcome_of(chosen_with(beside))


@pytest.mark.parametrize("name", SHOWS)
def test_a_setting_that_decides_nothing_arrives_where_it_is_used(name: str, tmp_path: Path) -> None:
    value, shown = SHOWS[name]
    assert shown_by(tmp_path / "a", Settings(), shown) != value
    assert shown_by(tmp_path / "b", read_settings(None, nested(name, value)), shown) == value


def shown_by(data_dir: Path, settings: Settings, shown: Callable[[Node], Any]) -> Any:
    async def start_and_stop() -> Any:
        market = Market(candles=[SPOT_HOURS], symbols=["BTCUSDT"], until_ms=1_609_500_000_000)
        node = Node(settings, market, data_dir, SystemClock(), quiet(), "replay")
        await node.startup.start()
        try:
            return shown(node)
        finally:
            await node.startup.stop(reason="seen")

    return asyncio.run(start_and_stop())


def test_the_tables_above_name_every_setting() -> None:
    names = {".".join(path) for path, _ in leaves(Settings())} - {"paper.markets"}
    names = {name for name in names if not name.startswith("live.")}  # tests/world/test_live_paper_node.py
    names |= {f"paper.markets.usdm.{name}" for name in PaperMarket.__struct_fields__}
    assert names == {*DECIDES, *SHOWS, "api.host", "api.port"}


def test_the_api_listens_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def listen(host: str, port: int) -> None:
        asked.append((host, port))
        raise BadInput("This port is taken.")

    monkeypatch.setattr(serve_module, "listen", listen)
    market = Market(candles=[SPOT_HOURS], symbols=["BTCUSDT"], until_ms=1_609_500_000_000)
    chosen = read_settings(None, {"api": {"host": "127.0.0.2", "port": 8123}})
    node = Node(chosen, market, tmp_path, SystemClock(), quiet(), "replay", serve=serve_module.serve)
    with pytest.raises(BadInput, match="taken"):
        asyncio.run(node.run())
    assert asked == [("127.0.0.2", 8123)]


def test_the_settings_of_trading_are_all_that_decide() -> None:
    """They are what a SETTINGS entry holds: two runs with the same entry decide alike."""
    on_record = msgspec.json.decode(Settings().of_trading())
    assert {name.split(".")[0] for name in DECIDES} == set(on_record)


# ---- the page


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "renew it: python tests/rooms/node/settings_page.py"


def test_the_example_on_the_page_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(render().split("```toml\n")[1].split("```")[0])
    read = read_settings(path)
    assert read.quorum.min_agreeing == 4 and set(read.paper.markets) == {"usdm"}
