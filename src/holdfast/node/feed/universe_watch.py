"""Chooses the universe of live markets anew from time to time, and says what changed. Nothing is subscribed here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from holdfast.market.universe import Choice, UniverseRules, choose, nothing_chosen
from holdfast.model.errors import Refused, Retryable, Unknown
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import Exchange


class UniverseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of each market by its name (spot, usdm, fx); a market without rules has the default ones. Chosen anew
    every `refresh_s`; a choice that failed is tried again after `retry_s`."""

    markets: dict[str, UniverseRules] = {}
    refresh_s: float = 86_400.0
    retry_s: float = 300.0

    def rules(self, market: str) -> UniverseRules:
        return self.markets.get(market) or UniverseRules()


class UniverseWatch:
    """`held` names every symbol with a position or an open order; `on_choice` hears each new choice with the
    instruments that are tradable, `on_failure` each market that could not be chosen for, and why. `choices` are the
    newest of each market; `problems` say where the newest try failed."""

    def __init__(
        self,
        exchanges: Collection[Exchange],
        settings: UniverseSettings,
        *,
        clock: Clock,
        held: Callable[[], Collection[Symbol]],
        on_choice: Callable[[Choice, Mapping[Symbol, Instrument]], None],
        on_failure: Callable[[str, str, str], None],
    ) -> None:
        self.choices: dict[tuple[str, str], Choice] = {}
        self.problems: dict[tuple[str, str], str] = {}
        self._exchanges = tuple(exchanges)
        self._settings = settings
        self._clock = clock
        self._held = held
        self._on_choice = on_choice
        self._on_failure = on_failure

    async def refresh(self) -> bool:
        """Chooses for every market; False when one could not be chosen for: it keeps what it has."""
        for exchange in self._exchanges:
            place = (exchange.venue, exchange.market)
            try:
                instruments = await exchange.read_instruments()
                rules = self._settings.rules(exchange.market)
                liquidity = await exchange.read_liquidity() if rules.size else ()
                choice = choose(
                    self.choices.get(place) or nothing_chosen(*place),
                    liquidity,
                    instruments,
                    rules=rules,
                    held=self._held(),
                    now_ms=self._clock.now_ms(),
                )
            except (Retryable, Unknown, Refused) as error:
                self.problems[place] = str(error)
                self._on_failure(*place, str(error))
                continue
            self.problems.pop(place, None)
            self.choices[place] = choice
            self._on_choice(choice, instruments)
        return not self.problems

    async def run(self) -> None:
        """Refreshes for ever, first when the oldest choice is `refresh_s` old: at once where there is none."""
        while True:
            places = [(exchange.venue, exchange.market) for exchange in self._exchanges]
            oldest_ms = min(
                (self.choices[place].time_ms if place in self.choices else 0 for place in places), default=0
            )
            due_s = oldest_ms / 1000 + self._settings.refresh_s - self._clock.now_ms() / 1000
            await self._clock.wait_s(max(due_s, 0.0))
            if not await self.refresh():
                await self._clock.wait_s(self._settings.retry_s)
