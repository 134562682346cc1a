"""Deployments over HTTP, at the scope of a resource group.

Source: `resources-deployments/2026-06-01/deployments.json`, "Troubleshoot common Azure deployment errors".
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from dpsops.emulator.arm import deployment_records, groups
from dpsops.emulator.arm.plans import preflight, read_plan, unfold
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.runs import Runner, show_dependencies, show_providers
from dpsops.emulator.arm.whatif import what_if
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route, whole_number
from dpsops.emulator.resource_provider import operations
from dpsops.emulator.resource_provider.errors import error, refusal, refused_error
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World


def _identify(world: World, subscription: str, group: str, name: str) -> ResourceId:
    """The ID of a deployment, whose name has 1 to 64 word characters, hyphens, dots and parentheses."""
    if len(name) > 64:
        message = f"The provided deployment name '{name}' has a length of '{len(name)}' which exceeds the maximum length of '64'."
        raise refusal(400, "InvalidDeploymentName", message)
    if wrong := re.sub(r"[\w.()-]", "", name):
        message = (
            f"The provided deployment name '{name}' has these invalid characters: '{wrong}'. "
            "The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise refusal(400, "InvalidDeploymentName", message)
    return ResourceId(subscription, groups.require(world, subscription, group)["name"], DEPLOYMENTS, (name,))


def _require(world: World, subscription: str, group: str, name: str) -> JSON:
    record = deployment_records.find(world, _identify(world, subscription, group, name))
    if record is None:
        raise refusal(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
    return record


def _body(request: Request, name: str) -> JSON:
    body = request.json()
    if not isinstance(body, dict):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    if body.get("location"):
        message = f"The 'location' property is not allowed for '{name}' at resource group scope."
        raise refusal(400, "InvalidDeployment", message)
    return body


def _create(providers: Providers, world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    """201, or 200 over an older deployment of the same name, which must have ended."""
    identifier = _identify(world, subscription, group, deployment)
    older = deployment_records.require_ended(world, identifier)
    body = _body(request, deployment)
    plan = read_plan(world, identifier, body.get("properties"), request.principal)
    record = Runner(providers, request.principal).run(world, plan, tags=read_tags(body.get("tags")))
    url = f"https://{request.host}{identifier}/operationStatuses/{record['operation']}?api-version={request.api_version}"
    headers = {"Azure-AsyncOperation": url} | operations.retry_after(world)
    return Response(201 if older is None else 200, deployment_records.show(world, record, accepted=True), headers)


def _get(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    return Response(200, deployment_records.show(world, _require(world, subscription, group, deployment)))


def _head(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    found = deployment_records.find(world, _identify(world, subscription, group, deployment))
    return Response(404 if found is None else 204)


def _list(world: World, request: Request, subscription: str, group: str) -> Response:
    """The newest first; `$filter` knows `provisioningState eq`, as in Azure."""
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
    found = [deployment_records.show(world, each) for each in deployment_records.list_at(world, scope)]
    text = request.query.get("$filter", "")
    if text:
        match = re.fullmatch(r"provisioningState eq '(\w+)'", text.strip())
        if match is None:
            raise refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
        found = [each for each in found if each["properties"]["provisioningState"].lower() == match[1].lower()]
    return Response(200, {"value": found[: _top(request)]})


def _top(request: Request) -> int | None:
    text = request.query.get("$top", "")
    top = whole_number(text)
    if text and top is None:
        raise refusal(400, "InvalidTopInQueryString", f"Invalid $top '{text}' specified in the query string.")
    return top


def _delete(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    """The record goes; what it deployed stays. 204 where there is none."""
    identifier = _identify(world, subscription, group, deployment)
    if deployment_records.require_ended(world, identifier) is None:
        return Response(204)
    deployment_records.forget(world, str(identifier))
    return operations.accepted(world, request, subscription)


def _cancel(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    """Ends a running deployment. What it has made so far stays, which here is everything."""
    record = _require(world, subscription, group, deployment)
    if not deployment_records.is_running(world, record):
        state = deployment_records.status(world, record)
        message = f"The deployment '{record['name']}' cannot be cancelled because its provisioning state is '{state}'."
        raise refusal(409, "DeploymentCannotBeCancelled", message)
    deployment_records.save(world, record | {"cancelled": True, "ready": world.now})
    return Response(204)


def _validate(providers: Providers, world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    identifier = _identify(world, subscription, group, deployment)
    body = _body(request, deployment)
    plan = read_plan(world, identifier, body.get("properties"), request.principal)
    runner = Runner(providers, request.principal)
    preflight(world, providers, plan, request.principal)
    foreseen = unfold(world, plan, request.principal)
    properties = {
        "templateHash": plan.template.hash,
        "parameters": plan.parameters,
        "mode": plan.mode,
        "provisioningState": "Succeeded",
        "timestamp": timestamp(world.now),
        "duration": "PT0S",
        "correlationId": runner.correlation,
        "providers": show_providers(plan),
        "dependencies": show_dependencies(plan),
        "validatedResources": [{"id": str(each.declared.id)} for each in foreseen if each.expanded is None],
    }
    return Response(200, {"id": str(identifier), "name": deployment, "type": DEPLOYMENTS, "properties": properties})


def _what_if(providers: Providers, world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    """202; what is wrong with the template comes as a result of status `Failed` (stricter guess: the poll succeeds)."""
    identifier = _identify(world, subscription, group, deployment)
    properties = _body(request, deployment).get("properties")
    ids_only = _result_format(properties) == "resourceidonly"
    try:
        plan = read_plan(world, identifier, properties, request.principal)
        found = what_if(world, providers, plan, request.principal, ids_only=ids_only)
        result: JSON = {"status": "Succeeded", "properties": found}
    except Refusal as refused:
        result = {"status": "Failed", "error": refused_error(refused)}
    return operations.accepted(world, request, subscription, result=result)


def _result_format(properties: Any) -> str:
    settings = properties.get("whatIfSettings") if isinstance(properties, dict) else None
    if not isinstance(settings, dict | None):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    found = str((settings or {}).get("resultFormat", "FullResourcePayloads"))
    if found.lower() not in ("fullresourcepayloads", "resourceidonly"):
        raise refusal(400, "InvalidWhatIfResultFormat", f"The what-if result format '{found}' is not valid.")
    return found.lower()


def _export(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    return Response(200, {"template": _require(world, subscription, group, deployment)["template"]})


def _status(world: World, request: Request, subscription: str, group: str, deployment: str, operation: str) -> Response:
    """What the `Azure-AsyncOperation` header leads to."""
    record = _require(world, subscription, group, deployment)
    if record["operation"] != operation:
        raise refusal(404, "DeploymentOperationNotFound", f"Deployment operation '{operation}' could not be found.")
    status = deployment_records.status(world, record)
    body: JSON = {"status": status}
    if status == "Failed":
        body["error"] = record["error"]
    if status == "Canceled":
        body["error"] = error("DeploymentCanceled", f"The deployment '{deployment}' was canceled.")
    return Response(200, body)


def _steps(world: World, request: Request, subscription: str, group: str, deployment: str) -> Response:
    found = deployment_records.show_steps(world, _require(world, subscription, group, deployment))
    return Response(200, {"value": found[: _top(request)]})


def _step(world: World, request: Request, subscription: str, group: str, deployment: str, operation: str) -> Response:
    for each in deployment_records.show_steps(world, _require(world, subscription, group, deployment)):
        if each["operationId"].lower() == operation.lower():
            return Response(200, each)
    raise refusal(404, "DeploymentOperationNotFound", f"Deployment operation '{operation}' could not be found.")


def routes(providers: Providers) -> list[Route]:
    """The operations on deployments and on their operations."""
    group = "/subscriptions/{subscription}/resourceGroups/{group}"
    all_, action = f"{group}/providers/{DEPLOYMENTS}", f"{DEPLOYMENTS}/"
    one = all_ + "/{deployment}"
    return [
        Route("GET", all_, _list, action + "read"),
        Route("PUT", one, partial(_create, providers), action + "write"),
        Route("GET", one, _get, action + "read"),
        Route("HEAD", one, _head, action + "read"),
        Route("DELETE", one, _delete, action + "delete"),
        Route("POST", one + "/cancel", _cancel, action + "cancel/action"),
        Route("POST", one + "/validate", partial(_validate, providers), action + "validate/action"),
        Route("POST", one + "/whatIf", partial(_what_if, providers), action + "whatIf/action"),
        Route("POST", one + "/exportTemplate", _export, action + "exportTemplate/action"),
        Route("GET", one + "/operationStatuses/{operation}", _status, action + "operationstatuses/read"),
        # Operations are listed at the first path, as the API's description has it; their IDs are below the second.
        Route("GET", group + "/deployments/{deployment}/operations", _steps, action + "operations/read"),
        Route("GET", group + "/deployments/{deployment}/operations/{operation}", _step, action + "operations/read"),
        Route("GET", one + "/operations", _steps, action + "operations/read"),
        Route("GET", one + "/operations/{operation}", _step, action + "operations/read"),
    ]
