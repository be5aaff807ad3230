"""One file (or a few with one prefix) per venue: our values ⇄ its requests, limits and quirks.

Here: the paper venue, which fills orders from recorded or live bars. No venue knows another, and none knows our book.
"""
