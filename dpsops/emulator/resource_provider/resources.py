"""Resource IDs, and what a resource provider offers to deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.world import World

DEPLOYMENTS = "Microsoft.Resources/deployments"
"""The one type that is not a provider's, but Resource Manager's own."""

GROUPS = "Microsoft.Resources/resourceGroups"
"""The type of resource groups, whose IDs are the only ones without `/providers/`."""

_ID = re.compile(
    r"(?:/subscriptions/(?P<subscription>[^/]+)(?:/resourceGroups/(?P<group>[^/]+))?)?(?P<extended>/providers/.+)?"
    r"/providers/(?P<rest>.+?)",
    re.IGNORECASE,
)
_SCOPE = re.compile(
    r"(?:/subscriptions/(?P<subscription>[^/]+)(?:/resourceGroups/(?P<group>[^/]+))?)?(?P<extended>/providers/.+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ResourceId:
    """A resource: `type` as in templates (`Microsoft.Devices/IotHubs/certificates`), `names` one for each type segment
    after the namespace. `group` and `subscription` are empty where it is not in one.

    `extended` is the part of the ID of an extension resource (a role assignment on a vault, a deployment in a management
    group) that names the resource which it extends: `/providers/Microsoft.KeyVault/vaults/NAME`.
    """

    subscription: str
    group: str
    type: str
    names: tuple[str, ...]
    extended: str = ""

    def __str__(self) -> str:
        if self.type.lower() == GROUPS.lower():
            return f"{self.scope}/resourceGroups/{self.name}"
        namespace, *types = self.type.split("/")
        path = "".join(f"/{kind}/{name}" for kind, name in zip(types, self.names, strict=True))
        return f"{self.scope}/providers/{namespace}{path}"

    @property
    def scope(self) -> str:
        """The ID of what the resource is in, or what it extends; the tenant's is empty."""
        subscription = f"/subscriptions/{self.subscription}" if self.subscription else ""
        return subscription + (f"/resourceGroups/{self.group}" if self.group else "") + self.extended

    @property
    def name(self) -> str:
        """The last name: that of the resource itself."""
        return self.names[-1]

    @property
    def key(self) -> str:
        """The key of its document: resource IDs are compared without regard to case."""
        return str(self).lower()

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Reads the ID of a resource of some provider. Raises `ValueError` for any other text, such as a group's ID."""
        match = _ID.fullmatch(text)
        parts = match["rest"].split("/") if match else []
        if match is None or len(parts) < 3 or len(parts) % 2 == 0:
            raise ValueError(f"{text!r} is no ID of a provider's resource")
        type_, names = "/".join([parts[0], *parts[1::2]]), tuple(parts[2::2])
        return cls(match["subscription"] or "", match["group"] or "", type_, names, match["extended"] or "")

    @classmethod
    def at(cls, scope: str, type_: str, *names: str) -> ResourceId:
        """The resource of these names at a scope: a tenant (empty), subscription, group or resource. Raises `ValueError`."""
        match = _SCOPE.fullmatch(scope.rstrip("/"))
        if match is None:
            raise ValueError(f"{scope!r} is no scope")
        return cls(match["subscription"] or "", match["group"] or "", type_, names, match["extended"] or "")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What a provider offers to deployments for one of its types.

    put: creates or updates the resource from the body that the template gives (`location`, `sku`,
    `tags`, `properties` ...) and returns it as a GET would; raises `Refusal` as its PUT would.
    get: the resource as a GET shows it, or None. listings: what `listKeys` and its kin answer.
    locations: the short names of where it may be.
    check: refuses before a deployment starts what `put` would refuse (the provider's part of the preflight); all else that
    it does is undone.
    """

    name: str
    api_versions: frozenset[str]
    put: Callable[[World, ResourceId, JSON, str, Principal], JSON]
    get: Callable[[World, ResourceId, str], JSON | None]
    listings: Mapping[str, Callable[[World, ResourceId], JSON]] = field(default_factory=dict)
    locations: Container[str] = frozenset(regions.REGIONS)
    check: Callable[[World, ResourceId, JSON, str, Principal], object] | None = None
