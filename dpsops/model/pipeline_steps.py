"""What is missing until the identities of the pipelines of an environment are as they are to be: what there is, and the steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from dpsops.model.action import Action, PropertyChange
from dpsops.model.custom_roles import CustomRole
from dpsops.model.pipeline import Credential, Definition, WantedIdentity, assignments, definition, lower, role_id
from dpsops.model.roles import Held
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True)
class FoundIdentity:
    """A user-assigned identity that exists. `principal`: its object ID, which holds roles; `client`: its client ID, with which
    it signs in."""

    principal: str
    client: str
    tenant: str
    credentials: tuple[Credential, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What there is. `unregistered`: the resource providers that are not registered, or not yet; identities by name; roles by
    GUID; `vaults`: the names of the vaults, in lower case."""

    group: str
    group_exists: bool = False
    unregistered: tuple[str, ...] = ()
    identities: Mapping[str, FoundIdentity] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    held: frozenset[Held] = frozenset()
    vaults: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Register:
    """Register a resource provider, and wait until it is."""

    namespace: str

    @property
    def action(self) -> Action:
        """The step for people."""
        return Action("register", f"resource provider {self.namespace}", "registered")


@dataclass(frozen=True, slots=True)
class CreateGroup:
    """Create the resource group."""

    name: str

    @property
    def action(self) -> Action:
        """The step for people."""
        return Action("create", f"resource group {self.name}", "created")


@dataclass(frozen=True, slots=True)
class CreateIdentity:
    """Create a user-assigned identity."""

    name: str

    @property
    def action(self) -> Action:
        """The step for people."""
        return Action("create", f"identity {self.name}", "created")


@dataclass(frozen=True, slots=True)
class Define:
    """Write a custom role. `changes`: what it changes, if there is one."""

    id: str
    definition: Definition
    changes: tuple[PropertyChange, ...] = ()

    @property
    def action(self) -> Action:
        """The step for people."""
        verb, done = ("modify", "modified") if self.changes else ("create", "created")
        return Action(verb, f"role {self.definition.name}", done, self.changes)


@dataclass(frozen=True, slots=True)
class Assign:
    """Give a custom role to an identity, by its name: it may not exist yet. `scope`: a resource ID."""

    identity: str
    role: str
    definition: str
    scope: str

    @property
    def action(self) -> Action:
        """The step for people."""
        return Action("assign", f"role {self.role} to {self.identity} on {self.scope.rpartition('/')[2]}", "assigned")


@dataclass(frozen=True, slots=True)
class Trust:
    """Write a federated credential. `changes`: what it replaces, if there is one of its name."""

    identity: str
    credential: Credential
    changes: tuple[PropertyChange, ...] = ()

    @property
    def action(self) -> Action:
        """The step for people."""
        verb, done = ("modify", "modified") if self.changes else ("create", "created")
        what = f"federated credential {self.credential.name} of {self.identity}: {self.credential.subject}"
        return Action(verb, what, done, self.changes)


Step = Register | CreateGroup | CreateIdentity | Define | Assign | Trust


def decide(environment: Environment, found: Found, identities: Collection[WantedIdentity]) -> list[Step]:
    """What is missing, in the order in which it can be made. What is there and right stays."""
    steps: list[Step] = [Register(namespace) for namespace in found.unregistered]
    if not found.group_exists:
        steps.append(CreateGroup(environment.resource_group))
    steps += [CreateIdentity(each.name) for each in identities if each.name not in found.identities]
    given = [
        (name, role, scope)
        for name, role, scope in assignments(environment, found.group, identities)
        if scope == found.group or scope.rpartition("/")[2].lower() in found.vaults
    ]
    roles = dict.fromkeys([*(role for _, role, _ in given)])
    steps += [step for role in roles if (step := _define(role, found))]
    for name, role, scope in given:
        holder = found.identities.get(name)
        identifier = role_id(role, found.group)
        if holder is None or Held(scope.lower(), identifier, holder.principal.lower()) not in found.held:
            steps.append(Assign(name, role.name, identifier, scope))
    for each in identities:
        there = found.identities.get(each.name)
        steps += _trust(each, there.credentials if there else ())
    return steps


def _define(role: CustomRole, found: Found) -> Define | None:
    identifier, wanted = role_id(role, found.group), definition(role, found.group)
    there = found.definitions.get(identifier)
    if there is None:
        return Define(identifier, wanted)
    changes = wanted.changes(there)
    elsewhere = tuple(each for each in there.scopes if each.lower() not in lower(wanted.scopes))
    return Define(identifier, replace(wanted, scopes=wanted.scopes + elsewhere), changes) if changes else None


def _trust(identity: WantedIdentity, there: Collection[Credential]) -> list[Trust]:
    """The credentials to write. Azure refuses two that trust the same, so one that has what another is to get goes first."""
    trusted = {each.trusted for each in there}
    if {each.trusted for each in identity.credentials} <= trusted:
        return []
    ours = {each.name: each for each in there}
    others = {each.trusted for each in there if each.name not in {wanted.name for wanted in identity.credentials}}
    steps = [
        Trust(identity.name, each, _replaced(ours[each.name], each) if each.name in ours else ())
        for each in identity.credentials
        if ours.get(each.name) != each and each.trusted not in others
    ]
    wanted = {step.credential.trusted for step in steps}
    return sorted(
        steps,
        key=lambda step: step.credential.name not in ours or ours[step.credential.name].trusted not in wanted,
    )


def _replaced(there: Credential, wanted: Credential) -> tuple[PropertyChange, ...]:
    pairs = [
        ("issuer", there.issuer, wanted.issuer),
        ("subject", there.subject, wanted.subject),
        ("audiences", list(there.audiences), list(wanted.audiences)),
    ]
    return tuple(PropertyChange(path, before, after) for path, before, after in pairs if before != after)
