"""The embedded Azure evaluates templates as the deployment engine's own evaluator, which comes with Bicep, does.

Nothing may be wrong. What is not there is refused by its name, and listed here with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.arm.plans import Plan, foresee, read_plan
from dpsops.emulator.arm.service import SERVICE
from dpsops.emulator.arm.template.ambient import Context
from dpsops.emulator.arm.template.evaluator import Evaluator, Names
from dpsops.emulator.arm.template.parser import render
from dpsops.emulator.arm.template.place import Place
from dpsops.emulator.arm.template.values import TemplateError, as_expression, is_known
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.bicep.evaluations import (
    ABSENT,
    AGREED,
    FOLDER,
    PROPERTY,
    REFUSED,
    UNTOLD,
    WRONG,
    Construct,
    find_constructs,
    read_construct,
    read_expressions,
)

pytestmark = pytest.mark.usefixtures("unmeasured")

GROUP = "rg-snap"
REFUSALS: Mapping[str, tuple[str, str]] = {
    "asserts-and-fail": ("no hub", "the template calls fail()"),
}
"""What is refused: in which words, and why."""

FILE = read_expressions()
Record = Callable[[str, object], None]


def _named(folder: str) -> list[Any]:
    return [pytest.param(folder, each, id=f"{folder}-{each}") for each in find_constructs(folder)]


def _expression(arm: str) -> Any:
    """The value of an expression, in the subscription and group that the file names."""
    subscription = f"/subscriptions/{FILE['subscription']}"
    context = Context(
        {"id": subscription, "subscriptionId": FILE["subscription"], "tenantId": FILE["tenant"]},
        {"id": f"{subscription}/resourceGroups/{FILE['group']}", "name": FILE["group"], "location": "westeurope"},
        {"name": "main"},
        Principal("object", "app", FILE["tenant"]),
        1_772_366_400.0,
    )

    def names(what: str, values: JSON) -> Names:
        return Names(what, {name: partial(_itself, value) for name, value in values.items()})

    evaluator = Evaluator(context, names("parameter", FILE["parameters"]), names("variable", FILE["variables"]))
    return evaluator.value(arm, Place())


def _itself(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "asked",
    [pytest.param(each, id=each["name"]) for each in FILE["expressions"]]
    or [pytest.param({}, marks=pytest.mark.skip(reason=ABSENT))],
)
def test_an_expression_has_the_value_that_it_has_there(asked: JSON, record_property: Record) -> None:
    found = _expression(asked["arm"])
    agreed = _written(found) == _written(asked["value"])
    record_property(PROPERTY, ("expression", asked["name"], AGREED if agreed else WRONG, asked["arm"]))
    assert _written(found) == _written(asked["value"]), asked["arm"]


def _written(value: Any) -> str:
    """A value as JSON: other than in Python, `true` is not 1 there, and an object's keys have an order."""
    return json.dumps(value, ensure_ascii=False)


class Client:
    """The operator, at an embedded Azure with the groups that the snapshots were taken in."""

    def __init__(self) -> None:
        self.azure = Azure(Database(None), Clock(1_772_366_400.0), Timings(), services=(SERVICE,))
        with self.azure.database.transaction() as state:
            bootstrap(World(state, self.azure.clock.now()))
        for group in (GROUP, "other"):
            path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
            assert self.call("PUT", path, {"location": "westeurope"}).status == 201

    def call(self, method: str, path: str, body: Any = None) -> Response:
        """One request."""
        with self.azure.database.transaction() as state:
            token = issue_token(World(state, self.azure.clock.now()), OPERATOR, "https://management.azure.com")
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        return self.azure.handle(Request(method, "management.azure.com", path, {"api-version": "2024-11-01"}, headers, content))

    def what_if(self, body: JSON) -> JSON:
        """The whole result of what-if."""
        scope, body = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}", dict(body)
        if "subscriptionDeploymentTemplate" in body["properties"]["template"]["$schema"]:
            scope, body["location"] = f"/subscriptions/{SUBSCRIPTION}", "westeurope"
        path = f"{scope}/providers/{DEPLOYMENTS}/snap/whatIf"
        begun = self.call("POST", path, body)
        assert begun.status == 202, begun.body
        result: JSON = self.call("GET", begun.headers["Location"].split("?")[0].removeprefix("https://management.azure.com")).body
        return result

    def read(self, body: JSON) -> Plan:
        """The deployment as it is read, before anything is made."""
        with self.azure.database.transaction() as state:
            world = World(state, self.azure.clock.now())
            identifier = ResourceId(SUBSCRIPTION, GROUP, DEPLOYMENTS, ("snap",))
            return read_plan(world, identifier, body["properties"], OPERATOR)


def _body(construct: Construct) -> JSON:
    """The evaluator asks no resource provider, so neither does this (`validationLevel`, specification). A text that the folder
    has no value for is any text."""
    declared = construct.template.get("parameters", {}).items()
    needed = [name for name, each in declared if each.get("type") == "string" and not {"defaultValue", "nullable"} & each.keys()]
    texts = {name: {"value": "any"} for name in needed}
    properties = {"mode": "Incremental", "template": construct.template, "parameters": texts | construct.parameters}
    return {"properties": properties | {"validationLevel": "Template"}}


def _comparable(resource: JSON) -> JSON:
    """Without its name: that of a child is with its parent's there, and here as a GET shows it; the ID has both."""
    return {key: each for key, each in resource.items() if key != "name"}


CONSTRUCTS = [*_named("constructs"), *_named("environments")] or [
    pytest.param("", "", marks=pytest.mark.skip(reason=ABSENT)),
]


@pytest.mark.parametrize(("folder", "name"), CONSTRUCTS)
def test_what_if_foresees_the_resources_that_are_foreseen_there(folder: str, name: str, record_property: Record) -> None:
    construct = read_construct(folder, name)
    result = Client().what_if(_body(construct))
    if name in REFUSALS:
        words, why = REFUSALS[name]
        record_property(PROPERTY, (folder, name, REFUSED, why))
        assert words in result["error"]["message"]
        return
    assert result["status"] == "Succeeded", result.get("error")
    if construct.foreseen is None:
        record_property(PROPERTY, (folder, name, UNTOLD, "the evaluator could not tell"))
        return
    here = {each["resourceId"].lower(): _comparable(each["after"]) for each in result["properties"]["changes"]}
    there = {each["id"].lower(): _comparable(each) for each in construct.foreseen["predictedResources"]}
    record_property(PROPERTY, (folder, name, AGREED if here == there else WRONG, "what-if"))
    assert here == there
    assert {each["changeType"] for each in result["properties"]["changes"]} <= {"Create"}


@pytest.mark.parametrize(("folder", "name"), CONSTRUCTS)
def test_outputs_are_known_beforehand_as_far_as_there(folder: str, name: str, record_property: Record) -> None:
    construct = read_construct(folder, name)
    if construct.foreseen is None or name in REFUSALS:
        pytest.skip("there are no outputs to compare")
    plan = Client().read(_body(construct))
    for output, wanted in construct.foreseen["outputs"].items():
        found, through_module = _output(plan, output)
        if plan.template.outputs[output]["type"].startswith("secure"):
            assert wanted != found, "the evaluator shows no secret, so there is nothing to compare"
            continue
        outcome = UNTOLD if through_module else AGREED if found == wanted else WRONG
        record_property(PROPERTY, ("output", f"{name}.{output}", outcome, "the output of a module is only known when it has run"))
        assert through_module or found == wanted


def _output(plan: Plan, name: str) -> tuple[Any, bool]:
    """What is known of an output, what is not as one expression; and whether it asks for an output of a module."""
    place = replace(plan.place, runtime=foresee(plan.declared))
    source = plan.template.outputs[name]
    if "copy" in source:
        turns = plan.evaluator.turns(source["copy"]["count"], "", place)
        found: Any = [plan.evaluator.value(source["copy"]["input"], turn) for turn in turns]
    else:
        found = plan.evaluator.value(source["value"], place)
    written = found if is_known(found) else f"[{render(as_expression(found))}]"
    return written, f"/{DEPLOYMENTS}/" in str(written)


def test_the_list_of_refusals_is_of_what_is_there() -> None:
    if not FOLDER.is_dir():
        pytest.skip(ABSENT)
    assert REFUSALS.keys() <= set(find_constructs("constructs"))


@pytest.mark.parametrize("name", REFUSALS)
def test_the_manual_says_what_is_refused(name: str) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    assert REFUSALS[name][1] in " ".join(manual.split())


def test_a_value_that_is_not_the_same_is_noticed() -> None:
    assert _written(True) != _written(1)
    assert _written({"a": 1, "b": 2}) != _written({"b": 2, "a": 1})
    if FILE["expressions"]:
        with pytest.raises(TemplateError):
            _expression("[frobnicate()]")
