"""The words of the platform: frozen values, ids, exact numbers and the error root.

One noun a file; values only: nothing here reads a clock, a file or a socket, and nothing here imports another room.
"""
