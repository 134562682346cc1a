"""What a hub sends to a connected device of itself."""

from __future__ import annotations

import json

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.iothub.lab import LEAF, Lab, self_signed


def changed(desired: JSON) -> JSON:
    """The body of a change of desired properties."""
    return {"properties": {"desired": desired}}


@pytest.mark.parametrize(
    ("method", "desired", "notice"),
    [
        ("PATCH", {"a": -1}, {"a": -1}),
        ("PATCH", {"a": 1, "b": {"x": 1, "y": 2}}, {"a": 1, "b": {"x": 1, "y": 2}}),
        ("PATCH", {"a": None, "none": None, "$version": 7}, {"a": None, "none": None}),
        ("PATCH", {}, {}),
        ("PUT", {"a": 1, "c": 100}, {"a": 1, "b": None, "c": 100}),
        ("PUT", {"a": {"deep": 1}, "b": {"x": 1}}, {"a": {"deep": 1}, "b": {"x": 1, "y": None}}),
        ("PUT", {}, {"a": None, "b": None}),
    ],
)
def test_a_change_of_desired_properties_is_pushed_as_it_was_sent(lab: Lab, method: str, desired: JSON, notice: JSON) -> None:
    self_signed(lab, LEAF)
    lab.ok("PATCH", "/twins/d1", changed({"a": 1, "b": {"x": 1, "y": 2}}))
    heard = lab.listen(lab.connect("d1", LEAF))
    lab.ok(method, "/twins/d1", changed(desired))
    (pushed,) = heard
    assert pushed.topic == "$iothub/twin/PATCH/properties/desired/?$version=3"
    assert json.loads(pushed.payload) == notice | {"$version": 3}


def test_nothing_else_is_pushed(lab: Lab) -> None:
    self_signed(lab, LEAF)
    heard = lab.listen(lab.connect("d1", LEAF))
    lab.ok("PATCH", "/twins/d1", {"tags": {"hall": 3}})
    lab.ok("PATCH", "/twins/d1", {"tags": {"hall": 3}, "properties": {"desired": None}})
    lab.refused("PATCH", "/twins/d1", changed({"a.b": 1}))
    lab.refused("PATCH", "/twins/d1", changed({"a": 1}), headers={"if-match": '"AAAAAAAAAAA="'})
    assert heard == []


def test_a_bulk_pushes_what_it_changes_and_what_it_refuses_it_does_not(lab: Lab) -> None:
    self_signed(lab, LEAF)
    heard = lab.listen(lab.connect("d1", LEAF))
    good = {"id": "d1", "importMode": "updateTwin", **changed({"a": 1})}
    assert lab.call("POST", "/devices", [good]).status == 200
    assert (
        lab.call("POST", "/devices", [good | {"importMode": "updateTwinIfMatchETag", "twinETag": "AAAAAAAAAAA="}]).status == 400
    )
    assert [json.loads(each.payload) for each in heard] == [{"a": 1, "$version": 2}]


def test_only_the_connection_that_is_open_hears_it(lab: Lab) -> None:
    self_signed(lab, LEAF)
    former = lab.listen(lab.connect("d1", LEAF))
    session = lab.connect("d1", LEAF)
    heard = lab.listen(session)
    lab.ok("PATCH", "/twins/d1", changed({"a": 1}))
    lab.disconnect(session)
    lab.ok("PATCH", "/twins/d1", changed({"a": 2}))
    assert (len(former), len(heard)) == (0, 1)
