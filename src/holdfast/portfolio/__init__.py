"""Fills become positions, balances and profit: sums of the append-only journal.

Everything here is a pure fold of entries. No prices are fetched, no orders known, no clock read.
"""
