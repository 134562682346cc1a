"""Whether an identity may do what commands need: from the list of its permissions, and where it may not read that, from what the
services answered when they were asked for something harmless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dpsops.model import granting, needs
from dpsops.model.checkup import PERMISSIONS, Finding, Outcome
from dpsops.model.granting import Grant, Lack, NamedRole
from dpsops.model.needs import Need, Place
from dpsops.model.rights import Permission, allowed
from dpsops.model.roles import Principal, may_be_among, named
from dpsops.settings import Environment

LIST = "Microsoft.Authorization/permissions/read"


@dataclass(frozen=True, slots=True)
class Subject:
    """Where actions are needed: `id` its resource ID, `name` for people."""

    place: Place
    id: str
    name: str
    exists: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """What is known of an identity's rights. `within`: the ID of the resource group, or of the subscription if there is none yet;
    `listed`: its permissions by scope, without the scopes at which it may not list them; `tried`: whether it was let in, by scope
    and action in lower case; `custom`: the custom roles that can be assigned, or None if it may not read them;
    `unregistered`: the resource providers that are known not to be registered."""

    who: Principal
    subjects: tuple[Subject, ...]
    within: str
    group_exists: bool
    listed: Mapping[str, tuple[Permission, ...]]
    tried: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    custom: tuple[NamedRole, ...] | None = None
    unregistered: frozenset[str] = frozenset()

    def needs(self, command: str, environment: Environment) -> Iterator[Need]:
        """What a command needs of what there is and what there is not."""
        complete = all(each.exists for each in self.subjects)
        return needs.of(command, environment, group_exists=self.group_exists, complete=complete, unregistered=self.unregistered)

    def scope(self, subject: Subject) -> str:
        """Where a right on a subject is looked for: above it if it does not exist."""
        return subject.id if subject.exists else self.within

    def may(self, need: Need, subject: Subject) -> bool | None:
        """Whether it may do something; None if that is not known."""
        scope = self.scope(subject)
        if scope in self.listed:
            return allowed(self.listed[scope], need.action, data=need.data)
        return self.tried.get((scope, need.action.lower()))


def findings(commands: Sequence[str], environment: Environment, rights: Rights) -> Iterator[Finding]:
    """For each command one finding if all is well; else one for each role that is missing."""
    for number, command in enumerate(commands):
        also = number > 0 and command.startswith(commands[0]) and len(commands[0]) < len(command)
        yield from _of_command(command, environment, rights, also=also)


def _of_command(command: str, environment: Environment, rights: Rights, *, also: bool) -> Iterator[Finding]:
    """`also`: another use of a command that is asked for, which is no reason to fail."""
    judged = [(need, subject, rights.may(need, subject)) for need, subject in _wanted(command, environment, rights)]
    coming = _assigned_by_up(environment, rights)
    denied = [(need, subject) for need, subject, may in judged if may is False]
    later = [(need, subject) for need, subject in denied if coming and need.data and not subject.exists]
    lacks = [(need, _lack(need, subject, rights)) for need, subject in denied if (need, subject) not in later]
    lacking = [lack for need, lack in lacks if not need.helps]
    outcome = Outcome.WARNING if also else Outcome.FAILED
    grants = _grants(command, lacking, rights)
    for grant in grants:
        yield Finding(PERMISSIONS, command, outcome, _detail(grant), _hint(grant, command, lacking, rights))
    known = {each.need.action for grant in grants for each in grant.gives}
    unknown = [(need, subject) for need, subject, may in judged if may is None and not need.helps and need.action not in known]
    if unknown:
        yield _unknown(command, unknown, rights)
    for need, lack in lacks:
        if need.helps:
            detail = f"without {need.action} on {lack.name}, {need.helps}"
            yield Finding(PERMISSIONS, command, Outcome.WARNING, detail, granting.built_in(command, [lack])[0].line(rights.who))
    if not grants and not unknown:
        detail = f"has what it needs; 'dpsops up' assigns roles {coming}" if later else "has what it needs"
        yield Finding(PERMISSIONS, command, Outcome.OK, detail)


def _lack(need: Need, subject: Subject, rights: Rights) -> Lack:
    return Lack(need, rights.scope(subject), rights.within, subject.name)


def _wanted(command: str, environment: Environment, rights: Rights) -> Iterator[tuple[Need, Subject]]:
    """What a command needs, and where. Nothing is read in what does not exist, where a command only looks."""
    for need in rights.needs(command, environment):
        for subject in rights.subjects:
            if subject.place is need.place and not (need.data and not subject.exists and command in needs.LOOK_ONLY):
                yield need, subject


def _assigned_by_up(environment: Environment, rights: Rights) -> str:
    """To whom `up` assigns the roles on data, if this identity is, or may be, among them."""
    principals = named(environment)
    if not principals:
        assigns = allowed(rights.listed.get(rights.within, ()), needs.ASSIGN, data=False)
        return "to whoever runs it" if assigns else ""
    return "to those that [access] in the settings names" if may_be_among(rights.who, principals) else ""


def _grants(command: str, lacking: Sequence[Lack], rights: Rights) -> tuple[Grant, ...]:
    if not lacking:
        return ()
    if rights.custom is not None and (found := granting.custom(command, lacking, rights.custom)):
        return (found,)
    return granting.built_in(command, lacking)


def _detail(grant: Grant) -> str:
    actions = list(dict.fromkeys(each.need.action for each in grant.gives))
    places = " and ".join(dict.fromkeys(each.name for each in grant.gives))
    more = f" and {len(actions) - 1} more" if len(actions) > 1 else ""
    return f"lacks {actions[0]}{more} on {places}: the role '{grant.role}' on {grant.scope} gives it"


def _hint(grant: Grant, command: str, lacking: Sequence[Lack], rights: Rights) -> str:
    line = grant.line(rights.who)
    if rights.custom is not None or not (instead := granting.documented(command, lacking)):
        return line
    return f"{line}; or, if docs/identities.md was followed, {instead.line(rights.who)}"


def _unknown(command: str, unknown: Sequence[tuple[Need, Subject]], rights: Rights) -> Finding:
    need, subject = unknown[0]
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    scope = rights.scope(subject)
    return Finding(
        PERMISSIONS,
        command,
        Outcome.UNKNOWN,
        f"whether it has {need.action}{more} on {subject.name}: to see that needs {LIST} on {scope}",
        Grant("Reader", scope, ()).line(rights.who),
    )
