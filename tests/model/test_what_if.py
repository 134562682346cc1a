"""Which changes in a what-if are real. The changes are built from the SDK's models, as Azure's answers are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from azure.mgmt.resource.deployments.models import WhatIfChange, WhatIfPropertyChange
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.azure.deployments import read_change
from dpsops.model import what_if
from dpsops.model.action import Action
from tests.workflows.commands import plan, up
from tests.worlds import World, environment

GROUP = "/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11/resourceGroups/rg-dpsops-dev"
DPS = "Microsoft.Devices/provisioningServices/dps-dpsops-dev"
EXPRESSION = "[concat('HostName=', reference('iot-dpsops-dev').hostName)]"


def significant(changes: Iterable[WhatIfChange]) -> list[Action]:
    """The real changes among them."""
    return list(what_if.significant(map(read_change, changes)))


def change(kind: str, *deltas: WhatIfPropertyChange, resource: str = DPS) -> WhatIfChange:
    """The change of a resource."""
    return WhatIfChange(resource_id=f"{GROUP}/providers/{resource}", change_type=kind, delta=list(deltas) or None)


def delta(
    path: str, kind: str, before: Any = None, after: Any = None, children: list[WhatIfPropertyChange] | None = None
) -> WhatIfPropertyChange:
    """The change of a property."""
    return WhatIfPropertyChange(path=path, property_change_type=kind, before=before, after=after, children=children)


def reported(*deltas: WhatIfPropertyChange) -> bool:
    """Whether a change of these properties is reported."""
    found = significant([change("Modify", *deltas)])
    assert found in ([], [Action("modify", DPS)])
    return bool(found)


@pytest.mark.parametrize(
    ("kind", "action"),
    [("Create", "create"), ("Delete", "delete"), ("Deploy", "deploy"), ("NoChange", None), ("Ignore", None),
     ("Unsupported", None), ("Modify", None), ("SomethingNew", None)],
)  # fmt: skip
def test_changes_without_properties(kind: str, action: str | None) -> None:
    assert significant([change(kind)]) == ([Action(action, DPS)] if action else [])


def test_changes_keep_their_order_and_lose_subscription_and_group() -> None:
    assignment = "Microsoft.KeyVault/vaults/kv-dpsops-dev/providers/Microsoft.Authorization/roleAssignments/0f7c"
    found = significant(
        [
            change("Create", resource=assignment),
            change("Ignore", resource="Microsoft.Storage/storageAccounts/somebodys"),
            change("Modify", delta("sku.capacity", "Modify", 1, 2), resource="Microsoft.Devices/IotHubs/iot-dpsops-dev"),
        ]
    )
    assert list(found) == [Action("create", assignment), Action("modify", "Microsoft.Devices/IotHubs/iot-dpsops-dev")]


def test_a_resource_without_an_id() -> None:
    assert significant([WhatIfChange(change_type="Create")]) == [Action("create", "")]


def test_an_answer_as_it_comes_over_the_wire() -> None:
    wire = {
        "resourceId": f"{GROUP}/providers/{DPS}",
        "changeType": "Modify",
        "delta": [
            {
                "path": "properties.iotHubs", "propertyChangeType": "Array", "before": None, "after": None,
                "children": [{
                    "path": "0", "propertyChangeType": "Modify", "before": None, "after": None,
                    "children": [
                        {"path": "connectionString", "propertyChangeType": "Modify", "before": "****", "after": EXPRESSION},
                        {"path": "allocationWeight", "propertyChangeType": "Modify", "before": 1, "after": 2},
                    ],
                }],
            }
        ],
    }  # fmt: skip
    assert significant([WhatIfChange(wire)]) == [Action("modify", DPS)]
    del wire["delta"][0]["children"][0]["children"][1]  # type: ignore[index]
    assert significant([WhatIfChange(wire)]) == []


NOISE = {
    "what the server filled in": delta("properties.enableDataResidency", "Delete", False),
    "an object that the server filled in": delta("properties.routing", "Delete", {"routes": []}),
    "its parts": delta("properties.routing", "Delete", None, None, [delta("routes", "Delete", [1])]),
    "what has no effect": delta("properties.state", "NoEffect", "Active", "Activating"),
    "the parts of what has no effect": delta("properties", "NoEffect", None, None, [delta("state", "Modify", "a", "b")]),
    "a value that was not evaluated": delta("properties.principalId", "Modify", "8f2d", EXPRESSION),
    "a new one": delta("properties.principalId", "Create", None, EXPRESSION),
    "a region in words": delta("location", "Modify", "West Europe", "westeurope"),
    "the same value": delta("properties.x", "Modify", [1, {"a": None}], [1, {"a": None}]),
    "an array whose elements differ in noise": delta(
        "properties.iotHubs", "Array", None, None,
        [delta("0", "Modify", None, None, [delta("connectionString", "Modify", "*", EXPRESSION), delta("name", "Delete", "x")])],
    ),
    "an array of an array": delta("a", "Array", None, None, [delta("0", "Array", None, None, [delta("0", "NoEffect", 1, 2)])]),
}  # fmt: skip

REAL = {
    "another value": delta("sku.capacity", "Modify", 1, 2),
    "another type": delta("properties.x", "Modify", 1, "1"),
    "another case": delta("tags.environment", "Modify", "Dev", "dev"),
    "a new value": delta("tags.environment", "Create", None, "dev"),
    "another region": delta("location", "Modify", "West Europe", "northeurope"),
    "a region in another property, an ordinary string": delta("properties.location", "Modify", "West Europe", "westeurope"),
    "a string that begins like an expression": delta("tags.note", "Modify", "x", "[draft"),
    "a new element": delta("properties.iotHubs", "Array", None, None, [delta("1", "Create", None, {"location": "westeurope"})]),
    "an element missing in the template": delta("properties.iotHubs", "Array", None, None, [delta("1", "Delete", {"a": 1})]),
    "an element of another value": delta("properties.x", "Array", None, None, [delta("0", "Modify", 1, 2)]),
    "deep inside": delta("a", "Modify", None, None, [delta("b", "Array", None, None, [delta("0", "Modify", None, None, [
        delta("c", "Delete", 1), delta("d", "Modify", 1, 2)])])]),
}  # fmt: skip


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_noise_is_dropped(noise: WhatIfPropertyChange) -> None:
    assert not reported(noise)


@pytest.mark.parametrize("real", REAL.values(), ids=REAL)
def test_a_real_change_is_reported_beside_any_noise(real: WhatIfPropertyChange) -> None:
    assert reported(real)
    assert reported(*NOISE.values(), real)
    assert reported(real, *NOISE.values())


_paths = st.sampled_from(["location", "sku.capacity", "properties.x", "tags.environment", "0", "name"])
_values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
_expressions = st.text(max_size=10).map(lambda text: f"[{text}]")
_regions = st.sampled_from([("West Europe", "westeurope"), ("westeurope", "West Europe"), ("UK South", "uksouth")])

_quiet = (
    st.builds(delta, _paths, st.just("Delete"), _values)
    | st.builds(delta, _paths, st.just("NoEffect"), _values, _values)
    | st.builds(delta, _paths, st.sampled_from(["Create", "Modify"]), _values, _expressions)
    | st.builds(lambda spellings: delta("location", "Modify", *spellings), _regions)
    | st.builds(lambda path, value: delta(path, "Modify", value, value), _paths, _values)
)


def _is_no_deletion(change: WhatIfPropertyChange) -> bool:
    return change.property_change_type != "Delete"


def _around(inner: st.SearchStrategy[WhatIfPropertyChange]) -> st.SearchStrategy[WhatIfPropertyChange]:
    """A change with one to three such changes inside. No element of an array is deleted, because that is a real change."""
    return st.builds(
        lambda path, children: delta(path, "Modify", None, None, children), _paths, st.lists(inner, min_size=1, max_size=3)
    ) | st.builds(
        lambda path, children: delta(path, "Array", None, None, children),
        _paths,
        st.lists(inner.filter(_is_no_deletion), min_size=1, max_size=3),
    )


_noise = _quiet | _around(_quiet | _around(_quiet | _around(_quiet)))
_loud = st.builds(
    lambda path, number, kind: delta(path, kind, None if kind == "Create" else number, number + 1),
    st.sampled_from(["sku.capacity", "properties.x", "0"]),
    st.integers(),
    st.sampled_from(["Create", "Modify"]),
) | st.sampled_from(list(REAL.values()))


@given(st.lists(_noise, max_size=6))
@settings(max_examples=300)
def test_a_change_that_is_only_noise_is_never_reported(deltas: list[WhatIfPropertyChange]) -> None:
    assert not reported(*deltas)


@given(
    real=_loud,
    around=st.lists(
        st.tuples(st.sampled_from(["Modify", "Array"]), st.lists(_noise.filter(_is_no_deletion), max_size=2)), max_size=4
    ),
    beside=st.lists(_noise, max_size=4),
)
@settings(max_examples=300)
def test_a_change_that_contains_a_real_one_is_always_reported(
    real: WhatIfPropertyChange, around: list[tuple[str, list[WhatIfPropertyChange]]], beside: list[WhatIfPropertyChange]
) -> None:
    for kind, noise in around:
        real = delta("properties.y", kind, None, None, [*noise, real])
    assert reported(*beside, real)


def test_a_hub_that_is_no_longer_in_the_settings_is_unlinked(embedded: World) -> None:
    one, two = {"name": "iot-dpsops-1"}, {"name": "iot-dpsops-2"}
    both = environment(hub=[one, two], root={"key": "EC-P256"})
    up(embedded.connect(both))
    assert plan(embedded.connect(both)).actions == ()

    remaining = environment(hub=[one], root={"key": "EC-P256"})
    assert plan(embedded.connect(remaining)).actions == (
        Action("modify", "Microsoft.Devices/provisioningServices/dps-dpsops-test"),
        Action("modify", "enrollment group devices"),
    )
    up(embedded.connect(remaining))
    service = embedded.connect(remaining).clients.dps.iot_dps_resource.get(remaining.dps.name, remaining.resource_group)
    assert [hub.location for hub in service.properties.iot_hubs or []] == ["westeurope"]
    assert plan(embedded.connect(remaining)).actions == ()
