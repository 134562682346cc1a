"""The commands, for the tests of the workflows: each calls its workflow with the parts of Azure that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from cryptography import x509

from dpsops.azure.examination import Examination
from dpsops.cli.connection import Connection
from dpsops.fleet import engine
from dpsops.model import needs
from dpsops.model.action import Action, Failed, Result
from dpsops.model.device import Issued, Issuer, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.generations import View
from dpsops.model.member import Member
from dpsops.model.plan import Plan
from dpsops.model.removal import Removal
from dpsops.model.replacement import Cut, Left, stay
from dpsops.model.root import RootState
from dpsops.model.rotation import GRACE, Phase
from dpsops.model.rotation import classify as classify_rotation
from dpsops.model.rotation_report import RotationReport
from dpsops.pki.names import DeviceId
from dpsops.steps.enroll_device import Enroller
from dpsops.steps.issue_leaf import LeafIssuer
from dpsops.steps.observe_generations import observe_generations
from dpsops.steps.use_root import issuer
from dpsops.workflows import block as blocking
from dpsops.workflows import devices, issue, root_csr
from dpsops.workflows import down as removing
from dpsops.workflows import plan as planning
from dpsops.workflows import status as statuses
from dpsops.workflows import up as converging
from dpsops.workflows.doctor import Checkup, Doctor
from dpsops.workflows.rotate_status import rotation_status as rotation_status_of
from dpsops.workflows.rotation.parts import Parts
from dpsops.workflows.rotation.rotate import Rotation
from dpsops.workflows.rotation.undo import undo as undo_rotation


def consent(_: object) -> None:
    """Confirms everything."""


def up(
    to: Connection,
    approved: Plan | None = None,
    confirm: Callable[[Plan], None] = consent,
    *,
    relink: bool = False,
    tell: Callable[[str], None] = consent,
) -> list[Action]:
    """Runs `up`: the actions that it did."""
    parts = (to.run, to.deployments, to.roots, to.dps, to.stores)
    return list(converging.up(*parts, approved=approved, confirm=confirm, relink=relink, tell=tell))


def down(to: Connection, confirm: Callable[[Removal], None] = consent, *, purge: bool = False) -> list[Action]:
    """Runs `down`: the actions that it did."""
    planned = removing.survey(to.run, to.looking, purge=purge)
    confirm(planned.removal)
    return list(removing.down(to.run, to.looking, planned))


def removal(to: Connection, *, purge: bool = False) -> Removal:
    """What `down` would do."""
    return removing.survey(to.run, to.looking, purge=purge).removal


def plan(to: Connection) -> Plan:
    """Runs `plan`."""
    return planning.plan(to.run, to.deployments, to.roots, to.dps, to.stores)


def status(to: Connection) -> statuses.Status:
    """Runs `status`; without its reminder to turn on logs, which are off in nearly all tests."""
    found = whole_status(to)
    return replace(found, next=tuple(each for each in found.next if "log is off" not in each))


def whole_status(to: Connection) -> statuses.Status:
    """Runs `status`."""
    return statuses.status(to.run, to.deployments, to.roots, to.leaves, to.dps, to.hubs, to.stores)


def counted_status(to: Connection) -> statuses.Status:
    """Runs `status --report`, but for the page: `status` with every device counted."""
    return statuses.status(to.run, to.deployments, to.roots, to.leaves, to.dps, to.hubs, to.stores, counted=True)


def issue_to(
    to: Connection, *wanted: DeviceId, individual: IndividualSettings | None = None
) -> list[Issued | Unchanged | Failed | Action]:
    """Runs `device issue`."""
    return list(
        issue.issue(to.run, to.roots, to.signer, to.leaves, to.dps, to.hubs, list(dict.fromkeys(wanted)), lambda _: individual)
    )


def renew(to: Connection, *wanted: DeviceId, again: bool = False) -> list[Issued | Unchanged | Failed | Action]:
    """Runs `device renew`."""
    return list(issue.renew(to.run, to.roots, to.signer, to.leaves, to.dps, to.hubs, list(dict.fromkeys(wanted)), again=again))


def leaf_issuer(to: Connection, signing: Issuer | None = None) -> LeafIssuer:
    """What issues device certificates, under the root that issues now or under another one."""
    find_issuer = partial(issuer, to.run, to.roots, to.dps) if signing is None else lambda: signing
    return LeafIssuer(to.run, to.signer, to.leaves, to.dps, to.hubs, find_issuer)


def enroll(to: Connection, device: DeviceId, settings: IndividualSettings) -> list[Action]:
    """What `--individual` adds to `device issue` for one device."""
    enroller = Enroller(to.run, to.leaves, to.dps, to.hubs, {device: settings}, to.dps.facts().linked)
    return list(engine.together(to.run, enroller.enroll(device)))


def block(to: Connection, device: DeviceId) -> list[Action]:
    """Runs `device block`."""
    return [each for each in blocking.block(to.run, to.leaves, to.dps, to.hubs, [device]) if isinstance(each, Action)]


def unblock(to: Connection, device: DeviceId) -> list[Action]:
    """Runs `device unblock`."""
    return [each for each in blocking.unblock(to.run, to.leaves, to.dps, to.hubs, [device]) if isinstance(each, Action)]


def members(to: Connection) -> list[Member]:
    """Runs `device list`."""
    return list(devices.list_devices(to.run, to.roots, to.leaves, to.dps, to.hubs))


def member(to: Connection, device: DeviceId) -> tuple[Member, list[x509.Certificate]]:
    """Runs `device show`."""
    return devices.show_device(to.run, to.roots, to.leaves, to.dps, to.hubs, device)


def parts(to: Connection) -> Parts:
    """The parts of Azure that a rotation touches."""
    return Parts(to.run, to.roots, to.signer, to.leaves, to.dps, to.hubs, to.stores, to.every_store)


def rotation(to: Connection) -> Rotation:
    """A rotation, for a test that takes its steps one by one."""
    return Rotation(parts(to))


def rotate(
    to: Connection, until: Phase | None = None, grace: timedelta = GRACE, leave: Callable[[Left], None] = consent
) -> list[Result]:
    """Runs `rotate --replace`, with the root that a rotation now replaces; confirmed, if it leaves devices behind."""
    return rotate_named(to, classify_rotation(view(to).observed).old, until, grace, leave)


def rotate_named(
    to: Connection,
    replace: int | None,
    until: Phase | None = None,
    grace: timedelta = GRACE,
    leave: Callable[[Left], None] = stay,
) -> list[Result]:
    """Runs `rotate`, with `--replace` if a generation is given."""
    return list(rotation(to).rotate(until=until, grace=grace, replace=replace, leave=leave))


def replace_compromised(to: Connection, confirm: Callable[[Cut], None] = consent, replace: int | None = None) -> list[Result]:
    """Runs `rotate --compromised`."""
    return list(rotation(to).replace_compromised(confirm, replace))


def undo(to: Connection) -> list[Action]:
    """Runs `rotate undo`: the actions that it did."""
    return [one for one in undo_rotation(parts(to)) if isinstance(one, Action)]


def rotation_status(to: Connection, grace: timedelta = GRACE) -> RotationReport:
    """Runs `rotate status`."""
    return rotation_status_of(to.run, to.roots, to.leaves, to.dps, to.hubs, to.stores, grace)


def view(to: Connection) -> View:
    """What a rotation observes."""
    return observe_generations(to.run, to.roots, to.leaves, to.dps, to.stores)


def doctor(to: Connection, *names: str) -> Checkup:
    """Runs `doctor`, for all commands unless some are named."""
    examination = Examination(to.clients)
    return Doctor(to.run, examination, to.deployments, to.roots, to.stores, to.wire).examine(names or tuple(needs.NEEDS))


def csr(to: Connection) -> tuple[str, x509.CertificateSigningRequest]:
    """Runs `root csr`."""
    name, request, _ = root_csr.csr(to.run, to.roots, to.leaves, to.dps, to.stores)
    return name, request


def merge(to: Connection, certificate: x509.Certificate, above: Sequence[x509.Certificate]) -> list[Action]:
    """Runs `root merge`."""
    return list(root_csr.merge(to.run, to.roots, to.leaves, to.dps, to.stores, [certificate], above))


def root_state(to: Connection, name: str) -> RootState:
    """The state of a root."""
    return to.roots.state(name, to.run.now())
