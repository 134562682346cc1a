"""What a recording takes for granted: the things that were there before its first request, made anew.

All of it is derived from the recording: whatever is read, changed or removed before anything has made it must
have been there, and looked as the first answer about it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm import locks
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT, bootstrap, register_application
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World
from tests.conformance.bystanders import GROUP, Bystanders, compact, management
from tests.conformance.messages import MANAGEMENT, Exchange, Recording

JSON = dict[str, Any]
Make = Callable[[str, str, JSON], None]
"""Makes something: method, URL and body. Returns when it is done."""

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)
_RESOURCE = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/"
    r"(microsoft\.devices/iothubs|microsoft\.devices/provisioningservices|microsoft\.keyvault/vaults)/([^/]+)",
    re.IGNORECASE,
)
_DEPLOYMENT = re.compile(r".*/providers/microsoft\.resources/deployments/[^/]+", re.IGNORECASE)
_TEMPLATE = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_VAULT = re.compile(r"([^.]+)\.vault\.azure\.net")
_SERVICES = {
    "provisioningServices": re.compile(r"(?!global\.)([^.]+)\.azure-devices-provisioning\.net"),
    "IotHubs": re.compile(r"([^.]+)\.azure-devices\.net"),
}
"""The hosts of what Microsoft.Devices has, by type."""
_OBJECT = re.compile(r"/(certificates|keys|secrets)/(?!issuers|contacts|restore)([^/]+)")
_MAKES = re.compile(r"PUT /(secrets|keys)/[^/]+|POST /(keys|certificates)/[^/]+/(create|import)|POST .*/(recover|restore)")
_VERSIONS = {
    "microsoft.devices/iothubs": "2023-06-30",
    "microsoft.devices/provisioningservices": "2022-12-12",
    "microsoft.keyvault/vaults": "2023-02-01",
}
_EVERYTHING = {"keys": ["all", "purge"], "secrets": ["all", "purge"], "certificates": ["all", "purge"]}
_MADE_BY_AZURE = {"vaultUri", "provisioningState", "privateEndpointConnections", "accessPolicies", "tenantId"}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a recording takes for granted."""

    recording: Recording

    def admit(self, world: World) -> None:
        """The recorded subscriptions, and a caller who may do everything in them."""
        bootstrap(world)
        paths = [*(exchange.path for exchange in self.recording.exchanges), *self._elsewhere()]
        for each in {found[1] for path in paths if (found := _SUBSCRIPTION.match(path))} - {SUBSCRIPTION}:
            world.state.put("subscription", each.lower(), {"subscriptionId": each, "tenantId": TENANT, "displayName": "Recorded"})
        for identifier, role in rbac.ROLES.items():
            if role.data_actions or role.name == "Owner":
                assignment = {"principal": OPERATOR.object_id, "role": identifier, "scope": "/", "created": 0}
                world.state.put(rbac.ASSIGNMENT, f"/providers/microsoft.authorization/roleassignments/{identifier}", assignment)
        for scope in Bystanders(self.recording).locked():
            lock = {"id": f"{scope}/providers/{locks.TYPE}/other", "name": "other", "scope": scope, "level": "CanNotDelete"}
            world.state.put(locks.KIND, lock["id"].lower(), lock)
        for principal in Bystanders(self.recording).principals():
            register_application(world, Principal(principal, principal, TENANT))

    def build(self, make: Make) -> None:
        """Everything else, through the API."""
        for provider in Bystanders(self.recording).unregistered():
            make("POST", management(f"{provider}/unregister", "2021-04-01"), {})
        for group in self._before(GROUP):
            shown = self._shown(group)
            make("PUT", management(group, "2021-04-01"), {"location": "westus"} | _parts(shown, "location", "tags"))
        for resource in self._before(_RESOURCE):
            kind = _kind(resource)
            body = self._vault(resource) if "vaults" in kind else self._service(resource)
            group = resource.partition("/providers")[0]
            later = not any(each.lower() == group.lower() for each in self._before(GROUP))
            if later:  # the recording makes it anew: it was deleted, and a vault in it with it
                make("PUT", management(group, "2021-04-01"), {"location": "westus"})
            make("PUT", management(resource, _VERSIONS[kind]), body)
            if self._is_deleted(resource):
                make("DELETE", management(resource, _VERSIONS[kind]), {})
            if later:
                make("DELETE", management(group, "2021-04-01"), {})
        for deployment, location in self._deployments():
            template = {"$schema": _TEMPLATE, "contentVersion": "1.0.0.0", "resources": []}
            body = {"properties": {"mode": "Incremental", "template": template}} | location
            make("PUT", management(deployment, "2021-04-01"), body)
        for resource in self._elsewhere():
            make("PUT", management(resource.partition("/providers")[0], "2021-04-01"), {"location": "westus"})
            make("PUT", management(resource, _VERSIONS[_kind(resource)]), self._vault(resource))
        for resource in self._services():
            make("PUT", management(resource.partition("/providers")[0], "2021-04-01"), {"location": "westus"})
            make("PUT", management(resource, _VERSIONS[_kind(resource)]), self._service(resource))
        for host, kind, name in self._objects():
            make(*self._object(host, kind, name))

    def names(self) -> set[str]:
        """Every name that the recording deals with, in lower case."""
        found = {each.lower() for exchange in self.recording.exchanges for each in exchange.path.split("/")}
        return found | {host.split(".")[0] for host in self._hosts()} | {name.lower() for _, _, name in self._objects()}

    def _before(self, pattern: re.Pattern[str]) -> Iterator[str]:
        """The IDs that match, of what is there before the recording makes it."""
        settled: set[str] = set()
        for exchange in self.recording.exchanges:
            settled |= {each.lower() for each in self._made(exchange)}
            found = pattern.match(exchange.path) if exchange.host == MANAGEMENT else None
            if found is None or found[0].lower() in settled:
                continue
            settled.add(found[0].lower())
            itself = exchange.path.rstrip("/").lower() == found[0].lower()
            if not itself or (exchange.status < 300 and not _creates(exchange)):
                yield found[0]

    def _made(self, exchange: Exchange) -> Iterator[str]:
        """The IDs of what a deployment that begins here makes, as an answer about it shows them."""
        if exchange.method != "PUT" or not _DEPLOYMENT.fullmatch(exchange.path):
            return
        for later in self.recording.exchanges[exchange.index :]:
            match later.response.json():
                case {"id": str(shown), "properties": {"outputResources": list(made)}} if shown.lower() == exchange.path.lower():
                    yield from (each["id"] for each in made)
                    return

    def _deployments(self) -> Iterator[tuple[str, JSON]]:
        """The deployments that the recording does again, and where they are kept."""
        seen: set[str] = set()
        for exchange in self.recording.exchanges:
            if exchange.method != "PUT" or not _DEPLOYMENT.fullmatch(exchange.path) or exchange.path in seen:
                continue
            seen.add(exchange.path)
            answer = exchange.response.json()
            if exchange.status == 200 and isinstance(answer, dict):
                yield exchange.path, _parts(answer, "location")

    def _is_deleted(self, vault: str) -> bool:
        """Whether the first that is heard of a vault is that it is among the deleted ones, or recovered."""
        for exchange in self.recording.exchanges:
            if exchange.path.lower().endswith(f"/deletedvaults/{vault.rpartition('/')[2]}".lower()):
                return exchange.status == 200
            if exchange.path.lower().startswith(vault.lower()):
                return exchange.method == "PUT" and not _creates(exchange)
        return False

    def _shown(self, resource: str) -> JSON:
        """The first answer that shows the resource in full, or in short, or deleted; empty where none does."""
        bodies = [each for exchange in self.recording.exchanges for each in _objects_in(exchange.response.json())]
        found = [each for each in bodies if str(each.get("id", "")).lower() == resource.lower() and "location" in each]
        found.sort(key=lambda each: "properties" not in each)
        deleted = [each for each in bodies if str(each.get("vaultId", "")).lower() == resource.lower()]
        return next(iter(found + deleted), {})

    def _service(self, resource: str) -> JSON:
        shown = self._shown(resource)
        sku = {name: value for name, value in shown.get("sku", {}).items() if name != "tier"}
        return {"location": shown.get("location", "westus"), "sku": sku or {"name": "S1", "capacity": 1}, "properties": {}}

    def _vault(self, resource: str) -> JSON:
        shown = self._shown(resource)
        made = _MADE_BY_AZURE | ({"networkAcls"} if self._is_called(resource) else set())
        properties = {name: value for name, value in shown.get("properties", {}).items() if name not in made}
        policies = as_ours(self.recording, shown.get("properties", {}).get("accessPolicies", []))
        policy = {"tenantId": TENANT, "objectId": OPERATOR.object_id, "permissions": _EVERYTHING}
        defaults = {"sku": {"family": "A", "name": self._sku(resource)}} | self._retention(resource)
        return {
            "location": shown.get("location", "westus"),
            "tags": shown.get("tags", {}),
            "properties": defaults | properties | {"tenantId": TENANT, "accessPolicies": policies or [policy]},
        }

    def _is_called(self, resource: str) -> bool:
        """Whether the recording speaks to the vault itself, which nobody would be let into from here."""
        return f"{resource.rpartition('/')[2]}.vault.azure.net".lower() in self._hosts()

    def _sku(self, resource: str) -> str:
        host = resource.rpartition("/")[2].lower() + ".vault.azure.net"
        bodies = (each.request.json() for each in self.recording.exchanges if each.host == host)
        hsm = any(str(body.get("kty", "")).endswith("-HSM") for body in bodies if isinstance(body, dict))
        return "premium" if hsm else "standard"

    def _retention(self, resource: str) -> JSON:
        """How long the vault keeps what is deleted, as its objects' attributes tell."""
        host = resource.rpartition("/")[2].lower() + ".vault.azure.net"
        for exchange in self.recording.exchanges:
            for each in _objects_in(exchange.response.json()) if exchange.host == host else ():
                if isinstance(each.get("recoverableDays"), int) and each["recoverableDays"]:
                    kept = {"softDeleteRetentionInDays": each["recoverableDays"]}
                    return kept if "Purgeable" in each["recoveryLevel"] else kept | {"enablePurgeProtection": True}
        return {}

    def _hosts(self) -> set[str]:
        return {exchange.host for exchange in self.recording.exchanges if _VAULT.fullmatch(exchange.host)}

    def _elsewhere(self) -> Iterator[str]:
        """The IDs of vaults that the recording never names as resources: those behind a host, and those whose name is taken."""
        known = {found[2].lower() for each in self.recording.exchanges if (found := _RESOURCE.match(each.path))}
        taken = {
            str(each.request.json().get("name"))
            for each in self.recording.exchanges
            if each.path.endswith("Microsoft.KeyVault/checkNameAvailability") and b'"nameAvailable":false' in compact(each)
        }
        shown = [each for exchange in self.recording.exchanges for each in _objects_in(exchange.response.json())]
        ids = {found[2].lower(): found[0] for each in shown if (found := _RESOURCE.fullmatch(str(each.get("id"))))}
        for name in sorted({host.split(".")[0] for host in self._hosts()} | taken):
            if name.lower() not in known:
                own = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/stage/providers/Microsoft.KeyVault/vaults/{name}"
                yield ids.get(name.lower(), own)

    def _services(self) -> Iterator[str]:
        """The IDs of provisioning services and hubs that the recording names by their hosts only."""
        known = {found[0].lower() for each in self.recording.exchanges if (found := _RESOURCE.match(each.path))}
        for kind, host in _SERVICES.items():
            for name in sorted({found[1] for exchange in self.recording.exchanges if (found := host.fullmatch(exchange.host))}):
                if not any(each.endswith(f"/{kind}/{name}".lower()) for each in known):
                    yield f"/subscriptions/{SUBSCRIPTION}/resourceGroups/stage/providers/Microsoft.Devices/{kind}/{name}"

    def _objects(self) -> list[tuple[str, str, str]]:
        """Host, collection and name of the vault objects that are there before the recording makes them."""
        settled: set[tuple[str, str, str]] = set()
        found: list[tuple[str, str, str]] = []
        for exchange in self.recording.exchanges:
            if not _VAULT.fullmatch(exchange.host) or exchange.status == 401:
                continue
            path = _OBJECT.match(exchange.path)
            mentioned = [(exchange.host, path[1], path[2])] if path else []
            if exchange.method == "GET" and exchange.path.strip("/") in ("certificates", "keys", "secrets"):
                mentioned += _listed(exchange)
            for each in mentioned:
                host, kind, name = each[0], each[1], each[2].lower()
                if (host, kind, name) in settled:
                    continue
                settled.add((host, kind, name))
                if kind == "certificates":
                    settled |= {(host, "keys", name), (host, "secrets", name)}
                if exchange.status < 300 and not _MAKES.fullmatch(f"{exchange.method} {exchange.path.rstrip('/')}"):
                    found.append(each)
        return found

    def _object(self, host: str, kind: str, name: str) -> tuple[str, str, JSON]:
        shown = next(
            (
                each
                for exchange in self.recording.exchanges
                for each in _objects_in(exchange.response.json())
                if f"/{kind}/{name}/".lower() in _identity(each) + "/" and "attributes" in each
            ),
            {},
        )
        extra = {part: shown[part] for part in ("tags", "contentType") if part in shown}
        if kind == "secrets":
            return "PUT", f"https://{host}/secrets/{name}?api-version=7.4", {"value": shown.get("value", "value")} | extra
        if kind == "keys":
            made = {part: value for part, value in shown.get("key", {}).items() if part in ("kty", "crv", "key_ops")}
            return "POST", f"https://{host}/keys/{name}/create?api-version=7.4", {"kty": "RSA"} | made | extra
        policy = {"issuer": {"name": "Self"}, "x509_props": {"subject": f"CN={name}"}}
        return "POST", f"https://{host}/certificates/{name}/create?api-version=7.4", {"policy": policy} | extra


def as_ours(recording: Recording, policies: list[JSON]) -> list[JSON]:
    """Access policies in which the recorded caller (the one that the first policy is for) is the caller of the replay."""
    bodies = (message.json() for each in recording.exchanges for message in (each.request, each.response))
    named = (each["objectId"] for body in bodies for each in _objects_in(body) if {"objectId", "permissions"} <= each.keys())
    caller = next(named, "")
    ours = {"tenantId": TENANT, "objectId": OPERATOR.object_id}
    return [each | (ours if each.get("objectId", "") == caller else {"tenantId": TENANT}) for each in policies]


def _creates(exchange: Exchange) -> bool:
    """Whether a successful request about a resource itself made it. Only groups answer 201 to that and 200 to an update."""
    if exchange.method != "PUT" or (GROUP.fullmatch(exchange.path.rstrip("/")) and exchange.status == 200):
        return False
    match exchange.request.json():
        case {"properties": {"createMode": "recover"}}:
            return False
        case _:
            return True


def _parts(shown: JSON, *names: str) -> JSON:
    return {name: shown[name] for name in names if name in shown}


def _kind(resource: str) -> str:
    found = _RESOURCE.fullmatch(resource)
    assert found is not None, f"{resource} is no resource of a kind that can be made"
    return found[1].lower()


def _objects_in(body: Any) -> Iterator[JSON]:
    """Every object in a body, from the outside in."""
    if isinstance(body, dict):
        yield body
    if isinstance(body, dict | list):
        for value in body.values() if isinstance(body, dict) else body:
            yield from _objects_in(value)


def _listed(exchange: Exchange) -> list[tuple[str, str, str]]:
    """Host, collection and name of the vault objects in a list."""
    body = exchange.response.json()
    found = (_OBJECT.search(_identity(each)) for each in body.get("value", [])) if isinstance(body, dict) else ()
    return [(exchange.host, each[1], each[2]) for each in found if each]


def _identity(shown: JSON) -> str:
    """The URL of a vault object, in lower case; the empty string where it has none."""
    key = shown.get("key")
    found = shown.get("id") or shown.get("kid") or (key.get("kid") if isinstance(key, dict) else None)
    return found.lower() if isinstance(found, str) else ""
