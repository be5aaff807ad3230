"""Binance, spot and USDⓈ-M futures: our values ⇄ its requests, answers, streams and quirks.

Requests are built and answers read here, without a socket: a transport is handed in (`ports/transport.py`). Start at
`spot.py` and `usdm.py`; what both share is in `session.py`. Source of the formats: developers.binance.com, 2026-08.
"""
