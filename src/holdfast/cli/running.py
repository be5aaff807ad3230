"""Runs one node to its end for a command: its doors to the machine, its stop, and the directory it keeps things in.

What a node does is `node/`'s business; what a person sees of it, the command's.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.cli.interruption import Interruption
from holdfast.node.node import Node
from holdfast.ports.clock import Clock
from holdfast.telemetry.log import LibraryHandler, Log, Shape, build_log

Beside = Callable[[Node], Coroutine[None, None, None]]


@contextmanager
def kept_in(data_dir: Path | None, *, prefix: str) -> Iterator[Path]:
    """The directory given, or a temporary one that is removed at the end."""
    if data_dir is not None:
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix=prefix) as made:
        yield Path(made)


def run_node(node: Node, interruption: Interruption, beside: Beside | None = None) -> None:
    """Runs the node until it ends or is asked to stop; `beside` runs next to it and is cancelled with it.

    Raises what ended the node.
    """
    asyncio.run(_run(node, interruption, beside))


async def _run(node: Node, interruption: Interruption, beside: Beside | None) -> None:
    interruption.ask_to_stop(node.stop)
    if beside is None:
        await node.run()
        return
    shown = asyncio.create_task(beside(node))
    try:
        await node.run()
    finally:
        shown.cancel()
        await asyncio.wait([shown])
    if not shown.cancelled() and (error := shown.exception()) is not None:
        raise error


@contextmanager
def log_to_stderr(clock: Clock, shape: str) -> Iterator[Log]:
    """A log on stderr, with what third-party packages have to say in it, too."""
    log = build_log(sys.stderr, clock=clock, shape=Shape(shape))
    with library_warnings(log):
        yield log


@contextmanager
def library_warnings(log: Log) -> Iterator[None]:
    """Warnings of third-party packages go to `log` meanwhile."""
    handler = LibraryHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
