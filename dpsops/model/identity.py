"""A device's identity in a hub, as DPS makes it: known by the SHA-256 thumbprint of the leaf that it registered with.

Source: Azure IoT Hub service API 2021-04-12, `Device`, `AuthenticationMechanism`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

ENABLED, DISABLED = "enabled", "disabled"

_SELF_SIGNED, _BY_AUTHORITY = "selfSigned", "certificateAuthority"


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """One identity. `status` is `enabled` or `disabled`, `reason` why; `authentication` is the type of it, `thumbprints` its
    primary and its secondary one (SHA-256 in upper case hex; empty where it is known otherwise).

    `document` is the hub's own, for a change to leave alone what it does not touch.
    """

    device: str
    status: str
    reason: str
    authentication: str
    thumbprints: tuple[str, str]
    etag: str
    document: Mapping[str, object] = field(repr=False, compare=False)

    @property
    def is_enabled(self) -> bool:
        """Whether it lets its device in."""
        return self.status == ENABLED

    @property
    def thumbprint(self) -> str:
        """The thumbprint that it is known by."""
        return self.thumbprints[0]

    @property
    def is_by_certificate(self) -> bool:
        """Whether a certificate lets its device in: a root has signed for no other."""
        return self.authentication in (_SELF_SIGNED, _BY_AUTHORITY)

    def known_by(self, thumbprint: str) -> HubIdentity:
        """The identity known by this leaf, primary and secondary alike, as DPS has it; unchanged where there is no leaf, or
        where the hub itself looks for the leaf's root."""
        if not thumbprint or self.authentication != _SELF_SIGNED:
            return self
        return replace(self, thumbprints=(thumbprint, thumbprint))


def cut_off(identity: HubIdentity, known: str, newer: Collection[str], root: str) -> HubIdentity:
    """What becomes of an identity when a root is cut off; the identity itself where it holds a leaf of a newer root or no
    certificate lets it in.

    known: the thumbprint of the leaf that the vault knows, or nothing. It holds that one from then on, so that enabling it,
    as `device unblock` does, lets in no forged leaf.
    """
    if not identity.is_by_certificate or identity.thumbprint in newer:
        return identity
    held = identity.known_by(known)
    if identity.is_enabled:
        return replace(held, status=DISABLED, reason=_reason(root))
    return held if held.thumbprint != identity.thumbprint else identity


def readmitted(identity: HubIdentity, leaf: str, root: str) -> HubIdentity:
    """What becomes of an identity when its device has a leaf of the new root (its thumbprint): only one that the breach of
    `root` has disabled is enabled."""
    if not identity.is_by_certificate or identity.is_enabled or identity.reason != _reason(root):
        return identity
    return replace(identity.known_by(leaf), status=ENABLED, reason="")


def with_status(identity: HubIdentity, status: str, leaf: str) -> HubIdentity:
    """The identity with this status, and known by this leaf where there is one; unchanged where it has the status already."""
    return identity if identity.status == status else replace(identity.known_by(leaf), status=status)


def _reason(root: str) -> str:
    """By this an identity that a breach disabled is told from one that somebody else did."""
    return f"dpsops: {root} was compromised"
