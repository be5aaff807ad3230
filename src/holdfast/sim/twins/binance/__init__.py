"""A twin of Binance: spot and USDⓈ-M futures, REST, market streams and user streams on loopback.

Written from the venue's documents (as of 2026-08) and recorded frames. What it does not do is in `docs/twins.md`.
"""

from holdfast.sim.twins.binance.twin import BinanceTwin, TwinAccount, run_twin

__all__ = ["BinanceTwin", "TwinAccount", "run_twin"]
