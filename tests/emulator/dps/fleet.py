"""A fleet in the lab: its group, the hubs that it goes to, and what became of a device."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import save_device
from dpsops.emulator.iothub.state import load_hub
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.lab import Lab, group_of

TWO = {"hub1": 1, "hub2": 1}
MIGRATE = {"updateHubAssignment": True, "migrateDeviceData": True}
RESET = {"updateHubAssignment": True, "migrateDeviceData": False}
NEVER = {"updateHubAssignment": False, "migrateDeviceData": False}


def enrolled(lab: Lab, **settings: Any) -> Issuer:
    """A root, verified, and a group of it with these settings."""
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root", **settings))
    return issuer


def static(hub: str, policy: JSON) -> JSON:
    """Settings that send every device to one hub."""
    return {"allocationPolicy": "static", "iotHubs": [f"{hub}.azure-devices.net"], "reprovisionPolicy": policy}


def mark(lab: Lab, hub: str, device: str) -> None:
    """Something happens to a device's twin in a hub."""
    identity = identity_of(lab, hub, device)
    with lab.world() as world:
        found = load_hub(world, hub)
        assert found is not None
        save_device(world, found, identity | {"twin": identity["twin"] | {"tags": {"marked": True}}})


def identity_of(lab: Lab, hub: str, device: str) -> JSON:
    """A device that must be in a hub."""
    found = lab.identity(hub, device)
    assert found is not None
    return found


def failure(lab: Lab, device: str, chain: Any) -> tuple[int, str]:
    """Code and message of a registration that is begun and fails."""
    outcome = lab.provision(device, chain)
    state = outcome["registrationState"]
    assert (outcome["status"], state["status"]) == ("failed", "failed")
    assert not {"assignedHub", "deviceId", "substatus"} & state.keys()
    return state["errorCode"], state["errorMessage"]
