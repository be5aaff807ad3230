"""ccxt's errors as ours, by the names of their classes, so that nothing here has to import it.

ccxt raises the bare `ExchangeError` for every answer that it does not know: after a request that changes something,
that is no proof of anything.
"""

from __future__ import annotations

from holdfast.model.errors import HoldfastError, Refused, Retryable, Unknown

DUPLICATE_ID = "duplicate_client_id"

# Before the venue looked at the request.
_NOT_TAKEN = frozenset({"RateLimitExceeded", "DDoSProtection", "InvalidNonce"})
_REFUSED = frozenset(
    {"AuthenticationError", "ArgumentsRequired", "BadRequest", "OperationRejected", "InsufficientFunds"}
    | {"InvalidOrder", "InvalidAddress", "NotSupported", "InvalidProxySettings"}
)
# What ccxt stumbles over when an answer is not as it expects, or its own queue is full.
STUMBLES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


class NotFound(Refused):
    """The venue has no such order."""


def error_of(error: Exception, *, writing: bool) -> HoldfastError:
    """`writing`: the request was to change something."""
    names = {kind.__name__ for kind in type(error).__mro__}
    said = f"{type(error).__name__}: {error}"
    if "OrderNotFound" in names:
        return NotFound(said)
    if "DuplicateOrderId" in names:
        return Refused(DUPLICATE_ID)
    if names & _NOT_TAKEN:
        return Retryable(said)
    if names & _REFUSED:
        return Refused(said)
    return Unknown(said) if writing else Retryable(said)
