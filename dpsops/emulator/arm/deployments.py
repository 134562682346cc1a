"""Deployments over HTTP, at every scope.

Source: `resources-deployments/2026-06-01/deployments.json`, "Troubleshoot common Azure deployment errors"; recordings.
"""

from __future__ import annotations

import re
from functools import partial

from dpsops.emulator.arm import deployment_records, deployment_requests, scopes
from dpsops.emulator.arm.plans import read_plan
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.runs import Runner
from dpsops.emulator.arm.template.normal import normal
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider import operations
from dpsops.emulator.resource_provider.errors import error, refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.times import american
from dpsops.emulator.world import World


def _create(providers: Providers, world: World, request: Request, deployment: str, **where: str) -> Response:
    """201, or 200 over an older deployment of the same name, which must have ended. Nothing says when to poll."""
    identifier = scopes.identify(world, where, deployment)
    older = deployment_records.require_ended(world, identifier)
    body = deployment_requests.read_body(request)
    location = scopes.read_location(body, identifier)
    if older is not None and older.get("location", "") != location:
        message = f"Invalid deployment location '{location}'. The deployment '{deployment}' already exists in location "
        raise refusal(409, "InvalidDeploymentLocation", f"{message}'{older.get('location', '')}'.")
    plan = read_plan(world, identifier, body.get("properties"), request.principal, location=location, offer=providers.offer)
    record = Runner(providers, request.principal).run(world, plan, tags=read_tags(body.get("tags")), location=location)
    url = f"https://{request.host}{identifier}/operationStatuses/{record['operation']}?api-version={request.api_version}"
    shown = deployment_records.show(world, record, request.api_version, answered=True)
    return Response(201 if older is None else 200, shown, {"Azure-AsyncOperation": url})


def _get(world: World, request: Request, deployment: str, **where: str) -> Response:
    record = deployment_requests.require(world, where, deployment)
    return Response(200, deployment_records.show(world, record, request.api_version))


def _head(world: World, request: Request, deployment: str, **where: str) -> Response:
    found = deployment_records.find(world, scopes.identify(world, where, deployment))
    return Response(404 if found is None else 204)


def _list(world: World, request: Request, **where: str) -> Response:
    """The newest first; `$filter` knows `provisioningState eq`, as in Azure."""
    records = deployment_records.list_at(world, scopes.scope(world, where))
    found = [deployment_records.show(world, each, request.api_version) for each in records]
    text = request.query.get("$filter", "")
    if text:
        match = re.fullmatch(r"provisioningState eq '(\w+)'", text.strip())
        if match is None:
            raise refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
        found = [each for each in found if each["properties"]["provisioningState"].lower() == match[1].lower()]
    return Response(200, {"value": found[: deployment_requests.read_top(request)]})


def _delete(world: World, request: Request, deployment: str, **where: str) -> Response:
    """The record goes; what it deployed stays. 204 where there is none, and at the end of the polls."""
    identifier = scopes.identify(world, where, deployment)
    if deployment_records.require_ended(world, identifier) is None:
        return Response(204)
    deployment_records.forget(world, str(identifier))
    return operations.accepted(world, request, scopes.results(identifier), status=204)


def _cancel(world: World, request: Request, deployment: str, **where: str) -> Response:
    """Ends a running deployment. What it has made so far stays, which here is everything."""
    record = deployment_requests.require(world, where, deployment)
    if not deployment_records.is_running(world, record):
        state = deployment_records.status(world, record)
        message = (
            f"The deployment '{record['name']}' cannot be cancelled because it has provisioning state '{state}' or it has "
            f"already expired (expiration time is '{american(record['begun'] + deployment_records.LIFE)}')."
        )
        raise refusal(409, "DeploymentCannotBeCancelled", message)
    deployment_records.save(world, record | {"cancelled": True, "ready": world.now})
    return Response(204)


def _export(world: World, request: Request, deployment: str, **where: str) -> Response:
    return Response(200, {"template": normal(deployment_requests.require(world, where, deployment)["template"])})


def _status(world: World, request: Request, deployment: str, operation: str, **where: str) -> Response:
    """What the `Azure-AsyncOperation` header leads to."""
    record = deployment_requests.require(world, where, deployment)
    if record["operation"] != operation:
        raise refusal(404, "DeploymentOperationNotFound", f"Deployment operation '{operation}' could not be found.")
    status = deployment_records.status(world, record)
    body: JSON = {"status": status}
    if status == "Failed":
        body["error"] = record["error"]
    if status == "Canceled":
        body["error"] = error("DeploymentCanceled", f"The deployment '{deployment}' was canceled.")
    return Response(200, body)


def _steps(world: World, request: Request, deployment: str, **where: str) -> Response:
    found = deployment_records.show_steps(world, deployment_requests.require(world, where, deployment))
    return Response(200, {"value": found[: deployment_requests.read_top(request)]})


def _step(world: World, request: Request, deployment: str, operation: str, **where: str) -> Response:
    for each in deployment_records.show_steps(world, deployment_requests.require(world, where, deployment)):
        if each["operationId"].lower() == operation.lower():
            return Response(200, each)
    raise refusal(404, "DeploymentOperationNotFound", f"Deployment operation '{operation}' could not be found.")


def routes(providers: Providers) -> list[Route]:
    """The operations on deployments and on their operations."""
    action = f"{DEPLOYMENTS}/"
    found = []
    for scope in scopes.PATHS:
        all_ = f"{scope}/providers/{DEPLOYMENTS}"
        one = all_ + "/{deployment}"
        # In a group, operations are listed at a path of their own, as the API's description has it; their IDs are as elsewhere.
        places = [one] if "{group}" not in scope else [scope + "/deployments/{deployment}", one]
        found += [
            Route("GET", all_, _list, action + "read"),
            Route("PUT", one, partial(_create, providers), action + "write"),
            Route("GET", one, _get, action + "read"),
            Route("HEAD", one, _head, action + "read"),
            Route("DELETE", one, _delete, action + "delete"),
            Route("POST", one + "/cancel", _cancel, action + "cancel/action"),
            Route("POST", one + "/exportTemplate", _export, action + "exportTemplate/action"),
            Route("GET", one + "/operationStatuses/{operation}", _status, action + "operationstatuses/read"),
        ]
        for place in places:
            found += [
                Route("GET", place + "/operations", _steps, action + "operations/read"),
                Route("GET", place + "/operations/{operation}", _step, action + "operations/read"),
            ]
    return found
