"""Takes out of recorded traffic what must not be kept: secrets, and what says whose subscription it was.

What is taken out is replaced by something of the same shape, and the same by the same: a recording can still be replayed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re

from dpsops.azure.deployments import template
from dpsops.model.roles import ROLES

KEY = "c2NydWJiZWQ="
"""In the place of a key: base64, as keys are. A masked key stays masked, because that is a fact."""

_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_PSEUDONYM = "5c5c5c5c-0000-4000-8000-"
_QUOTE = r'\\*"'  # JSON may be quoted in JSON

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL), "scrubbed"),
    (re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]+)+"), "scrubbed"),
    (re.compile(r"(SharedAccessKey=)(?!\*)[^;\"'\\\s]+"), rf"\1{KEY}"),
    (re.compile(r"SharedAccessSignature [^\"'\\]+"), "SharedAccessSignature scrubbed"),
    (re.compile(rf"({_QUOTE}\w*Key{_QUOTE}\s*:\s*{_QUOTE})(?!\*)[^\"\\]+", re.IGNORECASE), rf"\g<1>{KEY}"),
    (
        re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)(?![\w+/=])"),
        KEY,
    ),  # 32 or 64 bytes, whatever their name
    (re.compile(rf"({_QUOTE}verificationCode{_QUOTE}\s*:\s*{_QUOTE})[^\"\\]+"), r"\g<1>" + "0" * 48),
    (re.compile(rf"({_QUOTE}\w*(?:_secret|_assertion|_token){_QUOTE}\s*:\s*{_QUOTE})[^\"\\]+"), r"\g<1>scrubbed"),
    (re.compile(r"(client_(?:secret|assertion)=)[^&\s]+"), r"\1scrubbed"),
    (re.compile(r"([?&](?:c|s|h|t|sig)=)[^&\"\\\s]+"), r"\1scrubbed"),  # a signed address of an operation
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "somebody@example.com"),
)

_IPV4 = re.compile(r"(?<!\d)(?<!\d\.)(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]*[0-9a-f](?![\w:])", re.IGNORECASE)
_OURS = ("0.0.0.0", "1.0.0.0", "203.0.113.7")  # noqa: S104  # what the questions send, and a template's contentVersion
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")


class Scrubber:
    """One for each run, so that an ID has the same pseudonym in all of its recordings."""

    def __init__(self, subscription: str) -> None:
        self._public = _public_ids()
        self._pseudonyms: dict[str, str] = {}
        self.subscription = self._pseudonym(subscription)

    def text(self, text: str) -> str:
        """The text without secrets, addresses of people and machines, and IDs but those of built-in roles."""
        for secret, instead in _SECRETS:
            text = secret.sub(instead, text)
        text = _UUID.sub(lambda found: self._pseudonym(found[0]), text)
        text = _IPV4.sub(lambda found: found[0] if found[0] in _OURS else "192.0.2.1", text)
        text = _IPV6.sub("2001:db8::1", text)
        return _ENCODED.sub(_decoded, text)

    def body(self, body: bytes) -> bytes:
        """The same of what was sent or answered."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _pseudonym(self, identifier: str) -> str:
        known = identifier.lower()
        if known in self._public or known.startswith(_PSEUDONYM):
            return identifier
        return self._pseudonyms.setdefault(known, f"{_PSEUDONYM}{len(self._pseudonyms):012d}")


def without_proof(body: bytes) -> bytes:
    """The body of a proof of possession without its certificate, which has the verification code for its name."""
    return re.sub(rb'("certificate"\s*:\s*")[^"]*', rb"\1scrubbed", body)


def _public_ids() -> frozenset[str]:
    """The IDs of built-in roles, which are the same in every tenant."""
    known = json.dumps(template()) + " ".join(role.id for roles in ROLES.values() for role in roles)
    return frozenset(found[0].lower() for found in _UUID.finditer(known))


def _decoded(found: re.Match[str]) -> str:
    """Base64 that hides an ID, as Azure's opaque addresses may: something of the same length in its place. A slash may be a part
    of it, or of a path around it."""
    whole = found[0]
    return _fingerprint(whole) if _hides_id(whole) else "/".join(map(_part, whole.split("/")))


def _part(text: str) -> str:
    return _fingerprint(text) if _hides_id(text) else text


def _hides_id(text: str) -> bool:
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        hidden = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return False
    return _UUID.search(hidden.decode("latin-1")) is not None


def _fingerprint(text: str) -> str:
    digits = hashlib.sha256(text.encode()).hexdigest()
    return (digits * (len(text) // len(digits) + 1))[: len(text)]
