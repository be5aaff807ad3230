"""The imagined world outside holdfast: an exchange, and servers on loopback that speak the protocols of real venues."""
