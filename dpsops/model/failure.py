"""Why Azure refuses or fails something: its innermost reasons, and how several of them are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Policy:
    """An Azure Policy that denies a resource. `name`: for people. `assignment`: the resource ID of its assignment, or empty.
    `fields`: what it has judged in the resource, such as `tags[team]`."""

    name: str
    assignment: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: Azure's most specific code, and its words in one line without what only Azure's support needs.

    code: `ScopeLocked`; the six digits of an error of Microsoft.Devices (`400019` for IH400019); empty if there is none.
    target: the resource or the property that it concerns, or empty. original: Azure's words in full.
    No member contains a token or a key.
    """

    code: str
    message: str
    target: str = ""
    policies: tuple[Policy, ...] = ()
    original: str = field(default="", compare=False)


def told(reasons: Sequence[Reason], opening: str = "") -> str:
    """The reasons as one message: a single one in one line, several as a numbered list with one line each.

    `opening`: what they are reasons for.
    """
    if len(reasons) == 1:
        return f"{opening}: {reasons[0].message}" if opening else reasons[0].message
    first = f"{opening} for {len(reasons)} reasons:" if opening else f"Azure gives {len(reasons)} reasons:"
    return "\n".join([first, *(f"{number}. {reason.message}" for number, reason in enumerate(reasons, 1))])


def advised(reasons: Sequence[Reason], hint: Callable[[Reason], str], otherwise: str) -> str:
    """The hints for the reasons: one if it fits all of them, else one line each, with the numbers that `told` gives the reasons.

    `hint`: the hint for one reason, or empty. `otherwise`: the hint if no reason has one.
    """
    numbers: dict[str, list[int]] = {}
    for number, reason in enumerate(reasons, 1):
        if text := hint(reason):
            numbers.setdefault(text, []).append(number)
    if not numbers:
        return otherwise
    if len(numbers) == 1 and len(next(iter(numbers.values()))) == len(reasons):
        return next(iter(numbers))
    return "\n".join(f"{', '.join(map(str, those))}. {text}" for text, those in numbers.items())
