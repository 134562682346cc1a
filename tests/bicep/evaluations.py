"""What Bicep's own compiler and evaluator say, read from a folder; and what became of each in the embedded Azure.

expressions.json holds expressions as they are compiled, with their values; constructs/ and environments/ hold templates with
parameters and, where the evaluator could tell, the resources and outputs that it foresees (`bicep snapshot`).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.documents import JSON

FOLDER = Path(__file__).resolve().parents[2] / os.environ.get("DPSOPS_BICEP", "../shared/bicep")
"""Where that is, relative to the repository. The tests that need it skip where it does not exist."""

ABSENT = "nothing of Bicep's evaluator: DPSOPS_BICEP names no folder, and there is none beside the repository"

PROPERTY = "evaluated"
"""What a test attaches to its own report: the kind, the name, what became of it, and why."""

AGREED, WRONG, REFUSED, UNTOLD = "agree", "wrong", "refused", "not told"
"""What became of it; untold is what the evaluator cannot tell, or what is only known here when a deployment has run."""


@dataclass(frozen=True, slots=True)
class Construct:
    """A template with its parameters, and what is foreseen of it; None where the evaluator could not tell."""

    name: str
    template: JSON
    parameters: JSON
    foreseen: JSON | None


def read_expressions() -> JSON:
    """The file of expressions, or one without any."""
    path = FOLDER / "expressions.json"
    found: JSON = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"expressions": []}
    return found


def find_constructs(folder: str) -> list[str]:
    """The names of those in a folder."""
    return sorted({each.name.split(".")[0] for each in FOLDER.glob(f"{folder}/*.json")})


def read_construct(folder: str, name: str) -> Construct:
    """One of them; an environment is one of `main.json`."""

    def load(path: Path) -> Any:
        return json.loads(path.read_text(encoding="utf-8"))

    template, snapshot = FOLDER / folder / f"{name}.json", FOLDER / folder / f"{name}.snapshot.json"
    given = FOLDER / folder / f"{name}.parameters.json"
    parameters = load(given) if given.exists() else {}
    return Construct(
        name,
        load(template if template.exists() else FOLDER / "main.json"),
        parameters.get("parameters", parameters),
        load(snapshot) if snapshot.exists() else None,
    )


Row = tuple[str, str, str, str]
"""Kind, name, what became of it, and why."""


def gather(reports: Iterable[pytest.TestReport]) -> list[Row]:
    """What the tests' reports hold."""
    attached: Any = [value for each in reports for key, value in each.user_properties if key == PROPERTY]
    return [(kind, name, outcome, why) for kind, name, outcome, why in attached]


def lines(found: list[Row]) -> Iterator[str]:
    """How many of each kind agree, are wrong, refused or not told; then those that do not agree, with the reason."""
    for kind in sorted({each[0] for each in found}):
        counts = Counter(outcome for each, _, outcome, _ in found if each == kind)
        yield f"{kind:12} {counts.total():3}: " + ", ".join(f"{each} {counts[each]}" for each in (AGREED, WRONG, REFUSED, UNTOLD))
    reasons: dict[str, list[str]] = {}
    for kind, name, outcome, why in sorted(found):
        if outcome != AGREED:
            reasons.setdefault(f"{outcome} ({kind}), {why}", []).append(name)
    for reason, names in reasons.items():
        yield f"{reason}: {', '.join(names)}"
