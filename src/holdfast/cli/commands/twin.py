"""`holdfast twin`: plays a recorded market as an exchange on this machine, in a real venue's protocol.

The twins themselves are `sim/twins/`; here is how one is started, what is said of it, and how it ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from holdfast.cli.options import AsJson, read_speed
from holdfast.cli.screen import iso, readable, say
from holdfast.model.errors import BadInput

if TYPE_CHECKING:
    import asyncio

    from holdfast.cli.interruption import Interruption
    from holdfast.sim.twins.binance import BinanceTwin
    from holdfast.sim.twins.market import MarketSource
    from holdfast.sim.twins.oanda import OandaTwin

app = typer.Typer()

# A price of each symbol every second of the twin's clock; about this many pass through one slow core in a second.
PRICES_PER_S_MOST = 20_000

PortNumber = Annotated[int, typer.Option(min=0, max=65535, help="The port of the venue; 0 takes any free one.")]


class Venue(StrEnum):
    """Whose protocol is spoken."""

    BINANCE = "binance"
    OANDA = "oanda"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a twin shall listen, and how many seconds of its clock pass in one of ours."""

    host: str
    port: int
    control_port: int
    speed: float


class PlayedRecording(msgspec.Struct, frozen=True, kw_only=True):
    """`ends`: when its last candle closes, on the twin's clock (ISO 8601, UTC). After that no price moves."""

    timeframe: str
    ends: str
    symbols: list[str]


class PlayedTwin(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a twin that has started; with --json this is the answer. Addresses are as a client on this
    machine types them; `login` is what the venue's protocol wants to know of an account."""

    twin: str
    rest: str
    streams: str
    control: str
    login: dict[str, str]
    markets: dict[str, list[PlayedRecording]]
    time: str
    speed: float


@app.command()
def twin(
    venue: Annotated[Venue, typer.Argument(metavar="binance|oanda", help="Whose protocol it speaks.")],
    *,
    recording: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Recorded candles (Parquet). Repeat it to play several together."),
    ],
    port: PortNumber = 0,
    control_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to steer the twin by; 0 takes any free one.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Which of its addresses is served; 0.0.0.0 is all.")] = "127.0.0.1",
    speed: Annotated[str, typer.Option(metavar="N", help="Seconds of the twin's clock a second.")] = "1",
    as_json: AsJson = False,
) -> None:
    """Play a recorded market as Binance (spot, usdm) or as OANDA (fx): REST, streams, and an account with play money.

    Other people's clients trade on it once their addresses are changed: it says how. Ctrl-C or SIGTERM stops it.
    """
    from holdfast.cli.interruption import Interruption

    place = Place(host=host, port=port, control_port=control_port, speed=_read_pace(speed))
    interruption = Interruption()
    with interruption.watch():
        _play(venue, recording, place, interruption, _say_json if as_json else _say)
    if not as_json:
        say("Stopped.")


def _read_pace(text: str) -> float:
    if (speed := read_speed(text)) is None:
        raise BadInput(
            "A twin cannot play at max: clients live by its clock.", "Give a number: 1 is the pace of this world."
        )
    return speed


def _play(
    venue: Venue,
    recordings: Sequence[Path],
    place: Place,
    interruption: Interruption,
    tell: Callable[[PlayedTwin], None],
) -> None:
    """Plays until it is stopped. BadInput for recordings that this twin cannot play, and for ports in use."""
    import asyncio

    from holdfast.cli.running import log_to_stderr
    from holdfast.world.clock import SystemClock

    _demand_each_once(recordings)
    _demand_free(place)
    run_twin: Callable[..., Coroutine[Any, Any, None]]
    told: Callable[[Any, Place], PlayedTwin]
    if venue is Venue.BINANCE:
        from holdfast.sim.twins.binance import run_twin

        told = _told_of_binance
    else:
        from holdfast.sim.twins.oanda import run_twin

        told = _told_of_oanda
    play = partial(run_twin, recordings, **msgspec.structs.asdict(place))
    with log_to_stderr(SystemClock(), "text"):
        asyncio.run(_until_stopped(play, lambda twin: tell(told(twin, place)), interruption))


async def _until_stopped(
    play: Callable[..., Coroutine[Any, Any, None]], tell: Callable[[Any], None], interruption: Interruption
) -> None:
    """Raises what kept the twin from starting, or ended it."""
    import asyncio

    stop = asyncio.Event()
    interruption.ask_to_stop(stop)
    started: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    playing, asked = asyncio.create_task(play(started=started)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((playing, started), return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            tell(started.result())
            await asyncio.wait((playing, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        playing.cancel()
        asked.cancel()
        await asyncio.wait((playing, asked))
    if not playing.cancelled():
        playing.result()


# ---- what cannot be played


def _demand_each_once(recordings: Sequence[Path]) -> None:
    files = [path.resolve() for path in recordings]
    for path, file in zip(recordings, files, strict=True):
        if files.count(file) > 1:
            raise BadInput(f"{path} is given twice.", "Give each recording once.")


def _demand_free(place: Place) -> None:
    """BadInput for a control port that is taken; the venue's port is bound first, and says so itself."""
    if not place.control_port:
        return
    from holdfast.world.port import listen

    remedy = "Choose another with --control-port, or leave it out: then it takes any free one."
    if place.control_port == place.port:
        raise BadInput(f"--port and --control-port are both {place.port}.", remedy)
    try:
        listen(place.host, place.control_port).close()
    except BadInput as error:
        raise BadInput(error.problem, remedy) from error


def _demand_playable(markets: Mapping[str, Sequence[MarketSource]], speed: float) -> None:
    """BadInput for a symbol in two recordings of a market, and for more prices a second than there is time for."""
    for market, sources in markets.items():
        counts = Counter(name for source in sources for name in source.tapes)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise BadInput(
                f"More than one recording of {market} has {', '.join(sorted(twice))}.",
                "Give one recording for each symbol of a market.",
            )
    symbols = sum(len(source.tapes) for sources in markets.values() for source in sources)
    if symbols * speed > PRICES_PER_S_MOST:
        raise BadInput(
            f"{symbols} symbols at speed {speed:g} are {symbols * speed:,.0f} prices a second; a twin keeps up with"
            f" {PRICES_PER_S_MOST:,}.",
            f"Choose a speed up to {PRICES_PER_S_MOST // symbols}, or a recording of fewer symbols.",
        )


# ---- what is said of a twin


def _told_of_binance(twin: BinanceTwin, place: Place) -> PlayedTwin:
    from holdfast.sim.twins.binance import TwinAccount

    account = TwinAccount()
    played = {market: desk.sources for market, desk in (("spot", twin.spot), ("usdm", twin.usdm)) if desk.sources}
    _demand_playable(played, place.speed)
    return PlayedTwin(
        twin="binance",
        rest=_address("http", place.host, twin.port),
        streams=_address("ws", place.host, twin.port),
        control=_address("http", place.host, twin.control.port),
        login={"key": account.key, "secret": account.secret},
        markets=_listed(played),
        time=iso(twin.clock.now_ms()),
        speed=place.speed,
    )


def _told_of_oanda(twin: OandaTwin, place: Place) -> PlayedTwin:
    played = {"fx": [twin.session.source]}
    _demand_playable(played, place.speed)
    return PlayedTwin(
        twin="oanda",
        rest=_address("http", place.host, twin.port),
        streams=_address("http", place.host, twin.port),
        control=_address("http", place.host, twin.control.port),
        login={"token": twin.token, "account": twin.session.account.id},
        markets=_listed(played),
        time=iso(twin.clock.now_ms()),
        speed=place.speed,
    )


def _listed(played: Mapping[str, Sequence[MarketSource]]) -> dict[str, list[PlayedRecording]]:
    return {
        market: [
            PlayedRecording(
                timeframe=source.timeframe.value, ends=iso(source.last_close_ms), symbols=sorted(source.tapes)
            )
            for source in sources
        ]
        for market, sources in played.items()
    }


def _address(scheme: str, host: str, port: int) -> str:
    """An address that listens on every one of this machine's is reached by its own."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{reached}]:{port}" if ":" in reached else f"{scheme}://{reached}:{port}"


def _say_json(twin: PlayedTwin) -> None:
    """In one line: whoever started the twin reads it while it runs."""
    say(msgspec.json.encode(twin).decode())


_CCXT = """\
import ccxt, json

client = ccxt.binance({{"apiKey": "{key}", "secret": "{secret}"}})
moved = json.dumps(client.urls["api"]).replace("https://", "{rest}/")
client.urls["api"] = json.loads(moved.replace("wss://", "{streams}/"))
print(client.fetch_ticker("{symbol}")["last"])
{clock}print(client.fetch_balance()["total"])
"""
_CCXT_CLOCK = "client.load_time_difference()  # again before every signed request\n"
_OANDAPYV20 = """\
import oandapyV20
from oandapyV20.endpoints.accounts import AccountSummary

practice = oandapyV20.oandapyV20.TRADING_ENVIRONMENTS["practice"]
practice["api"] = practice["stream"] = "{rest}"
client = oandapyV20.API(access_token="{token}")
print(client.request(AccountSummary("{account}")))
"""


def _say(twin: PlayedTwin) -> None:
    """The same for a person, with the lines that point somebody else's client at it."""
    binance = twin.twin == Venue.BINANCE
    say(f"The {'Binance' if binance else 'OANDA'} twin plays: recorded prices, play money, no way to the real venue.\n")
    for market, recordings in twin.markets.items():
        for one in recordings:
            count = f"{len(one.symbols)} symbol{'s'[: len(one.symbols) - 1]}"
            names = ", ".join(one.symbols[:4]) + ", …" * (len(one.symbols) > 4)
            say(f"  {market:8} {count}, {one.timeframe} candles until {readable(one.ends)}: {names}")
    if binance:
        say(f"  REST     {twin.rest} for https://api.binance.com, {twin.rest}/HOST for any other")
        say(f"  streams  {twin.streams} for wss://stream.binance.com:9443, {twin.streams}/HOST for any other")
    else:
        say(f"  REST     {twin.rest} for https://api-fxpractice.oanda.com")
        say(f"  streams  {twin.streams} for https://stream-fxpractice.oanda.com")
    say(f"  control  {twin.control} for faults, clock, accounts, orders, filters (docs/twins.md)")
    for name, value in twin.login.items():
        say(f"  {name:8} {value}")
    if twin.speed != 1:
        say(f"  clock    {twin.speed:g} seconds a second: ask for its time before you stamp or sign a request")
    lines = (_CCXT if binance else _OANDAPYV20).format(
        **twin.login,
        rest=twin.rest,
        streams=twin.streams,
        symbol=next(iter(twin.markets.values()))[0].symbols[0],
        clock=_CCXT_CLOCK if twin.speed != 1 else "",
    )
    say(f"\nSomebody else's client on it, here {'ccxt' if binance else 'oandapyV20'}:\n")
    say(indent(lines, "    "))
    say("Ctrl-C stops it.")
