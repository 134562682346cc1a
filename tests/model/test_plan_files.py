"""A plan file: whatever it holds, it is read or refused as no plan."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.model.action import Action, PropertyChange
from dpsops.model.plan import Plan

PLAN = Plan(
    "prod",
    "5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11",
    "00" * 32,
    (Action("create", "root root-g1"), Action("modify", "hub", changes=(PropertyChange("sku.capacity", 3, 1, "fewer"),))),
    ("a note",),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


def places(document: Any) -> list[list[str | int]]:
    """Every place in a document, as a path of keys."""
    entries = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [[], *([key, *path] for key, each in entries for path in places(each))]


@given(st.data())
def test_a_changed_plan_is_read_or_refused(data: st.DataObject) -> None:
    document: Any = json.loads(json.dumps(PLAN.document()))
    path: list[str | int] = data.draw(st.sampled_from(places(document)))
    whole: Any = {"whole": document}
    way: list[Any] = ["whole", *path]
    place, last = whole, way[-1]
    for key in way[:-1]:
        place = place[key]
    if data.draw(st.booleans()):
        place[last] = data.draw(ANYTHING)
    elif isinstance(place, dict):
        del place[last]
    try:
        found = Plan.read(json.dumps(whole.get("whole")), "the file")
    except InvalidInput:
        return
    assert Plan.read(json.dumps(found.document()), "the file") == found


def test_a_plan_is_read_as_it_was_written() -> None:
    found = Plan.read(json.dumps(PLAN.document()), "the file")
    assert (found, found.notes) == (PLAN, PLAN.notes)
