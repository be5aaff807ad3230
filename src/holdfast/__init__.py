"""holdfast: a trading system that keeps trading correctly when its machines do not."""

__version__ = "0.1.0"
