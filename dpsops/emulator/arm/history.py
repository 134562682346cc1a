"""When each resource was made and last changed, as Resource Manager itself remembers it."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

_KIND = "resourceHistory"
"""Key: the resource's ID, lower case. {"created", "changed" (epoch s)}."""


def note(world: World, identifier: ResourceId) -> None:
    """The resource has just been written."""
    known = world.state.get(_KIND, identifier.key) or {"created": world.now}
    world.state.put(_KIND, identifier.key, known | {"changed": world.now})


def forget(world: World, path: str) -> None:
    """Removes what is remembered of a resource that is gone, or of those in a group."""
    world.state.delete(_KIND, path.rstrip("/").lower())
    for key, _ in world.state.list(_KIND, f"{path.rstrip('/')}/".lower()):
        world.state.delete(_KIND, key)


def times(world: World, identifier: ResourceId) -> JSON:
    """As a list shows them; none of a resource whose making nobody has noted."""
    known = world.state.get(_KIND, identifier.key)
    return {} if known is None else {f"{name}Time": timestamp(known[name]) for name in ("created", "changed")}
