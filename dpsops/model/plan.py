"""What `up` would do to an environment: decided from what was observed, approved, and compared with the state at that time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dpsops.errors import InvalidInput
from dpsops.model import enrollment, proof
from dpsops.model import root as roots
from dpsops.model.action import Action, members, text
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.proof import CaCertificate
from dpsops.model.roles import Principal
from dpsops.model.root import RootState
from dpsops.settings import Environment

LATER = Action("look at", "the root, its proof and the enrollment group, once the roles are assigned")
"""The action in a plan for everything that cannot be read before the deployment has assigned the roles."""


@dataclass(frozen=True, slots=True)
class ObservedRootOfTrust:
    """The root in use or to be created, the CA certificate of its name in each trust store (by its owner), the group, and the
    hosts that the DPS is linked to, or will be. `second_names`: where else the root is, under another name."""

    name: str
    state: RootState
    ca_certificates: Mapping[str, CaCertificate | None]
    group: EnrollmentGroup | None
    linked: frozenset[str] = frozenset()
    second_names: tuple[str, ...] = ()


def decide(observed: ObservedRootOfTrust, environment: Environment) -> list[Action]:
    """What is missing until the DPS has verified a finished root and the group trusts it. Raises `Refused` if something that
    dpsops did not create is in the way."""
    state, name = observed.state, observed.name
    root = state.root if isinstance(state, roots.Ready | roots.Merged) else None
    proofs = [action for owner, found in observed.ca_certificates.items() for action in proof.plan(owner, found, name, root)]
    return [*roots.plan(state, name), *proofs, *enrollment.plan(observed.group, environment, observed.linked)]


def notes_of(observed: ObservedRootOfTrust) -> tuple[str, ...]:
    """What a person should know of the root: a rotation removes it under its own name alone."""
    return tuple(
        f"{observed.name} is also {place}: what refers to that name goes on trusting this root after a rotation; only 'dpsops "
        f"rotate --compromised' removes it, so remove it unless somebody needs it"
        for place in observed.second_names
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` would do to an environment, and a fingerprint of the settings, the template and who gets the roles. `notes`: what
    a person should know before they approve it; two plans with other notes are the same plan."""

    environment: str
    subscription: str
    inputs: str
    actions: tuple[Action, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def document(self) -> dict[str, object]:
        """The plan as JSON."""
        return {
            "schema_version": 1,
            "environment": self.environment,
            "subscription": self.subscription,
            "inputs": self.inputs,
            "actions": [action.document() for action in self.actions],
            "notes": list(self.notes),
        }

    @classmethod
    def read(cls, content: str, source: str) -> Plan:
        """Reads a plan from its JSON. Raises `InvalidInput` for anything else."""
        try:
            found = members(json.loads(content))
            if found["schema_version"] != 1:
                raise InvalidInput(f"{source} is a plan of another version", "make a new one: dpsops plan --out FILE")
            listed, notes = found["actions"], found.get("notes", [])
            if not isinstance(listed, list) or not isinstance(notes, list):
                raise TypeError("no list")
            head = [text(found[name]) for name in ("environment", "subscription", "inputs")]
            return cls(head[0], head[1], head[2], tuple(map(Action.read, listed)), tuple(map(text, notes)))
        except (ValueError, KeyError, TypeError, RecursionError) as cause:
            raise InvalidInput(f"{source} is not a plan", "make one: dpsops plan --out FILE") from cause


def fingerprint(environment: Environment, template: Mapping[str, object], principals: Sequence[Principal]) -> str:
    """SHA-256, in hex, of everything that a plan is made from: a different fingerprint means a different plan."""
    inputs = {
        "template": template,
        "settings": environment.model_dump(mode="json"),
        "principals": [each.object_id for each in principals],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def difference(approved: Plan, found: Plan) -> str:
    """Why an approved plan is not what would be done now, as a sentence; empty if it is."""
    if approved == found:
        return ""
    if (approved.environment, approved.subscription) != (found.environment, found.subscription):
        return f"the plan is for the environment {approved.environment!r} in subscription {approved.subscription}"
    if approved.inputs != found.inputs:
        return "the settings, the template or the identity have changed since the plan was made"
    return "the environment has changed since the plan was made"


def from_nothing(owners: tuple[str, ...]) -> ObservedRootOfTrust:
    """What is observed if there is no vault yet: no root, no CA certificates, no group."""
    return ObservedRootOfTrust(roots.root_name(1), roots.Absent(), dict.fromkeys(owners), None)
