"""The names of devices and of what belongs to them."""

from __future__ import annotations

import base64
import re
from typing import NewType

from dpsops.errors import InvalidInput

DeviceId = NewType("DeviceId", str)
"""A device's ID: the leaf's common name, the DPS registration ID and the hub's device ID at once."""

SecretName = NewType("SecretName", str)

_DEVICE_ID = re.compile(r"[a-z0-9._:-]*[a-z0-9-]")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]*")
_MAX_COMMON_NAME = 64
_PREFIX = "device-"


def device_id(text: str) -> DeviceId:
    """Reads a device ID. Raises `InvalidInput`.

    The rules are those of a DPS registration ID with X.509 attestation (Azure DPS, "Terminology"): letters,
    digits and `- . _ :`, ending in a letter, a digit or `-`, at most 64 characters because it is a common
    name. Letters are lower case here, because DPS and Key Vault do not tell cases apart and IoT Hub does.
    """
    if not text:
        raise InvalidInput("the device ID is empty", "give an ID such as press-07")
    if len(text) > _MAX_COMMON_NAME:
        raise InvalidInput(
            f"the device ID {text[:20]!r}... has {len(text)} characters",
            f"it is the certificate's common name, which holds {_MAX_COMMON_NAME} at most (RFC 5280, appendix A)",
        )
    if text != text.lower() and _DEVICE_ID.fullmatch(text.lower()):
        raise InvalidInput(
            f"the device ID {text!r} has upper case letters",
            f"DPS does not tell cases apart but IoT Hub does: write {text.lower()}",
        )
    if not _DEVICE_ID.fullmatch(text):
        raise InvalidInput(
            f"{text!r} is no device ID",
            "use the letters a to z, digits and - . _ : and end with a letter, a digit or -",
        )
    return DeviceId(text)


def secret_name(device: DeviceId) -> SecretName:
    """The name of the Key Vault secret that holds a device's key and certificates.

    Different devices have different names: an ID that is a secret name as it stands keeps its form behind
    `device-`; any other is base32 behind `device--`, which no plain ID can begin with. At most 111 of the
    127 characters of `[0-9a-zA-Z-]` that Key Vault allows.
    """
    if _PLAIN.fullmatch(device):
        return SecretName(_PREFIX + device)
    encoded = base64.b32encode(device.encode()).decode().rstrip("=").lower()
    return SecretName(f"{_PREFIX}-{encoded}")
