"""Validation and what-if over HTTP: what a deployment would do, without doing it.

Source: `resources-deployments/2026-06-01/deployments.json`; recordings of both, at three scopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from dpsops.emulator.arm import deployment_requests, scopes
from dpsops.emulator.arm.deployment_records import TYPED_SINCE, WHOLE_SINCE
from dpsops.emulator.arm.plan_needs import show_dependencies, show_providers
from dpsops.emulator.arm.plans import read_plan
from dpsops.emulator.arm.preflight import preflight
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.runs import Runner
from dpsops.emulator.arm.template.normal import minified, normal, template_hash
from dpsops.emulator.arm.template.values import shown
from dpsops.emulator.arm.unfolding import Foreseen, unfold
from dpsops.emulator.arm.whatif import what_if
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route
from dpsops.emulator.resource_provider import operations
from dpsops.emulator.resource_provider.errors import refusal, refused_error
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS
from dpsops.emulator.resource_provider.tags import read_tags
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World


def _validate(providers: Providers, world: World, request: Request, deployment: str, **where: str) -> Response:
    identifier = scopes.identify(world, where, deployment)
    body = deployment_requests.read_body(request)
    location = scopes.read_location(body, identifier)
    plan = read_plan(world, identifier, body.get("properties"), request.principal, location=location, offer=providers.offer)
    preflight(world, providers, plan, request.principal)
    foreseen = list(unfold(world, plan, request.principal))
    properties = {
        "templateHash": plan.hash,
        **({"parameters": plan.parameters} if "parameters" in plan.template.source else {}),
        "mode": plan.mode,
        "provisioningState": "Succeeded",
        "timestamp": timestamp(world.now),
        "duration": "PT0S",
        "correlationId": Runner(providers, request.principal).correlation,
        "providers": show_providers(plan),
        "dependencies": show_dependencies(plan),
        "validatedResources": [
            _validated(each, request.api_version)
            for each in _as_written(foreseen)
            if each.expanded is None or request.api_version >= WHOLE_SINCE
        ],
    }
    tags = read_tags(body.get("tags"))
    kept = ({"location": location} if location else {}) | ({"tags": tags} if tags else {})
    kind = {"type": DEPLOYMENTS} if request.api_version >= TYPED_SINCE else {}
    return Response(200, {"id": str(identifier), "name": deployment, **kind, **kept, "properties": properties})


def _calculate_hash(world: World, request: Request) -> Response:
    """The hash of a template, and the text that it is taken of (recorded 2025 and 2026)."""
    source = request.json()
    if not isinstance(source, dict):
        raise refusal(400, "InvalidTemplate", "The deployment template is null or not provided.")
    found = template_hash(source, as_sent=world.habits.hashes_as_sent)
    return Response(200, {"minifiedTemplate": minified(normal(source)), "templateHash": found})


def _as_written(foreseen: Sequence[Foreseen]) -> list[Foreseen]:
    """In the order of the template, what is in a nested deployment behind it (recorded 2016 and 2026)."""
    places: dict[str, tuple[int, ...]] = {}
    found = []
    for each in foreseen:
        here = (*places.get(each.plan.id.key, ()), each.plan.written.index(each.declared))
        places[each.declared.id.key] = here
        found.append((here, each))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _validated(foreseen: Foreseen, api_version: str) -> JSON:
    declared = foreseen.declared
    if api_version >= WHOLE_SINCE:
        return {"id": str(declared.id)}
    identity = {"apiVersion": declared.api_version, "id": str(declared.id), "name": declared.name, "type": declared.id.type}
    needs = [str(other.id) for other in foreseen.plan.declared if other.id.key in foreseen.plan.needs[declared.id.key]]
    body: JSON = shown(foreseen.body)
    return identity | ({"dependsOn": needs} if needs else {}) | body


def _what_if(providers: Providers, world: World, request: Request, deployment: str, **where: str) -> Response:
    """202; what is wrong with the template, its preflight included, comes as a result of status `Failed`."""
    identifier = scopes.identify(world, where, deployment)
    body = deployment_requests.read_body(request, rewritten=True)
    location = scopes.read_location(body, identifier)
    ids_only = _result_format(body.get("properties")) == "resourceidonly"
    try:
        plan = read_plan(world, identifier, body.get("properties"), request.principal, location=location, offer=providers.offer)
        found = what_if(world, providers, plan, request.principal, ids_only=ids_only)
        result: JSON = {"status": "Succeeded", "properties": found}
    except Refusal as refused:
        result = {"status": "Failed", "error": refused_error(refused)}
    return operations.accepted(world, request, scopes.results(identifier), result=result)


def _result_format(properties: Any) -> str:
    settings = properties.get("whatIfSettings") if isinstance(properties, dict) else None
    if not isinstance(settings, dict | None):
        raise refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    found = str((settings or {}).get("resultFormat", "FullResourcePayloads"))
    if found.lower() not in ("fullresourcepayloads", "resourceidonly"):
        raise refusal(400, "InvalidWhatIfResultFormat", f"The what-if result format '{found}' is not valid.")
    return found.lower()


def routes(providers: Providers) -> list[Route]:
    """The operations that only foresee, at every scope."""
    found = [Route("POST", "/providers/Microsoft.Resources/calculateTemplateHash", _calculate_hash)]
    for scope in scopes.PATHS:
        one = f"{scope}/providers/{DEPLOYMENTS}/{{deployment}}"
        found += [
            Route("POST", one + "/validate", partial(_validate, providers), f"{DEPLOYMENTS}/validate/action"),
            Route("POST", one + "/whatIf", partial(_what_if, providers), f"{DEPLOYMENTS}/whatIf/action"),
        ]
    return found
