"""The REST door: read-only views of the node, and a few commands later. Nothing here decides or stores anything.

`views.py` holds the answers as types and the protocol the node fulfils; `app.py` puts them on routes.
"""
