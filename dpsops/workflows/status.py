"""`status`: what exists, what is proven, what expires when, and what to do next. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from dpsops.errors import Refused
from dpsops.pki import chains
from dpsops.settings import Environment
from dpsops.workflows import deployment, device, enrollment, prove, root, root_state
from dpsops.workflows.enrollment import ObservedGroup
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
    """A linked hub."""

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


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many devices have a leaf, how many of these end within the warning time, and how many are blocked."""

    total: int
    expiring: int
    blocked: int


@dataclass(frozen=True, slots=True)
class Status:
    """What there is of an environment: None for what is not there, and only the hubs that are. `trouble` is what keeps
    the root, or the vault's name, from use."""

    environment: Environment
    vault_exists: bool
    dps: DpsFacts | None
    hubs: tuple[HubFacts, ...]
    root: RootFacts | None
    trouble: Refused | None
    group: ObservedGroup | None
    fleet: Fleet
    next: tuple[str, ...]


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
        return Status(environment, vault is not None, dps, hubs, None, trouble, None, Fleet(0, 0, 0), (step,))
    run.progress("looking at the root")
    facts, trouble = None, None
    try:
        facts = root_facts(run)
    except Refused as refused:
        trouble = refused
    run.progress("looking at the devices")
    enrolled, fleet = enrollment.observe(run), _fleet(run)
    steps = tuple(_next(run, facts, trouble, enrolled, fleet, all_hubs=len(hubs) == len(environment.hub)))
    return Status(environment, True, dps, hubs, facts, trouble, enrolled, fleet, steps)


def _found(get: Callable[[], _Resource]) -> _Resource | None:
    from azure.core.exceptions import ResourceNotFoundError

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


def root_facts(run: Run) -> RootFacts | None:
    """The root's facts, or None while it is not whole. Raises `Refused` where it must not be trusted."""
    name = root.current_name(run)
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


def _fleet(run: Run) -> Fleet:
    soon = run.now() + timedelta(days=30)
    kept = list(device.fleet(run))
    return Fleet(
        total=len(kept),
        expiring=sum(1 for one in kept if not one.blocked and (one.not_after is None or one.not_after <= soon)),
        blocked=sum(1 for one in kept if one.blocked),
    )


def _next(
    run: Run,
    facts: RootFacts | None,
    trouble: Refused | None,
    group: ObservedGroup | None,
    fleet: Fleet,
    *,
    all_hubs: bool,
) -> list[str]:
    if trouble is not None:
        return [trouble.hint]
    if facts is None or not facts.proven or group is None or not all_hubs:
        return ["dpsops up"]
    steps = []
    if not group.enabled:
        steps.append("the enrollment group is disabled, so no device can register: enable it in the DPS")
    left = facts.not_after - run.now()
    if left <= timedelta(days=run.environment.root.warn_days):
        steps.append(f"the root ends in {left.days} days: make a new generation before that")
    if fleet.expiring:
        steps.append(f"{fleet.expiring} device(s) have a leaf that ends within 30 days or has ended: dpsops device issue ID")
    if not fleet.total:
        steps.append("dpsops device issue ID")
    return steps
