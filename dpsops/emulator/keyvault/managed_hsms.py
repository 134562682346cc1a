"""Managed HSMs, of which there are none: what Microsoft's CLI asks about them where it lists vaults or checks a name."""

from __future__ import annotations

from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.keyvault import rules
from dpsops.emulator.world import World


def list_none(world: World, request: Request, subscription: str, group: str = "") -> Response:
    """ManagedHsms_ListBySubscription, ManagedHsms_ListByResourceGroup, ManagedHsms_ListDeleted."""
    rules.require_api_version(request.api_version)
    return Response(200, {"value": []})


def check_name(world: World, request: Request, subscription: str) -> Response:
    """ManagedHsms_CheckMhsmNameAvailability: nobody has it. That an HSM is named as a vault is, is a guess."""
    rules.require_api_version(request.api_version)
    name = rules.body_of(request).get("name")
    if not isinstance(name, str):
        raise rules.bad_request("An invalid value was provided for 'name'.")
    fault = rules.name_fault(name)
    if fault:
        return Response(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": fault})
    return Response(200, {"nameAvailable": True})


_PROVIDER = "/providers/Microsoft.KeyVault/"
_SUBSCRIPTION = "/subscriptions/{subscription}"
_READ = "Microsoft.KeyVault/managedHSMs/read"

ARM_ROUTES = [
    Route("GET", f"{_SUBSCRIPTION}{_PROVIDER}managedHSMs", list_none, _READ),
    Route("GET", f"{_SUBSCRIPTION}/resourceGroups/{{group}}{_PROVIDER}managedHSMs", list_none, _READ),
    Route("GET", f"{_SUBSCRIPTION}{_PROVIDER}deletedManagedHSMs", list_none, "Microsoft.KeyVault/deletedManagedHsms/read"),
    Route(
        "POST",
        f"{_SUBSCRIPTION}{_PROVIDER}checkMhsmNameAvailability",
        check_name,
        "Microsoft.KeyVault/checkMhsmNameAvailability/read",
    ),
]
