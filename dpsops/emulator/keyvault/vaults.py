"""Vaults as their data plane sees them, read from the document that Resource Manager writes (`state`)."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault.errors import refusal
from dpsops.emulator.keyvault.versions import RECOVERABLE_DAYS, since
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

KIND = "keyvault.vault"
"""The kind of a vault's document. Names are global, so the key is the name in lower case: {"id", "name", "location",
"tags", "properties", "created" (epoch s), "system" (systemData), "deleted" ({"at", "purge"}, epoch s) or null}."""

_DAY = 86_400
_DEFAULT_RETENTION = 90


@dataclass(frozen=True, slots=True)
class Vault:
    """A living vault: what its properties mean for keys, secrets and certificates.

    retention: in days. firewall: whether it is closed to all but `addresses`, which are addresses and ranges.
    """

    key: str
    name: str
    id: ResourceId
    location: str
    tenant: str
    premium: bool
    soft_delete: bool
    purge_protection: bool
    retention: int
    roles: bool
    policies: tuple[JSON, ...]
    public: bool
    firewall: bool
    addresses: tuple[str, ...]

    @property
    def url(self) -> str:
        """The vault's URL, without a slash at its end."""
        return f"https://{self.key}.vault.azure.net"

    @property
    def retention_seconds(self) -> int:
        """How long a deleted object is kept."""
        return self.retention * _DAY

    def recovery(self, api_version: str) -> JSON:
        """The part of every object's attributes that says what deleting it would mean (`DeletionRecoveryLevel`)."""
        if not self.soft_delete:
            level, days = "Purgeable", 0
        else:
            level = "Recoverable" if self.retention == _DEFAULT_RETENTION else "CustomizedRecoverable"
            level, days = level + ("" if self.purge_protection else "+Purgeable"), self.retention
        return {"recoveryLevel": level} | ({"recoverableDays": days} if since(api_version, RECOVERABLE_DAYS) else {})


def read(document: JSON) -> Vault:
    """What a vault's document says."""
    properties = document["properties"]
    return Vault(
        key=document["name"].lower(),
        name=document["name"],
        id=ResourceId.parse(document["id"]),
        location=document["location"],
        tenant=properties["tenantId"],
        premium=properties["sku"]["name"].lower() == "premium",
        soft_delete=properties["enableSoftDelete"],
        purge_protection=properties.get("enablePurgeProtection", False),
        retention=properties.get("softDeleteRetentionInDays", _DEFAULT_RETENTION),
        roles=properties.get("enableRbacAuthorization", False),
        policies=tuple(properties.get("accessPolicies", ())),
        public=properties.get("publicNetworkAccess", "Enabled").lower() != "disabled",
        firewall=properties.get("networkAcls", {}).get("defaultAction", "Allow").lower() == "deny",
        addresses=tuple(rule["value"] for rule in properties.get("networkAcls", {}).get("ipRules") or ()),
    )


def every(world: World) -> list[Vault]:
    """All vaults that have a name in the DNS, in the order of their names."""
    found = (find(world, key) for key, _ in world.state.list(KIND))
    return [vault for vault in found if vault is not None]


def find(world: World, name: str) -> Vault | None:
    """The vault behind a host name; None where the DNS has none: never made, deleted, or still being registered."""
    document = world.state.get(KIND, name.lower())
    if document is None or document["deleted"] is not None or world.now < document["created"] + world.timings.operation:
        return None
    return read(document)


def require(world: World, name: str) -> Vault:
    """The vault; a connection that outlived it is refused."""
    vault = find(world, name)
    if vault is None:
        raise refusal(404, "VaultNotFound", f"The vault '{name}' was not found.")
    return vault
