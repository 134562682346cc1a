"""The individual enrollment of a device: created, or changed so that it fits; what else is in it stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Changed, Refused
from dpsops.fleet.enrolled import hold, last_registered
from dpsops.model import enrollment, pins
from dpsops.model.action import Action
from dpsops.model.device import SecretVersion
from dpsops.model.enrollment import IndividualEnrollment, IndividualSettings
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

_ATTEMPTS = 5
"""How often it looks again, because somebody else has changed the enrollment or the certificate at the same time."""


@dataclass(frozen=True, slots=True)
class Enroller:
    """The parts of Azure that an individual enrollment touches. `settings`: of that of each device; `linked`: the hosts that
    the DPS is linked to."""

    run: Run
    leaves: LeafVaults
    dps: Dps
    hubs: Hubs
    settings: Mapping[DeviceId, IndividualSettings]
    linked: frozenset[str]

    async def enroll(self, device: DeviceId) -> AsyncIterator[Action]:
        """Creates or changes the individual enrollment of a device, so that it holds its newest certificate and fits the
        settings; yields what was done. Four requests for a new device.

        A rotation may issue another certificate at the same time. So the vault is read after each change. Raises `Refused` if
        the enrollment is disabled, because the device is blocked, or if it is not one by client certificates.
        """
        target = f"enrollment {device}"
        found, done = await self.dps.individual(device), False
        for _ in range(_ATTEMPTS):
            if found is not None:
                _require_changeable(device, found)
            try:
                if found is None:
                    self.run.progress(f"creating the individual enrollment of {device}")
                    wanted = enrollment.wanted_individual(self.run.environment, self.settings[device], self.linked)
                    found = await self.dps.create_individual(device, (await self.leaves.chain(device))[0], wanted)
                    yield Action("create", target, "created")
                else:
                    fitting = found if done else self._fitting(device, found)
                    versions = await self.leaves.history(device)
                    certificates = await self._certificates(device, found, versions)
                    if fitting == found and set(certificates) == set(found.pinned):
                        break
                    self.run.progress(f"changing the individual enrollment of {device}")
                    found = await hold(self.leaves, self.dps, fitting, certificates, versions)
                    yield Action("modify", target, "modified")
                done = True
            except Changed:
                found = await self.dps.individual(device)
        else:
            raise Refused(f"the individual enrollment of {device} keeps changing", "run the command again")
        if not done:
            yield Action("keep", target, "unchanged")

    def _fitting(self, device: DeviceId, found: IndividualEnrollment) -> IndividualEnrollment:
        """The enrollment with the settings; itself if they do not differ for DPS."""
        wanted = enrollment.merged(self.run.environment, self.settings[device], found.provisioning, self.linked)
        return found if wanted.is_like(found.provisioning) else replace(found, provisioning=wanted)

    async def _certificates(
        self, device: DeviceId, found: IndividualEnrollment, versions: list[SecretVersion]
    ) -> tuple[str, ...]:
        """The thumbprints that the enrollment is to hold. Three requests, unless it holds the only certificate of the device."""
        leaves = [version.leaf for version in versions if version.leaf is not None]
        if not leaves or {leaf.thumbprint for leaf in leaves} == set(found.pinned):
            return found.pinned
        used = await last_registered(self.run, self.dps, self.hubs, device, found)
        group = self.dps.group()
        return pins.with_newest(found.pinned, leaves, used, group.trusted() if group else None)


def _require_changeable(device: DeviceId, found: IndividualEnrollment) -> None:
    if not found.enabled:
        raise Refused(f"{device} is blocked: its individual enrollment is disabled", f"dpsops device unblock {device}")
    if not found.pinned:
        raise Refused(
            f"the individual enrollment of {device} is not one by client certificates",
            "a device may depend on it: if none does, remove it in the DPS, then run the command again",
        )
