"""`rotate status`: the phase of a rotation, the devices that it waits for, and the next step. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.model.root import CsrRequested, root_name
from dpsops.model.rotation import Step, disabled_group_trouble, grace_end
from dpsops.model.rotation import classify as classify_rotation
from dpsops.model.rotation_report import RotationReport, Waiting
from dpsops.model.run import Run
from dpsops.steps.observe_generations import observe_generations
from dpsops.steps.waiting_devices import left_behind, waiting_devices


def rotation_status(
    run: Run, roots: RootVault, leaves: LeafVaults, dps: Dps, hubs: Hubs, stores: Sequence[TrustStore], grace: timedelta
) -> RotationReport:
    """Reads everything that a rotation depends on. No device is waited for before the old root is draining, after it is no
    longer trusted, or after the grace period."""
    view = observe_generations(run, roots, leaves, dps, stores)
    observed, standing = view.observed, classify_rotation(view.observed)
    certificates = {
        number: certificate for number in view.roots if (certificate := roots.certificate(root_name(number))) is not None
    }
    ends = grace_end(observed, standing, grace)
    is_draining = ends is not None and ends > run.now()
    devices = tuple(sorted(waiting_devices(run, leaves, dps, hubs, view.leaves, standing.new))) if is_draining else ()
    return RotationReport(
        standing,
        observed,
        certificates,
        Waiting(devices, ends),
        left_behind=left_behind(run, leaves, dps, hubs, view),
        trouble=standing.trouble or disabled_group_trouble(observed, standing, grace, run.environment.group.id),
        csr_waits=standing.step is Step.STAGE and _waits_for_certificate(run, roots, root_name(standing.new)),
    )


def _waits_for_certificate(run: Run, roots: RootVault, name: str) -> bool:
    """Whether a root waits for a certificate that another CA must sign; at most four requests."""
    return isinstance(roots.state(name, run.now()), CsrRequested)
