"""What is remembered of deployments, and how they are shown."""

from __future__ import annotations

import uuid
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.times import american, duration, timestamp
from dpsops.emulator.world import World

TYPED_SINCE = "2019-10-01"
"""The first API version in which a deployment and a group show their type (recorded: 2019-07-01 without, 2019-10-01 with)."""

WHOLE_SINCE = "2018"
"""API versions before showed what a deployment made without the group that it is in (recorded: 2016-09-01), and what was
validated whole, not by its ID (2016-09-01; 2020-06-01 by its whole ID both)."""

_PROVIDED_SINCE = "2015"
"""In the API version before, the ID of a deployment named no provider (recorded: 2014-04-01-preview)."""

_QUEUE = 2.0
"""Seconds that a deployment is `Accepted`, where it takes longer than four times that (own choice)."""

_KIND = "deployment"
"""Key: the ID in lower case. {"id", "name", "location" (or empty), "tags", "begun", "ready" (epoch s), "operation" (what is
polled), "template", "properties" (known from the start), "results" (only once it has succeeded), "error" (or null), "steps",
"cancelled" (bool)}."""

LIFE = 7 * 86_400
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
            f"still active (expiration time is '{american(record['begun'] + LIFE)}'). "
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
    """The records of the deployments at this very scope, the newest first."""
    prefix = f"{scope}/providers/{DEPLOYMENTS}/".lower()
    return sorted((each for _, each in world.state.list(_KIND, prefix)), key=lambda each: -each["begun"])


def is_running(world: World, record: JSON) -> bool:
    """Whether it has not ended yet."""
    return bool(world.now < record["ready"])


def status(world: World, record: JSON) -> str:
    """`Accepted`, soon `Running`, then `Succeeded`, `Failed` or `Canceled`."""
    if record["cancelled"]:
        return "Canceled"
    if is_running(world, record):
        return "Accepted" if _is_waiting(world, record) else "Running"
    return "Failed" if record["error"] else "Succeeded"


def _is_waiting(world: World, record: JSON) -> bool:
    """Whether nothing of it has begun yet, as far as can be seen."""
    return bool(world.now < record["begun"] + min(_QUEUE, world.timings.operation / 4))


def show(world: World, record: JSON, api_version: str, *, answered: bool = False) -> JSON:
    """A deployment as a GET shows it or, `answered`, as the PUT that begins it is.

    A GET leaves out parameters and outputs that are null, which the PUT shows (recorded 2026).
    """
    state = "Accepted" if answered else status(world, record)
    end = min(world.now, record["ready"])
    properties = record["properties"] | {
        "provisioningState": state,
        "timestamp": timestamp(end),
        "duration": duration(0 if answered else end - record["begun"]),
    }
    if not answered and "parameters" in properties:
        properties["parameters"] = {name: _known(each) for name, each in properties["parameters"].items()}
    if state == "Succeeded":
        made = sorted(record["results"]["outputResources"], key=lambda each: str(each["id"]).lower())
        if "outputs" in record["results"]:  # only where the template has such a section (recorded)
            properties["outputs"] = {camel_case(name): _known(each) for name, each in record["results"]["outputs"].items()}
        properties["outputResources"] = made if api_version >= WHOLE_SINCE else list(map(_short, made))
    if state == "Failed":
        properties["error"] = record["error"]
    kept = {key: record[key] for key in ("location", "tags") if record.get(key)}
    kind = {"type": DEPLOYMENTS} if api_version >= TYPED_SINCE else {}
    identifier = (
        record["id"] if api_version >= _PROVIDED_SINCE else record["id"].replace(f"/providers/{DEPLOYMENTS}/", "/deployments/")
    )
    return {"id": identifier, "name": record["name"], **kind, **kept, "properties": properties}


def camel_case(name: str) -> str:
    """The name of an output as a deployment shows it: of the capitals that it begins with, those that no other letter or
    sign follows are lower (recorded: `AZURE_ID` is `azurE_ID`, `NewNSG` is `newNSG`)."""
    leading = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if 1 < leading < len(name):
        leading -= 1
    return name[:leading].lower() + name[leading:]


def _short(made: JSON) -> JSON:
    identifier = ResourceId.parse(made["id"])
    return {"id": f"{identifier.type}/{'/'.join(identifier.names)}"}


def _known(shown: JSON) -> JSON:
    return {key: value for key, value in shown.items() if value is not None}


def show_steps(world: World, record: JSON) -> list[JSON]:
    """Its deployment operations: those that have begun, the last one first, but the evaluation of the outputs at the end."""
    if is_running(world, record) and _is_waiting(world, record):
        return []
    begun = [each for each in reversed(record["steps"]) if each["begun"] <= world.now]
    return [_show_step(world, record, each) for each in sorted(begun, key=lambda each: each["target"] is None)]


def step(identifier: str, target: JSON | None, begun: float, ready: float, message: JSON | str | None, status_code: str) -> JSON:
    """What is remembered of one operation. `target` None: the evaluation of the outputs. `message`: what failed, as shown."""
    found = {"id": identifier, "target": target, "begun": begun, "ready": ready, "message": message, "statusCode": status_code}
    return found | {"tracking": str(uuid.uuid4()), "request": str(uuid.uuid4())}


def _show_step(world: World, record: JSON, found: JSON) -> JSON:
    running = world.now < found["ready"]
    earlier = {"error": found["error"]} if found.get("error") else None  # as former releases kept it
    message = found.get("message", earlier)
    end = min(world.now, found["ready"])
    properties: dict[str, Any] = {
        "provisioningOperation": "Create" if found["target"] else "EvaluateDeploymentOutput",
        "provisioningState": "Running" if running else "Failed" if message else "Succeeded",
        "timestamp": timestamp(end),
        "duration": duration(end - found["begun"]),
        "trackingId": found.get("tracking", str(uuid.UUID(int=0))),
    }
    if found["target"]:
        properties["serviceRequestId"] = found.get("request", str(uuid.UUID(int=0)))
    if not running:
        properties["statusCode"] = found["statusCode"]
        if message:
            properties["statusMessage"] = message
    if found["target"]:
        properties["targetResource"] = found["target"]
    return {"id": f"{record['id']}/operations/{found['id']}", "operationId": found["id"], "properties": properties}
