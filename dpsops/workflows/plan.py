"""`plan`: what `up` would do, including the real changes of Resource Manager's what-if. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.deployments import Deployments
from dpsops.azure.dps import Dps
from dpsops.azure.root_vault import RootVault
from dpsops.model.plan import Plan
from dpsops.model.run import Run
from dpsops.steps.survey import survey


def plan(run: Run, deployments: Deployments, roots: RootVault, dps: Dps, stores: Sequence[TrustStore]) -> Plan:
    """Reads everything and decides what is missing. Whoever makes the plan needs to read only; `up` needs the rights."""
    return survey(run, deployments, roots, dps, stores, rights=False).plan
