"""The journal: small, strong, always there. Epochs, and a hash-chained record of what was decided and done.

Here live the engines of the door in `ports/journal.py`: `sqlite` for one machine and `memory`, its twin. What entries
mean (decisions, fills, kill levels) is the business of the rooms that write them; nothing here reads a body.
"""
