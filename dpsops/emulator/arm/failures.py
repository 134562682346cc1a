"""How a deployment tells of what failed in it: its error, and the message of the operation.

Source: recordings of failed deployments, 2014 to 2024. To 2022 a provider's refusal is quoted as text, inside text where
the deployment is nested; since 2024 it is data, with the provider's own target (`Habits.quoted_refusals`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.resource_provider.errors import error, refused_error, status_phrase
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for details. "
    "Please see https://aka.ms/arm-deployment-operations for usage details."
)
_NESTED_FAILED = (
    "The resource write operation failed to complete successfully, because it reached terminal provisioning state 'Failed'."
)
_NESTED_FAILED_BEFORE = "The resource operation completed with terminal provisioning state 'Failed'."
OUTPUTS_SKIPPED = (
    "Template output evaluation skipped: at least one resource deployment operation failed. Please list deployment operations "
    "for details. Please see https://aka.ms/arm-deployment-operations for usage details."
)


@dataclass(frozen=True, slots=True)
class Failed:
    """One resource that could not be made: what the deployment's error says of it, what its operation, and with which status."""

    detail: JSON
    message: JSON
    status: str


def deployment_failed(world: World, identifier: ResourceId, details: list[JSON]) -> JSON:
    """The error of a deployment in which something failed."""
    found = error("DeploymentFailed", _FAILED, details)
    return found if world.habits.quoted_refusals else found | {"target": str(identifier)}


def nested_failed(world: World, identifier: ResourceId, inner: JSON) -> Failed:
    """A nested deployment in which something failed."""
    if world.habits.quoted_refusals:
        body = {"status": "Failed", "error": error("ResourceDeploymentFailure", _NESTED_FAILED_BEFORE, [inner])}
        return Failed(error("Conflict", _quoted(body)), body, "Conflict")
    found = error("ResourceDeploymentFailure", _NESTED_FAILED, [inner]) | {"target": str(identifier)}
    return Failed(found, {"status": "Failed", "error": found}, "Conflict")


def refused(world: World, identifier: ResourceId, refusal: Refusal) -> Failed:
    """A provider's refusal: of the request, or (a body of status `Failed`) of what it had begun."""
    body, status = refusal.response.body, status_phrase(refusal.response.status)
    found = refused_error(refusal)
    late = isinstance(body, dict) and body.get("status") == "Failed"
    message = body if isinstance(body, dict) and "error" in body else {"error": found}
    if not world.habits.quoted_refusals:
        return Failed({"target": str(identifier)} | found, message, status)
    if late:
        return Failed({key: value for key, value in found.items() if key != "target"}, message, status)
    return Failed(error(status, _quoted(message)), message, status)


def _quoted(body: JSON) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\r\n")
