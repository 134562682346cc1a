"""Which hub a device goes to. Source: "How to use allocation policies to provision devices across IoT hubs"."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

HASHED, GEO_LATENCY, STATIC, CUSTOM = "hashed", "geoLatency", "static", "custom"
POLICIES = {policy.lower(): policy for policy in (HASHED, GEO_LATENCY, STATIC, CUSTOM)}
"""The policies by their names in lower case: clients may write them in any."""


class Unassignable(Exception):
    """No hub can be assigned: DPS's error code, and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


HUB_NOT_FOUND = (401_001, "IoTHub not found.")
_CUSTOM_FAILED = (400_207, "Custom allocation failed with status code: 404")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A linked hub that takes part in allocation: its host name, and its weight (1 or more)."""

    host: str
    weight: int


def allocate(policy: str, candidates: Sequence[Candidate], wanted: Collection[str], registration_id: str) -> str:
    """The host of the hub that a device is assigned to. Raises `Unassignable`.

    `wanted`: the hosts that the enrollment entry names, none: all. Where hubs are equally near DPS hashes across them,
    and here all are: geoLatency is hashed. A custom policy has no webhook that could answer, and a static one that names
    no hub finds none (stricter guess: it may find the only one that is linked).
    """
    if policy == CUSTOM:
        raise Unassignable(*_CUSTOM_FAILED)
    names = {host.lower() for host in wanted}
    eligible = [each for each in candidates if not names or each.host.lower() in names]
    if not eligible or (policy == STATIC and len(names) != 1):
        raise Unassignable(*HUB_NOT_FOUND)
    return max(eligible, key=lambda each: (_score(each, registration_id.lower()), each.host)).host


def _score(candidate: Candidate, registration_id: str) -> float:
    """Rendezvous hashing: the highest score wins, each hub as often as its weight says, and a hub that comes or goes
    moves no device but those that it wins or had. Azure's own hash is not known."""
    digest = hashlib.sha256(f"{candidate.host.lower()}/{registration_id}".encode()).digest()
    uniform = (int.from_bytes(digest[:6]) + 0.5) / (1 << 48)
    return -candidate.weight / math.log(uniform)
