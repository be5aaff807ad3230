"""What an owner may set: typed, closed, checked against each other, and read from one TOML file.

Each room says what its own settings mean (Quorum, Limits, WeightSet …); here they are only put together. No secret
is a setting.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from holdfast.model.entry import encode_body
from holdfast.model.errors import BadInput
from holdfast.model.timeframe import Timeframe
from holdfast.node.feed.live import FeedSettings
from holdfast.node.feed.universe_watch import UniverseSettings
from holdfast.risk.limits import Limits
from holdfast.signals.consensus import Quorum
from holdfast.signals.weights import WeightSet
from holdfast.venues.paper_rules import MarketRules, PaperRules


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`timeframe`: a symbol is decided on when a bar of this length closes. `frames`: the other bar lengths that are
    kept and shown. `min_bars`: how many bars a series needs to be ready. `quarantine_bars`: for how many bars after a
    gap it is not traded."""

    timeframe: Timeframe = Timeframe.H1
    frames: tuple[Timeframe, ...] = (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
    min_bars: int = 200
    quarantine_bars: int = 12

    def __post_init__(self) -> None:
        if not 1 <= self.min_bars <= 200:
            raise BadInput(f"min_bars is {self.min_bars}.", "The candle book holds 200 bars: set 1 to 200.")
        if not 0 <= self.quarantine_bars <= 200:
            raise BadInput(f"quarantine_bars is {self.quarantine_bars}.", "Set 0 to 200.")


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch of candles is stored when it has `batch_rows` rows or is `batch_age_s` seconds old."""

    batch_rows: int = 1000
    batch_age_s: float = 5.0

    def __post_init__(self) -> None:
        if self.batch_rows < 1 or self.batch_age_s <= 0:
            raise BadInput("A history batch needs at least one row and some time.", "Set batch_rows and batch_age_s.")


class PaperMarket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What trading on paper costs in one market. Fees are fractions of the traded value; `half_spread_bps` (half of ask
    minus bid) and `slippage_bps` (what a taker's order moves the price) are basis points of the price; `max_leverage`
    is how many times its margin a position may be worth, 1 where everything is paid in full."""

    maker_fee: Decimal
    taker_fee: Decimal
    half_spread_bps: Decimal
    slippage_bps: Decimal
    max_leverage: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not (0 <= self.maker_fee < 1 and 0 <= self.taker_fee < 1):
            raise BadInput("A fee is a fraction of the traded value.", "0.001 is 10 basis points.")


def _default_markets() -> dict[str, PaperMarket]:
    """Binance's list prices without discounts, and a typical OANDA spread; half spreads are of liquid pairs."""
    return {
        "spot": PaperMarket(
            maker_fee=Decimal("0.001"),
            taker_fee=Decimal("0.001"),
            half_spread_bps=Decimal(1),
            slippage_bps=Decimal(2),
        ),
        "usdm": PaperMarket(
            maker_fee=Decimal("0.0002"),
            taker_fee=Decimal("0.0005"),
            half_spread_bps=Decimal("0.5"),
            slippage_bps=Decimal(2),
            max_leverage=Decimal(5),
        ),
        "fx": PaperMarket(
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            half_spread_bps=Decimal("0.7"),
            slippage_bps=Decimal("0.5"),
            max_leverage=Decimal(20),
        ),
    }


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The paper venue. An order takes at most `participation` of a bar's volume in that bar."""

    markets: dict[str, PaperMarket] = msgspec.field(default_factory=_default_markets)
    participation: Decimal = Decimal("0.10")

    def costs(self, market: str) -> PaperMarket:
        """What trading in a market costs; BadInput where the settings do not say it."""
        if market not in self.markets:
            raise BadInput(
                f"There is no paper market for {market}.", f"Describe it in the settings: [paper.markets.{market}]."
            )
        return self.markets[market]

    def rules(self) -> PaperRules:
        """The same in the venue's words."""
        return PaperRules(
            markets={
                name: MarketRules(
                    half_spread_bps=market.half_spread_bps,
                    slippage_bps=market.slippage_bps,
                    max_leverage=market.max_leverage,
                )
                for name, market in self.markets.items()
            },
            participation=self.participation,
        )


class LiveMarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One live market: `venue` and `market` (binance: spot, usdm). `rest` and `streams` are origins that take the place
    of the venue's own, such as those of a twin."""

    venue: str = "binance"
    market: str = "spot"
    rest: str = ""
    streams: str = ""

    def __post_init__(self) -> None:
        if (self.venue, self.market) not in LIVE_MARKETS:
            known = ", ".join(" ".join(place) for place in LIVE_MARKETS)
            raise BadInput(f"There is no live market '{self.venue} {self.market}'.", f"Known: {known}.")
        if bool(self.rest) != bool(self.streams):
            raise BadInput("A live market has only one of rest and streams.", "Give both addresses, or neither.")


LIVE_MARKETS = (("binance", "spot"), ("binance", "usdm"))


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node follows when it is given no recording: `markets`, in bars of `base`; `universe` chooses the symbols
    at the start; `feed` says how long bars are waited for."""

    markets: tuple[LiveMarketSettings, ...] = (LiveMarketSettings(),)
    base: Timeframe = Timeframe.M1
    universe: UniverseSettings = UniverseSettings()
    feed: FeedSettings = FeedSettings()

    def __post_init__(self) -> None:
        if not self.markets:
            raise BadInput("No live market is set.", "Give at least one [[live.markets]], or run on a recording.")


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API and the page are served. Only this machine is let in unless `host` says otherwise.
    Commands are taken only where it does not."""

    host: str = "127.0.0.1"
    port: int = 8000

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise BadInput(f"Port {self.port} does not exist.", "Choose one from 1 to 65535; 0 takes any free one.")


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deadline_ms`: a step of the walk that takes longer for each bar close in it is counted as late.
    `metrics_window_s`: rates and latencies are measured over this long."""

    deadline_ms: int = 1000
    metrics_window_s: float = 60.0

    def __post_init__(self) -> None:
        if self.deadline_ms < 1 or self.metrics_window_s < 1:
            raise BadInput("deadline_ms and metrics_window_s are at least 1.", "Raise the one that is smaller.")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. `balances` is what the paper account opens with, by currency."""

    account: str = "paper"
    balances: dict[str, Decimal] = msgspec.field(
        default_factory=lambda: {"USDT": Decimal(10000), "USD": Decimal(10000)}
    )
    market: MarketSettings = MarketSettings()
    quorum: Quorum = Quorum()
    weights: WeightSet = WeightSet()
    limits: Limits = Limits()
    paper: PaperSettings = PaperSettings()
    history: HistorySettings = HistorySettings()
    api: ApiSettings = ApiSettings()
    live: LiveSettings = LiveSettings()
    node: NodeSettings = NodeSettings()

    def __post_init__(self) -> None:
        if not self.balances:
            raise BadInput("The account has no balance.", 'Give it one, for example balances = { USDT = "10000" }.')
        for currency, amount in self.balances.items():
            if not amount.is_finite() or amount < 0:
                raise BadInput(f"The balance of {currency} is {amount}.", "It is a number, zero or more.")

    def of_trading(self) -> bytes:
        """What a decision depends on, as the body of a SETTINGS entry: two runs with the same bytes decide alike."""
        parts = ("account", "balances", "market", "quorum", "weights", "limits", "paper")
        return encode_body({name: getattr(self, name) for name in parts})


def read_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a TOML file over the defaults, and `overrides` (nested, as from a command line) over those.

    BadInput for a file that is missing or unreadable, an unknown name (with the nearest known one), a wrong type, or a
    value that its owner refuses.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        except FileNotFoundError:
            raise BadInput(f"There is no settings file {path}.", "Check the path, or leave it out.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"The settings file {path} cannot be read: {error}.", "It is a file of UTF-8 text."
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"The settings file {path} is not TOML: {error}.", "Mend that line.") from error
    values = _laid_over(values, overrides or {})
    _check_names(values, Settings, ())
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        # A room's own refusal (BadInput) reaches us wrapped: its words are the better ones.
        if isinstance(error.__cause__, BadInput):
            raise error.__cause__ from None
        raise BadInput(f"The settings are not right: {error}.", "Mend the value it names.") from error


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check_names(values: Mapping[str, Any], struct: type[msgspec.Struct], path: tuple[str, ...]) -> None:
    kinds = get_type_hints(struct)
    for name, value in values.items():
        if name not in kinds:
            known = difflib.get_close_matches(name, kinds, n=1, cutoff=0.5)
            where = f"[{'.'.join(path)}] " if path else ""
            hint = f"Did you mean '{known[0]}'?" if known else f"Known there: {', '.join(sorted(kinds))}."
            raise BadInput(f"There is no setting {where}'{name}'.", hint)
        kind = kinds[name]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not get_args(kind):
            if not isinstance(value, Mapping):
                raise BadInput(f"The setting '{name}' is a table.", f"Write it as [{'.'.join((*path, name))}].")
            _check_names(value, kind, (*path, name))
