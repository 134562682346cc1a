"""A device identity in a hub, as DPS creates it: with the SHA-256 thumbprint of the certificate that registered.

Source: Azure IoT Hub service API 2021-04-12, `Device`, `AuthenticationMechanism`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

ENABLED, DISABLED = "enabled", "disabled"

CA_SIGNED = "certificateAuthority"
_SELF_SIGNED = "selfSigned"


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """One device identity. `status` is `enabled` or `disabled`, `reason` why; `authentication` is its authentication type,
    `thumbprints` are the primary and the secondary one (SHA-256 in upper case hex; empty if there is none).

    `document` is the identity as the hub answered it, so that a change leaves everything else in it as it is.
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
        """Whether the device may connect."""
        return self.status == ENABLED

    @property
    def thumbprint(self) -> str:
        """The primary thumbprint."""
        return self.thumbprints[0]

    @property
    def uses_certificate(self) -> bool:
        """Whether the device authenticates with a certificate. A root is irrelevant for any other authentication."""
        return self.authentication in (_SELF_SIGNED, CA_SIGNED)

    def with_thumbprint(self, thumbprint: str) -> HubIdentity:
        """The identity with this thumbprint as primary and secondary, as DPS sets them. Unchanged if the thumbprint is empty,
        or if the hub checks the certificate chain instead of a thumbprint."""
        if not thumbprint or self.authentication != _SELF_SIGNED:
            return self
        return replace(self, thumbprints=(thumbprint, thumbprint))


def cut_off(identity: HubIdentity, known: str, newer: Collection[str], root: str, *, issued: bool = False) -> HubIdentity:
    """The identity after a root was cut off: disabled. It is unchanged if its thumbprint is among those of `newer` roots, or if
    the device does not authenticate with a certificate.

    known: the thumbprint of the device certificate in the vault, or empty. The identity gets this thumbprint, so that a forged
    certificate is not accepted when the identity is enabled again, as `device unblock` does.

    issued: Azure issues the certificates of the device. Whoever had a forged one has perhaps got one of these with it, so the
    identity trusts the certificate in the vault alone, until the device registers again.
    """
    if not identity.uses_certificate or identity.thumbprint in newer:
        return identity
    if issued and known and identity.authentication == CA_SIGNED:
        identity = replace(identity, authentication=_SELF_SIGNED)
    pinned = identity.with_thumbprint(known)
    if identity.is_enabled:
        return replace(pinned, status=DISABLED, reason=_reason(root))
    return pinned if pinned.thumbprint != identity.thumbprint else identity


def reenabled(identity: HubIdentity, leaf: str, root: str) -> HubIdentity:
    """The identity when its device has a certificate under the new root. `leaf`: its thumbprint. It is enabled only if the
    breach of `root` has disabled it."""
    if not identity.uses_certificate or identity.is_enabled or identity.reason != _reason(root):
        return identity
    return replace(identity.with_thumbprint(leaf), status=ENABLED, reason="")


def with_status(identity: HubIdentity, status: str, leaf: str) -> HubIdentity:
    """The identity with this status and, unless empty, this thumbprint; unchanged if it has the status already."""
    return identity if identity.status == status else replace(identity.with_thumbprint(leaf), status=status)


def _reason(root: str) -> str:
    """The status reason in the hub: it shows that a breach has disabled the identity, and not somebody else."""
    return f"dpsops: {root} was compromised"
