"""A whole subscription: every service of the embedded Azure behind Resource Manager's gateway, asked by its owner."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.principal import Principal
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, World
from tests.emulator.tokens import token_key

NOW = 1_771_588_800.0
"""Fri, 20 Feb 2026 12:00:00 GMT."""
THERE = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{THERE}/resourceGroups/rg"
HUB = f"{GROUP}/providers/Microsoft.Devices/IotHubs/hub1"
DPS = f"{GROUP}/providers/Microsoft.Devices/provisioningServices/dps1"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-test"
DEPLOYMENTS = "providers/Microsoft.Resources/deployments"
S1 = {"name": "S1", "capacity": 1}
_VERSIONS = {
    "Microsoft.Devices/IotHubs": "2023-06-30",
    "Microsoft.Devices/provisioningServices": "2022-12-12",
    "Microsoft.KeyVault": "2026-02-01",
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/policyAssignments": "2023-04-01",
    "Microsoft.Authorization/policyDefinitions": "2023-04-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.Insights": "2021-05-01-preview",
    "Microsoft.ManagedIdentity": "2024-11-30",
}


def version_of(path: str) -> str:
    """The API version that these tests ask a path in."""
    last = path.rpartition("/providers/")[2].lower()
    return next((version for name, version in _VERSIONS.items() if last.startswith(name.lower())), "2022-09-01")


@dataclass(slots=True)
class Subscription:
    """Asks without a network, at a time that only a test moves; the group `rg` is there."""

    azure: Azure = field(default_factory=lambda: Azure(Database(None), Clock(NOW)))

    def __post_init__(self) -> None:
        with self.world() as world:
            world.state.put("identityKey", "key", token_key())
            bootstrap(world)
        assert self.call("PUT", GROUP, {"location": "westeurope"}).status == 201

    @contextmanager
    def world(self) -> Iterator[World]:
        """The world inside one transaction."""
        with self.azure.database.transaction() as state:
            yield World(state, self.azure.clock.now(), self.azure.timings, habits=self.azure.habits)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str = "",
        headers: Mapping[str, str] | None = None,
        caller: Principal = OPERATOR,
    ) -> Response:
        """Resource Manager's answer. A path may be a whole URL, as links are."""
        url = urlsplit(path)
        path = unquote(url.path) if url.scheme else url.path
        query = {"api-version": version or version_of(path)} | dict(parse_qsl(url.query, keep_blank_values=True))
        return self._ask(method, "management.azure.com", path, query, body, caller, "https://management.azure.com/", headers)

    def data(self, method: str, host: str, path: str, body: Any = None, *, audience: str, version: str) -> Response:
        """The answer of a data plane."""
        return self._ask(method, host, path, {"api-version": version}, body, OPERATOR, audience, None)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that has to be a success."""
        answer = self.call(method, path, body, **options)
        assert answer.status < 300, answer
        return answer.body

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and code of an answer that has to be a refusal."""
        answer = self.call(method, path, body, **options)
        assert answer.status >= 400, answer
        return answer.status, answer.body.get("error", answer.body)["code"]

    def hub(self, path: str = HUB, *, location: str = "westeurope", tags: JSON | None = None, **properties: Any) -> JSON:
        """A hub, made or changed, as a GET shows it."""
        self.ok("PUT", path, {"location": location, "sku": S1, "tags": tags or {}, "properties": properties})
        shown: JSON = self.ok("GET", path)
        return shown

    def service(self, path: str = DPS, *, location: str = "westeurope", **properties: Any) -> JSON:
        """A provisioning service, made or changed, as a GET shows it."""
        self.ok("PUT", path, {"location": location, "sku": S1, "properties": properties})
        shown: JSON = self.ok("GET", path)
        return shown

    def vault(self, path: str = VAULT, *, location: str = "westeurope", **changes: Any) -> JSON:
        """A vault, made or changed, as a GET shows it."""
        self.ok("PUT", path, {"location": location, "properties": vault_properties(**changes)})
        shown: JSON = self.ok("GET", path)
        return shown

    def deploy(self, *resources: JSON, name: str = "main", scope: str = GROUP) -> JSON:
        """What a deployment of these resources came to: its properties."""
        body = deployment(*resources) | ({} if "resourceGroups" in scope else {"location": "westeurope"})
        begun = self.call("PUT", f"{scope}/{DEPLOYMENTS}/{name}", body)
        assert begun.status < 300, begun
        self.azure.clock.advance(self.azure.timings.operation * 20)
        found: JSON = self.ok("GET", f"{scope}/{DEPLOYMENTS}/{name}")["properties"]
        return found

    def _ask(
        self, method: str, host: str, path: str, query: Mapping[str, str], body: Any, caller: Principal, audience: str,
        headers: Mapping[str, str] | None,
    ) -> Response:  # fmt: skip
        with self.world() as world:
            token = issue_token(world, caller, audience)
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {token}"} | dict(headers or {})
        return self.azure.handle(Request(method, host, path, query, sent, content))


def deployment(*resources: JSON, mode: str = "Incremental") -> JSON:
    """The body of a deployment of these resources."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources)}
    return {"properties": {"mode": mode, "template": template}}


def vault_properties(**changes: Any) -> JSON:
    """A vault's properties; what is None is left out."""
    plain = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
    return {name: value for name, value in (plain | changes).items() if value is not None}
