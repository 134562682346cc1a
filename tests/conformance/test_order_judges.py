"""Another order is a difference, but not the order of what is made up, or of what ran at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.carry import Carrier
from tests.conformance.shape import Comparison

_AT_NINE = {"timestamp": "2024-05-07T09:00:00.1234567Z", "duration": "PT10S"}
_A_MINUTE_LATER = {"timestamp": "2024-05-07T09:01:00Z", "duration": "PT10S"}
_MEANWHILE = {"timestamp": "2024-05-07T09:00:05Z", "duration": "PT1M10.5S"}


def listed(*names: str) -> list[Any]:
    return [{"id": f"/x/{name}"} for name in names]


def operation(name: str, times: dict[str, str]) -> Any:
    target = {"targetResource": {"id": f"/x/{name}"}}
    return {"operationId": name, "properties": {"provisioningOperation": "Create"} | target | times}


def differences(recorded: list[Any], got: list[Any], where: str, carrier: Carrier, blind: tuple[str, ...] = ()) -> list[str]:
    return list(Comparison(set(), set(), carrier, blind=blind).bodies(recorded, got, where))


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a", "c")])
def test_another_order_is_a_difference(names: tuple[str, ...]) -> None:
    assert differences(listed(*names), listed(*names), "body.value", Carrier()) == []
    (difference,) = differences(listed(*names), listed(*reversed(names)), "body.value", Carrier())
    assert "expected in this order" in difference


def test_both_are_in_the_order_of_ids_that_are_made_up() -> None:
    carrier = Carrier()
    carrier.learn({"id": "/x/a-recorded"}, {"id": "/x/b-today"})
    carrier.learn({"id": "/x/b-recorded"}, {"id": "/x/a-today"})
    recorded = listed("a-recorded", "b-recorded")
    assert differences(recorded, listed("a-today", "b-today"), "body.value", carrier) == []
    assert differences(recorded, listed("b-today", "a-today"), "body.value", carrier) == []
    assert differences(recorded[::-1], listed("b-today", "a-today"), "body.value", carrier) != []


@pytest.mark.parametrize(("other", "chance"), [(_A_MINUTE_LATER, False), (_MEANWHILE, True)])
def test_of_what_ran_at_the_same_time_neither_is_first(other: dict[str, str], chance: bool) -> None:
    recorded = [operation("b", other), operation("a", _AT_NINE)]
    assert (differences(recorded, recorded[::-1], "body.value", Carrier()) == []) is chance


def test_a_template_that_is_made_up_has_no_order() -> None:
    where = "body.properties.validatedResources"
    assert differences(listed("a", "b"), listed("b", "a"), where, Carrier(), blind=("templateLink",)) == []
    assert differences(listed("a", "b"), listed("b", "a"), where, Carrier()) != []
