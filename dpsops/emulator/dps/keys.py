"""Symmetric key attestation: a device signs with a key of its enrollment, or with one that is derived from its group's.

Source: "Symmetric key attestation" in the documentation of DPS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.enrollments.entries import GROUPS, INDIVIDUALS, entries_of, find_entry
from dpsops.emulator.microsoft_devices.signatures import InvalidSignature, Signature
from dpsops.emulator.world import World

_POLICIES = ("", "registration")
"""What a device may name as the policy of its signature: the documentation has it name the second, Microsoft's SDKs none."""


def find_signer(world: World, service: JSON, registration_id: str, text: str) -> tuple[JSON, JSON] | None:
    """The enrollment entry whose keys made this signature, and the device's own keys; None if there is none.

    A device with an individual enrollment is not looked for in the groups.
    """
    signature = _read(service, registration_id, text)
    if signature is None:
        return None
    entry = find_entry(world, service, INDIVIDUALS, registration_id)
    for each in [entry] if entry is not None else entries_of(world, service, GROUPS):
        if each["attestation"]["type"] == "symmetricKey":
            keys = _device_keys(each, registration_id)
            if signature.opens(_resource(service, registration_id), list(keys.values()), world.now):
                return each, keys
    return None


def is_for(service: JSON, registration_id: str, text: str) -> bool:
    """Whether this is a signature for the registration of the device, whoever has made it and when."""
    return _read(service, registration_id, text) is not None


def _read(service: JSON, registration_id: str, text: str) -> Signature | None:
    """Only one for the very registration will do (stricter guess), in any case."""
    try:
        signature = Signature.parse(text)
    except InvalidSignature:
        return None
    exact = signature.resource.lower() == _resource(service, registration_id).lower()
    return signature if exact and signature.policy in _POLICIES else None


def _resource(service: JSON, registration_id: str) -> str:
    return f"{service['idScope'].lower()}/registrations/{registration_id}"


def _device_keys(entry: JSON, registration_id: str) -> JSON:
    """The keys of an individual enrollment; of a group, HMAC-SHA256 of the registration ID in lower case under its keys."""
    own: JSON = entry["attestation"]["secret"]
    if entry["kind"] == INDIVIDUALS.name:
        return own
    return {name: _derived(key, registration_id) for name, key in own.items()}


def _derived(key: str, registration_id: str) -> str:
    digest = hmac.digest(base64.b64decode(key), registration_id.lower().encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
