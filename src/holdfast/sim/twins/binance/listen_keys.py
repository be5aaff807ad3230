"""The keys of futures user streams: one per account, alive for an hour after its last renewal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from holdfast.sim.twins.binance.errors import ApiError

LIFE_MS = 3_600_000


@dataclass(slots=True)
class ListenKeys:
    """Key and end of life by account."""

    alive: dict[str, tuple[str, int]] = field(default_factory=dict)
    made: int = 0

    def create(self, account: str, now_ms: int) -> str:
        """The account's key, renewed; the same one while it lives."""
        key, until_ms = self.alive.get(account, ("", 0))
        if until_ms <= now_ms:
            self.made += 1
            key = hashlib.sha256(f"{account} {self.made} {now_ms}".encode()).hexdigest()
        self.alive[account] = (key, now_ms + LIFE_MS)
        return key

    def renew(self, account: str, now_ms: int) -> str:
        """Another hour; raises ApiError when there is no key."""
        if self.alive.get(account, ("", 0))[1] <= now_ms:
            raise ApiError(-1125, "This listenKey does not exist.")
        return self.create(account, now_ms)

    def close(self, account: str) -> None:
        self.alive.pop(account, None)

    def account_of(self, key: str, now_ms: int) -> str | None:
        """Whose living key this is."""
        for account, (known, until_ms) in self.alive.items():
            if known == key and until_ms > now_ms:
                return account
        return None

    def expired(self, now_ms: int) -> list[tuple[str, str]]:
        """(account, key) of those whose life is over; they are forgotten."""
        over = [(account, key) for account, (key, until_ms) in self.alive.items() if until_ms <= now_ms]
        for account, _ in over:
            del self.alive[account]
        return over
