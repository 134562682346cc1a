"""The preflight of a deployment: what is refused before anything is made.

Source: recordings of providers that refuse at validation and at the PUT (2016, 2020), and of a what-if that fails.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm import groups, registrations
from dpsops.emulator.arm.plans import Plan
from dpsops.emulator.arm.policies import enforcement
from dpsops.emulator.arm.providers import Providers, require_deployments
from dpsops.emulator.arm.template.values import is_known, text
from dpsops.emulator.arm.unfolding import Foreseen, unfold
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal, refused_error
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, GROUPS
from dpsops.emulator.world import World


class _Undone(Exception):
    """Ends a trial, whose effects are to go."""


def preflight(world: World, providers: Providers, plan: Plan, caller: Principal) -> None:
    """Refuses a plan with a resource of a type or version that does not exist, that the caller may not write (403), that
    policies deny, or that its provider would refuse. `validationLevel` `Template` asks for none of that, `ProviderNoRbac`
    not for the second."""
    if plan.level == "Template":
        return
    found = list(unfold(world, plan, caller))
    coming = {each.declared.id.key for each in found if each.declared.id.type.lower() == GROUPS.lower()}
    used: dict[str, list[str]] = {}
    denied = []
    for foreseen in found:
        each = foreseen.declared
        if each.id.group and replace(each.id, extended="").scope.lower() not in coming:
            groups.require_writable(world, each.id.subscription, each.id.group)
        if foreseen.expanded is None:
            type_ = providers.require(each.id.type, each.api_version, text(foreseen.body.get("location")))
            action = f"{type_.name}/write"
            used.setdefault(each.id.subscription, []).append(type_.name.partition("/")[0])
        else:
            require_deployments(each.api_version)
            action = f"{DEPLOYMENTS}/write"
        if plan.level != "ProviderNoRbac" and not rbac.allowed(world, caller, action, str(each.id)):
            denied.append(
                f"Authorization failed for template resource '{each.name}' of type '{each.id.type}'. The client "
                f"'{caller.app_id}' with object id '{caller.object_id}' does not have permission to perform action '{action}' at "
                f"scope '{each.id}'."
            )
    if denied:
        beginning = "The template deployment failed with error" if len(denied) == 1 else "Deployment failed with multiple errors"
        raise refusal(403, "InvalidTemplateDeployment", f"{beginning}: '{':'.join(denied)}'.")
    for subscription, namespaces in used.items():
        registrations.require(world, subscription, namespaces)
    enforcement.require_deployable(world, found)
    details = _refused(world, providers, found, caller)
    if details:
        message = (
            f"The template deployment '{plan.id.name}' is not valid according to the validation procedure. The tracking id is "
            f"'{uuid.uuid4()}'. See inner errors for details."
        )
        raise refusal(400, "InvalidTemplateDeployment", message, details)


def _refused(world: World, providers: Providers, found: Sequence[Foreseen], caller: Principal) -> list[JSON]:
    """What the providers would refuse: each resource is tried where those before it are made, and all of it is undone."""
    details: list[JSON] = []
    later = world
    try:
        with world.state.attempt():
            for foreseen in found:
                identifier, body = foreseen.declared.id, _settled(foreseen.body)
                type_ = providers.types.get(identifier.type.lower())
                if foreseen.expanded is not None or type_ is None or type_.check is None or body is None:
                    continue
                later = replace(later, now=later.now + later.timings.operation + 1)
                new = type_.get(later, identifier, foreseen.declared.api_version) is None
                try:
                    with world.state.attempt():
                        type_.check(later, identifier, body, foreseen.declared.api_version, caller)
                except Refusal as wrong:
                    # Of a new resource also that its name is taken; that one which is there is busy passes with time.
                    if wrong.response.status == 400 or (new and wrong.response.status == 409):
                        details.append(refused_error(wrong))
            raise _Undone
    except _Undone:
        return details


def _settled(body: JSON) -> JSON | None:
    """The body without those elements of its lists that cannot be known yet; None where other parts of it cannot."""
    kept: JSON = _without_unknown_elements(body)
    return kept if is_known(kept) else None


def _without_unknown_elements(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_unknown_elements(each) for key, each in value.items()}
        case list():
            return [each for each in map(_without_unknown_elements, value) if is_known(each)]
        case _:
            return value
