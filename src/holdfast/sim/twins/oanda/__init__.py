"""The twin of OANDA's v20: the protocol read from the venue's own description and from recorded answers."""

from holdfast.sim.twins.oanda.server import OandaTwin, run_twin

__all__ = ["OandaTwin", "run_twin"]
