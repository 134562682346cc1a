"""The order of a list: the recorded one, but for what is chance in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from tests.conformance.carry import identity

_OF_THE_TEMPLATE = re.compile(r".*\.(dependencies|dependsOn|validatedResources)")
"""Lists in the order of a template."""

_DURATION = re.compile(r"PT?(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?")


def of_a_template(where: str) -> bool:
    """Whether a list has its order from the template, so that it says nothing where the recording has no template."""
    return _OF_THE_TEMPLATE.fullmatch(where) is not None


def misplaced(pairs: Sequence[tuple[Any, Any]], got: Sequence[Any], where: str) -> Iterator[str]:
    """What stands elsewhere in `got`. `pairs` are the recorded elements, in their order, each with the one in its place.

    Both lists may be in the order of IDs that are made up. Of two operations that ran at the same time neither is first.
    """
    recorded, ours = [identity(one) for one, _ in pairs], [identity(other) for _, other in pairs]
    places = {id(element): place for place, element in enumerate(got)}
    found = [places[id(other)] for _, other in pairs]
    if recorded == sorted(recorded) and [identity(each) for each in got] == sorted(identity(each) for each in got):
        return
    for (one, here), (other, there) in combinations(zip(pairs, found, strict=True), 2):
        if here > there and not _together(one[0], other[0]):
            yield f"{where}: {recorded} expected in this order, got {sorted(ours, key=lambda each: found[ours.index(each)])}"
            return


def _together(one: Any, other: Any) -> bool:
    spans = [_span(each) for each in (one, other)]
    if None in spans:
        return False
    (begun, ended), (begun_other, ended_other) = spans  # type: ignore[misc]
    return bool(begun < ended_other and begun_other < ended)


def _span(element: Any) -> tuple[datetime, datetime] | None:
    """When an operation of a deployment began and ended; None for anything else."""
    match element:
        case {"operationId": str(), "properties": {"timestamp": str(ended), "duration": str(duration)}}:
            length = _DURATION.fullmatch(duration)
            moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", ended))
            if length is None:
                return None
            hours, minutes, seconds = (float(each or 0) for each in length.groups())
            return moment - timedelta(hours=hours, minutes=minutes, seconds=seconds), moment
        case _:
            return None
