"""`doctor`: whether this identity can do all of this, before anything is touched. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.examination import Examination
from dpsops.azure.mqtt_reach import mqtt_endpoint
from dpsops.azure.root_vault import RootVault
from dpsops.azure.wire import Wire
from dpsops.errors import Error
from dpsops.model import condition, denials, endpoints, entitlement, locks, logs
from dpsops.model.checkup import SIGN_IN, Finding, Outcome, Unseen
from dpsops.model.condition import Seen
from dpsops.model.endpoints import Endpoint
from dpsops.model.entitlement import Rights
from dpsops.model.needs import Place
from dpsops.model.roles import Principal
from dpsops.model.run import Run
from dpsops.steps.examine import find_rights, reach, resources
from dpsops.steps.examine_deployment import DeploymentExamination
from dpsops.steps.examine_providers import read_providers
from dpsops.steps.examine_root import RootExamination

_ENTRA, _MANAGER, _DEVICES = "login.microsoftonline.com", "management.azure.com", "global.azure-devices-provisioning.net"
_DEPLOYS = ("plan", "up")


@dataclass(frozen=True, slots=True)
class Checkup:
    """Who was looked at, for which commands, and what was found. `tenant`: its ID; empty if nobody is signed in."""

    who: Principal | None
    tenant: str
    means: str
    subscription: str
    commands: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Doctor:
    """What the checks look with."""

    run: Run
    examination: Examination
    deployments: Deployments
    roots: RootVault
    stores: Sequence[TrustStore]
    wire: Wire

    def examine(self, commands: tuple[str, ...]) -> Checkup:
        """Checks all that these commands need."""
        who, first = self._sign_in()
        found = [first]
        shared = [
            reach(self.run, self.examination, "Entra ID", _ENTRA),
            reach(self.run, self.examination, "Resource Manager", _MANAGER),
            reach(self.run, self.examination, "DPS, for devices", _DEVICES),
        ]
        if who is None or shared[1].trouble:
            rest = "not looked at: that needs a sign-in, and an answer of Resource Manager"
            unseen = Finding(
                "everything-else", "this environment", Outcome.UNKNOWN, rest, "mend what has failed, then dpsops doctor"
            )
            found += [*endpoints.reached(shared), endpoints.clock(shared), unseen]
        else:
            self.deployments.wait_for_roles(wait=False)
            found += self._signed_in(who, commands, shared)
        clients = self.examination.clients
        tenant = clients.tenant if who else ""
        return Checkup(who, tenant, clients.means, clients.subscription, commands, tuple(found))

    def _sign_in(self) -> tuple[Principal | None, Finding]:
        self.run.progress("signing in")
        clients = self.examination.clients
        try:
            who = clients.caller
        except Error as error:
            return None, Finding(SIGN_IN, clients.means, Outcome.FAILED, error.message, error.hint)
        tenant = f" of the tenant {clients.tenant}" if clients.tenant else ""
        detail = f"{who.kind} {who.object_id}{tenant}, by {clients.means}, in the subscription {clients.subscription}"
        return who, Finding(SIGN_IN, "this identity", Outcome.OK, detail)

    def _signed_in(self, who: Principal, commands: tuple[str, ...], shared: list[Endpoint]) -> Iterator[Finding]:
        environment = self.run.environment
        seen, hosts = resources(self.run, self.examination)
        all_hosts = [*shared, *hosts]
        yield from endpoints.reached(all_hosts)
        yield endpoints.clock(all_hosts)
        if "device register" in commands:
            hubs = [each.host for each in hosts if each.host in {hub.host for hub in environment.hub}]
            for host in (_DEVICES, *hubs):
                self.run.progress(f"asking {host} for MQTT")
                yield endpoints.mqtt(mqtt_endpoint(host, self.wire))
        offers = read_providers(self.run, self.examination, commands)
        rights, blind = find_rights(self.run, self.examination, who, seen, offers.unregistered)
        yield from blind
        yield from entitlement.findings(commands, environment, rights)
        yield from self._conditions(rights)
        yield from self._denials(commands, rights)
        yield from self._locks(commands, rights)
        for each in seen.values():
            if each.subject.exists and each.subject.place is not Place.WORKSPACE:
                finding = condition.network(each, commands, environment)
                yield from [finding] if finding else []
                if each.subject.place in (Place.VAULT, Place.LEAF_VAULTS):
                    yield from condition.vault(each, environment)
        yield from offers.findings(self.run.environment, seen)
        if any(each in commands for each in _DEPLOYS):
            yield from DeploymentExamination(self.run, self.examination, self.deployments).findings(seen)
        yield from RootExamination(self.run, self.roots, self.stores).findings(commands, seen)
        yield from self._logs(seen)

    def _conditions(self, rights: Rights) -> Iterator[Finding]:
        """The list of permissions does not tell whether a role was assigned under a condition; who may not look is told elsewhere
        what it lacks."""
        try:
            scopes = self.examination.conditional_scopes(rights.within)
        except Error:
            return
        for scope in scopes:
            detail = "a role was assigned there under a condition: what it allows is not as sure as it seems"
            yield Finding(
                "condition", scope, Outcome.UNKNOWN, detail, f"az role assignment list --scope {scope} --query '[?condition]'"
            )

    def _denials(self, commands: tuple[str, ...], rights: Rights) -> Iterator[Finding]:
        self.run.progress("reading the deny assignments")
        try:
            found = self.examination.denials(rights.within)
        except Error as error:
            yield Unseen.because(error, denials.LIST, rights.within).finding("deny-assignment", "the resource group")
            return
        yield from denials.findings(found, commands, self.run.environment, rights)

    def _locks(self, commands: tuple[str, ...], rights: Rights) -> Iterator[Finding]:
        if not rights.group_exists:
            return
        self.run.progress("reading the locks")
        try:
            found = self.examination.locks(rights.within)
        except Error as error:
            yield Unseen.because(error, "Microsoft.Authorization/locks/read", rights.within).finding("lock", "the resource group")
            return
        yield from locks.findings(found, commands, self.run.environment, rights)

    def _logs(self, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        vault = next(each for each in seen.values() if each.subject.place is Place.VAULT)
        if not vault.subject.exists:
            return
        self.run.progress("reading the settings of the logs")
        try:
            found = self.deployments.vault_logs()
        except Error as error:
            yield Unseen.because(error, "Microsoft.Insights/diagnosticSettings/read", vault.subject.id).finding(
                "logs", vault.subject.name
            )
            return
        if found is None:
            needs = Unseen("", "", "Microsoft.Insights/diagnosticSettings/read", vault.subject.id)
            yield needs.finding("logs", vault.subject.name)
        elif off := logs.off(self.run.environment, found):
            message, _, hint = off.partition(": ")
            yield Finding("logs", vault.subject.name, Outcome.WARNING, message, hint)
        else:
            yield Finding("logs", vault.subject.name, Outcome.OK, "each signature of the root is logged, or need not be")
