"""Shared access signatures: `SharedAccessSignature sr=...&sig=...&se=...[&skn=...]`.

Source: "Control access to IoT Hub by using shared access signatures".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote

SCHEME = "SharedAccessSignature "


class InvalidSignature(Exception):
    """The text is no shared access signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A shared access signature: what it is for, until when (epoch s), and which policy's key signed it (empty: a device's)."""

    resource: str
    expiry: int
    policy: str
    signed: bytes
    value: bytes

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Reads one. Raises `InvalidSignature`."""
        fields = dict(part.partition("=")[::2] for part in text.removeprefix(SCHEME).split("&"))
        try:
            resource, expiry = fields["sr"], fields["se"]
            if not expiry.isascii() or not expiry.isdecimal():
                raise InvalidSignature
            return cls(
                resource=unquote(resource),
                expiry=int(expiry),
                policy=unquote(fields.get("skn", "")),
                signed=f"{resource}\n{expiry}".encode(),
                value=base64.b64decode(unquote(fields["sig"]), validate=True),
            )
        except (KeyError, ValueError) as unreadable:
            raise InvalidSignature from unreadable

    def opens(self, target: str, keys: list[str], now: float) -> bool:
        """Whether this is a valid signature, made with one of the keys (base64), for `target` or something above it.

        Resources are a host and a path below it; only the host is compared without regard to case.
        """
        host, slash, path = self.resource.rstrip("/").partition("/")
        wanted = f"{target}/".startswith(f"{host.lower()}{slash}{path}/")
        return wanted and now < self.expiry and any(self._made_with(key) for key in keys)

    def _made_with(self, key: str) -> bool:
        return hmac.compare_digest(hmac.digest(base64.b64decode(key), self.signed, hashlib.sha256), self.value)
