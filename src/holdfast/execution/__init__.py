"""From intent to order to fill: a state machine that talks to no one.

Events go in, commands come out (`protocol.py`); what it must remember it asks to have written first (`marks.py`), and
what it remembers is a fold of what was written (`book.py`). No clock, no journal, no venue is called from this room.
"""
