"""What an invocation has told so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dpsops.cli.commands import NOWHERE, Address

if TYPE_CHECKING:
    from dpsops.cli.summary import Summary


def _nobody(_: str) -> None:
    """Outside a pipeline there is no log to mask anything in."""


@dataclass(slots=True)
class Told:
    """What an invocation has told so far, for the one who looks at it later.

    is_pipeline: somebody does. mask: hides a secret in the log from now on. environment: its name, once it is known.
    address: what leads a command to it. failure: the message and the hint of the error that has ended the command. done: what was
    done so far, as members of the document of the result. has_result: that document was printed. kept: lines on stderr, of what
    was done, that stay there.
    """

    is_pipeline: bool = False
    mask: Callable[[str], None] = _nobody
    environment: str = ""
    address: Address = NOWHERE
    summaries: list[Summary] = field(default_factory=list)
    failure: tuple[str, str] | None = None
    done: Callable[[], dict[str, object]] = dict
    has_result: bool = False
    kept: set[str] = field(default_factory=set)
