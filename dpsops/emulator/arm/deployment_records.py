"""What is remembered of deployments, and how they are shown."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.times import american, duration, timestamp
from dpsops.emulator.world import World

_KIND = "deployment"
"""Key: the ID in lower case. {"id", "name", "tags", "begun", "ready" (epoch s), "operation" (what is polled),
"template", "properties" (known from the start), "results" (only once it has succeeded), "error" (or null), "steps",
"cancelled" (bool)}."""

_LIFE = 7 * 86_400
"""Seconds after which a deployment that has not ended is given up (Resource Manager limits)."""


def find(world: World, identifier: ResourceId) -> JSON | None:
    """The record of a deployment, or None."""
    return world.state.get(_KIND, identifier.key)


def save(world: World, record: JSON) -> None:
    """Writes a record, over that of an older deployment of the same name."""
    world.state.put(_KIND, record["id"].lower(), record)


def require_ended(world: World, identifier: ResourceId) -> JSON | None:
    """The record of the last deployment of this name, if there is one. Refuses while it is still running."""
    record = find(world, identifier)
    if record is not None and is_running(world, record):
        message = (
            f"Unable to edit or replace deployment '{record['name']}': previous deployment from '{american(record['begun'])}' is "
            f"still active (expiration time is '{american(record['begun'] + _LIFE)}'). "
            "Please see https://aka.ms/arm-deploy for usage details."
        )
        raise refusal(409, "DeploymentActive", message)
    return record


def forget(world: World, scope: str) -> None:
    """Removes the records of all deployments at or below a scope: a resource group or one deployment."""
    for key, _ in world.state.list(_KIND, scope.lower()):
        if (key + "/").startswith(scope.lower() + "/"):
            world.state.delete(_KIND, key)


def list_at(world: World, scope: str) -> list[JSON]:
    """The records of a resource group, the newest first."""
    return sorted((each for _, each in world.state.list(_KIND, f"{scope}/".lower())), key=lambda each: -each["begun"])


def is_running(world: World, record: JSON) -> bool:
    """Whether it has not ended yet."""
    return bool(world.now < record["ready"])


def status(world: World, record: JSON) -> str:
    """`Running`, then `Succeeded`, `Failed` or `Canceled`."""
    if record["cancelled"]:
        return "Canceled"
    if is_running(world, record):
        return "Running"
    return "Failed" if record["error"] else "Succeeded"


def show(world: World, record: JSON, *, accepted: bool = False) -> JSON:
    """A deployment as a GET shows it or, `accepted`, as the PUT that begins it is answered."""
    state = "Accepted" if accepted else status(world, record)
    end = min(world.now, record["ready"])
    properties = record["properties"] | {
        "provisioningState": state,
        "timestamp": timestamp(end),
        "duration": duration(0 if accepted else end - record["begun"]),
    }
    if state == "Succeeded":
        properties |= record["results"]
    if state == "Failed":
        properties["error"] = record["error"]
    tags = {"tags": record["tags"]} if record["tags"] else {}
    return {"id": record["id"], "name": record["name"], "type": DEPLOYMENTS, **tags, "properties": properties}


def show_steps(world: World, record: JSON) -> list[JSON]:
    """Its deployment operations: those that have begun, the last one first."""
    return [_show_step(world, record, each) for each in reversed(record["steps"]) if each["begun"] <= world.now]


def step(identifier: str, target: JSON | None, begun: float, ready: float, error: JSON | None, status_code: str) -> JSON:
    """What is remembered of one operation. `target` None: the evaluation of the outputs."""
    return {"id": identifier, "target": target, "begun": begun, "ready": ready, "error": error, "statusCode": status_code}


def _show_step(world: World, record: JSON, found: JSON) -> JSON:
    running = world.now < found["ready"]
    end = min(world.now, found["ready"])
    properties: dict[str, Any] = {
        "provisioningOperation": "Create" if found["target"] else "EvaluateDeploymentOutput",
        "provisioningState": "Running" if running else "Failed" if found["error"] else "Succeeded",
        "timestamp": timestamp(end),
        "duration": duration(end - found["begun"]),
    }
    if not running:
        properties["statusCode"] = found["statusCode"]
        if found["error"]:
            properties["statusMessage"] = {"error": found["error"]}
    if found["target"]:
        properties["targetResource"] = found["target"]
    return {"id": f"{record['id']}/operations/{found['id']}", "operationId": found["id"], "properties": properties}
