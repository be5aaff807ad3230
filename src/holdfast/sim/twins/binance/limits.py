"""How much an address and an account may ask: weights and order counts in fixed windows, warnings, then bans."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.sim.twins.binance.errors import ApiError

MINUTE_MS = 60_000
_WARNINGS = 5
_FIRST_BAN_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """`weight` a minute and address; `orders`: (window as the headers name it, its ms, how many)."""

    weight: int
    orders: tuple[tuple[str, int, int], ...]


SPOT = Limits(6000, (("10S", 10_000, 100), ("1D", 86_400_000, 200_000)))
USDM = Limits(2400, (("10S", 10_000, 300), ("1M", MINUTE_MS, 1200)))
_WORDS = {"10S": "10 SECOND", "1D": "1 DAY", "1M": "1 MINUTE"}


@dataclass(slots=True)
class Meter:
    """What one market has counted. An address that goes on after its warnings is banned, each time for longer."""

    limits: Limits
    _used: dict[str, tuple[int, int]] = field(default_factory=dict)
    _orders: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _warned: dict[str, int] = field(default_factory=dict)
    _banned_until: dict[str, int] = field(default_factory=dict)
    _bans: dict[str, int] = field(default_factory=dict)

    def charge(self, address: str, weight: int, now_ms: int) -> None:
        """Adds a request's weight; raises ApiError with 429 or 418 where that is too much."""
        if (until := self._banned_until.get(address, 0)) > now_ms:
            raise banned(until, now_ms)
        used = self.used(address, now_ms) + weight
        self._used[address] = (now_ms // MINUTE_MS, used)
        if used <= self.limits.weight:
            if used == weight:
                self._warned.pop(address, None)
            return
        self._warned[address] = self._warned.get(address, 0) + 1
        if self._warned[address] > _WARNINGS:
            bans = self._bans[address] = self._bans.get(address, 0) + 1
            until = now_ms + min(_FIRST_BAN_MS * 2 ** (bans - 1), _LONGEST_BAN_MS)
            self._banned_until[address] = until
            raise banned(until, now_ms)
        raise too_much(self.limits.weight, MINUTE_MS - now_ms % MINUTE_MS)

    def give_back(self, address: str, weight: int, now_ms: int) -> None:
        """A request turned out to weigh nothing."""
        self._used[address] = (now_ms // MINUTE_MS, max(self.used(address, now_ms) - weight, 0))

    def used(self, address: str, now_ms: int) -> int:
        window, used = self._used.get(address, (0, 0))
        return used if window == now_ms // MINUTE_MS else 0

    def count_orders(self, account: str, number: int, now_ms: int) -> None:
        """Counts new orders; raises ApiError where an account has placed too many. Below 0 gives back."""
        for name, window_ms, most in self.limits.orders:
            count = self.orders(account, name, window_ms, now_ms) + number
            if number > 0 and count > most:
                wait_s = -(-(window_ms - now_ms % window_ms) // 1000)
                msg = f"Too many new orders; current limit is {most} orders per {_WORDS[name]}."
                raise ApiError(-1015, msg, status=429, headers={"Retry-After": str(wait_s)})
        for name, window_ms, _ in self.limits.orders:
            count = self.orders(account, name, window_ms, now_ms) + number
            self._orders[(account, name)] = (now_ms // window_ms, max(count, 0))

    def orders(self, account: str, name: str, window_ms: int, now_ms: int) -> int:
        window, count = self._orders.get((account, name), (0, 0))
        return count if window == now_ms // window_ms else 0

    def headers(self, address: str, account: str, now_ms: int, *, ordered: bool) -> dict[str, str]:
        """What every answer tells about the counts."""
        used = str(self.used(address, now_ms))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if ordered:
            for name, window_ms, _ in self.limits.orders:
                headers[f"X-MBX-ORDER-COUNT-{name}"] = str(self.orders(account, name, window_ms, now_ms))
        return headers

    def rate_limits(self) -> list[dict[str, object]]:
        """As exchangeInfo tells them."""
        told: list[dict[str, object]] = [_told("REQUEST_WEIGHT", "1M", self.limits.weight)]
        return told + [_told("ORDERS", name, most) for name, _, most in self.limits.orders]


def _told(kind: str, window: str, limit: int) -> dict[str, object]:
    number, word = _WORDS[window].split()
    return {"rateLimitType": kind, "interval": word, "intervalNum": int(number), "limit": limit}


def too_much(limit: int, wait_ms: int) -> ApiError:
    msg = (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use the websocket for live updates to avoid polling the API."
    )
    return ApiError(-1003, msg, status=429, headers={"Retry-After": str(-(-wait_ms // 1000))})


def banned(until_ms: int, now_ms: int) -> ApiError:
    msg = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use the websocket for live updates to avoid bans."
    )
    return ApiError(-1003, msg, status=418, headers={"Retry-After": str(-(-(until_ms - now_ms) // 1000))})
