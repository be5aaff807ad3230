"""Ctrl-C and SIGTERM while a node runs: the first asks it to stop in order, the second ends the process at once.

Ending at once loses nothing: what the journal has acknowledged is on the disk. Nothing else is known about nodes here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """`received` is the number of the first signal, None before it."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal cut short: 128 and its number."""
        return 128 + (self.received or 0)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Listens from here on, also before there is a node: heavy imports take a second, too."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def ask_to_stop(self, stop: asyncio.Event) -> None:
        """From now on a signal sets `stop`, which belongs to the running loop; one that came before sets it now."""
        self._loop, self._stop = asyncio.get_running_loop(), stop
        if self.received is not None:
            stop.set()

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            # The terminal's cursor may be hidden by a live display, which gets no chance to bring it back.
            os.write(2, b"\x1b[?25h\n" if os.isatty(2) else b"")
            os._exit(128 + number)
        self.received = number
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            # The loop may be asleep waiting for a socket: only this wakes it.
            self._loop.call_soon_threadsafe(self._stop.set)
