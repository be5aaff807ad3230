"""The practical limits that heads are held against: six indicators over the same arrays, by TA-Lib and by bare NumPy.

Only the arithmetic of the indicators: no votes, no reasons, no finite memory.
"""

from __future__ import annotations

import numpy as np
import talib

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals.candle_patterns import PATTERNS

SIX = "RSI, MACD, ATR, Bollinger, ADX, OBV"


def by_talib(window: Window) -> None:
    """The six, symbol by symbol; each reads a row as it lies in memory."""
    for high, low, close, volume in zip(window.high, window.low, window.close, window.volume, strict=True):
        talib.RSI(close, 14)
        talib.MACD(close)
        talib.ATR(high, low, close, 14)
        talib.BBANDS(close, 20)
        talib.ADX(high, low, close, 14)
        talib.OBV(close, volume)


def candles_by_talib(window: Window) -> None:
    """The candle patterns that the rules head asks for, on prices as they are."""
    for prices in zip(window.open, window.high, window.low, window.close, strict=True):
        for pattern in PATTERNS:
            getattr(talib, pattern.function)(*prices)


def by_reading(window: Window) -> None:
    """Every number once: no result can be had for less."""
    for column in (window.open, window.high, window.low, window.close, window.volume, *window.inputs.values()):
        column.sum()


def by_numpy(window: Window) -> list[Floats]:
    """The six over all symbols at once, bar after bar where a value needs the one before it."""
    high, low, close, volume = (
        np.ascontiguousarray(x.T) for x in (window.high, window.low, window.close, window.volume)
    )
    change = np.diff(close, axis=0, prepend=close[:1])
    before = close - change
    up, down = np.diff(high, axis=0, prepend=high[:1]), -np.diff(low, axis=0, prepend=low[:1])
    rise, fall = np.where((up > down) & (up > 0), up, 0.0), np.where((down > up) & (down > 0), down, 0.0)
    span = np.maximum(high, before) - np.minimum(low, before)
    # One recursion carries all of Wilder's sums, and one the two averages of MACD.
    gain, loss, atr, plus, minus = _smooth(
        np.stack((np.maximum(change, 0), np.maximum(-change, 0), span, rise, fall), axis=1), 1 / 14
    ).transpose(1, 0, 2)
    slow = _smooth(close[:, np.newaxis], 2 / 27)[:, 0]
    macd = _smooth(close[:, np.newaxis], 2 / 13)[:, 0] - slow
    with np.errstate(divide="ignore", invalid="ignore"):
        directional = np.nan_to_num(np.abs(plus - minus) / (plus + minus))
        rsi = gain / (gain + loss)
    adx = _smooth(directional[:, np.newaxis], 1 / 14)[:, 0]
    sums, squares = np.cumsum(close, axis=0), np.cumsum(close * close, axis=0)
    mean = (sums[20:] - sums[:-20]) / 20
    width = np.sqrt(np.maximum((squares[20:] - squares[:-20]) / 20 - mean * mean, 0.0))
    obv = np.cumsum(np.sign(change) * volume, axis=0)
    return [rsi, macd, _smooth(macd[:, np.newaxis], 2 / 10)[:, 0], atr, mean, width, adx, obv]


def _smooth(x: Floats, alpha: float) -> Floats:
    """An exponential average along the first axis."""
    out = np.empty_like(x)
    state = x[0]
    for bar in range(len(x)):
        state = state + alpha * (x[bar] - state)
        out[bar] = state
    return out
