"""The identities of the pipelines of an environment: what each of them trusts, and which roles it holds.

Source: Microsoft Entra, "Configure a user-assigned managed identity to trust an external identity provider"; GitHub, "Configuring
OpenID Connect in Azure"; Azure RBAC, "Azure custom roles" (a role's name is unique in its tenant).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dpsops.model.action import PropertyChange
from dpsops.model.custom_roles import DEPLOYER, DEVICE_SECRETS, ISSUER, OPERATOR, PLANNER, CustomRole
from dpsops.model.github import Demand, Repository
from dpsops.model.roles import VAULT
from dpsops.settings import Environment

ISSUER_OF_TOKENS = "https://token.actions.githubusercontent.com"
AUDIENCE = "api://AzureADTokenExchange"
PROVIDERS = ("Microsoft.Devices", "Microsoft.Insights", "Microsoft.KeyVault", "Microsoft.ManagedIdentity")
"""The resource providers without which neither this command nor the deployer's `up` works; the deployer may not register any."""

_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace of the template function `guid`, which names every other role assignment of dpsops."""


def guid(*parts: str) -> str:
    """The same as the template function `guid`: a GUID that follows from its parts."""
    return str(uuid.uuid5(_GUIDS, "-".join(parts)))


@dataclass(frozen=True, slots=True)
class Credential:
    """A federated credential: whose tokens an identity takes for its own."""

    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]

    @property
    def trusted(self) -> tuple[str, str, tuple[str, ...]]:
        """What it trusts, whatever its name."""
        return self.issuer, self.subject, self.audiences


@dataclass(frozen=True, slots=True)
class Definition:
    """A custom role as it is to be, or is, in a tenant. The actions are sorted; `scopes`: where it can be assigned."""

    name: str
    description: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    scopes: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def changes(self, found: Definition) -> tuple[PropertyChange, ...]:
        """What has to change until the role that is found is this one. It may be assignable at more scopes."""
        pairs = [
            ("roleName", found.name, self.name, found.name == self.name),
            ("description", found.description, self.description, found.description == self.description),
            *(
                (f"permissions.{key}", list(there), list(wanted), lower(there) == lower(wanted))
                for key, there, wanted in (
                    ("actions", found.actions, self.actions),
                    ("dataActions", found.data_actions, self.data_actions),
                    ("notActions", found.not_actions, self.not_actions),
                    ("notDataActions", found.not_data_actions, self.not_data_actions),
                )
            ),
            ("assignableScopes", list(found.scopes), list(self.scopes), lower(self.scopes) <= lower(found.scopes)),
        ]
        return tuple(PropertyChange(path, before, after) for path, before, after, same in pairs if not same)


def lower(texts: Collection[str]) -> set[str]:
    """Texts that Azure compares without their case."""
    return {each.lower() for each in texts}


@dataclass(frozen=True, slots=True)
class WantedIdentity:
    """A user-assigned identity: its name, its role, and what its environment on GitHub must have. `credentials`: none if that is
    missing."""

    name: str
    role: CustomRole
    demand: Demand
    credentials: tuple[Credential, ...]


def wanted_identities(
    environment: Environment, repository: Repository, unprotected: Collection[str]
) -> tuple[WantedIdentity, ...]:
    """The identities of an environment. `unprotected`: the environments on GitHub that are not protected."""
    return tuple(
        WantedIdentity(
            f"id-dpsops-{environment.name}-{role.holder}",
            role,
            demand,
            () if demand.environment in unprotected else credentials(repository, demand.environment),
        )
        for role, demand in demands(environment)
    )


def demands(environment: Environment) -> tuple[tuple[CustomRole, Demand], ...]:
    """The roles of an environment, and what the environment on GitHub in which the jobs of each run must have."""
    name = environment.name
    issuer = ISSUER.without(DEVICE_SECRETS) if environment.device.vaults else ISSUER
    return (
        (PLANNER, Demand(f"{name}-plan", pull_requests=True)),
        (DEPLOYER, Demand(name, reviewed=True)),
        (issuer, Demand(f"{name}-issue")),
        (OPERATOR, Demand(f"{name}-rotate", reviewed=True)),
    )


def credentials(repository: Repository, environment: str) -> tuple[Credential, ...]:
    """What the jobs in an environment on GitHub sign in with: one credential for each form of the subject."""
    names, numbers = (f"{prefix}:environment:{environment}" for prefix in repository.prefixes)
    return (
        Credential(f"github-{environment}", ISSUER_OF_TOKENS, names, (AUDIENCE,)),
        Credential(f"github-{environment}-ids", ISSUER_OF_TOKENS, numbers, (AUDIENCE,)),
    )


def role_id(role: CustomRole, group: str) -> str:
    """The GUID of a custom role of a resource group (its ID)."""
    return guid(group.lower(), role.name)


def role_ids(environment: Environment, group: str) -> tuple[str, ...]:
    """The GUIDs of all custom roles of an environment."""
    return tuple(role_id(role, group) for role in (*(role for role, _ in demands(environment)), DEVICE_SECRETS))


def definition(role: CustomRole, group: str) -> Definition:
    """A custom role, for a resource group (its ID) alone. Its name says for which, because no other role of the tenant may have
    it, and another environment has roles of its own."""
    parts = group.split("/")
    return Definition(
        f"{role.name} ({parts[4]} in {parts[2]})",
        role.description,
        tuple(sorted(role.actions)),
        tuple(sorted(role.data_actions)),
        (group,),
    )


def assignments(
    environment: Environment, group: str, identities: Collection[WantedIdentity]
) -> Iterator[tuple[str, CustomRole, str]]:
    """Which identity (its name) holds which role on which scope: its own on the group, and the issuer one more on each vault for
    devices."""
    for each in identities:
        yield each.name, each.role, group
        if each.role.holder == ISSUER.holder:
            yield from ((each.name, DEVICE_SECRETS, f"{group}/providers/{VAULT}/{vault}") for vault in environment.device.vaults)
