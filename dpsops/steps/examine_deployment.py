"""Looking at what a deployment of what is missing needs besides rights, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpsops.azure.deployments import Deployments
from dpsops.azure.examination import Examination
from dpsops.errors import Denied, Error
from dpsops.model import deployment
from dpsops.model.checkup import Finding, Outcome, Unseen
from dpsops.model.condition import Seen
from dpsops.model.entitlement import Subject
from dpsops.model.needs import Place
from dpsops.model.offers import require_free, wants_free
from dpsops.model.resources import Resources
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.model.run import Run
from dpsops.settings import Environment

_TYPES = {Place.VAULT: VAULT, Place.LEAF_VAULTS: VAULT, Place.DPS: SERVICE, Place.HUBS: HUB}
_NAME_ACTIONS = {
    Place.VAULT: "Microsoft.KeyVault/locations/deletedVaults/read",
    Place.LEAF_VAULTS: "Microsoft.KeyVault/locations/deletedVaults/read",
    Place.DPS: "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
    Place.HUBS: "Microsoft.Devices/checkNameAvailability/Action",
}


@dataclass(frozen=True, slots=True)
class DeploymentExamination:
    """What the checks look with."""

    run: Run
    examination: Examination
    deployments: Deployments

    def findings(self, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """What a deployment of what is missing needs besides rights: names, and no policy that denies it."""
        environment = self.run.environment
        missing = [each for each in seen.values() if not each.subject.exists]
        subscription = f"/subscriptions/{self.examination.clients.subscription}"
        for each in missing:
            yield self._name(each.subject, subscription)
        if not missing:
            return
        self.run.progress("asking Azure what a deployment would change")
        who = "what is missing"
        try:
            found = self.deployments.observe()
            if wants_free(environment):
                require_free(environment, self.deployments.free_hubs() if _lacks_free(environment, found) else ())
            if not found.group_exists:
                reason = "without a resource group nobody foresees a deployment, nor whether a policy denies it"
                yield Finding(
                    "deployment",
                    who,
                    Outcome.UNKNOWN,
                    reason,
                    "'dpsops up' creates the group, and stops if Azure then refuses the rest",
                )
                return
            wanted = deployment.decide(environment, found, self.deployments.principals, relink=False)
            self.deployments.what_if(wanted.parameters, rights=False)
        except Denied as denied:
            yield Unseen.because(denied, "Microsoft.Resources/deployments/whatIf/action", "the resource group").finding(
                "deployment", who
            )
        except Error as error:
            yield Finding("deployment", who, Outcome.FAILED, error.message, error.hint)
        else:
            yield Finding("deployment", who, Outcome.OK, "Azure foresees that it succeeds: no policy denies it")

    def _name(self, subject: Subject, subscription: str) -> Finding:
        """Whether a name is free: it is unique in all of Azure, and a deleted vault keeps its own."""
        name = subject.id.rpartition("/")[2]
        action = _NAME_ACTIONS[subject.place]
        try:
            if subject.place in (Place.VAULT, Place.LEAF_VAULTS) and (deleted := self.deployments.find_deleted_vault(name)):
                return Finding("name", subject.name, Outcome.FAILED, deleted.message, deleted.hint)
            taken = self.deployments.taken_name(_TYPES[subject.place], name)
        except Error as error:
            return Unseen.because(error, action, subscription).finding("name", subject.name)
        if taken is not None:
            hint = "choose another name in the settings, or remove the resource that has it"
            return Finding("name", subject.name, Outcome.FAILED, taken.message, hint)
        return Finding("name", subject.name, Outcome.OK, "free")


def _lacks_free(environment: Environment, found: Resources) -> bool:
    return any(hub.sku == "F1" and found.hub(hub) is None for hub in environment.hub)
