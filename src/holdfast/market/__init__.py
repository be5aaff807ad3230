"""Closed candles made trustworthy: the candle book, calendars, gaps, trust, and the columns that lie beside candles.

Pure and synchronous: time is an argument. No files, no sockets, no votes.
"""
