"""An evaluator for tests of the template language, with some parameters and no variables."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.arm.template.ambient import Context
from dpsops.emulator.arm.template.evaluator import Evaluator, Names
from dpsops.emulator.arm.template.place import Place
from dpsops.emulator.principal import Principal

SUBSCRIPTION = "31e9f9a0-9fd2-4294-a0a3-0101246d9700"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
VALUES: dict[str, Any] = {
    "name": "kv",
    "count": 3,
    "flag": True,
    "items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
    "nothing": None,
    "map": {"Key": "value", "other": {"deep": 7}},
}


def evaluator() -> Evaluator:
    """With the parameters above and no variables."""
    context = Context(
        {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "tenantId": "tenant", "displayName": "Embedded"},
        {"id": GROUP, "name": "rg", "location": "westeurope"},
        {"name": "main"},
        Principal("object", "app", "tenant"),
        1_772_366_400.0,
    )
    parameters = {name: lambda value=value: value for name, value in VALUES.items()}
    return Evaluator(context, Names("parameter", parameters), Names("variable", {}))


def evaluate(text: str, place: Place | None = None) -> Any:
    """The value of a string of a template."""
    return evaluator().value(text, place or Place(loops={"": 1, "lids": 4}))
