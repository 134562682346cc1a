"""The functions of the template language that tell a template where it is deployed, and the IDs of resources there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dpsops.emulator.arm.template.date_functions import write_time
from dpsops.emulator.arm.template.function import wrong
from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal

_ENVIRONMENT: JSON = {
    "name": "AzureCloud",
    "gallery": "https://gallery.azure.com/",
    "graph": "https://graph.windows.net/",
    "portal": "https://portal.azure.com",
    "graphAudience": "https://graph.windows.net/",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}
"""What `environment()` gives in the public cloud (deployment functions reference)."""


Offer = Callable[[str, str], JSON | None]


def nothing(namespace: str, kind: str) -> None:
    """The offer of no provider."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where and by whom a template is deployed: what `subscription()`, `resourceGroup()` and `deployment()` give.

    ahead: whether nothing is deployed yet (what-if), so that what each run makes anew stays an expression: recorded 2026 of
    `utcNow`, of `newGuid` a guess. offer: what `providers()` says of the type of a namespace, or None.
    """

    subscription: JSON
    group: JSON
    deployment: JSON
    caller: Principal
    now: float
    ahead: bool = False
    offer: Offer = nothing

    def new_guid(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    def utc_now(self, pattern: str = "yyyyMMddTHHmmssZ") -> str:
        """The time of the deployment, by a format of .NET's. Raises `TemplateError` for one that is not known."""
        try:
            return write_time(datetime.fromtimestamp(int(self.now), UTC), pattern)
        except ValueError as unknown:
            raise wrong("utcNow", str(unknown)) from unknown


def path(name: str, arguments: Sequence[Any]) -> str:
    """`/providers/TYPE/NAME...` of a resource type followed by a name for each of its segments after the namespace."""
    if arguments and all(isinstance(each, str) for each in arguments):
        resource_type, *names = arguments
        namespace, *kinds = resource_type.split("/")
        if kinds and len(kinds) == len(names):
            return f"/providers/{namespace}" + "".join(f"/{kind}/{each}" for kind, each in zip(kinds, names, strict=True))
    raise TemplateError(
        f"Unable to evaluate template language function '{name}': function requires exactly one multi-segmented argument "
        "which must be resource id including resource provider namespace. Current function arguments "
        f"'{','.join(map(str, arguments))}'. Please see https://aka.ms/arm-functions/#{name.lower()} for usage details."
    )


def _type_position(arguments: Sequence[Any]) -> int:
    """Where the resource type stands: what comes before it says in which subscription and group."""
    return next((place for place, each in enumerate(arguments) if isinstance(each, str) and "/" in each), 0)


def _resource_id(context: Context, arguments: Sequence[Any]) -> str:
    at = _type_position(arguments)
    group = arguments[at - 1] if at > 0 else context.group.get("name")
    subscription = arguments[at - 2] if at > 1 else context.subscription.get("subscriptionId")
    scope = f"/subscriptions/{subscription}" if subscription else ""
    return scope + (f"/resourceGroups/{group}" if group else "") + path("resourceId", arguments[at:])


def _subscription_resource_id(context: Context, arguments: Sequence[Any]) -> str:
    at = _type_position(arguments)
    subscription = arguments[at - 1] if at > 0 else context.subscription["subscriptionId"]
    return f"/subscriptions/{subscription}" + path("subscriptionResourceId", arguments[at:])


def _extension_resource_id(context: Context, arguments: Sequence[Any]) -> str:
    return str(arguments[0]).rstrip("/") + path("extensionResourceId", arguments[1:])


def _providers(context: Context, arguments: Sequence[Any]) -> JSON:
    """What a provider offers for one type ("Template functions - resource", `providers`, which is deprecated). What all of a
    namespace looks like is not known, and refused."""
    match arguments:
        case [str(namespace), str(kind)]:
            found = context.offer(namespace, kind)
            if found is None:
                raise wrong("providers", f"there is no resource type '{kind}' in the namespace '{namespace}'")
            return found
    raise wrong("providers", "only a namespace and a resource type are known as its arguments here")


def _constant(name: str, value: Callable[[Context], JSON]) -> Callable[[Context, Sequence[Any]], JSON]:
    def function(context: Context, arguments: Sequence[Any]) -> JSON:
        if arguments:
            raise TemplateError(
                f"Unable to evaluate template language function '{name}': function requires 0 argument(s) while "
                f"{len(arguments)} were provided. Please see https://aka.ms/arm-functions/#{name.lower()} for usage details."
            )
        found = value(context)
        if not found:  # there is no group in a subscription's deployment, no subscription in a management group's
            raise TemplateError(
                f"The template function '{name}' is not expected at this location. "
                "Please see https://aka.ms/arm-functions for usage details."
            )
        return found

    return function


def _tenant(context: Context) -> JSON:
    return {"tenantId": context.subscription["tenantId"], "countryCode": "", "displayName": ""}


def _deployer(context: Context) -> JSON:
    return {"objectId": context.caller.object_id, "tenantId": context.caller.tenant_id}


AMBIENT: Mapping[str, Callable[[Context, Sequence[Any]], Any]] = {
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_resource_id,
    "tenantresourceid": lambda context, arguments: path("tenantResourceId", arguments),
    "extensionresourceid": _extension_resource_id,
    "subscription": _constant("subscription", lambda context: context.subscription),
    "resourcegroup": _constant("resourceGroup", lambda context: context.group),
    "deployment": _constant("deployment", lambda context: context.deployment),
    "tenant": _constant("tenant", _tenant),
    "deployer": _constant("deployer", _deployer),
    "providers": _providers,
    "environment": _constant("environment", lambda context: _ENVIRONMENT),
}
"""By lower-case name."""
