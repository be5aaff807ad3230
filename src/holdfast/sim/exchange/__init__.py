"""An exchange that knows no protocol: our orders against a price path, exact money, and a numbered log of each change.

The servers in `sim/twins` speak to the world on its behalf. It is sync and pure: time is an argument, and it never
waits.
"""
