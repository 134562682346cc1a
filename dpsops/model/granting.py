"""Which roles would give an identity what it lacks, where, and the lines that assign them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dpsops.model.built_in_roles import BUILT_IN, identity_of, sufficient
from dpsops.model.custom_roles import DEPLOYER, ISSUER, OPERATOR, PLANNER
from dpsops.model.needs import Need, Place
from dpsops.model.permissions import narrowest_role
from dpsops.model.rights import Permission
from dpsops.model.roles import ROLES, Principal

_CUSTOM = {role.holder: Permission(role.actions, (), role.data_actions) for role in (PLANNER, DEPLOYER, ISSUER, OPERATOR)}
_TYPES = {Place.VAULT: "Microsoft.KeyVault/vaults", Place.LEAF_VAULTS: "Microsoft.KeyVault/vaults"} | {
    Place.DPS: "Microsoft.Devices/provisioningServices",
    Place.HUBS: "Microsoft.Devices/IotHubs",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """An action that an identity lacks. `scope`: the ID of where it is needed; `within`: that of the resource group, or of the
    subscription if there is none yet; `name`: the place, for people."""

    need: Need
    scope: str
    within: str
    name: str


@dataclass(frozen=True, slots=True)
class NamedRole:
    """A custom role that can be assigned in the resource group."""

    name: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Grant:
    """A role to assign on a scope, and what it gives of what is lacking."""

    role: str
    scope: str
    gives: tuple[Lack, ...]

    def line(self, who: Principal) -> str:
        """The line that assigns it."""
        return (
            f"az role assignment create --assignee-object-id {who.object_id} --assignee-principal-type {who.kind} "
            f'--role "{self.role}" --scope "{self.scope}"'
        )


def custom(command: str, lacking: Sequence[Lack], there: Iterable[NamedRole]) -> Grant | None:
    """The custom role for the identity of a command, if it is there and gives all that is lacking."""
    identity = identity_of(command)
    name = f"dpsops {identity}"
    for role in there if identity else ():
        if (role.name == name or role.name.startswith(f"{name} (")) and all(_gives(role.permission, each) for each in lacking):
            return Grant(role.name, lacking[0].within, tuple(lacking))
    return None


def documented(command: str, lacking: Sequence[Lack]) -> Grant | None:
    """The custom role that the documentation has for the identity of a command, if it gives all that is lacking. Whether somebody
    has made it is not known."""
    identity = identity_of(command)
    if identity is None or not all(_gives(_CUSTOM[identity], each) for each in lacking):
        return None
    return Grant(f"dpsops {identity}", lacking[0].within, tuple(lacking))


def built_in(command: str, lacking: Sequence[Lack]) -> tuple[Grant, ...]:
    """The built-in roles that give it: of those that suffice for the identity of the command, each that gives something that none
    before it does; for the rest, the narrowest role there is. Left out is a role that another one of them makes needless."""
    found: dict[tuple[str, str], list[Lack]] = {}
    for each in lacking:
        role, scope = next(_candidates(command, each))
        found.setdefault((role, scope), []).append(each)
    for place, gives in list(found.items()):
        if instead := next((other for other in found if other != place and _covers(other, place[1], gives)), None):
            found[instead] += found.pop(place)
    return tuple(Grant(role, scope, tuple(gives)) for (role, scope), gives in found.items())


def _covers(place: tuple[str, str], scope: str, lacking: Iterable[Lack]) -> bool:
    """Whether a role on its scope gives all that is lacking on another scope, or below."""
    role, above = place
    return f"{scope}/".lower().startswith(f"{above}/".lower()) and all(_gives(BUILT_IN[role], each) for each in lacking)


def _candidates(command: str, lack: Lack) -> Iterator[tuple[str, str]]:
    outside = not f"{lack.scope}/".lower().startswith(f"{lack.within}/".lower())
    for name in sufficient(command):
        if _gives(BUILT_IN[name], lack) and not outside:
            yield name, lack.within
    for role in ROLES.get(_TYPES.get(lack.need.place, ""), ()):  # what `up` assigns to operators
        if _gives(BUILT_IN[role.name], lack):
            yield role.name, lack.scope
    yield narrowest_role(lack.need.action), lack.scope


def _gives(permission: Permission, lack: Lack) -> bool:
    return permission.allows(lack.need.action, data=lack.need.data)
