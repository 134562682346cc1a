"""The programs of `docs/how-to/device-code.md`, at the embedded Azure: `python -m tests.clients.page`.

Types what the page has for each language, in the environments that `tests.clients.run` has installed, and looks for the message
that the device has sent. Exits with 1 if one did not arrive.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dpsops.cli.embedded import variables
from tests.clients.apart import apart
from tests.clients.catalogue import PROGRAMS, ROOT, Environment, NotInstalled
from tests.clients.ground import Ground, stood
from tests.pages import blocks

PAGE = ROOT / "docs" / "how-to" / "device-code.md"
TYPED = "make clients types it"
_DEVICE = "press-07"
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Language:
    """A section of the page: file and language of its program, what is installed for it, and the folder there that it needs."""

    name: str
    file: str
    fence: str
    environment: Environment | None = None
    folder: str = "bin"


def _environment(folder: str) -> Environment:
    return next(each.environment for each in PROGRAMS if each.environment.folder == folder)


LANGUAGES = (
    Language("Python", "press.py", "python", _environment("python/iot")),
    Language("Node", "press.js", "js", _environment("node"), "node_modules"),
    Language("Java", "Press.java", "java", _environment("java"), "target"),
    Language("Go", "press.go", "go"),
)


def section(name: str) -> str:
    """What the page says of a language."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {name}\n")
    return rest.partition("\n## ")[0]


def program(language: Language) -> str:
    """The program of a language."""
    (found,) = [each.text for each in blocks(section(language.name)) if each.language == language.fence]
    return found


def typed(language: Language) -> str:
    """What is typed to run it."""
    (found,) = [each.text for each in blocks(section(language.name)) if each.untyped == TYPED]
    return found


def main(words: Sequence[str]) -> int:
    """The exit code."""
    missing = install([each.environment for each in LANGUAGES if each.environment is not None])
    apart("tests.clients.page", words)
    failed = False
    with tempfile.TemporaryDirectory() as place, stood(Path(place), [_DEVICE]) as ground:
        host = f"{ground.settings.hub[0].name}.azure-devices.net"
        for language in LANGUAGES:
            if language.environment is not None and language.environment.folder in missing:
                failed = True
                print(f"{language.name}: not run: {missing[language.environment.folder]}")
                continue
            before = len(ground.azure.messages(host, _DEVICE))
            done = _type(language, ground)
            if done.returncode == 0 and len(ground.azure.messages(host, _DEVICE)) == before + 1:
                print(f"{language.name}: yes")
            else:
                failed = True
                print(f"{language.name}: no, it ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return int(failed)


def install(environments: Sequence[Environment]) -> dict[str, str]:
    """Installs them; for each folder that cannot be, the reason."""
    missing = {}
    for each in environments:
        try:
            each.install()
        except NotInstalled as reason:
            missing[each.folder] = str(reason)
    return missing


def _type(language: Language, ground: Ground) -> subprocess.CompletedProcess[str]:
    place = ground.directory
    (place / language.file).write_text(program(language), encoding="utf-8")
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if language.environment is not None:
        installed = language.environment.place / language.folder
        path.insert(0, str(installed))
        (place / language.folder).symlink_to(installed)
    given = {"PATH": os.pathsep.join(path), "HOME": str(place), "ID_SCOPE": ground.scope, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-e", "-c", typed(language)],
        cwd=place,
        env=variables(ground.azure) | given,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
