"""How much a vault takes. Source: "Azure Key Vault service limits", transactions allowed in 10 seconds, per vault per region.

All vaults of a subscription in one region together take five times what one does. A request that was throttled
does not count. What keys do counts together, in proportion to how few operations a key of its type and size may do alone.
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
    """So much of one kind in `WINDOW` seconds as `count` requests of which each weighs 1."""

    kind: str
    count: int
    weight: int = 1

    @property
    def requests(self) -> int:
        """How many requests that is if there are no others."""
        return self.count // self.weight


SECRET_CREATE = Limit("secretCreate", 300)
"""Shared by secrets, and by imports of certificates and keys. `Habits.secret_creates` has it otherwise."""

OTHER = Limit("other", 4000)

_KEY_CREATE = Limit("keyCreate", 20)
_KEY_CREATE_HSM = Limit("keyCreateHsm", 10)
_KEY_USE = 4000
_RSA_WEIGHTS = {2048: 1, 3072: 4, 4096: 8}


def key_creation(hsm: bool) -> Limit:
    """For making a key, and with it a certificate."""
    return _KEY_CREATE_HSM if hsm else _KEY_CREATE


def key_use(key: KeyType) -> Limit:
    """For what a key does, by its type and size; an HSM does half. An odd size counts as the next larger."""
    rsa = next((weight for size, weight in _RSA_WEIGHTS.items() if key.size <= size), _RSA_WEIGHTS[4096])
    return Limit("keyUse", _KEY_USE, (1 if key.curve else rsa) * (2 if key.hsm else 1))


def take(world: World, vault: Vault, limit: Limit) -> None:
    """Counts one request. Over the limit it is refused with 429 instead."""
    own = f"keyvault/{vault.key}/{limit.kind}"
    shared = f"keyvault/{vault.id.subscription.lower()}/{vault.location}/{limit.kind}"
    count = world.habits.secret_creates if limit is SECRET_CREATE else limit.count
    wait = world.meter.take(own, count, WINDOW, world.now, limit.weight)
    if wait is None:
        wait = world.meter.take(shared, count * _SUBSCRIPTION, WINDOW, world.now, limit.weight)
        if wait is None:
            return
        world.meter.give_back(own, limit.weight)
    raise throttled(math.ceil(wait))
