"""What a plan needs, as a deployment lists it: providers, and which resource depends on which."""

from __future__ import annotations

from collections.abc import Iterator

from dpsops.emulator.arm.plans import Plan
from dpsops.emulator.arm.template.declarations import Declared
from dpsops.emulator.arm.unfolding import asked
from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.resources import ResourceId


def show_providers(plan: Plan) -> list[JSON]:
    """The providers that a plan needs, as a deployment lists them: in the order of the template (recorded 2024)."""
    found: dict[str, dict[str, list[str | None]]] = {}
    for each in filter(_is_deployed, plan.written):
        namespace, _, kind = each.id.type.partition("/")
        namespace = next((known for known in found if known.lower() == namespace.lower()), namespace)
        kinds = found.setdefault(namespace, {})
        kind = next((known for known in kinds if known.lower() == kind.lower()), kind)
        location = plan.evaluator.value(each.source.get("location"), each.place)
        shown = regions.normal(location) if isinstance(location, str) else None
        kinds.setdefault(kind, [])
        kinds[kind] += [shown] if shown not in kinds[kind] else []
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": kind, "locations": locations} for kind, locations in kinds.items()],
        }
        for namespace, kinds in found.items()
    ]


def show_dependencies(plan: Plan) -> list[JSON]:
    """Which resource of a plan needs which, as a deployment lists them."""

    def show(each: Declared) -> JSON:
        return _show_resource(each.id)

    listed = []
    deployed = list(filter(_is_deployed, plan.written))
    for each in deployed:
        needed = [show(other) for other in deployed if other.key in plan.needs[each.key]] + list(_show_asked(plan, each))
        if needed:
            listed.append({"dependsOn": needed, **show(each)})
    return listed


def _show_asked(plan: Plan, declared: Declared) -> Iterator[JSON]:
    """What a resource asks of others by their IDs is a dependency, too, and tells the API version (`reference` of what the
    template does not declare: recorded 2026; `list*`, with its name, of any: observed; `reference` of the rest: nobody has seen
    one, so that it is left out)."""
    for function, text, version in asked(plan, declared):
        known = plan.find(text)
        try:
            identifier = known.id if known else ResourceId.parse(text)
        except ValueError:
            continue  # the run will refuse it
        if function.lower() != "reference":
            yield _show_resource(identifier) | {"apiVersion": version, "actionName": function}
        elif known is None or known.existing:
            yield _show_resource(identifier) | {"apiVersion": version}


def _show_resource(identifier: ResourceId) -> JSON:
    return {"id": str(identifier), "resourceType": identifier.type, "resourceName": "/".join(identifier.names)}


def _is_deployed(declared: Declared) -> bool:
    return declared.deployed
