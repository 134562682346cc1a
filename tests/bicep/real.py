"""What the real Bicep compiler made: `bicep/` compiled and formatted, and a set of small files with what each compiles to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = _ROOT / os.environ.get("DPSOPS_BICEP", "../shared/bicep")
"""Where it is, relative to the repository. The tests that need it skip where it does not exist."""

ABSENT = "nothing of the real compiler: DPSOPS_BICEP names no folder, and there is none beside the repository"

PROPERTY, MADE = "bicep construct", "made"
"""What a test notes of a template: that ours is the same, or `NAME: why it is refused`."""

needed = pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)


def unsigned(template: Any) -> Any:
    """A template without its compiler's signature, which each version writes in its own way."""
    match template:
        case dict():
            kept = {key: unsigned(each) for key, each in template.items() if key != "_generator"}
            return {key: each for key, each in kept.items() if not (key == "metadata" and each == {})}
        case list():
            return [unsigned(each) for each in template]
    return template


def compiled(path: Path) -> str:
    """The text of a template that the real compiler wrote, without its signature: order counts."""
    return json.dumps(unsigned(json.loads(path.read_text(encoding="utf-8"))), indent=2)


def constructs() -> list[str]:
    """The names of the small files, each with a template; none where the folder is absent."""
    return sorted(path.stem for path in (FOLDER / "constructs").glob("*.json") if path.with_suffix(".bicep").is_file())
