"""Key Vault's data plane: the challenge, the checks before every operation, and the operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dpsops.emulator.http import Request, Response, Route, Router, Service
from dpsops.emulator.keyvault import (
    certificate_operations,
    certificates,
    contacts,
    issuers,
    keys,
    secrets,
    throttling,
    vaults,
)
from dpsops.emulator.keyvault.access import Operation, require_access
from dpsops.emulator.keyvault.errors import bad_parameter, refusal
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.keyvault.versions import require_known
from dpsops.emulator.world import World

_HOST = re.compile(r"(?P<vault>[a-z0-9-]+)\.vault\.azure\.net")


def authorize(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Checks before every operation: tenant, access, API version, throttling, and what has become due in the vault."""
    assert isinstance(route, Operation), "the data plane has no other routes"
    vault = vaults.require(world, named["vault"])
    caller = request.principal
    if caller.tenant_id.lower() != vault.tenant.lower():
        expected, found = (f"https://sts.windows.net/{tenant}/" for tenant in (vault.tenant, caller.tenant_id))
        message = f"AKV10032: Invalid issuer. Expected one of {expected}, found {found}."
        raise refusal(401, "Unauthorized", message, headers=_challenge(vault))
    require_access(world, vault, caller, route, named)
    require_known(request.api_version)
    if request.body and request.media_type != "application/json":  # stricter guess: of Resource Manager it is known
        raise refusal(415, "UnsupportedMediaType", f"The media type '{request.media_type}' is not supported.")
    if route.limit is not None:
        throttling.take(world, vault, route.limit)
    certificate_operations.settle(world, vault)


def unauthenticated(world: World, request: Request, reason: str) -> Response:
    """401 with the challenge that says where a token for this vault is to be had."""
    host = _HOST.fullmatch(request.host)
    assert host is not None, "the dispatcher matched the host"
    vault = vaults.require(world, host["vault"])
    message = "AKV10000: Request is missing a Bearer or PoP token."
    if reason != "missing":
        message = f"[BearerReadAccessTokenFailed] Error validating token: {reason}."
    return refusal(401, "Unauthorized", message, headers=_challenge(vault)).response


def unknown(world: World, request: Request) -> Response:
    """400: the path names no operation."""
    operation = request.path.rstrip("/").rpartition("/")[2]
    return bad_parameter(f"Method {request.method} does not allow operation '{operation}'").response


def resolves(world: World, named: Mapping[str, str]) -> bool:
    """A vault's name is in the DNS from its registration to its deletion."""
    return vaults.find(world, named["vault"]) is not None


def _challenge(vault: Vault) -> dict[str, str]:
    authority = f"https://login.microsoftonline.com/{vault.tenant}"
    return {"WWW-Authenticate": f'Bearer authorization="{authority}", resource="https://vault.azure.net"'}


_OPERATIONS = [*issuers.OPERATIONS, *contacts.OPERATIONS, *certificates.OPERATIONS, *keys.OPERATIONS, *secrets.OPERATIONS]

SERVICE = Service(
    name="keyvault",
    host=_HOST,
    audience="https://vault.azure.net",
    # A vault URL with a slash at its end makes clients begin the path with two, which the service takes for one.
    router=Router([replace(operation, pattern=slash + operation.pattern) for slash in ("", "/") for operation in _OPERATIONS]),
    authorize=authorize,
    unauthenticated=unauthenticated,
    unknown=unknown,
    resolves=resolves,
)
