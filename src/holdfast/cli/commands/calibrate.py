"""`holdfast calibrate`: how often each head was right on a recording, and the calibration that follows from it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import AsJson, Candles, Headlines, MarketName, SettingsFile, Symbols, Venue
from holdfast.cli.screen import answers, asides, say
from holdfast.model.errors import BadInput
from holdfast.model.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.node.calibration import HeadRecord

app = typer.Typer()


@app.command()
def calibrate(
    *,
    candles: Candles,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the calibration as a settings file (TOML).")
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="A vote came true or not this many bars later.")] = 4,
    timeframe: Annotated[str | None, typer.Option(help="The length of the bars (default: the one decided on).")] = None,
    headlines: Headlines = None,
    symbol: Symbols = None,
    venue: Venue = None,
    market: MarketName = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure how often each head was right, and fit its probabilities to that.

    The first 70 % of the recording are learned from; the figures are of the rest. An honest calibration may leave no
    head that reaches the quorum's minimum probability: then nothing is traded, and that is the finding.
    """
    if out is not None and out.exists():
        raise BadInput(f"{out} exists already.", "Choose another name, or move it away: nothing is overwritten.")

    import msgspec

    from holdfast.node.calibration import measure_heads, weights_as_toml
    from holdfast.node.market_record import lay_inputs, read_market
    from holdfast.node.settings import read_settings
    from holdfast.signals.panel import find_heads

    frame = {"timeframe": Timeframe.parse(timeframe).value} if timeframe else {}
    read = read_settings(settings, {"market": frame})
    heads = find_heads()
    with asides().status("every head votes on every bar …"):
        recording = read_market(candles, venue=venue, market=market, symbols=symbol or ())
        inputs = lay_inputs(recording.symbols, candles, venue=venue, market=market, headlines=headlines or ())
        records = measure_heads(recording, read.market.timeframe, heads, inputs, horizon=horizon)
    weights = {head.name: read.weights.weight(head.name) for head in heads}
    body = weights_as_toml("", weights, records)
    text = weights_as_toml(f"calibrated-{hashlib.sha256(body.encode()).hexdigest()[:8]}", weights, records)
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{out} cannot be written: {error.strerror}.", "Choose another place for --out.") from error
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(records), indent=2).decode())
    else:
        _show(records, out)


def _show(records: Sequence[HeadRecord], out: Path | None) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("head", "learned", "tested", "right", "95 % interval", "Brier raw", "calibrated", ""):
        table.add_column(name, justify="left" if name in ("head", "") else "right", no_wrap=name != "")
    for record in records:
        interval = "—"
        if record.hit_rate_low is not None and record.hit_rate_high is not None:
            interval = f"{record.hit_rate_low:.1%} – {record.hit_rate_high:.1%}"
        table.add_row(
            record.head,
            f"{record.learned_votes:,}",
            f"{record.tested_votes:,}",
            "—" if record.hit_rate is None else f"{record.hit_rate:.1%}",
            interval,
            _score(record.brier_raw),
            _score(record.brier_calibrated),
            record.reason,
        )
    console = answers()
    console.print(table)
    console.print("Brier score: mean squared error of the probability; 0 is perfect, 0.25 is a coin.")
    if out is not None:
        console.print(f"Calibration written to {out}: use it with --settings {out}")


def _score(number: float | None) -> str:
    return "—" if number is None else f"{number:.4f}"
