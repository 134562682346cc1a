"""Device IDs, and the names of the devices' secrets."""

from __future__ import annotations

import base64
import re
from typing import NewType

from dpsops.errors import InvalidInput

DeviceId = NewType("DeviceId", str)
"""A device's ID: also the common name of its certificate, its registration ID in DPS and its device ID in the hub."""

SecretName = NewType("SecretName", str)

_DEVICE_ID = re.compile(r"[a-z0-9._:-]*[a-z0-9-]")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]*")
_MAX_COMMON_NAME = 64
_PREFIX = "device-"


def device_id(text: str) -> DeviceId:
    """Reads a device ID. Raises `InvalidInput`.

    The rules are those of a DPS registration ID with X.509 attestation (Azure DPS, "Terminology"): letters,
    digits and `- . _ :`, with a letter, a digit or `-` last; at most 64 characters, because it is a common
    name. Letters must be lower case, because DPS and Key Vault ignore case and IoT Hub does not.
    """
    if not text:
        raise InvalidInput("the device ID is empty", "give an ID such as press-07")
    if len(text) > _MAX_COMMON_NAME:
        raise InvalidInput(
            f"the device ID {text[:20]!r}... has {len(text)} characters",
            f"use at most {_MAX_COMMON_NAME}: it is the common name of the certificate (RFC 5280, appendix A)",
        )
    if text != text.lower() and _DEVICE_ID.fullmatch(text.lower()):
        raise InvalidInput(
            f"the device ID {text!r} has upper case letters",
            f"DPS ignores case and IoT Hub does not: write {text.lower()}",
        )
    if not _DEVICE_ID.fullmatch(text):
        raise InvalidInput(
            f"{text!r} is not a valid device ID",
            "use the letters a to z, digits and - . _ : with a letter, a digit or - last",
        )
    return DeviceId(text)


def secret_name(device: DeviceId) -> SecretName:
    """The name of the Key Vault secret that contains a device's bundle.

    Different devices have different names. An ID that is a valid secret name follows `device-` unchanged. Any other ID
    follows `device--` in base32; no unchanged ID begins with `-`, so the two cannot collide. At most 111 of the 127
    characters of `[0-9a-zA-Z-]` that Key Vault allows.
    """
    if _PLAIN.fullmatch(device):
        return SecretName(_PREFIX + device)
    encoded = base64.b32encode(device.encode()).decode().rstrip("=").lower()
    return SecretName(f"{_PREFIX}-{encoded}")
