"""Any other venue, through ccxt: what its common words promise, and no more. Start at `exchange.py`.

ccxt is imported by `opening.py` when such a venue is opened, since its import alone takes seconds.
"""
