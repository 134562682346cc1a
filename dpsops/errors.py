"""What can go wrong, as the person who runs dpsops sees it.

Error                     exit 1: it failed; the message says what, in Azure's own words if Azure answered
├── InvalidInput          exit 2: an argument, a name or a settings file that cannot be used
├── NotAllowed            exit 4: not signed in, or not allowed
│   └── Denied            exit 4: a service denies access to this identity (401, 403)
├── Refused               exit 1: dpsops does not do this, because it would do harm or would have to guess
├── InvalidCertificate    exit 1: a certificate that a vault has signed is not what was asked for
├── RegistrationRefused   exit 1: DPS does not register a device
│   └── StillRegistering  exit 1: its last registration has not ended yet (409)
├── Missing               exit 1: Azure has nothing of this name (404)
├── Changed               exit 1: somebody else has changed it in the meantime (412)
├── Throttled             exit 1: too many requests, even after waiting (429)
├── Unavailable           exit 1: no answer, or an answer that says that the service itself has failed (5xx)
└── Unreadable            exit 1: an answer that does not have the service's own shape

`azure/` raises these errors for Azure's failures. No code above it knows a status code. `ends_command` and
`is_silence` alone decide which errors affect more than one device.
"""

from __future__ import annotations


class Error(Exception):
    """A failure with a message (one sentence) and a hint: the next thing to do.

    If Azure gives several reasons, both may have one line more for each. What a file, an argument or an answer brings in is shown
    without what a terminal would obey, and cut to a length that somebody reads.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.message = _shown(message)
        self.hint = _shown(hint)
        super().__init__(self.message)

    @property
    def line(self) -> str:
        """The message in one line."""
        return " ".join(self.message.splitlines())

    @property
    def advice(self) -> str:
        """The message and the hint in one line, for one of many: where each has its line, no hint follows."""
        return f"{self.line.rstrip('.')}: {' '.join(self.hint.splitlines())}"


_LONGEST_LINE, _MOST_LINES = 1500, 60


def _shown(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more lines"]
    return "\n".join(map(_line, lines))


def _line(text: str) -> str:
    if len(text) > _LONGEST_LINE:
        text = f"{text[: _LONGEST_LINE - 200]} ... {text[-180:]}"
    return visible(text, "")


def visible(text: str, kept: str = "\n") -> str:
    """A text without what a terminal would obey or hide, except the characters that are kept."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in kept else ascii(each)[1:-1] for each in text)


class InvalidInput(Error):
    """Invalid input: wrong use."""


class NotAllowed(Error):
    """Nobody is signed in, or the identity that is signed in lacks a role."""


class Denied(NotAllowed):
    """A service denies access to this identity. `role_missing`: a role that is assigned later would give access. No role
    helps if a firewall or a sign-in is the cause. A policy that denies a resource to everybody is no `Denied`."""

    def __init__(self, message: str, hint: str, *, role_missing: bool) -> None:
        super().__init__(message, hint)
        self.role_missing = role_missing


class Refused(Error):
    """dpsops refuses rather than guess or do harm. `every_device`: it would refuse every other device too, as with a root that
    must not sign."""

    def __init__(self, message: str, hint: str, *, every_device: bool = False) -> None:
        super().__init__(message, hint)
        self.every_device = every_device


class InvalidCertificate(Error):
    """A certificate that a vault has signed is not a valid certificate under its root."""


class RegistrationRefused(Error):
    """DPS does not register a device. `code` is DPS's own, such as 401002, or the HTTP status if only that is known."""

    def __init__(self, code: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code


class StillRegistering(RegistrationRefused):
    """DPS has not ended another registration of the device yet: it may be tried again."""


class Missing(Error):
    """Azure has nothing of this name."""


class Changed(Error):
    """Somebody else has changed it since it was read: its etag is different."""


class Throttled(Error):
    """The service accepts no more requests for now, and waiting has not helped."""


class Unavailable(Error):
    """The service cannot be reached, closes the connection, or has failed on its side. `answered`: it said so itself."""

    def __init__(self, message: str, hint: str, *, answered: bool = False) -> None:
        super().__init__(message, hint)
        self.answered = answered


class Unreadable(Error):
    """The service's answer cannot be read: it is not JSON, or JSON of another shape."""


def ends_command(error: Error) -> bool:
    """Whether an error of one device would also occur for every other device: a missing role, an expired sign-in, a root that
    signs wrongly or must not sign. Every other error, also one that a service answers, concerns one device. Only whether other
    devices get an answer shows whose failure no answer is (`is_silence`)."""
    return isinstance(error, NotAllowed | InvalidCertificate) or (isinstance(error, Refused) and error.every_device)


def is_silence(error: Error) -> bool:
    """Whether a service gave no answer, so that nobody knows whether it would answer for another device."""
    return isinstance(error, Unavailable) and not error.answered
