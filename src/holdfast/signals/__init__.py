"""Candles become votes, votes become one signal.

Heads are pure functions of columns (`heads/`, one file each); the panel runs them; the consensus counts them. Nothing
here knows where candles come from, who trades, or what time it is.
"""
