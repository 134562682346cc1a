"""What `up` would do to an environment: decided from what was observed, approved, and held against what is there later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from dpsops.errors import InvalidInput
from dpsops.model import enrollment, proof
from dpsops.model import root as roots
from dpsops.model.action import Action
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.proof import CaCertificate
from dpsops.model.root import RootState
from dpsops.settings import Environment

LATER = Action("look at", "the root, its proof and the enrollment group, once the roles are assigned")
"""What stands in a plan for all that cannot be seen before the deployment has assigned the roles."""


@dataclass(frozen=True, slots=True)
class ObservedRootOfTrust:
    """The root that is in use or is to be made, what each trust store (by its owner) holds under its name, and the group."""

    name: str
    state: RootState
    held: Mapping[str, CaCertificate | None]
    group: EnrollmentGroup | None


def decide(observed: ObservedRootOfTrust, environment: Environment) -> list[Action]:
    """What is missing until the DPS trusts a whole root and the group its devices. Raises `Refused` where something is in
    the way that dpsops did not make."""
    state, name = observed.state, observed.name
    whole = state.root if isinstance(state, roots.Ready | roots.Merged) else None
    proofs = [action for owner, held in observed.held.items() for action in proof.plan(owner, held, name, whole)]
    return [*roots.plan(state, name), *proofs, *enrollment.plan(observed.group, environment)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` would do to an environment, and a fingerprint of the settings and the template it was made from."""

    environment: str
    subscription: str
    inputs: str
    actions: tuple[Action, ...]

    def document(self) -> dict[str, object]:
        """The plan as JSON."""
        return {
            "schema_version": 1,
            "environment": self.environment,
            "subscription": self.subscription,
            "inputs": self.inputs,
            "actions": [asdict(action) for action in self.actions],
        }

    @classmethod
    def read(cls, text: str, source: str) -> Plan:
        """A plan out of its JSON. Raises `InvalidInput` for anything else."""
        try:
            document = json.loads(text)
            if document["schema_version"] != 1:
                raise InvalidInput(f"{source} is a plan of another version", "make a new one: dpsops plan --out FILE")
            actions = tuple(Action(entry["action"], entry["target"], entry["outcome"]) for entry in document["actions"])
            return cls(document["environment"], document["subscription"], document["inputs"], actions)
        except (ValueError, KeyError, TypeError, RecursionError) as cause:
            raise InvalidInput(f"{source} is no plan", "make one: dpsops plan --out FILE") from cause


def fingerprint(environment: Environment, template: Mapping[str, object], principal: str) -> str:
    """What a plan is made from, as a SHA-256 in hex: another one means another plan."""
    inputs = {"template": template, "settings": environment.model_dump(mode="json"), "principal": principal}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def difference(approved: Plan, found: Plan) -> str:
    """Why an approved plan is not what would be done now, as a sentence; empty where it is."""
    if approved == found:
        return ""
    if (approved.environment, approved.subscription) != (found.environment, found.subscription):
        return f"the plan is for the environment {approved.environment!r} in subscription {approved.subscription}"
    if approved.inputs != found.inputs:
        return "the settings, the template or the identity have changed since the plan was made"
    return "the environment has changed since the plan was made"


def from_nothing(owners: tuple[str, ...]) -> ObservedRootOfTrust:
    """What is there where the vault is yet to be made: nothing, in any trust store."""
    return ObservedRootOfTrust(roots.root_name(1), roots.Absent(), dict.fromkeys(owners), None)
