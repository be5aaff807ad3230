"""What every engine of the journal must refuse, in the same words. Values in, errors out; no storage here."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.model.entry import Entry
from holdfast.model.errors import Fenced, Refused


def check_epoch(account: str, epoch: int, newest: tuple[int, str]) -> None:
    """Fenced unless `epoch` is the newest one and somebody has taken it: epoch 0 gives nobody the right to write."""
    newest_epoch, holder = newest
    if newest_epoch == 0:
        raise Fenced(f"Nobody has taken an epoch of account '{account}' yet; take one before writing.")
    if epoch != newest_epoch:
        raise Fenced(f"Epoch {epoch} of account '{account}' is over: '{holder}' holds epoch {newest_epoch}.")


def check_owner(account: str, entries: Sequence[Entry]) -> None:
    """Refuses entries of another account: this account's epoch does not fence that one's writers."""
    for entry in entries:
        if entry.account != account:
            raise Refused(
                f"{entry.kind.value} '{entry.key}' is of account '{entry.account}'; '{account}' cannot write it."
            )


def check_same(there: Entry, given: Entry) -> None:
    """Refuses another content under a (kind, key) that is already there."""
    if there != given:
        raise Refused(
            f"{given.kind.value} '{given.key}' is already in the journal with other content; entries never change."
        )
