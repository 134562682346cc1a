"""The resource providers: whether they are registered, where they offer what is wanted, and in which API versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.model import needs
from dpsops.model.checkup import Finding, Outcome
from dpsops.model.pipeline import PROVIDERS
from dpsops.settings import Environment

_MADE_OF = ("Microsoft.Devices", "Microsoft.KeyVault")
_FOR_LOGS = "Microsoft.Insights"


def registered(commands: Collection[str], environment: Environment) -> dict[str, bool]:
    """The resource providers that must be registered for these commands; of each, whether it must be before they run, because
    none of them registers it."""
    found = dict[str, bool]()
    if any(each in commands for each in ("plan", "up")):
        found |= dict.fromkeys((*_MADE_OF, *((_FOR_LOGS,) if environment.vault.logs else ())), True)
    if "pipeline setup" in commands:
        found = dict.fromkeys(PROVIDERS, False) | found
    return found


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider. `regions` (short names) and `versions` by the type, in lower case and without the namespace."""

    namespace: str
    state: str
    regions: Mapping[str, frozenset[str]]
    versions: Mapping[str, frozenset[str]]

    @property
    def is_registered(self) -> bool:
        """Whether the subscription may use it."""
        return self.state == "Registered"


def findings(provider: Provider, wanted: Iterable[tuple[str, str]], *, before: bool) -> Iterator[Finding]:
    """Whether a provider is registered and offers what is wanted: type, region (short name). before: whether it must be
    registered before the commands run."""
    if provider.is_registered:
        yield Finding("provider", provider.namespace, Outcome.OK, "registered")
    elif not before:
        detail = f"not registered in the subscription ({provider.state}), but pipeline setup registers it"
        yield Finding("provider", provider.namespace, Outcome.OK, detail)
    else:
        hint = f"az provider register --namespace {provider.namespace} --wait"
        detail = f"not registered in the subscription ({provider.state}): nothing of it can be made"
        yield Finding("provider", provider.namespace, Outcome.FAILED, detail, hint)
    for name, region in wanted:
        regions = provider.regions.get(_kind(name), frozenset())
        if regions and region not in regions:
            hint = f"set another location in the settings: {', '.join(sorted(regions))}"
            yield Finding("region", name, Outcome.FAILED, f"Azure does not offer it in {region}", hint)
        elif regions:
            yield Finding("region", name, Outcome.OK, f"offered in {region}")


def used(commands: Iterable[str], environment: Environment, versions: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    """The types of which these commands ask Resource Manager anything, and which commands do. versions: those of each type."""
    found: dict[str, list[str]] = {}
    for command in commands:
        asked = {_type(each.action, versions) for each in needs.of(command, environment, group_exists=True) if not each.data}
        for type_ in sorted(asked & versions.keys()):
            found.setdefault(type_, []).append(command)
    return {type_: tuple(names) for type_, names in found.items()}


def _type(action: str, types: Iterable[str]) -> str:
    """The type that an action is one on; empty if it is none of these."""
    spelt = action.replace("/subscriptions/resourceGroups/", "/resourceGroups/").lower()
    return max((each for each in types if spelt.startswith(f"{each}/".lower())), key=len, default="")


def offers(provider: Provider, used: Mapping[str, tuple[str, ...]], versions: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    """Whether a provider lists the API versions that commands use. used: the commands by type, of this provider alone. Of a type
    that it does not list nothing is known."""
    listed = {type_: provider.versions.get(_kind(type_), frozenset()) for type_ in used}
    well = [f"{each.partition('/')[2]} {version}" for each in used for version in sorted(versions[each] & listed[each])]
    missing = [(each, version) for each in used if listed[each] for version in sorted(versions[each] - listed[each])]
    for type_, version in missing:
        detail = (
            f"Azure does not list the API version {version}, which {_some(used[type_])} use; the newest is {max(listed[type_])}"
        )
        yield Finding("api-version", type_, Outcome.FAILED, detail, _another_release(version, listed[type_]))
    if well and not missing:
        yield Finding("api-version", provider.namespace, Outcome.OK, f"lists {', '.join(well)}")


def _some(commands: Sequence[str]) -> str:
    rest = f" and {len(commands) - 3} more" if len(commands) > 3 else ""
    return ", ".join(commands[:3]) + rest


def _another_release(version: str, listed: Iterable[str]) -> str:
    if version < min(listed):
        return "Azure has retired this API version: install a newer release of dpsops"
    return "this cloud does not have this API version yet: install an older release of dpsops"


def _kind(type_: str) -> str:
    return type_.partition("/")[2].lower()
