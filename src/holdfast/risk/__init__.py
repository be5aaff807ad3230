"""A signal, the account and the operator's limits become an intent, or a refusal with its reason.

Everything here is pure: no order is made, no price fetched, no clock read.
"""
