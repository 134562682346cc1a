"""The commands, as the tests of the workflows give them: each hands its workflow the parts of Azure that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from cryptography import x509

from dpsops.cli.connection import Connection
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Unchanged
from dpsops.model.enrollment import OwnSettings
from dpsops.model.generations import View
from dpsops.model.member import Member
from dpsops.model.plan import Plan
from dpsops.model.root import RootState, classify
from dpsops.model.rotation import GRACE, Phase
from dpsops.model.rotation_report import RotationReport
from dpsops.pki.names import DeviceId
from dpsops.steps.observe_generations import observe_generations
from dpsops.workflows import block as blocking
from dpsops.workflows import devices, issue, root_csr
from dpsops.workflows import plan as planning
from dpsops.workflows import status as statuses
from dpsops.workflows import up as converging
from dpsops.workflows.rotate import Cut, Rotation
from dpsops.workflows.rotate_status import rotation_status as rotation_status_of


def consent(_: object) -> None:
    """Nobody is asked."""


def up(to: Connection, approved: Plan | None = None, confirm: Callable[[Plan], None] = consent) -> list[Action]:
    """What one `up` does."""
    steps = converging.up(to.run, to.deployments, to.roots, to.dps, to.stores, approved=approved, confirm=confirm)
    return list(steps)


def plan(to: Connection) -> Plan:
    """What `up` would do."""
    return planning.plan(to.run, to.deployments, to.roots, to.dps, to.stores)


def status(to: Connection) -> statuses.Status:
    """What there is, and what comes next."""
    return statuses.status(to.run, to.deployments, to.roots, to.leaves, to.dps, to.hubs, to.stores)


def issue_to(to: Connection, *wanted: DeviceId, own: OwnSettings | None = None) -> list[Issued | Unchanged | Failed | Action]:
    """What one `device issue` does."""
    return list(issue.issue(to.run, to.roots, to.leaves, to.dps, wanted, own))


def renew(to: Connection, *wanted: DeviceId) -> list[Issued | Unchanged | Failed]:
    """What one `device renew` does."""
    return list(issue.renew(to.run, to.roots, to.leaves, to.dps, wanted))


def enroll(to: Connection, device: DeviceId, own: OwnSettings) -> list[Action]:
    """What `--individual` adds to `device issue` for one device."""
    return list(issue.enroll(to.run, to.leaves, to.dps, device, own))


def block(to: Connection, device: DeviceId) -> list[Action]:
    """What one `device block` does."""
    return list(blocking.block(to.run, to.leaves, to.dps, to.hubs, device))


def unblock(to: Connection, device: DeviceId) -> list[Action]:
    """What one `device unblock` does."""
    return list(blocking.unblock(to.run, to.leaves, to.dps, to.hubs, device))


def members(to: Connection) -> list[Member]:
    """What `device list` shows."""
    return list(devices.list_devices(to.run, to.leaves, to.dps, to.hubs))


def member(to: Connection, device: DeviceId) -> tuple[Member, list[x509.Certificate]]:
    """What `device show` shows."""
    return devices.show_device(to.run, to.leaves, to.dps, to.hubs, device)


def rotation(to: Connection) -> Rotation:
    """A rotation, for a test that takes its steps one by one."""
    return Rotation(to.run, to.roots, to.leaves, to.dps, to.hubs, to.stores)


def rotate(to: Connection, until: Phase | None = None, grace: timedelta = GRACE) -> list[Action | Failed]:
    """What one `rotate` does."""
    return list(rotation(to).rotate(until=until, grace=grace))


def replace_compromised(to: Connection, confirm: Callable[[Cut], None] = consent) -> list[Action | Failed]:
    """What one `rotate --compromised` does."""
    return list(rotation(to).replace_compromised(confirm))


def undo(to: Connection) -> list[Action]:
    """What one `rotate undo` does."""
    return list(rotation(to).undo())


def rotation_status(to: Connection, grace: timedelta = GRACE) -> RotationReport:
    """What `rotate status` shows."""
    return rotation_status_of(to.run, to.roots, to.leaves, to.dps, to.hubs, to.stores, grace)


def view(to: Connection) -> View:
    """What a rotation sees."""
    return observe_generations(to.run, to.roots, to.leaves, to.dps, to.stores)


def csr(to: Connection) -> tuple[str, x509.CertificateSigningRequest]:
    """What `root csr` prints."""
    return root_csr.csr(to.run, to.roots, to.leaves, to.dps, to.stores)


def merge(to: Connection, certificate: x509.Certificate, above: Sequence[x509.Certificate]) -> list[Action]:
    """What one `root merge` does."""
    return list(root_csr.merge(to.run, to.roots, to.leaves, to.dps, to.stores, certificate, above))


def root_state(to: Connection, name: str) -> RootState:
    """Which state a root is in."""
    return classify(to.roots.observe(name, to.run.now()), to.run.now())
