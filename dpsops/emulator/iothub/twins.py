"""Device twins: tags, desired and reported properties, and the traces that each change leaves in them.

A twin: {"etag" (a number that tags and desired properties count up), "version" (one that every change counts up), "tags",
"desired", "reported"}, each of the last two {"value", "metadata", "version"}. Source: "Understand and use device twins
in IoT Hub".
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.times import timestamp

_TAGS_SIZE = 8 * 1024
_PROPERTIES_SIZE = 32 * 1024
_DEPTH = 10
_KEY_SIZE = 1024
_STRING_SIZE = 4 * 1024
_INTEGERS = range(-4_503_599_627_370_496, 4_503_599_627_370_496)
_NEVER = "0001-01-01T00:00:00Z"
_KEY = re.compile(r"[^\x00-\x1f\x7f-\x9f.$ ]+")


class InvalidTwin(Exception):
    """The twin would break one of the rules for twins; the message says which."""


def new_twin(now: float, initial: JSON | None = None, *, dated: bool = True) -> JSON:
    """The twin of a new device. `initial`: its tags and desired properties, as DPS has them. Raises `InvalidTwin`.

    `dated`: these bear the time; those that the request for the identity brings do not (recorded).
    """
    part = {"value": {}, "metadata": {"$lastUpdated": timestamp(now)}, "version": 1}
    twin = {"etag": 1, "version": 2, "tags": {}, "desired": part, "reported": part}
    if not initial:
        return twin
    given = _updated(twin | {"desired": part | {"version": 0}}, initial, timestamp(now) if dated else _NEVER)
    return twin | {"tags": given["tags"], "desired": given["desired"] | {"version": 1}}


def update(twin: JSON, change: JSON, now: float, *, replace: bool = False) -> JSON:
    """The twin after a service has merged `change` into its tags and desired properties; null deletes a member.

    `replace`: what the change names is replaced instead. Raises `InvalidTwin`.
    """
    return _updated(twin, change, timestamp(now), replace=replace)


def _updated(twin: JSON, change: JSON, time: str, *, replace: bool = False) -> JSON:
    tags, properties = change.get("tags"), change.get("properties")
    properties = {} if properties is None else properties
    if not isinstance(properties, dict):
        raise InvalidTwin("Properties must be an object.")
    desired = properties.get("desired")
    after = dict(twin)
    if tags is not None:
        _check(tags)
        after["tags"] = _merge({} if replace else twin["tags"], {}, tags, {})[0]
        _check_size("Tags", after["tags"], _TAGS_SIZE)
    if desired is not None:
        _check(desired)
        before = twin["desired"] | {"value": {}, "metadata": {}} if replace else twin["desired"]
        after["desired"] = _changed(before, desired, time, counted=True)
        _check_size("Desired properties", after["desired"]["value"], _PROPERTIES_SIZE)
    return after | {"etag": twin["etag"] + 1, "version": twin["version"] + 1}


def report(twin: JSON, change: Any, now: float) -> JSON:
    """The twin after its device has merged `change` into the reported properties. Raises `InvalidTwin`."""
    _check(change)
    reported = _changed(twin["reported"], change, timestamp(now), counted=False)
    _check_size("Reported properties", reported["value"], _PROPERTIES_SIZE)
    return twin | {"reported": reported, "version": twin["version"] + 1}


def notice(before: JSON, change: JSON, *, replace: bool = False) -> JSON:
    """What a device is told of a change of its desired properties, without their version: what was sent, whether or not it is
    new, and null for what a replacement has removed, as Microsoft says of its hub.

    before: the desired properties without metadata; change: what a service has sent for them.
    """
    given = {name: value for name, value in change.items() if not name.startswith("$")}
    for name, value in given.items():
        if replace and isinstance(value, dict) and isinstance(before.get(name), dict):
            given[name] = notice(before[name], value, replace=True)
    return (dict.fromkeys(before) if replace else {}) | given


def twin_etag(twin: JSON) -> str:
    """The twin's etag: eight bytes, base64."""
    return b64encode(twin["etag"].to_bytes(8, "big")).decode()


def show_properties(twin: JSON) -> JSON:
    """Desired and reported properties as a service sees them."""
    return {
        name: part["value"] | {"$metadata": part["metadata"], "$version": part["version"]}
        for name, part in (("desired", twin["desired"]), ("reported", twin["reported"]))
    }


def show_to_device(twin: JSON) -> JSON:
    """Desired and reported properties as the device sees them: without the metadata."""
    return {name: twin[name]["value"] | {"$version": twin[name]["version"]} for name in ("desired", "reported")}


def _changed(part: JSON, change: JSON, time: str, *, counted: bool) -> JSON:
    version = part["version"] + 1
    stamp = {"$lastUpdated": time} | ({"$lastUpdatedVersion": version} if counted else {})
    value, metadata = _merge(part["value"], part["metadata"], change, stamp)
    return {"value": value, "metadata": metadata, "version": version}


def _merge(value: JSON, metadata: JSON, change: JSON, stamp: JSON) -> tuple[JSON, JSON]:
    """A JSON merge patch (RFC 7396), which stamps what it touches. Members whose names begin with `$` are the hub's own."""
    value, metadata = dict(value), metadata | stamp
    for name, wanted in change.items():
        if name.startswith("$"):
            continue
        if wanted is None:
            value.pop(name, None)
            metadata.pop(name, None)
        elif isinstance(wanted, dict):
            inside = value.get(name) if isinstance(value.get(name), dict) else {}
            value[name], metadata[name] = _merge(inside or {}, metadata.get(name, {}) if inside else {}, wanted, stamp)
        else:
            value[name], metadata[name] = wanted, dict(stamp)
    return value, metadata


def _check(change: Any) -> None:
    if not isinstance(change, dict):
        raise InvalidTwin("Twin sections must be objects.")
    _check_object({name: value for name, value in change.items() if not name.startswith("$")}, 1)


def _check_object(section: JSON, depth: int) -> None:
    if depth > _DEPTH:
        raise InvalidTwin(f"Twin objects must not be nested more than {_DEPTH} deep.")
    for name, value in section.items():
        if not _KEY.fullmatch(name) or len(name.encode()) > _KEY_SIZE:
            raise InvalidTwin(f"'{name}' is not a valid name in a twin.")
        _check_value(value, depth)


def _check_value(value: Any, depth: int) -> None:
    match value:
        case dict():
            _check_object(value, depth + 1)
        case list():
            for each in value:
                _check_value(each, depth + 1)
        case str() if len(value.encode()) > _STRING_SIZE:
            raise InvalidTwin(f"Strings in a twin must not exceed {_STRING_SIZE} bytes.")
        case int() if value not in _INTEGERS:
            raise InvalidTwin(f"Integers in a twin must be between {_INTEGERS.start} and {_INTEGERS.stop - 1}.")


def _check_size(name: str, section: JSON, limit: int) -> None:
    """The size is that of the JSON, or as it is documented, whichever is larger: the documentation has only
    the second (stricter guess)."""
    if max(len(json.dumps(section, separators=(",", ":")).encode()), _counted(section)) > limit:
        raise InvalidTwin(f"{name} must not exceed {limit} bytes.")


def _counted(value: Any) -> int:
    """Keys and strings in UTF-8, 8 bytes for a number, 4 for a boolean; of an array, what is in it (guess)."""
    match value:
        case dict():
            return sum(len(name.encode()) + _counted(each) for name, each in value.items())
        case list():
            return sum(_counted(each) for each in value)
        case str():
            return len(value.encode())
        case bool():
            return 4
        case int() | float():
            return 8
        case _:
            return 0
