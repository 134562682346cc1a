"""Resource Manager operations on vaults (`Microsoft.KeyVault/vaults`)."""

from __future__ import annotations

import base64
from urllib.parse import quote

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route, whole_number
from dpsops.emulator.keyvault import deleted_vaults, managed_hsms, rules, state
from dpsops.emulator.keyvault.rules import API_VERSIONS
from dpsops.emulator.keyvault.state import TYPE
from dpsops.emulator.keyvault.vaults import KIND, read
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.errors import refusal, resource_not_found
from dpsops.emulator.resource_provider.locations import read_location
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.world import World

_ASSIGN = "Microsoft.Authorization/roleAssignments/write"


def put(world: World, identifier: ResourceId, body: JSON, api_version: str, caller: Principal) -> JSON:
    """Creates, updates or (createMode `recover`) recovers the vault, and returns it as a GET shows it."""
    rules.require_api_version(api_version)
    name, given = identifier.name, body.get("properties") or {}
    rules.require_name(name)
    document = state.load(world, name)
    if document is not None:
        rules.require_own(document, identifier)
    mode = given.get("createMode")
    if mode is not None and str(mode).lower() not in ("default", "recover"):
        raise rules.bad_request("An invalid value was provided for 'createMode'.")
    if str(mode).lower() == "recover":
        # Stricter guess: no recording recovers a vault that was never deleted.
        if document is None or document["deleted"] is None:
            raise deleted_vaults.not_found(name)
        document["deleted"] = None  # and all else is as it was: the request's properties do not matter
    else:
        location = regions.normal(read_location(body.get("location"), TYPE, None, identifier.group, regions.REGIONS))
        if document is None:
            document = state.create(world, identifier, location, caller)
        else:
            rules.require_replaceable(document, location, identifier.group)
        shown, kept = world.habits.vault_defaults_shown, world.habits.vault_put_absent == "kept"
        properties = rules.properties(given, document.get("properties"), api_version, defaults=shown, kept=kept)
        _require_same_model(world, document, properties, caller)
        tags = read_tags(body.get("tags"))
        document |= {"tags": (document.get("tags") if kept and tags is None else tags) or {}, "properties": properties}
    state.save(world, document, caller)
    return state.view(world, document, api_version)


def get(world: World, identifier: ResourceId, api_version: str) -> JSON | None:
    """The vault as a GET shows it, or None."""
    rules.require_api_version(api_version)
    document = state.find(world, identifier)
    return None if document is None else state.view(world, document, api_version)


def put_vault(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    """Vaults_CreateOrUpdate: 200 also for a new vault, which is not in the DNS yet."""
    new = state.load(world, name) is None
    identifier = ResourceId(subscription, group, TYPE, (name,))
    shown = put(world, identifier, rules.body_of(request), request.api_version, request.principal)
    if new:
        early = {"vaultUri": shown["properties"]["vaultUri"].rstrip("/"), "provisioningState": "RegisteringDns"}
        shown["properties"] |= early
    return Response(200, shown)


def get_vault(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    """Vaults_Get."""
    document = _require(world, request, subscription, group, name)
    return Response(200, state.view(world, document, request.api_version))


def patch_vault(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    """Vaults_Update: what is given replaces what is there."""
    document = _require(world, request, subscription, group, name)
    body = rules.body_of(request)
    given = document["properties"] | (body.get("properties") or {})
    properties = rules.properties(given, document["properties"], request.api_version)
    _require_same_model(world, document, properties, request.principal)
    document["properties"] = properties
    given_tags = read_tags(body.get("tags"))
    document["tags"] = document["tags"] if given_tags is None else given_tags
    state.save(world, document, request.principal)
    return Response(200, state.view(world, document, request.api_version))


def delete_vault(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    """Vaults_Delete: softly, if the vault is so. 200 also while the deletion of its group takes it away (recorded)."""
    rules.require_api_version(request.api_version)
    identifier = ResourceId(subscription, group, TYPE, (name,))
    document = state.find(world, identifier)
    if document is None:
        gone = state.load(world, name)
        if gone is None or ResourceId.parse(gone["id"]).key != identifier.key:
            return Response(204)
        return Response(200 if world.now < gone["deleted"]["at"] + world.timings.operation else 204)
    vault = read(document)
    if vault.soft_delete:
        document["deleted"] = {"at": world.now, "purge": world.now + vault.retention_seconds}
        state.save(world, document, request.principal)
    else:
        state.purge(world, document)
    return Response(200)


def list_in_group(world: World, request: Request, subscription: str, group: str) -> Response:
    """Vaults_ListByResourceGroup."""
    return _list(world, request, f"/subscriptions/{subscription}/resourceGroups/{group}/")


def list_in_subscription(world: World, request: Request, subscription: str) -> Response:
    """Vaults_ListBySubscription."""
    return _list(world, request, f"/subscriptions/{subscription}/")


def update_policies(world: World, request: Request, subscription: str, group: str, name: str, kind: str) -> Response:
    """Vaults_UpdateAccessPolicy: the answer holds all policies as they are now."""
    document = _require(world, request, subscription, group, name)
    given = (rules.body_of(request).get("properties") or {}).get("accessPolicies")
    present, tenant = document["properties"]["accessPolicies"], document["properties"]["tenantId"]
    policies = rules.policies_after(kind.lower(), present, rules.checked_policies(given, tenant))
    rules.checked_policies(policies, tenant)
    document["properties"]["accessPolicies"] = policies
    state.save(world, document, request.principal)
    shown = {"id": f"{document['id']}/accessPolicies/", "type": f"{TYPE}/accessPolicies"}
    return Response(200, shown | {"properties": {"accessPolicies": policies}})


def check_name(world: World, request: Request, subscription: str) -> Response:
    """Vaults_CheckNameAvailability."""
    rules.require_api_version(request.api_version)
    body = rules.body_of(request)
    name = body.get("name")
    if not isinstance(name, str):
        raise rules.bad_request("An invalid value was provided for 'name'.")
    if str(body.get("type")).lower() != TYPE.lower():
        raise rules.bad_request("An invalid value was provided for 'type'.")
    fault = rules.name_fault(name)
    if fault:
        return Response(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": fault})
    if state.load(world, name) is not None:
        return Response(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": rules.name_in_use(name)})
    return Response(200, {"nameAvailable": True})


def _require(world: World, request: Request, subscription: str, group: str, name: str) -> JSON:
    rules.require_api_version(request.api_version)
    document = state.find(world, ResourceId(subscription, group, TYPE, (name,)))
    if document is None:
        raise resource_not_found(TYPE, name, group)
    return document


def _require_same_model(world: World, document: JSON, properties: JSON, caller: Principal) -> None:
    """Refuses to change a vault from access policies to roles, or back, for a caller who may not assign roles."""
    model = "enableRbacAuthorization"
    before = document.get("properties")
    if before is None or bool(before.get(model)) == bool(properties.get(model)):
        return
    if not rbac.allowed(world, caller, _ASSIGN, document["id"]):
        raise refusal(
            403,
            "InsufficientPermissions",
            "Caller is not allowed to change permission model. For more information on how to change the permissions model "
            f"follow this link: https://go.microsoft.com/fwlink/?linkid=2155160. Details: oid={caller.object_id}; "
            f"action={_ASSIGN}; resource={document['id']}; decision=NotAllowed; ",
        )


def _list(world: World, request: Request, prefix: str) -> Response:
    """All vaults below `prefix`. A page with anything on it links to one more, which is the end."""
    rules.require_api_version(request.api_version)
    text, token = request.query.get("$top", ""), request.query.get("$skiptoken", "")
    top = whole_number(text)
    if text and not top:
        raise rules.bad_request(f"An invalid value was provided for '$top': {text}.")
    try:
        after = base64.urlsafe_b64decode(token).decode()
    except ValueError as invalid:
        raise rules.bad_request(f"An invalid value was provided for '$skiptoken': {token}.") from invalid
    known = world.state.list(KIND, after=after)
    living = [document for _, document in known if document["deleted"] is None]
    shown = [document for document in living if document["id"].lower().startswith(prefix.lower())][:top]
    page: JSON = {"value": [state.view(world, document, request.api_version) for document in shown]}
    if shown:
        marker = base64.urlsafe_b64encode(shown[-1]["name"].lower().encode()).decode()
        url = f"https://management.azure.com{quote(request.path.rstrip('/'), safe='/().')}"
        page["nextLink"] = f"{url}?api-version={request.api_version}&$skiptoken={marker}"
    return Response(200, page)


_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_DELETED = _SUBSCRIPTION + "/locations/{location}/deletedVaults/{name}"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults"
_VAULT = _GROUP + "/{name}"
_RESULT = _SUBSCRIPTION + "/locations/{location}/operationResults/{operation}"

ARM_ROUTES = [
    Route("PUT", _VAULT, put_vault, f"{TYPE}/write"),
    Route("GET", _VAULT, get_vault, f"{TYPE}/read"),
    Route("PATCH", _VAULT, patch_vault, f"{TYPE}/write"),
    Route("DELETE", _VAULT, delete_vault, f"{TYPE}/delete"),
    Route("GET", _GROUP, list_in_group, f"{TYPE}/read"),
    Route("GET", _SUBSCRIPTION + "/vaults", list_in_subscription, f"{TYPE}/read"),
    Route("PUT", _VAULT + "/accessPolicies/{kind}", update_policies, f"{TYPE}/accessPolicies/write"),
    Route("POST", _SUBSCRIPTION + "/checkNameAvailability", check_name, "Microsoft.KeyVault/checkNameAvailability/read"),
    Route("GET", _SUBSCRIPTION + "/deletedVaults", deleted_vaults.list_deleted, "Microsoft.KeyVault/deletedVaults/read"),
    Route("GET", _DELETED, deleted_vaults.get_deleted, "Microsoft.KeyVault/locations/deletedVaults/read"),
    Route("POST", _DELETED + "/purge", deleted_vaults.purge_deleted, "Microsoft.KeyVault/locations/deletedVaults/purge/action"),
    Route("GET", _RESULT, deleted_vaults.purge_result, "Microsoft.KeyVault/locations/operationResults/read"),
    *managed_hsms.ARM_ROUTES,
]

RESOURCE_TYPES = [ResourceType(TYPE, API_VERSIONS, put, get, check=put)]
