"""What can go wrong, as the person who runs dpsops sees it.

Error                 exit 1: it failed; the message says what, in Azure's own words where Azure spoke
├── InvalidInput      exit 2: an argument, a name or a settings file that cannot be used
├── NotAllowed        exit 4: not signed in, or a role is missing
├── Refused           exit 1: dpsops will not do this, because it would harm or would have to guess
└── RegistrationRefused   exit 1: DPS does not let a device in
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


class Refused(Error):
    """dpsops refuses rather than guess or do harm."""


class RegistrationRefused(Error):
    """DPS does not let a device in. `code` is DPS's own, such as 401002, or the HTTP status where only that is known."""

    def __init__(self, code: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code
