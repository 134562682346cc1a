"""Looking at the root before anything is touched: whether it can be used, and the next one can be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error, Missing, Refused
from dpsops.model import condition
from dpsops.model.checkup import Finding, Outcome, Unseen
from dpsops.model.condition import Seen
from dpsops.model.endpoints import Entry
from dpsops.model.needs import Place
from dpsops.model.roles import VAULT
from dpsops.model.run import Run
from dpsops.settings import Environment


@dataclass(frozen=True, slots=True)
class RootExamination:
    """What the checks look with."""

    run: Run
    roots: RootVault
    stores: Sequence[TrustStore]

    def findings(self, commands: tuple[str, ...], seen: Mapping[str, Seen]) -> Iterator[Finding]:
        """Whether the root can be used, and the next one can be made."""
        environment = self.run.environment
        vault = next(each for each in seen.values() if each.subject.place is Place.VAULT)
        dps = next(each for each in seen.values() if each.subject.place is Place.DPS)
        if vault.entry in (Entry.OPEN, Entry.DENIED):
            self.run.progress("reading the roots")
            yield from self._roots(commands, environment)
        elif vault.subject.exists:
            reason = "it cannot be asked: neither its roots nor the name of the next one are looked at"
            yield Finding("root", vault.subject.name, Outcome.UNKNOWN, reason, "mend its endpoint or network, then dpsops doctor")
        if condition.makes_a_root(commands) and dps.subject.exists:
            self.run.progress("counting the CA certificates")
            for store in self.stores:
                try:
                    yield condition.quota(store.owner, store.all())
                except Missing:
                    continue
                except Error as error:
                    yield Unseen.because(error, "Microsoft.Devices/*/certificates/read", store.owner).finding(
                        "quota", store.owner
                    )

    def _roots(self, commands: tuple[str, ...], environment: Environment) -> Iterator[Finding]:
        name = environment.vault.name
        try:
            found = self.roots.all()
        except Error as error:
            yield Unseen.because(error, f"{VAULT}/certificates/read", name).finding("root", f"the vault {name}")
            return
        following = condition.next_root(found)
        if condition.makes_a_root(commands):
            try:
                deleted = self.roots.is_deleted(following)
            except Error as error:
                yield Unseen.because(error, f"{VAULT}/certificates/read", name).finding("name", following)
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
            yield Unseen.because(error, f"{VAULT}/keys/read", f"the vault {vault}").finding("root", name)
        else:
            yield Finding("root", name, Outcome.OK, well)
