"""The newest certificates of the devices during one command: listed once, then brought up to date from what its steps issue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dpsops.model.action import Action, Result
from dpsops.model.device import Issued, Leaf, Unchanged
from dpsops.model.root import root_name


class Fleet:
    """The newest certificate of every device. `fresh`: they were listed after the last step."""

    def __init__(self, listed: Iterable[Leaf], *, fresh: bool) -> None:
        self._known = {leaf.device: leaf for leaf in listed}
        self._complete = True
        self.fresh = fresh

    @property
    def newest(self) -> Sequence[Leaf] | None:
        """The newest certificates; None if they must be listed anew: somebody else has issued some."""
        return tuple(self._known.values()) if self._complete else None

    def follow(self, step: Iterable[Result | Issued | Unchanged]) -> Iterator[Result]:
        """The results of a step, after what it has issued was noted."""
        for result in step:
            match result:
                case Issued(device, leaf=leaf):
                    self._known[device] = leaf
                    yield Action("reissue", f"leaf of {device}", f"issued by {root_name(leaf.generation)}")
                case Unchanged():
                    self._complete = False
                case _:
                    yield result
