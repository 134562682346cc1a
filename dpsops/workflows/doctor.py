"""`doctor`: whether this identity can do all of this, before anything is touched. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.examination import Examination
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Denied, Error, Missing, Refused
from dpsops.model import condition, deployment, endpoints, entitlement, locks, logs, providers
from dpsops.model.checkup import SIGN_IN, Finding, Outcome, Unseen
from dpsops.model.condition import Seen
from dpsops.model.endpoints import Endpoint, Entry
from dpsops.model.entitlement import Rights, Subject
from dpsops.model.needs import Place
from dpsops.model.offers import require_free, wants_free
from dpsops.model.resources import Resources, region
from dpsops.model.roles import HUB, SERVICE, VAULT, Principal
from dpsops.model.run import Run
from dpsops.settings import Environment
from dpsops.steps.examine import find_rights, reach, resources

_ENTRA, _MANAGER, _DEVICES = "login.microsoftonline.com", "management.azure.com", "global.azure-devices-provisioning.net"
_DEPLOYS = ("plan", "up")


@dataclass(frozen=True, slots=True)
class Checkup:
    """Who was looked at, for which commands, and what was found."""

    who: Principal | None
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
            found += [*endpoints.reached(shared), endpoints.clock(shared)]
        else:
            self.deployments.wait_for_roles(wait=False)
            found += self._signed_in(who, commands, shared)
        clients = self.examination.clients
        return Checkup(who, clients.means, clients.subscription, commands, tuple(found))

    def _sign_in(self) -> tuple[Principal | None, Finding]:
        self.run.progress("signing in")
        clients = self.examination.clients
        try:
            who = clients.caller
        except Error as error:
            return None, Finding(SIGN_IN, clients.means, Outcome.FAILED, error.message, error.hint)
        detail = f"{who.kind} {who.object_id}, by {clients.means}, in the subscription {clients.subscription}"
        return who, Finding(SIGN_IN, "this identity", Outcome.OK, detail)

    def _signed_in(self, who: Principal, commands: tuple[str, ...], shared: list[Endpoint]) -> Iterator[Finding]:
        environment = self.run.environment
        seen, hosts = resources(self.run, self.examination)
        all_hosts = [*shared, *hosts]
        yield from endpoints.reached(all_hosts)
        yield endpoints.clock(all_hosts)
        rights, blind = find_rights(self.run, self.examination, who, seen)
        yield from blind
        yield from entitlement.findings(commands, environment, rights)
        yield from self._conditions(rights)
        yield from self._locks(commands, rights)
        for each in seen.values():
            if each.subject.exists and each.subject.place is not Place.WORKSPACE:
                finding = condition.network(each, commands, environment)
                yield from [finding] if finding else []
                if each.subject.place in (Place.VAULT, Place.LEAF_VAULTS):
                    yield from condition.vault(each, environment)
        if any(each in commands for each in _DEPLOYS):
            yield from self._deployment(seen)
        yield from self._root_of_trust(commands, seen)
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

    def _locks(self, commands: tuple[str, ...], rights: Rights) -> Iterator[Finding]:
        if not rights.group_exists:
            return
        self.run.progress("reading the locks")
        try:
            found = self.examination.locks(rights.within)
        except Error as error:
            yield _unseen(error, "Microsoft.Authorization/locks/read", rights.within).finding("lock", "the resource group")
            return
        yield from locks.findings(found, commands, self.run.environment, rights)

    def _deployment(self, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """What a deployment of what is missing needs besides rights: names, regions, providers, and no policy that denies it."""
        environment = self.run.environment
        missing = [each for each in seen.values() if not each.subject.exists]
        yield from self._providers(missing)
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
            yield _unseen(denied, "Microsoft.Resources/deployments/whatIf/action", "the resource group").finding(
                "deployment", who
            )
        except Error as error:
            yield Finding("deployment", who, Outcome.FAILED, error.message, error.hint)
        else:
            yield Finding("deployment", who, Outcome.OK, "Azure foresees that it succeeds: no policy denies it")

    def _providers(self, missing: Sequence[Seen]) -> Iterator[Finding]:
        environment = self.run.environment
        for_logs = (providers.FOR_LOGS,) if environment.vault.logs else ()
        wanted = dict[str, list[tuple[str, str, str]]]()
        for each in missing:
            type_, where = _TYPES[each.subject.place], environment.location
            if each.subject.place is Place.HUBS:
                where = next(hub.location for hub in environment.hub if each.subject.id.endswith(f"/{hub.name}")) or where
            wanted.setdefault(type_.partition("/")[0], []).append((type_, region(where), self.examination.version(type_)))
        for namespace in (*providers.REGISTERED, *for_logs):
            self.run.progress(f"asking for {namespace}")
            try:
                found = self.examination.provider(namespace)
            except Error as error:
                action = "Microsoft.Resources/subscriptions/providers/read"
                yield _unseen(error, action, "the subscription").finding("provider", namespace)
                continue
            yield from providers.findings(found, dict.fromkeys(wanted.get(namespace, ())))

    def _name(self, subject: Subject, subscription: str) -> Finding:
        """Whether a name is free: it is unique in all of Azure, and a deleted vault keeps its own."""
        name = subject.id.rpartition("/")[2]
        action = _NAME_ACTIONS[subject.place]
        try:
            if subject.place in (Place.VAULT, Place.LEAF_VAULTS) and (deleted := self.deployments.find_deleted_vault(name)):
                return Finding("name", subject.name, Outcome.FAILED, deleted.message, deleted.hint)
            taken = self.deployments.taken_name(_TYPES[subject.place], name)
        except Error as error:
            return _unseen(error, action, subscription).finding("name", subject.name)
        if taken is not None:
            hint = "choose another name in the settings, or remove the resource that has it"
            return Finding("name", subject.name, Outcome.FAILED, taken.message, hint)
        return Finding("name", subject.name, Outcome.OK, "free")

    def _root_of_trust(self, commands: tuple[str, ...], seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """Whether the root can be used, and the next one can be made."""
        environment = self.run.environment
        vault = next(each for each in seen.values() if each.subject.place is Place.VAULT)
        dps = next(each for each in seen.values() if each.subject.place is Place.DPS)
        if vault.entry in (Entry.OPEN, Entry.DENIED):
            self.run.progress("reading the roots")
            yield from self._roots(commands, environment)
        if condition.makes_a_root(commands) and dps.subject.exists:
            self.run.progress("counting the CA certificates")
            for store in self.stores:
                try:
                    yield condition.quota(store.owner, store.all())
                except Missing:
                    continue
                except Error as error:
                    yield _unseen(error, "Microsoft.Devices/*/certificates/read", store.owner).finding("quota", store.owner)

    def _roots(self, commands: tuple[str, ...], environment: Environment) -> Iterator[Finding]:
        name = environment.vault.name
        try:
            found = self.roots.all()
        except Error as error:
            yield _unseen(error, f"{VAULT}/certificates/read", name).finding("root", f"the vault {name}")
            return
        following = condition.next_root(found)
        if condition.makes_a_root(commands):
            try:
                deleted = self.roots.is_deleted(following)
            except Error as error:
                yield _unseen(error, f"{VAULT}/certificates/read", name).finding("name", following)
                return
            yield condition.blocked_name(following, name, deleted=deleted)
            if not deleted:
                yield from self._root(following, "the next root can have this name")
        if found:
            yield from self._root(condition.newest_root(found), "as dpsops makes them; its key cannot be exported")

    def _root(self, name: str, well: str) -> Iterator[Finding]:
        """Whether what has the name of a root, if anything, can be one."""
        try:
            self.roots.state(name, self.run.now())
        except Refused as refused:
            yield Finding("root", name, Outcome.FAILED, refused.message, refused.hint)
        except Error as error:
            vault = self.run.environment.vault.name
            yield _unseen(error, f"{VAULT}/keys/read", f"the vault {vault}").finding("root", name)
        else:
            yield Finding("root", name, Outcome.OK, well)

    def _logs(self, seen: Mapping[str, Seen]) -> Iterator[Finding]:
        vault = next(each for each in seen.values() if each.subject.place is Place.VAULT)
        if not vault.subject.exists:
            return
        self.run.progress("reading the settings of the logs")
        try:
            found = self.deployments.vault_logs()
        except Error as error:
            yield _unseen(error, "Microsoft.Insights/diagnosticSettings/read", vault.subject.id).finding(
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


_TYPES = {Place.VAULT: VAULT, Place.LEAF_VAULTS: VAULT, Place.DPS: SERVICE, Place.HUBS: HUB}
_NAME_ACTIONS = {
    Place.VAULT: "Microsoft.KeyVault/locations/deletedVaults/read",
    Place.LEAF_VAULTS: "Microsoft.KeyVault/locations/deletedVaults/read",
    Place.DPS: "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
    Place.HUBS: "Microsoft.Devices/checkNameAvailability/Action",
}


def _lacks_free(environment: Environment, found: Resources) -> bool:
    return any(hub.sku == "F1" and found.hub(hub) is None for hub in environment.hub)


def _unseen(error: Error, action: str, scope: str) -> Unseen:
    """Why something could not be looked at; if a right is missing, which one."""
    if isinstance(error, Denied):
        return Unseen(error.message, error.hint, action, scope)
    return Unseen(error.message, error.hint)
