"""What others had made or changed before a command of dpsops runs (the scripts in the folder `cases`, as in
`test_cases_of_others.py`): each ends as its first line says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import SOURCE
from tests.cli.test_cases_of_others import FOLDER

UP = FOLDER / "up"

pytestmark = [pytest.mark.usefixtures("unmeasured"), pytest.mark.skipif(not UP.is_dir(), reason=f"there is no {UP}")]

PATIENCE_SECONDS = 300
_OWN_GROUP = r"error: the enrollment group devices trusts no CA certificate: .*\n.*choose another group for dpsops"

SAID: dict[str, tuple[str, ...]] = {
    "c10-group-by-hand": (
        *(rf"--- {command}\n.*{_OWN_GROUP}" for command in ("plan", "up", "device issue press-07", "rotate status")),
        r"--- status\n.*\n.*choose another group for dpsops",
    ),
    "c11-same-root-other-name": ("rc=0", "DPS does not accept this certificate, or the device is blocked", "legacy-2 refused"),
    "c14-delete-lock": (
        "lock: 201", "identity press-07 in .*: disabled", r"✗ root-g1 in DPS .* could not be removed: The scope .*lock", "rc=3",
        "vault key enabled: False",
    ),
    "c22-first-policy": ("press-07: registered over https, assigned to",),
    "c23-key-regenerated": (
        "Nothing changed: nothing is missing", "hint: .*'dpsops up --relink'", "next .*dpsops up --relink",
        r"dps-dpsops-local: modified\n(.*\n)*.*press-08: registered over https(.*\n)*Nothing changed: nothing is missing",
    ),
    "c2b-foreign-vault": (r"\{'owner': 'factory'\} \{'accessPolicies': \[\{.*'enablePurgeProtection': None",),
    "c31-region": ("enrollment group devices: created",),
    "c4b-firewall": (r"\+ assign Key Vault Crypto User", r"tags \{'costcenter': '4711'\} networkAcls .*203\.0\.113\.7/32"),
    "c5-soft-delete-days": ("keeps what is deleted for 90 days, which cannot be changed; the settings say 7",),
    "c8-routes": (r"iot-dpsops-local-2: created", r"routes \[\{.*'name': 'r1'.*retention 7"),
    "c9-role-by-hand": ("Nothing to do", "press-07: valid until"),
}  # fmt: skip
"""What each prints, so that its first line holds."""


def scripts() -> list[Path]:
    return sorted(UP.glob("c*-*.sh"))


def test_every_script_is_known() -> None:
    assert {each.stem for each in scripts()} == SAID.keys()


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.stem)
def test_what_others_have_made_ends_as_it_should(script: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in (("python", ""), ("dpsops", " -m dpsops")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        (programs / name).chmod(0o700)
    place = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
        **SOURCE,
    }
    done = subprocess.run(
        ["bash", str(script)],
        env=place, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    for words in SAID[script.stem]:
        assert re.search(words, done.stdout), f"{words}\n{done.stdout}"
