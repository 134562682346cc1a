"""Lists of groups and resources: filtered, expanded, in pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.world import Timings
from tests.emulator.arm.contoso import BOX, GROUP, VERSION, Contoso, box, deploy, properties, template

THERE = f"/subscriptions/{SUBSCRIPTION}"
EXPAND = "createdTime,changedTime,provisioningState"


@pytest.fixture
def stocked(contoso: Contoso) -> Contoso:
    """Three groups beside the first, and boxes in it."""
    for name, tags in (("alpha", {"Team": "a"}), ("beta", {"Team": "b"}), ("gamma", {"teapot": "a"})):
        assert contoso.call("PUT", f"{THERE}/resourceGroups/{name}", {"location": "westeurope", "tags": tags}).status == 201
    for name, place, tags in (("a", "westeurope", {"Team": "a"}), ("b", "eastus", {"team": "b"}), ("c", "westeurope", {})):
        put(contoso, name, location=place, tags=tags)
    return contoso


def put(contoso: Contoso, name: str, **body: Any) -> None:
    """Makes or changes a box."""
    assert (
        contoso.call("PUT", f"{GROUP}/providers/{BOX}/{name}", {"location": "westeurope"} | body, version=VERSION).status == 200
    )


def listed(contoso: Contoso, path: str, **query: str) -> list[JSON]:
    """What a list has."""
    answer = contoso.call("GET", path, query={f"${name}": value for name, value in query.items()})
    assert answer.status == 200, answer
    found: list[JSON] = answer.body["value"]
    return found


def names(contoso: Contoso, path: str, condition: str) -> list[str]:
    """The names of what a filter leaves."""
    return [each["name"] for each in listed(contoso, path, filter=condition)]


@pytest.mark.parametrize(
    ("condition", "groups", "resources"),
    [
        ("tagName eq 'team'", ["alpha", "beta"], ["a", "b"]),
        ("tagname eq 'TEAM' and tagvalue eq 'a'", ["alpha"], ["a"]),
        ("tagname eq 'team' and tagvalue eq 'A'", [], []),
        ("startswith(tagname, 'tea')", ["alpha", "beta", "gamma"], ["a", "b"]),
        ("startswith(tagname, 'teap')", ["gamma"], []),
        ("tagvalue eq 'a'", ["alpha", "gamma"], ["a"]),
    ],
)
def test_tags(stocked: Contoso, condition: str, groups: list[str], resources: list[str]) -> None:
    assert names(stocked, f"{THERE}/resourceGroups", condition) == groups
    assert names(stocked, f"{THERE}/resources", condition) == names(stocked, f"{GROUP}/resources", condition) == resources


def test_where_resources_are(stocked: Contoso) -> None:
    assert names(stocked, f"{THERE}/resources", "location eq 'westeurope'") == ["a", "c"]
    assert names(stocked, f"{THERE}/resources", "location eq 'eastus' and resourceGroup eq 'RG'") == ["b"]


def test_tags_are_not_shown_where_their_value_is_asked_for(stocked: Contoso) -> None:
    (found,) = listed(stocked, f"{GROUP}/resources", filter="tagName eq 'team' and tagValue eq 'a'")
    assert "tags" not in found
    (found, _) = listed(stocked, f"{GROUP}/resources", filter="tagName eq 'team'")
    assert found["tags"] == {"Team": "a"}


@pytest.mark.parametrize("condition", ["location ne 'x'", "kind eq 'x'", "startswith(name, 'x')", "substringof('a', name)", "x"])
def test_other_filters_are_refused(stocked: Contoso, condition: str) -> None:
    answer = stocked.call("GET", f"{GROUP}/resources", query={"$filter": condition})
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidFilterInQueryString")


def test_expanded_resources_say_when_they_were_made_and_changed(contoso: Contoso) -> None:
    start = contoso.azure.clock.now()
    put(contoso, "a", tags={"x": "y"})
    contoso.azure.clock.advance(60)
    put(contoso, "a", properties={"provisioningState": "Updating"})
    (plain,) = listed(contoso, f"{GROUP}/resources")
    assert plain.keys().isdisjoint(EXPAND.split(","))
    (shown,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    assert list(shown) == ["id", "name", "type", "location", *EXPAND.split(","), "tags"]
    assert shown["provisioningState"] == "Updating"
    assert seconds_between(shown["createdTime"], shown["changedTime"]) == 60
    (some,) = listed(contoso, f"{THERE}/resources", expand="changedTime, properties")
    assert some["changedTime"] == shown["changedTime"]
    assert "createdTime" not in some
    assert start > 0


def test_a_deployment_makes_and_changes_too(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("a"))))
    (first,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    contoso.azure.clock.advance(5)
    deploy(contoso, properties(template(box("a", properties={"size": 2}))))
    (second,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    assert first["provisioningState"] == "Succeeded"
    assert second["createdTime"] == first["createdTime"] == first["changedTime"]
    assert seconds_between(first["changedTime"], second["changedTime"]) >= 5


def test_what_is_made_again_is_new(contoso: Contoso) -> None:
    put(contoso, "a")
    (first,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    assert contoso.call("DELETE", f"{GROUP}/providers/{BOX}/a", version=VERSION).status in (200, 204)
    contoso.azure.clock.advance(5)
    put(contoso, "a")
    (again,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    assert seconds_between(first["createdTime"], again["createdTime"]) == 5
    contoso.call("DELETE", GROUP)
    contoso.azure.clock.advance(Timings().operation + 5)
    contoso.call("PUT", GROUP, {"location": "westeurope"})
    put(contoso, "a")
    (third,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    assert third["createdTime"] > again["createdTime"]


def test_a_refused_change_is_none(contoso: Contoso) -> None:
    put(contoso, "a")
    (before,) = listed(contoso, f"{GROUP}/resources", expand=EXPAND)
    contoso.azure.clock.advance(5)
    body = {"location": "westeurope", "properties": {"size": 12}}
    assert contoso.call("PUT", f"{GROUP}/providers/{BOX}/a", body, version=VERSION).status == 400
    assert listed(contoso, f"{GROUP}/resources", expand=EXPAND) == [before]


@pytest.mark.parametrize("path", [f"{THERE}/resourceGroups", f"{GROUP}/resources", f"{THERE}/resources"])
@pytest.mark.parametrize("condition", ["", "startswith(tagname, 'TEAM')"])
def test_pages(stocked: Contoso, path: str, condition: str) -> None:
    query = {"$filter": condition} if condition else {}
    whole = sorted(listed(stocked, path, **({"filter": condition} if condition else {})), key=lambda each: str(each["id"]))
    assert len(whole) > 1
    query, seen = query | {"$top": "1"}, []
    while query:
        shown = stocked.call("GET", path, query=query).body
        assert len(shown["value"]) == 1
        seen += shown["value"]
        link = urlsplit(shown.get("nextLink", ""))
        query = dict(parse_qsl(link.query))
        assert link.path == (path if query else "")
    assert seen == whole
    assert "nextLink" not in stocked.call("GET", path, query={"$top": "100"}).body


@pytest.mark.parametrize("query", [{"$top": "0"}, {"$top": "x"}, {"$top": "-1"}, {"$skiptoken": "%%"}, {"$skiptoken": "x"}])
@pytest.mark.parametrize("path", [f"{THERE}/resourceGroups", f"{GROUP}/resources"])
def test_pages_that_cannot_be(contoso: Contoso, path: str, query: dict[str, str]) -> None:
    answer = contoso.call("GET", path, query=query)
    assert answer.status == 400
    assert answer.body["error"]["code"].endswith("InQueryString")


def seconds_between(first: str, second: str) -> float:
    """The seconds from one of Resource Manager's times to another of the same day."""
    return sum(sign * _seconds(time) for sign, time in ((1, second), (-1, first)))


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.removesuffix("Z").partition("T")[2].split(":")
    return round((int(hours) * 60 + int(minutes)) * 60 + float(seconds))
