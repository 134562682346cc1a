"""A stand-in for uv, so that `make test` needs no network: it takes the words of scripts/set_up.sh and no others.

It installs by a link to a folder that holds what requirements-runtime.lock names, taken from where the tests run, and nothing
else: what only develops or tests dpsops is not there.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.pipelines.reading import ROOT

LOCK = ROOT / "requirements-runtime.lock"

_PROGRAM = '''\
#!{python}
"""uv, for the tests of the pipelines."""
import os, sys, venv
from pathlib import Path

LOCK, PACKAGES = Path({lock!r}), {packages!r}
VENV = ["venv", "--quiet", "--clear", "--python-preference", "system", "--python", ">=3.11"]
INSTALL = ["pip", "install", "--quiet", "--python", None, "--no-deps", "--require-hashes"]
INSTALL += ["--only-binary", ":all:", "--requirement"]
*words, last = sys.argv[1:]
assert os.environ["UV_NO_CACHE"] == os.environ["UV_NO_CONFIG"] == "1"
if words == VENV:
    venv.EnvBuilder(clear=True, symlinks=True).create(last)
elif len(words) == len(INSTALL) and all(wanted in (None, word) for wanted, word in zip(INSTALL, words)):
    assert Path(last).read_bytes() == LOCK.read_bytes()
    (folder,) = Path(words[4]).glob("lib/python3.*/site-packages")
    (folder / "locked.pth").write_text(PACKAGES + "\\n")
else:
    sys.exit(f"uv: {{sys.argv[1:]}}")
'''


def locked() -> dict[str, str]:
    """The version of each distribution that the lock names for this Python, by its name. Each must have a hash."""
    found = {}
    for block in re.split(r"\n(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"))[1:]:
        said = Requirement(block.partition(" \\")[0])
        assert "--hash=sha256:" in block, said
        if said.marker is None or said.marker.evaluate():
            (pin,) = said.specifier
            assert pin.operator == "==", said
            found[said.name] = pin.version
    return found


def link_packages(folder: Path) -> None:
    """Links what the lock names into a folder."""
    for name, version in locked().items():
        distribution = metadata.distribution(name)
        assert distribution.version == version, f"{name} is not {version}: make setup"
        for file in distribution.files or ():
            if ".." not in file.parts:
                link = folder / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(distribution.locate_file(file))))


def make_uv(folder: Path) -> Path:
    """Makes the program, and what it installs; returns the folder that the program is in."""
    packages, programs = folder / "packages", folder / "bin"
    link_packages(packages)
    programs.mkdir()
    python = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    text = _PROGRAM.format(python=python, lock=str(LOCK), packages=str(packages))
    (programs / "uv").write_text(text, encoding="utf-8")
    (programs / "uv").chmod(0o755)
    return programs
