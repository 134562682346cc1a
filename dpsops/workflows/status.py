"""`status`: what exists, what is proven, what expires when, and what to do next. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from azure.core.exceptions import ResourceNotFoundError

from dpsops.errors import Refused
from dpsops.pki import chains
from dpsops.settings import Environment
from dpsops.workflows import deployment, device, enrollment, fleet, generations, prove, root, root_state, rotation
from dpsops.workflows.device import Kept
from dpsops.workflows.enrollment import ObservedGroup
from dpsops.workflows.generations import View
from dpsops.workflows.rotation import Phase, Standing
from dpsops.workflows.run import Run

if TYPE_CHECKING:
    from azure.mgmt.iothubprovisioningservices.models import ProvisioningServiceDescription

_Resource = TypeVar("_Resource")


@dataclass(frozen=True, slots=True)
class DpsFacts:
    """The DPS as its devices need to know it."""

    name: str
    id_scope: str
    host: str


@dataclass(frozen=True, slots=True)
class HubFacts:
    """A hub that the settings name."""

    name: str
    host: str


@dataclass(frozen=True, slots=True)
class RootFacts:
    """The root's public side; `exportable` is what the vault says of its key, `proven` what DPS says of it."""

    generation: int
    name: str
    subject: str
    thumbprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_size: int
    exportable: bool
    proven: bool

    @property
    def key(self) -> str:
        """The kind of its key, as the settings spell it, without the place where it lives: RSA-3072, EC-P256."""
        return f"{self.key_type}-{'P' if self.key_type == 'EC' else ''}{self.key_size}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many devices have a leaf, how many of these are about to end (`fleet.SOON`), and how many are blocked."""

    total: int
    expiring: int
    blocked: int


@dataclass(frozen=True, slots=True)
class Status:
    """What there is of an environment: None for what is not there, and only the hubs that are. `trouble` is what keeps
    the root, or the vault's name, from use; `next` says what to do, one thing each."""

    environment: Environment
    vault_exists: bool
    dps: DpsFacts | None
    hubs: tuple[HubFacts, ...]
    next: tuple[str, ...]
    root: RootFacts | None = None
    trouble: Refused | None = None
    group: ObservedGroup | None = None
    rotation: Standing | None = None
    fleet: Fleet = Fleet(0, 0, 0)


def observe(run: Run) -> Status:
    """Looks at everything and says what comes next."""
    environment, cloud = run.environment, run.cloud
    group = environment.resource_group
    run.progress(f"looking at resource group {group}")
    service = _found(lambda: cloud.dps.iot_dps_resource.get(environment.dps.name, group))
    hubs = tuple(found for hub in environment.hub if (found := _hub(run, hub.name)))
    vault = _found(lambda: cloud.vaults.vaults.get(group, environment.vault.name))
    dps = _dps(service) if service else None
    if dps is None or vault is None:
        trouble = deployment.deleted_vault(run) if vault is None else None
        step = trouble.hint if trouble else "dpsops up"
        return Status(environment, vault is not None, dps, hubs, (step,), trouble=trouble)
    enrolled = enrollment.observe(run)
    facts, view, trouble = None, None, None
    try:
        run.progress("looking at the root")
        facts = root_facts(run, enrolled)
    except Refused as refused:
        trouble = refused
    try:
        run.progress("looking at the devices")
        view = generations.view(run, enrolled) if enrolled else None
    except Refused as refused:
        trouble = refused
    seen = Status(
        environment,
        vault_exists=True,
        dps=dps,
        hubs=hubs,
        next=(),
        root=facts,
        trouble=trouble,
        group=enrolled,
        rotation=rotation.classify(view.observed) if view else None,
        fleet=_fleet(run, view.fleet if view else device.fleet(run)),
    )
    return replace(seen, next=tuple(_next(seen, _stranded(view) if view else 0, run.now())))


def _found(get: Callable[[], _Resource]) -> _Resource | None:
    try:
        return get()
    except ResourceNotFoundError:
        return None


def _dps(service: ProvisioningServiceDescription) -> DpsFacts:
    properties = service.properties
    return DpsFacts(service.name or "", properties.id_scope or "", properties.service_operations_host_name or "")


def _hub(run: Run, name: str) -> HubFacts | None:
    found = _found(lambda: run.cloud.hubs.iot_hub_resource.get(run.environment.resource_group, name))
    return HubFacts(name, (found.properties and found.properties.host_name) or "") if found else None


def root_facts(run: Run, group: ObservedGroup | None) -> RootFacts | None:
    """The facts of the root that the group has as its primary, or None while it is not whole. Raises `Refused` where it
    must not be trusted."""
    name = root.current_name(run, group)
    observed = root.observe(run, name)
    state = root_state.classify(observed, run.now())
    if not isinstance(state, root_state.Ready):
        return None
    certificate = state.root.certificate
    key_type, key_size = chains.key_kind(certificate.public_key())
    proven = all(prove.is_proven(registry.get(name), state.root) for registry in run.cloud.registries)
    return RootFacts(
        generation=observed.generation,
        name=name,
        subject=certificate.subject.rfc4514_string(),
        thumbprint=chains.thumbprint(certificate),
        serial=chains.serial_text(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=key_type,
        key_size=key_size,
        exportable=bool(observed.exportable),
        proven=proven,
    )


def _fleet(run: Run, leaves: Iterable[Kept]) -> Fleet:
    kept, now = list(leaves), run.now()
    return Fleet(
        total=len(kept),
        expiring=sum(1 for one in kept if not one.blocked and fleet.ends_soon(one, now)),
        blocked=sum(1 for one in kept if one.blocked),
    )


def _stranded(view: View) -> int:
    """How many devices have a leaf of a root that the group does not trust."""
    return sum(one.leaves for one in view.observed.generations if one.number not in view.observed.trusted)


def _next(seen: Status, stranded: int, now: datetime) -> Iterator[str]:
    """What is to be done next, the most urgent first."""
    standing, facts, settings = seen.rotation, seen.root, seen.environment.root
    if standing and standing.phase is Phase.BREACHED:
        yield f"root-g{standing.old} is compromised and is being replaced: dpsops rotate"
        return
    if seen.trouble is not None:
        yield seen.trouble.hint
        return
    if facts is None or not facts.proven or seen.group is None or len(seen.hubs) < len(seen.environment.hub):
        yield "dpsops up"
        return
    if not seen.group.enabled:
        yield "the enrollment group is disabled, so no device can register: enable it in the DPS"
    left = facts.not_after - now
    if standing and standing.trouble:
        yield f"{standing.trouble}: dpsops rotate status"
    elif standing and standing.phase is not Phase.STABLE:
        yield f"a rotation to root-g{standing.new} is under way ({standing.phase}): dpsops rotate"
    elif left <= timedelta(days=settings.warn_days):
        yield f"the root ends in {left.days} days: dpsops rotate moves the devices to a new one"
    wanted = str(settings.key)
    if facts.key != wanted.removesuffix("-HSM"):
        yield f"the settings ask for a root key of the kind {wanted}: dpsops rotate makes the next root so"
    if stranded:
        yield f"{stranded} device(s) have a leaf of a root that is not trusted: dpsops device issue ID"
    if seen.fleet.expiring:
        yield (
            f"{seen.fleet.expiring} device(s) have a leaf that ends within {fleet.SOON.days} days or has ended: "
            "dpsops device renew ID"
        )
    if not seen.fleet.total:
        yield "dpsops device issue ID"
