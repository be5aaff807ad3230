"""The history: large, fast to query, away for a while now and then. Candles, and signals with their votes.

Here live the engines of the door in `ports/history.py`: `sqlite` for one machine and `memory`, its twin. Trading never
waits for the history: what cannot be stored now stays in a bounded buffer and is stored later.
"""
