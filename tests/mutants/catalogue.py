"""All mutants."""

from __future__ import annotations

from tests.mutants.dps import DPS
from tests.mutants.hub import HUB
from tests.mutants.mutants import Mutant
from tests.mutants.resource_manager import RESOURCE_MANAGER
from tests.mutants.vault import VAULT

MUTANTS: tuple[Mutant, ...] = (*RESOURCE_MANAGER, *VAULT, *DPS, *HUB)
