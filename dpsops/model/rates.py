"""How much Azure takes of each kind of operation: the published limits, or what `[limits]` in the settings says instead.

Sources: Azure Key Vault, "Service limits" (per vault and region, in 10 seconds); Azure IoT Hub Device Provisioning Service,
"Limits" (per service, in a minute); Azure IoT Hub, "Quotas and throttling" (per hub and unit, in a minute).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpsops.settings import Environment, Hub

_VAULT_SECONDS, _DEVICE_SECONDS = 10.0, 60.0

_VAULTS = 5
"""So many vaults of a subscription in one region may be used to their limits."""

_TWINS = 100
"""The most twins of a page of a query."""

_RSA_SIGNATURES = {2048: 4000, 3072: 1000, 4096: 500}
_EC_SIGNATURES = 4000

_REGISTRY, _QUERIES = (100, 5000), (20, 1000)
"""How much a unit of a hub takes: of the sizes 1 and 2, and of size 3."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many operations of one kind in so many seconds. `name`: for people."""

    name: str
    count: int
    seconds: float

    @property
    def each(self) -> float:
        """The seconds for one operation."""
        return self.seconds / self.count


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds something takes at least, and the name of the limit that holds it back."""

    seconds: float
    limit: str


def reissue(environment: Environment, kind: str, size: int, devices: int) -> Pace:
    """What a new certificate for each device takes: a signature and a secret. `kind`, `size`: of the root's key. The vaults are
    taken to be equally full."""
    vaults = environment.leaf_vaults
    own, *shared = secret_creates(environment, vaults[0], len(vaults))
    several = Rate(own.name if len(vaults) == 1 else f"new secrets of {len(vaults)} vaults", own.count * len(vaults), own.seconds)
    slowest = max(several, *shared, signatures(environment, kind, size), key=lambda rate: rate.each)
    return Pace(devices * slowest.each, slowest.name)


def look(environment: Environment, devices: int) -> Pace:
    """What a look at every device takes: a query for each hundred. The hubs are taken to have equally many."""
    hubs = [queries(environment, hub.host) for hub in environment.hub]
    slowest = max(hubs, key=lambda rate: rate.each)
    return Pace(math.ceil(devices / len(hubs) / _TWINS) * slowest.each, slowest.name)


def _of_vault(what: str, count: int) -> Rate:
    return Rate(f"{what} ({count / _VAULT_SECONDS:,.0f} a second)", count, _VAULT_SECONDS)


def _of_devices(what: str, count: int) -> Rate:
    return Rate(f"{what} ({count:,} a minute)", count, _DEVICE_SECONDS)


def secret_creates(environment: Environment, vault: str, vaults: int = 1) -> tuple[Rate, ...]:
    """New secrets, and new versions of secrets, in a vault. All `vaults` of a subscription in one region together take five times
    what one does."""
    most = environment.limits.secret_creates
    own = _of_vault(f"new secrets of {vault}", most)
    shared = _of_vault("new secrets of all vaults", most * _VAULTS)
    return (own, shared) if vaults > _VAULTS else (own,)


def secret_operations(environment: Environment, vault: str) -> Rate:
    """All other operations on the secrets of a vault."""
    return _of_vault(f"requests to {vault}", environment.limits.secret_operations)


def signatures(environment: Environment, kind: str, size: int) -> Rate:
    """Signatures of a root's key, by its type ("RSA" or "EC") and its size in bits. A key in an HSM signs half as often; whether
    it is in one, the settings say, because the key itself does not show it."""
    published = _EC_SIGNATURES if kind == "EC" else _RSA_SIGNATURES.get(size, _RSA_SIGNATURES[4096])
    count = environment.limits.signatures or (published // 2 if environment.root.key.hsm else published)
    return _of_vault(f"signatures of the root's {kind}-{size} key", count)


def dps_operations(environment: Environment) -> Rate:
    """Operations on enrollments and registrations of the DPS."""
    return _of_devices(f"requests to {environment.dps.name}", environment.limits.dps_operations)


def registry_operations(environment: Environment, host: str) -> Rate:
    """Operations on the device identities of a hub."""
    count = environment.limits.registry_operations or _by_units(environment, host, *_REGISTRY)
    return _of_devices(f"registry operations of {host.partition('.')[0]}", count)


def queries(environment: Environment, host: str) -> Rate:
    """Pages of queries over the twins of a hub."""
    count = environment.limits.hub_queries or _by_units(environment, host, *_QUERIES)
    return _of_devices(f"queries of {host.partition('.')[0]}", count)


def bulk_counts_devices(environment: Environment) -> bool:
    """Whether a request that changes many device identities counts once for each of them."""
    return environment.limits.bulk_counts == "device"


def _by_units(environment: Environment, host: str, small: int, large: int) -> int:
    """What a hub takes, by its SKU and units; a hub that is not in the settings counts as the smallest one."""
    hub: Hub | None = next((each for each in environment.hub if each.host == host), None)
    if hub is None:
        return small
    return hub.capacity * (large if hub.sku.endswith("3") else small)
