"""The error tree, named by what the caller does next.

HoldfastError
├── Refused      do not retry: the request is wrong, and will be wrong again
│   └── BadInput     the owner's file, setting or argument is wrong; the message says what to do
├── Retryable    safe to repeat: it certainly had no effect
├── Unknown      ask before repeating: it may have had its effect
└── Fenced       stop now: another holder has the right to act
"""


class HoldfastError(Exception):
    """The root of every error that holdfast raises on purpose."""


class Refused(HoldfastError):
    """The other side said no, definitely. Do not retry the same request."""


class BadInput(Refused):
    """Something the owner gave is wrong. `problem` says what, `remedy` says what to do next."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class Retryable(HoldfastError):
    """It certainly had no effect; repeating it is safe."""


class Unknown(HoldfastError):
    """It may have had its effect. Ask before repeating."""


class Fenced(HoldfastError):
    """Somebody else holds a newer epoch. The holder stops now."""
