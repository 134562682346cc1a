"""A device's identity in a hub, as DPS makes it: known by the SHA-256 thumbprint of the leaf that it registered with.

Source: Azure IoT Hub service API 2021-04-12, `Device`, `AuthenticationMechanism`.
"""

from __future__ import annotations

from typing import Any


def thumbprint(identity: dict[str, Any] | None) -> str:
    """The SHA-256 thumbprint (upper case hex) that an identity is known by; empty where it is known otherwise, or absent."""
    thumbprints = ((identity or {}).get("authentication") or {}).get("x509Thumbprint") or {}
    return str(thumbprints.get("primaryThumbprint") or "").upper()


def known_by(identity: dict[str, Any], thumbprint: str) -> dict[str, Any]:
    """The members that make an identity known by this leaf, primary and secondary alike, as DPS has it; none where there is
    no leaf, or where the hub itself looks for the leaf's root."""
    if not thumbprint or (identity.get("authentication") or {}).get("type") != "selfSigned":
        return {}
    both = {"primaryThumbprint": thumbprint, "secondaryThumbprint": thumbprint}
    return {"authentication": {"type": "selfSigned", "x509Thumbprint": both}}
