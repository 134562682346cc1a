"""Workflows and actions, as their files say them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"

Document = dict[str, Any]


def read(path: Path) -> Document:
    """The document of a workflow or an action. YAML 1.1 reads its key `on` as true."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict), path
    if True in document:
        document["on"] = document.pop(True)
    return document


def workflows() -> list[Path]:
    """The workflows of this repository."""
    return sorted(WORKFLOWS.glob("*.yml"))


def actions() -> list[Path]:
    """The actions of this repository."""
    return [ROOT / "action.yml", *sorted((ROOT / ".github" / "actions").glob("*/action.yml"))]


def jobs(document: Document) -> dict[str, Document]:
    """The jobs of a workflow."""
    found: dict[str, Document] = document["jobs"]
    return found


def steps(document: Document) -> Iterator[tuple[str, Document, Document]]:
    """Each step of a workflow or an action, with the place where it is, and with the job that it is in."""
    parts = {"": document["runs"]} if "runs" in document else jobs(document)
    for name, part in parts.items():
        for number, step in enumerate(part.get("steps", []), 1):
            yield f"{name} step {number}".strip(), step, part


def shell_of(step: Document, document: Document) -> str:
    """The shell of a step, by its own name or that of the workflow; none for what GitHub takes then."""
    shell: str = step.get("shell") or document.get("defaults", {}).get("run", {}).get("shell", "")
    return shell
