"""What is said of a what-if. The changes are built from the SDK's models, as Azure's answers are."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.resource.deployments.models import WhatIfChange, WhatIfPropertyChange

from dpsops.azure.deployments import read_change
from dpsops.model.action import Action
from dpsops.model.deployment import Deployment
from dpsops.model.what_if import Diagnostic, Foreseen, ResourceChange, notes

GROUP = "/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11/resourceGroups/rg-dpsops-dev"
DPS = "Microsoft.Devices/provisioningServices/dps-dpsops-dev"
HUB = "Microsoft.Devices/IotHubs/iot-dpsops-dev"
ROLE = f"{HUB}/providers/Microsoft.Authorization/roleAssignments/0f7c"
WANTED = Deployment((Action("create", HUB), Action("modify", DPS), Action("assign", f"a role on {HUB}")), True)


def change(kind: str, resource: str, *gone: str, reason: str = "") -> ResourceChange:
    """The change of a resource, whose properties `gone` would be deleted."""
    delta = [WhatIfPropertyChange(path=path, property_change_type="Delete", before=1) for path in gone]
    shown: dict[str, Any] = {"resource_id": f"{GROUP}/providers/{resource}", "change_type": kind, "delta": delta or None}
    return read_change(WhatIfChange(**shown, unsupported_reason=reason or None))


def said(*changes: ResourceChange, expected: bool = True, potential: tuple[ResourceChange, ...] = ()) -> tuple[str, ...]:
    """What is said of these changes, beside those that are wanted."""
    wanted = (change("Create", HUB), change("Modify", DPS), change("Create", ROLE)) if expected else ()
    return notes(Foreseen((*wanted, *changes), potential), WANTED)


def test_nothing_is_said_of_what_was_expected() -> None:
    assert said() == ()
    assert said(change("Ignore", f"{HUB}-2"), change("NoChange", "Microsoft.KeyVault/vaults/kv-dpsops-dev")) == ()


def test_what_it_is_silent_about_is_said() -> None:
    assert said(expected=False) == (f"what-if says nothing about {HUB}", f"what-if says nothing about {DPS}")
    assert said(change("Ignore", HUB), expected=False) == (f"what-if says nothing about {DPS}",)


@pytest.mark.parametrize(
    ("unexpected", "words"),
    [
        (change("Delete", "Microsoft.KeyVault/vaults/kv"), "what-if: Microsoft.KeyVault/vaults/kv would be deleted"),
        (change("Modify", "Microsoft.KeyVault/vaults/kv"),
         "what-if: Microsoft.KeyVault/vaults/kv would change, though nothing of it is to be written"),
        (change("Unsupported", HUB, reason="No."), f"what-if cannot tell what becomes of {HUB}: No."),
        (change("Unsupported", HUB), f"what-if cannot tell what becomes of {HUB}"),
        (change("Modify", HUB, "properties.routing"), f"what-if: properties.routing of {HUB} would go, though it is sent again"),
    ],
)  # fmt: skip
def test_what_nobody_expected_is_said(unexpected: ResourceChange, words: str) -> None:
    assert said(unexpected) == (words,)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (HUB, "properties.state"),
        (DPS, "properties.idScope"),
        (HUB.upper(), "properties.locations"),
        (HUB, "identity.principalId"),
    ],
)
def test_what_a_service_sets_by_itself_is_no_loss(resource: str, path: str) -> None:
    assert said(change("Modify", resource, path)) == ()


def test_the_order_and_the_case_of_what_is_listed_say_nothing() -> None:
    listed = [change("Delete", f"{HUB}-{number}") for number in range(6)]
    shuffled = listed[::-1]
    assert said(*listed) == said(*shuffled)
    upper = ResourceChange(f"{GROUP}/providers/{HUB.upper()}", "Create")
    assert notes(Foreseen((upper, change("Modify", DPS))), WANTED) == ()


def test_diagnostics_and_what_may_change_are_said() -> None:
    module = Diagnostic("A nested deployment got short-circuited.", f"{GROUP}/providers/Microsoft.Resources/deployments/dps")
    foreseen = Foreseen((change("Create", HUB), change("Modify", DPS)), (change("Modify", f"{DPS}-2"),), (module,))
    assert notes(foreseen, WANTED) == (
        "what-if: A nested deployment got short-circuited. (Microsoft.Resources/deployments/dps)",
        f"what-if: {DPS}-2 may change",
    )
