"""Enrollments that attest by CA certificates, and what becomes of them if one of these is compromised.

Source: Azure DPS, "X.509 certificate attestation", and the service API 2021-10-01, `X509Attestation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trusting:
    """An enrollment group or an individual enrollment: the names of the CA certificates in the DPS that it refers to, and the
    SHA-1 thumbprints (upper case hex) of the signing certificates that it has itself."""

    path: str
    is_group: bool
    id: str
    enabled: bool
    references: tuple[str, ...]
    signing: tuple[str, ...]
    etag: str
    document: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def target(self) -> str:
        """What it is, for people."""
        return f"enrollment {'group ' if self.is_group else ''}{self.id}"

    def trusts(self, names: Collection[str], thumbprint: str) -> bool:
        """Whether it is enabled and trusts a CA certificate that the DPS has under these names (in lower case)."""
        return self.enabled and (thumbprint in self.signing or any(each.lower() in names for each in self.references))

    def others(self, names: Collection[str]) -> tuple[str, ...]:
        """The other CA certificates that it refers to: it can stay enabled with these."""
        return tuple(dict.fromkeys(each for each in self.references if each.lower() not in names))
