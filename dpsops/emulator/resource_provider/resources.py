"""Resource IDs, and what a resource provider offers to deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

DEPLOYMENTS = "Microsoft.Resources/deployments"
"""The one type that is not a provider's, but Resource Manager's own."""

_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)(?P<extended>/providers/.+)?/providers/(?P<rest>.+?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ResourceId:
    """A resource in a resource group: `type` as in templates (`Microsoft.Devices/IotHubs/certificates`),
    `names` one for each type segment after the namespace.

    `extended` is the part of the ID of an extension resource (a role assignment on a vault) that names the
    resource which it extends: `/providers/Microsoft.KeyVault/vaults/NAME`.
    """

    subscription: str
    group: str
    type: str
    names: tuple[str, ...]
    extended: str = ""

    def __str__(self) -> str:
        namespace, *types = self.type.split("/")
        path = "".join(f"/{kind}/{name}" for kind, name in zip(types, self.names, strict=True))
        return f"{self.scope}/providers/{namespace}{path}"

    @property
    def scope(self) -> str:
        """The ID of what the resource is in, or what it extends."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}{self.extended}"

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
        """Reads a resource ID at resource group scope. Raises `ValueError` for any other text."""
        match = _ID.fullmatch(text)
        parts = match["rest"].split("/") if match else []
        if match is None or len(parts) < 3 or len(parts) % 2 == 0:
            raise ValueError(f"{text!r} is no ID of a resource in a resource group")
        type_, names = "/".join([parts[0], *parts[1::2]]), tuple(parts[2::2])
        return cls(match["subscription"], match["group"], type_, names, match["extended"] or "")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What a provider offers to deployments for one of its types.

    put: creates or updates the resource from the body that the template gives (`location`, `sku`,
    `tags`, `properties` ...) and returns it as a GET would; raises `Refusal` as its PUT would.
    get: the resource as a GET shows it, or None. listings: what `listKeys` and its kin answer.
    """

    name: str
    api_versions: frozenset[str]
    put: Callable[[World, ResourceId, JSON, str, Principal], JSON]
    get: Callable[[World, ResourceId, str], JSON | None]
    listings: Mapping[str, Callable[[World, ResourceId], JSON]] = field(default_factory=dict)
