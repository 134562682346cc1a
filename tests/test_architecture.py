"""What the manual says of the source: every module and every target of make has its place there, and no other is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
EMULATOR = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def row(layer: str) -> str:
    """What is in a layer, as its row says."""
    (found,) = re.findall(rf"^\| `{layer}/` \| (.*) \|.*\|$", ARCHITECTURE, re.MULTILINE)
    return str(found)


def modules(folder: Path) -> set[str]:
    """The names of the modules in it, at any depth."""
    return {path.stem for path in folder.rglob("*.py")} - {"__init__"}


@pytest.mark.parametrize("layer", ["workflows", "steps", "fleet", "azure", "model", "pki"])
def test_a_layer_names_each_of_its_modules_and_no_other(layer: str) -> None:
    there = modules(ROOT / "dpsops" / layer)
    named = set(re.findall(r"\w+", row(layer)))
    assert sorted(there - named) == []
    assert sorted(word for word in named if "_" in word.strip("_") and word not in there) == []


def test_the_embedded_azure_names_each_of_its_parts_and_no_other() -> None:
    _, _, rest = EMULATOR.partition("\nserver.py ")
    shown = f"server.py {rest.partition('```')[0]}"
    there = {
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "dpsops" / "emulator").iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    assert sorted(each for each in there if not re.search(rf"\b{re.escape(each.removesuffix('.py'))}", shown)) == []
    named = set(re.findall(r"\b\w+(?:\.py|/)", shown))
    inner = {path.name for path in (ROOT / "dpsops" / "emulator").rglob("*.py")}
    assert sorted(named - there - inner) == []


def test_every_target_of_make_is_told_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    rows = set(re.findall(r"^\| `(?:[\w=.]+ )?make ([a-z-]+)` \|", CONTRIBUTING, re.MULTILINE))
    assert rows == targets
