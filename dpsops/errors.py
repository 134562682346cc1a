"""What can go wrong, as the person who runs dpsops sees it.

Error                     exit 1: it failed; the message says what, in Azure's own words where Azure spoke
├── InvalidInput          exit 2: an argument, a name or a settings file that cannot be used
├── NotAllowed            exit 4: not signed in, or not allowed
│   └── Denied            exit 4: a service keeps this identity out (401, 403)
├── Refused               exit 1: dpsops will not do this, because it would harm or would have to guess
├── Unsound               exit 1: a certificate that a vault has signed is not what was asked for
├── RegistrationRefused   exit 1: DPS does not let a device in
├── Missing               exit 1: Azure has nothing of this name (404)
├── Changed               exit 1: somebody else has changed it in between (412)
├── Throttled             exit 1: too many requests, even after waiting (429)
├── Silent                exit 1: no answer, or an answer that the service itself has failed (5xx)
└── Unreadable            exit 1: an answer of another shape than the service's own

`azure/` raises the ways in which Azure fails; nothing above it knows a status code. `ends_command` is the one judgement
of which of them are more than one device's own.
"""

from __future__ import annotations


class Error(Exception):
    """A failure with a message (one sentence) and a hint: the next thing to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(Error):
    """What was asked for cannot be meant: wrong use."""


class NotAllowed(Error):
    """Nobody is signed in, or the one who is lacks a role."""


class Denied(NotAllowed):
    """A service keeps this identity out. `for_want_of_a_role`: a role that arrives later would let it in, which nothing
    but its owner does where a firewall or a sign-in is the cause."""

    def __init__(self, message: str, hint: str, *, for_want_of_a_role: bool) -> None:
        super().__init__(message, hint)
        self.for_want_of_a_role = for_want_of_a_role


class Refused(Error):
    """dpsops refuses rather than guess or do harm."""


class Unsound(Error):
    """A certificate that a vault has signed does not hang together with its root."""


class RegistrationRefused(Error):
    """DPS does not let a device in. `code` is DPS's own, such as 401002, or the HTTP status where only that is known."""

    def __init__(self, code: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code


class Missing(Error):
    """Azure has nothing of this name."""


class Changed(Error):
    """Somebody else has changed it since it was read: its etag is another one."""


class Throttled(Error):
    """The service takes no more requests for now, and waiting has not helped."""


class Silent(Error):
    """The service cannot be reached, breaks off, or has failed on its side, which it says where it `answered`."""

    def __init__(self, message: str, hint: str, *, answered: bool = False) -> None:
        super().__init__(message, hint)
        self.answered = answered


class Unreadable(Error):
    """The service answered what dpsops cannot read: no JSON, or JSON of another shape."""


def ends_command(error: Error) -> bool:
    """Whether an error that befell one device would befall every other: a missing role, a sign-in that ended, a service
    that does not answer, a root that signs wrongly. Any other is the device's own, one that a service answers too."""
    return isinstance(error, NotAllowed | Unsound) or (isinstance(error, Silent) and not error.answered)
