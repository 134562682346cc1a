"""The CA certificates that a DPS or a hub trusts, and what is missing until it trusts the root.

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
"""CA certificates that one DPS or hub holds. Source: Azure subscription limits, "DPS limits" and "IoT Hub limits"."""


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """A CA certificate in a trust store: its SHA-1 thumbprint (upper case hex), whether its possession is proven, its etag."""

    thumbprint: str
    verified: bool
    etag: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a certificate must carry as its common name to prove possession, and the etag that goes with it."""

    code: str
    etag: str


CaCertificates = Mapping[str, CaCertificate]
"""What one trust store holds, by name."""


def plan(owner: str, observed: CaCertificate | None, name: str, root: RootVersion | None) -> list[Action]:
    """What is still to be done until the trust store's owner (`DPS dps-prod`) trusts the root. Raises `Refused` where the
    name holds another certificate."""
    target = f"{name} in {owner}"
    if observed is None:
        return [Action("upload", target), Action("prove", target)]
    if root is None or observed.thumbprint != chains.sha1_thumbprint(root.certificate):
        raise _taken(owner, name, observed)
    return [] if observed.verified else [Action("prove", target)]


def is_proven(observed: CaCertificate | None, root: RootVersion) -> bool:
    """Whether a trust store has verified this very root."""
    return observed is not None and observed.verified and observed.thumbprint == chains.sha1_thumbprint(root.certificate)


def is_verified(found: CaCertificate | None) -> bool:
    """Whether a trust store has verified what it holds under a name."""
    return found is not None and found.verified


def require_place(owner: str, held: CaCertificates, name: str) -> None:
    """Raises `Refused` where a root that is yet to be made could not be uploaded: there is no room, or its name is taken."""
    if name in held:
        raise _taken(owner, name, held[name])
    require_room(owner, held, name)


def require_room(owner: str, held: Collection[str], name: str) -> None:
    """Raises `Refused` where a trust store holds as many certificates as it can, and none of this name."""
    if name not in held and len(held) >= MAX_CERTIFICATES:
        raise Refused(
            f"the {owner} already holds {len(held)} CA certificates, and it holds no more than {MAX_CERTIFICATES}",
            "remove one that nothing depends on any more",
        )


def _taken(owner: str, name: str, observed: CaCertificate) -> Refused:
    return Refused(
        f"the {owner} already holds a certificate {name}, and it is another one (SHA-1 {observed.thumbprint})",
        "devices may depend on it: find out whose it is, then remove it there, or choose another name for the service",
    )
