"""Resource Manager's own errors: the gateway's shape, `{"error": {"code", "message"}}`."""

from __future__ import annotations

import json
from http import HTTPStatus

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.principal import Principal


def error(code: str, message: str, details: list[JSON] | None = None) -> JSON:
    """An ARM error object, without its `error` wrapper."""
    return {"code": code, "message": message} | ({"details": details} if details else {})


def refusal(status: int, code: str, message: str, details: list[JSON] | None = None) -> Refusal:
    """The gateway's refusal."""
    return Refusal(Response(status, {"error": error(code, message, details)}))


def by_gateway(refused: Refusal) -> Refusal:
    """The refusal as that of the gateway itself, which says so in a header (recorded)."""
    answer = refused.response
    return Refusal(Response(answer.status, answer.body, {**answer.headers, "x-ms-failure-cause": "gateway"}))


def group_not_found(group: str) -> Refusal:
    """404: the resource group does not exist."""
    return by_gateway(refusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found."))


def resource_not_found(kind: str, name: str, group: str) -> Refusal:
    """404: `kind` is the type below the provider's namespace, as in `Microsoft.Devices/IotHubs`."""
    message = (
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return by_gateway(refusal(404, "ResourceNotFound", message))


def parent_not_found(child: str, parent: object) -> Refusal:
    """404: `child` is its type below the namespace, as in `IotHubs/certificates`; `parent` the ID of what is not there."""
    message = f"Failed to perform operation on '{child}', because the parent resource '{parent}' could not be found."
    return refusal(404, "ParentResourceNotFound", message)


def forbidden(caller: Principal, action: str, scope: str) -> Refusal:
    """403: no role of the caller's grants the action."""
    return refusal(
        403,
        "AuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials.",
    )


def refused_error(refused: Refusal) -> JSON:
    """A provider's refusal as a deployment quotes it: an error of ARM's own shape as it is, any other body whole, as text."""
    body = refused.response.body
    found = body.get("error") if isinstance(body, dict) else None
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        return dict(found)
    quoted = json.dumps(body, indent=2).replace("\n", "\r\n") if isinstance(body, dict) else ""
    return error(status_phrase(refused.response.status), quoted)


def status_phrase(status: int) -> str:
    """An HTTP status as .NET names it: 404 is `NotFound`."""
    return HTTPStatus(status).phrase.replace(" ", "")
