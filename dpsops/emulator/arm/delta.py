"""The difference between a resource as it is and as a template wants it, in the terms of what-if."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dpsops.emulator.arm.template.values import same
from dpsops.emulator.documents import JSON


def differences(before: JSON, after: JSON) -> Iterator[JSON]:
    """The property changes from `before` to `after`: objects by their properties' dotted paths, arrays by their elements.

    What only `before` has is a `Delete`, though the resource provider may well keep it: what-if does not know.
    A property that is null, or an object without properties, is no different from none.
    """
    yield from _properties(_bare(before), _bare(after), "")


def _bare(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: _bare(each) for key, each in value.items()}
            return {key: each for key, each in kept.items() if each is not None and each != {}}
        case list():
            return [_bare(each) for each in value]
        case _:
            return value


def _properties(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[JSON]:
    for key in [*before, *(key for key in after if key not in before)]:
        path, old, new = prefix + key, before.get(key), after.get(key)
        if same(old, new):
            continue
        match old, new:
            case dict(), dict():
                yield from _properties(old, new, f"{path}.")
            case list(), list():
                yield _array(path, list(_elements(old, new)))
            case None, _:
                yield _created(path, new)
            case _, None:
                yield _deleted(path, old)
            case _:
                yield {"path": path, "propertyChangeType": "Modify", "before": old, "after": new}


def _elements(before: Sequence[Any], after: Sequence[Any]) -> Iterator[JSON]:
    """The changes between two arrays, position by position. Another scalar is one that goes and one that comes (recorded)."""
    for place in range(max(len(before), len(after))):
        path = str(place)
        if place >= len(after):
            yield _deleted(path, before[place])
        elif place >= len(before):
            yield _created(path, after[place])
        elif not same(before[place], after[place]):
            old, new = before[place], after[place]
            if isinstance(old, dict) and isinstance(new, dict):
                yield {"path": path, "propertyChangeType": "Modify", "children": list(_properties(old, new, ""))}
            elif isinstance(old, list) and isinstance(new, list):
                yield _array(path, list(_elements(old, new)))
            else:
                yield _deleted(path, old)
                yield _created(path, new)


def _array(path: str, children: list[JSON]) -> JSON:
    return {"path": path, "propertyChangeType": "Array", "children": children}


def _created(path: str, after: Any) -> JSON:
    return {"path": path, "propertyChangeType": "Create", "after": after}


def _deleted(path: str, before: Any) -> JSON:
    return {"path": path, "propertyChangeType": "Delete", "before": before}
