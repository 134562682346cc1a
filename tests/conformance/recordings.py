"""Recorded traffic of the real Azure, read from the folders where it lies."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tests.conformance import recorders
from tests.conformance.messages import Recording

ROOT = Path(__file__).resolve().parents[2]
_NAMED = os.environ.get("DPSOPS_RECORDINGS", "../shared/recordings:../shared/recordings-more")
FOLDERS = tuple(found for each in _NAMED.split(":") if each and (found := ROOT / each).is_dir())
"""Where the recordings are, relative to the repository. The tests that need them skip where there is no such folder."""

ABSENT = "no recordings: DPSOPS_RECORDINGS names no folder, and there is none beside the repository"

_LIST = re.compile(r'^(http_)?interactions:|"(interactions|Entries|networkCallRecords)"\s*:', re.MULTILINE)
_MASKED_ID = re.compile(r"<[A-Z_]*_ID>")
_SOME_ID = "00000000-0000-0000-0000-000000000000"
"""In the place of an ID that its recorder masked by a word: Azure would not have taken that for one."""


class Unreadable(Exception):
    """A file that looks like a recording, and is a broken one; the message says how."""


def discover(folders: Sequence[Path] = FOLDERS) -> list[Path]:
    """The files below the folders that look like recordings, each folder's in the order of their paths."""
    found = (sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".yaml", ".yml"}) for folder in folders)
    return [path for each in found for path in each if path.is_file() and _LIST.search(_text(path))]


def title(path: Path, folders: Sequence[Path] = FOLDERS) -> str:
    """What a recording is called: its path, from the folder of recordings on."""
    folder = next(each for each in folders if path.is_relative_to(each))
    return f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"


def read_recording(path: Path, folders: Sequence[Path] = FOLDERS) -> Recording | None:
    """The recording in a file, or None where the file is something else. Raises `Unreadable`."""
    text = _MASKED_ID.sub(_SOME_ID, _text(path))
    try:
        # Azure Developer CLI's cassettes have a second document, which holds the test's variables.
        document = json.loads(text) if path.suffix == ".json" else next(iter(yaml.load_all(text, _Loader)))
        found = recorders.exchanges(document, text)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, yaml.YAMLError) as broken:
        raise Unreadable(f"{path} looks like a recording, and cannot be read: {broken!r}") from broken
    return None if found is None else Recording(title(path, folders), found)


def read_all(folders: Sequence[Path] = FOLDERS) -> Iterator[Recording]:
    """Every recording below the folders that can be read."""
    for path in discover(folders):
        with suppress(Unreadable):
            recording = read_recording(path, folders)
            if recording is not None:
                yield recording


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


class _Loader(yaml.CSafeLoader):
    """Reads strings as strings where Python 2 wrote a cassette, too."""


def _construct_text(loader: yaml.CSafeLoader, node: Any) -> Any:
    return loader.construct_scalar(node)


for _tag in ("unicode", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:python/{_tag}", _construct_text)
