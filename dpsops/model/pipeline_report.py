"""The end of `pipeline setup`: what somebody else has given the identities, and what remains to be done by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dpsops.model.custom_roles import OPERATOR
from dpsops.model.github import Repository
from dpsops.model.pipeline import WantedIdentity, assignments, credentials, role_id
from dpsops.model.pipeline_steps import Found, FoundIdentity
from dpsops.model.roles import Principal, needed
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an environment on GitHub. None is secret."""

    environment: str
    name: str
    value: str

    def command(self, repository: Repository) -> str:
        """The line for a shell that sets it."""
        return (
            f"gh variable set {self.name} --repo {repository.full_name} --env {self.environment} --body {shlex.quote(self.value)}"
        )


def variables(
    subscription: str, identities: Collection[WantedIdentity], found: Mapping[str, FoundIdentity]
) -> tuple[Variable, ...]:
    """What the jobs of each environment sign in with: none for an identity that does not exist yet."""
    return tuple(
        Variable(each.demand.environment, name, value)
        for each in identities
        if (there := found.get(each.name))
        for name, value in (
            ("AZURE_CLIENT_ID", there.client),
            ("AZURE_TENANT_ID", there.tenant),
            ("AZURE_SUBSCRIPTION_ID", subscription),
        )
    )


def missing_principals(environment: Environment, operator: FoundIdentity | None) -> str:
    """The lines for the settings that name the operator beside those that are named; empty if it is, or does not exist yet."""
    named = environment.access.principals
    if operator is None or operator.principal.lower() in (each.id.lower() for each in named):
        return ""
    entries = [*((each.id, each.type) for each in named), (operator.principal, "ServicePrincipal")]
    lines = "".join(f"  {{ id = {json.dumps(id_)}, type = {json.dumps(type_)} }},\n" for id_, type_ in entries)
    return f"[access]\nprincipals = [\n{lines}]"


def unassigned(environment: Environment, found: Found) -> str:
    """What the issuer gets once the vaults for devices exist, in a sentence; empty if they do, or if there are to be none."""
    absent = [each for each in environment.device.vaults if each.lower() not in found.vaults]
    if not absent:
        return ""
    exist = "does not exist" if len(absent) == 1 else "do not exist"
    return f"The issuer may not write every secret yet: {' and '.join(absent)} {exist}. Run this command again after 'dpsops up'."


def warnings(
    environment: Environment, repository: Repository, found: Found, identities: Collection[WantedIdentity]
) -> tuple[str, ...]:
    """What somebody else has given these identities. dpsops removes none of it."""
    return tuple(_warnings(environment, repository, found, identities))


def _warnings(
    environment: Environment, repository: Repository, found: Found, identities: Collection[WantedIdentity]
) -> Iterator[str]:
    known = {
        (name, scope.lower(), role_id(role, found.group))
        for name, role, scope in assignments(environment, found.group, identities)
    }
    for each in identities:
        there = found.identities.get(each.name)
        if there is None:
            continue
        ours = credentials(repository, each.demand.environment)
        replaced = {wanted.name for wanted in each.credentials}
        for other in there.credentials:
            remove = (
                f"az identity federated-credential delete --name {other.name} --identity-name {each.name} "
                f"--resource-group {environment.resource_group}"
            )
            if other.trusted in {wanted.trusted for wanted in ours}:
                if not each.credentials:
                    yield (
                        f"{each.name} trusts the environment {each.demand.environment} already, which is not protected: until "
                        f"that is mended, remove its federated credential: {remove}"
                    )
            elif other.name not in replaced:
                yield (
                    f"{each.name} also trusts {other.subject!r} of {other.issuer} (federated credential {other.name}): unless "
                    f"you want that, remove it: {remove}"
                )
        own = needed(environment, [Principal(there.principal, "ServicePrincipal")]) if each.role.holder == OPERATOR.holder else ()
        allowed = {assignment.held(found.group) for assignment in own}
        for held in sorted(found.held, key=lambda held: (held.scope, held.role)):
            mine = held.principal == there.principal.lower()
            if mine and held not in allowed and (each.name, held.scope, held.role) not in known:
                yield (
                    f"{each.name} also holds the role {held.role} on {held.scope}: unless you want that, remove it: "
                    f"az role assignment delete --assignee {there.principal} --role {held.role} --scope {held.scope}"
                )
