"""The CA certificates in the trust store of a DPS or a hub, and what is missing until the root is verified there.

Source: Azure DPS, "How to do proof-of-possession for X.509 CA certificates with your DPS".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.root import RootVersion
from dpsops.pki import chains

MAX_CERTIFICATES = 25
"""The limit of CA certificates in one DPS or hub. Source: Azure subscription limits, "DPS limits" and "IoT Hub limits"."""


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """A CA certificate in a trust store: its SHA-1 thumbprint (upper case hex), whether it is verified, its etag."""

    thumbprint: str
    verified: bool
    etag: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A verification code, which the verification certificate must have as its common name, and the etag that belongs to it."""

    code: str
    etag: str


CaCertificates = Mapping[str, CaCertificate]
"""The CA certificates in one trust store, by name."""


def plan(owner: str, observed: CaCertificate | None, name: str, root: RootVersion | None) -> list[Action]:
    """What is missing until the root is verified in the trust store of this owner (`DPS dps-prod`). Raises `Refused` if there
    is another certificate of this name."""
    target = f"{name} in {owner}"
    if observed is None:
        return [Action("upload", target), Action("prove", target)]
    if root is None or observed.thumbprint != chains.sha1_thumbprint(root.certificate):
        raise _name_in_use(owner, name, observed)
    return [] if observed.verified else [Action("prove", target)]


def has_verified(observed: CaCertificate | None, root: RootVersion) -> bool:
    """Whether a trust store has verified exactly this root."""
    return observed is not None and observed.verified and observed.thumbprint == chains.sha1_thumbprint(root.certificate)


def is_verified(found: CaCertificate | None) -> bool:
    """Whether a CA certificate exists and is verified."""
    return found is not None and found.verified


def require_uploadable(owner: str, found: CaCertificates, name: str) -> None:
    """Raises `Refused` if a root that is not created yet could not be uploaded: no space, or its name is in use."""
    if name in found:
        raise _name_in_use(owner, name, found[name])
    require_space(owner, found, name)


def require_space(owner: str, found: Collection[str], name: str) -> None:
    """Raises `Refused` if a trust store has the maximum number of certificates, and none of this name."""
    if name not in found and len(found) >= MAX_CERTIFICATES:
        raise Refused(
            f"the {owner} already has {len(found)} CA certificates, and the limit is {MAX_CERTIFICATES}",
            "remove a CA certificate that no device depends on any more",
        )


def _name_in_use(owner: str, name: str, found: CaCertificate) -> Refused:
    return Refused(
        f"the {owner} already has another CA certificate named {name} (SHA-1 {found.thumbprint})",
        "devices may depend on it: find out who uploaded it, then remove it there, or use another DPS or hub",
    )
