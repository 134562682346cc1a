"""The type of a root's key, and the hash algorithm that belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from dpsops.errors import InvalidInput

_TEXT = re.compile(r"(?:RSA-(?P<size>2048|3072|4096)|EC-P(?P<curve>256|384))(?P<hsm>-HSM)?")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A type of key: RSA with `size` bits or EC on the NIST curve of `size` bits, in software or in an HSM."""

    kind: Literal["RSA", "EC"]
    size: int
    hsm: bool = False

    @classmethod
    def parse(cls, text: str) -> KeySpec:
        """Reads `RSA-3072`, `EC-P256`, `RSA-4096-HSM` and so on. Raises `InvalidInput`."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InvalidInput(
                f"{text!r} is not a type of root key",
                "use RSA-2048, RSA-3072, RSA-4096, EC-P256 or EC-P384; add -HSM for a key in hardware",
            )
        if match["size"]:
            return cls("RSA", int(match["size"]), match["hsm"] is not None)
        return cls("EC", int(match["curve"]), match["hsm"] is not None)

    def __str__(self) -> str:
        return f"{self.kind}-{'P' if self.kind == 'EC' else ''}{self.size}{'-HSM' if self.hsm else ''}"


def signing_hash(key: CertificateIssuerPublicKeyTypes) -> hashes.SHA256 | hashes.SHA384:
    """The hash for signatures with an issuer's key: as strong as its curve (FIPS 186-5, 6.1.1), SHA-256 for RSA."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()
