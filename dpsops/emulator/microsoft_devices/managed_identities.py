"""Managed identities of services and hubs."""

from __future__ import annotations

import uuid

from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.resource_provider.errors import refusal


def read_identity(body: JSON, existing: JSON | None, owner: str, caller: Principal) -> JSON | None:
    """The identity of a PUT, None where it names none. A system-assigned one is made once, in the caller's tenant,
    and kept; a user-assigned one is refused, as none can be assigned to a resource here."""
    given = member(body, "identity", dict)
    kind = None if given is None else member(given, "type", str)
    match kind:
        case None | "None":
            return None
        case "SystemAssigned":
            return existing or {"type": kind, "principalId": str(uuid.uuid4()), "tenantId": caller.tenant_id}
    message = f"Identity operation for resource '{owner}' failed with error 'An identity of type '{kind}' was not found.'."
    raise refusal(400, "FailedIdentityOperation", message)
