"""Tags: those of the settings are set, those of others stay. Their names have no case. Source: Azure Resource Manager,
"Use tags to organize your Azure resources"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dpsops.errors import Refused
from dpsops.limits import MOST_TAGS
from dpsops.model.action import PropertyChange
from dpsops.settings import MADE_TAG


def tag_changes(present: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[PropertyChange]:
    """The tags of the settings that a resource has not, or with another value. Raises `Refused` if it would have too many."""
    if len(present) < (count := len(merged(present, wanted))) > MOST_TAGS:
        raise Refused(
            f"a resource has at most {MOST_TAGS} tags, and one would have {count}: {len(present)} it has, the others are new",
            "set fewer tags in the settings, or remove some that are not needed: 'az tag list --resource-id ID' shows them",
        )
    names = {name.lower(): name for name in present}
    for name, value in wanted.items():
        before = present.get(names.get(name.lower(), ""))
        if before != value:
            yield PropertyChange(f"tags.{names.get(name.lower(), name)}", before, value)


def made(tags: Mapping[str, str], environment: str) -> dict[str, str]:
    """The tags of something new, and the mark that `up` made it, for `down`. Without room for one more there is
    no mark: for `down` it then is like something that an earlier version made."""
    return {**tags, **({MADE_TAG: environment} if len(tags) < MOST_TAGS else {})}


def is_made(tags: Mapping[str, str], environment: str) -> bool:
    """Whether `up` made it for this environment."""
    return any(name.lower() == MADE_TAG and value == environment for name, value in tags.items())


def merged(present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """All tags that a resource will have. A tag that is there keeps the spelling of its name."""
    names = {name.lower(): name for name in present}
    return {**present, **{names.get(name.lower(), name): value for name, value in wanted.items()}}
