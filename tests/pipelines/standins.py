"""The actions of others that the workflows use, each replaced by what it does to a job. Any other is refused."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.pipelines.expressions import Unknown, as_text

PINS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
    "actions/upload-artifact": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
    "astral-sh/setup-uv": "20cfd1bf945f4377ade1205e4dbc17946fc9a30d",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an action works. `artifacts`: those of the run, each a folder; `programs`: what the tools bring; `path`: has the
    folders that the rest of the job's steps find programs in, the last one first."""

    repository: Path
    workspace: Path
    artifacts: Path
    programs: dict[str, Path]
    path: list[Path]
    permissions: dict[str, str]


def _checkout(place: Place, said: dict[str, str]) -> None:
    _require_words(said, {"persist-credentials": "false"})
    assert place.permissions.get("contents") == "read", "the job may not read its repository"
    shutil.copytree(place.repository, place.workspace, dirs_exist_ok=True)


def _setup_uv(place: Place, said: dict[str, str]) -> None:
    _require_words(said, {"enable-cache": "false", "version": "latest-known"})
    place.path.append(place.programs["astral-sh/setup-uv"])


def _upload(place: Place, said: dict[str, str]) -> None:
    source, target = place.workspace / said["path"], place.artifacts / said["name"]
    assert said.keys() <= {"name", "path", "if-no-files-found", "retention-days"}, said
    assert not target.exists(), f"there is an artifact {said['name']} already"
    if not source.exists():
        assert said["if-no-files-found"] == "error"
        raise AssertionError(f"{said['path']} is not there")
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.mkdir(parents=True)
        shutil.copy(source, target)


def _download(place: Place, said: dict[str, str]) -> None:
    target = place.workspace / said["path"]
    if "name" in said:
        _require_words(said, {"name": said["name"], "path": said["path"]})
        assert (place.artifacts / said["name"]).is_dir(), f"there is no artifact {said['name']}"
        names = [said["name"]]
    else:
        _require_words(said, {"pattern": said["pattern"], "path": said["path"], "merge-multiple": "true"})
        names = sorted(fnmatch.filter([each.name for each in place.artifacts.iterdir()], said["pattern"]))
    for name in names:
        shutil.copytree(place.artifacts / name, target, dirs_exist_ok=True)


def _require_words(said: dict[str, str], known: dict[str, str]) -> None:
    if said != known:
        raise Unknown(f"an action with {said}, not {known}")


_ACTIONS: dict[str, Callable[[Place, dict[str, str]], None]] = {
    "actions/checkout": _checkout,
    "actions/download-artifact": _download,
    "actions/upload-artifact": _upload,
    "astral-sh/setup-uv": _setup_uv,
}


def act(uses: str, said: dict[str, object], place: Place) -> None:
    """Does what an action would. Raises `Unknown` for one that is not here, or not at this commit; `AssertionError` where the
    action fails."""
    name, _, pin = uses.partition("@")
    if PINS.get(name) != pin:
        raise Unknown(f"the action {uses}")
    _ACTIONS[name](place, {key: as_text(value) for key, value in said.items()})
