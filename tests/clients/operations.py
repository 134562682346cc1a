"""What clients are asked to do, and what one of them says of it: a line of JSON for each operation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What a client is asked to do, in the words of its program."""

    SIGN_IN = "sign in"
    MANAGEMENT_READ = "management read"
    MANAGEMENT_CREATE = "management create"
    VAULT_CERTIFICATE = "vault certificate"
    VAULT_SECRET = "vault secret"
    VAULT_KEY = "vault key"
    ENROLLMENT_CREATE = "enrollment create"
    ENROLLMENT_READ = "enrollment read"
    ENROLLMENT_QUERY = "enrollment query"
    REGISTER_HTTPS = "register over HTTPS"
    REGISTER_MQTT = "register over MQTT"
    REGISTER_WEBSOCKETS = "register over WebSockets"
    CONNECT = "connect"
    TELEMETRY = "telemetry"
    TWIN_READ = "twin read"
    TWIN_REPORTED = "twin reported"
    TWIN_DESIRED = "twin desired"
    METHOD = "direct method"
    MESSAGE = "cloud-to-device"
    REGISTRY_CREATE = "registry create"
    REGISTRY_READ = "registry read"
    REGISTRY_BULK = "registry bulk"
    REGISTRY_QUERY = "registry query"
    AMQP_REFUSED = "AMQP refused"


@dataclass(frozen=True, slots=True)
class Said:
    """What a program says of one operation of a client: whether it was done, and in words, why not."""

    client: str
    operation: Operation
    ok: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A program asks for a cloud-to-device message to this device: Microsoft's service clients send one over AMQP alone."""

    device: str


def read_line(line: str) -> Said | Wish:
    """Reads a line of a program. Raises `ValueError` for any other."""
    match json.loads(line):
        case {"client": str(client), "operation": str(operation), "ok": bool(ok), "words": str(words)}:
            return Said(client, Operation(operation), ok, " ".join(words.split()))
        case {"message for": str(device)}:
            return Wish(device)
    raise ValueError(f"no line of a client's program: {line!r}")
