"""What no pipeline may print or keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."),
    "a key of a hub or DPS": re.compile(r"SharedAccessKey=|SharedAccessSignature|\b(?:primary|secondary)Key\b", re.IGNORECASE),
}


def secrets_in(text: str, known: Iterable[str] = ()) -> Iterator[str]:
    """What kinds of secrets a text has, and which of the `known` ones."""
    yield from (kind for kind, pattern in _SECRETS.items() if pattern.search(text))
    yield from (f"the secret {each[:4]}..." for each in known if each in text)


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file of a folder, as a text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder), path.read_text(encoding="utf-8", errors="replace")
