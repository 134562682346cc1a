"""The parity map of the manual: whoever reads a guess learns who could settle it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from dpsops.emulator.habits import Habits

_MANUAL = Path(__file__).resolve().parents[2] / "docs" / "emulator.md"


def rows() -> list[tuple[str, str]]:
    """What the embedded Azure does, and the source of it."""
    lines = _MANUAL.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")]
    return [(one[0].strip(), one[-1].strip()) for one in cells if len(one) >= 2]


def test_every_guess_names_who_could_settle_it_and_nothing_else_does() -> None:
    found = rows()
    assert len(found) > 150
    wrong = [
        what
        for what, source in found
        if bool(re.search(r"guess|from memory|likely|is not known", source))
        != bool(re.search(r"\[(a call|a device|a load)\]$", source))
    ]
    assert wrong == []


def test_every_test_and_habit_that_it_names_is_there() -> None:
    text = _MANUAL.read_text(encoding="utf-8")
    tests = {path.name for path in Path(__file__).resolve().parents[1].rglob("test_*.py")}
    assert set(re.findall(r"`(test_\w+\.py)`", text)) <= tests
    named = set(re.findall(r"`Habits\.(\w+)`", text))
    assert named
    assert named <= {field.name for field in fields(Habits)}
