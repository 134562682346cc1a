"""How much a vault takes. Source: "Azure Key Vault service limits", transactions allowed in 10 seconds, per vault per region.

All vaults of a subscription in one region together take five times what one does. A request that was throttled
does not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpsops.emulator.keyvault.errors import throttled
from dpsops.emulator.keyvault.material import KeyType
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World

WINDOW = 10.0
"""Seconds."""

_SUBSCRIPTION = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests of one kind in `WINDOW` seconds."""

    kind: str
    count: int


SECRET_CREATE = Limit("secretCreate", 300)
"""Shared by secrets, and by imports of certificates and keys."""

OTHER = Limit("other", 4000)

_KEY_CREATE = Limit("keyCreate", 20)
_KEY_CREATE_HSM = Limit("keyCreateHsm", 10)
_RSA_USE = {2048: 4000, 3072: 1000, 4096: 500}


def key_creation(hsm: bool) -> Limit:
    """For making a key, and with it a certificate."""
    return _KEY_CREATE_HSM if hsm else _KEY_CREATE


def key_use(key: KeyType) -> Limit:
    """For what a key does, by its type and size; an HSM does half. An odd size counts as the next larger."""
    count = 4000 if key.curve else next((count for size, count in _RSA_USE.items() if key.size <= size), _RSA_USE[4096])
    return Limit(f"use{key.kty}{key.size}{key.curve}", count // 2 if key.hsm else count)


def take(world: World, vault: Vault, limit: Limit) -> None:
    """Counts one request. Over the limit it is refused with 429 instead."""
    own = f"keyvault/{vault.key}/{limit.kind}"
    shared = f"keyvault/{vault.id.subscription.lower()}/{vault.location}/{limit.kind}"
    wait = world.meter.take(own, limit.count, WINDOW, world.now)
    if wait is None:
        wait = world.meter.take(shared, limit.count * _SUBSCRIPTION, WINDOW, world.now)
        if wait is None:
            return
        world.meter.give_back(own)
    raise throttled(math.ceil(wait))
