"""The log of the embedded Azure: one line for a person for each request and each MQTT packet, with what came of it.

Nothing secret is in a line: no header, no body, of a query the API version alone; and what looks like a credential where none
belongs is masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Clock

_LONGEST = 600
"""Characters of what a line is about, and of a reason: a client may name anything."""

_SECRETS = (
    (re.compile(r"(?i)\b(sig|secret|password|SharedAccessKey|AccountKey|client_secret|client_assertion)=[^&;\s]+"), r"\1=***"),
    (re.compile(r"eyJ[\w-]{8,}(\.[\w-]*)*"), "(a token)"),  # a JSON Web Token begins with `{"` in base64url (RFC 7515, 3.1)
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*"), "(a key)"),
    (re.compile(r"[A-Za-z0-9+/]{42,}={1,2}"), "(a key)"),  # 32 bytes or more in base64: a symmetric key, if anything
)


class Log:
    """Writes the lines; `write` is called with each, in any thread. The time is the embedded Azure's, in UTC."""

    def __init__(self, clock: Clock, write: Callable[[str], None]) -> None:
        self._clock = clock
        self._write = write

    def tell(self, verb: str, outcome: str, about: str, reason: str = "") -> None:
        """One line: what was asked, what came of it, what it is about, and why."""
        time = datetime.fromtimestamp(self._clock.now(), UTC)
        why = f": {_plain(reason)}" if reason else ""
        self._write(f"{time:%Y-%m-%dT%H:%M:%SZ} {_plain(verb):<11} {outcome:<9} {_plain(about)}{why}")

    def exchange(self, request: Request, answer: Response) -> None:
        """A request that was answered."""
        version = f"?api-version={request.api_version}" if request.api_version else ""
        reason = reason_in(answer.body, refused=answer.status >= 400)
        if answer.because:
            reason = f"{reason} ({answer.because})"
        self.tell(request.method, str(answer.status), f"{request.host}{request.path}{version}", reason)


def reason_in(body: Any, *, refused: bool) -> str:
    """What the body of an answer says of a refusal, in the service's words, what came of a registration, or of an
    operation that has failed. The empty string where it says nothing of the kind."""
    if isinstance(body, bytes):
        try:
            body = parse_json(body)
        except ValueError:
            return body.decode(errors="replace") if refused else ""
    if not isinstance(body, dict):
        return ""
    state = body.get("registrationState")
    if isinstance(state, dict):
        return _registered(state)
    return "; ".join(_reasons(body)) if refused or body.get("status") in ("Failed", "failed") else ""


def _registered(state: JSON) -> str:
    match state.get("status"):
        case "assigned":
            return f"assigned to {state.get('assignedHub')}"
        case "failed":
            return f"failed: {state.get('errorCode')} {state.get('errorMessage')}"
        case status:
            return str(status or "")


def _reasons(error: JSON) -> Iterator[str]:
    """Each service has its own shape: see their modules `errors`."""
    inner = error.get("error")
    if isinstance(inner, dict):
        yield from _reasons(inner)
    elif isinstance(inner, str):
        yield str(error.get("error_description", inner))
    else:
        code = error.get("errorCode", error.get("code", ""))
        text = f"{code} {error.get('message', error.get('Message', ''))}".strip()
        if text:
            yield text
        for each in error.get("details") or ():
            if isinstance(each, dict):
                yield from _reasons(each)


def _plain(text: str) -> str:
    """The text in one line, without secrets, and without what would command a terminal."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    shown = "".join(each if each.isprintable() else "\\" + f"x{ord(each):02x}" for each in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
