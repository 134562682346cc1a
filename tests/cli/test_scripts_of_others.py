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
    printed = run([str(script)], tmp_path)
    for words in SAID[script.stem]:
        assert re.search(words, printed), f"{words}\n{printed}"


def run(words: list[str], folder: Path) -> str:
    """What bash prints, with `dpsops` and its Python on PATH, in a folder that is empty."""
    programs = folder / "bin"
    programs.mkdir()
    for name, module in (("python", ""), ("dpsops", " -m dpsops")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{module} "$@"\n')
        (programs / name).chmod(0o700)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(folder), "HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", *words],
        env=own | SOURCE, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


DEVELOPER = (
    "D1 root unverified: 401  401002 CA certificate not found",
    "D1 root verified, full chain: 200 assigned",
    "D2 chain without the verified root: 200 assigned",
    "D2 leaf alone, group: 401  401002 CA certificate not found",
    r"D3 leaf alone, individual enrollment \(Azure: assigned\): 200 assigned",
    r"D3b individual, leaf of a CA unknown to DPS \(Azure: assigned\): 200 assigned",
    "D4 verified root .*: 401  401002 Signing certificate info did not match chain elements",
    "D6 proof by the wrong key -> 400 .*400053",
    "D7 stale etag -> 412",
    "D19 ID is not the CN: 401  401002",
    "expired leaf: 401  401002",
    "chain in wrong order: 401  401002",
    r"leaf until 9999 \(ATECC608\): 200 assigned",
    r"D16 node query \* -> 200 \[",
    r"D16 registrations query \* -> 200 \[",
    "D17 404 enrollment -> 404 .*404201",
    r"merge \[\] -> 400 .*Property x5c is required",
    "merge PKCS7 DER -> 400 ",
    "merge again -> 403 .*Pending status must be in progress",
    "create over deleted -> 409 ",
)
"""What a device developer with a CA of his own is answered, and whoever merges certificates in a vault."""


def test_a_device_developer_is_answered_as_by_azure(tmp_path: Path) -> None:
    others = FOLDER / "emulator"
    found = f"{others}:{FOLDER}:{SOURCE['PYTHONPATH']}"
    both = " && ".join(f"PYTHONPATH={found} python {others / name}" for name in ("devexp.py", "kvexp.py"))
    printed = run(["-c", f". {UP / 'common.sh'}; world; dpsops up > up.log 2>&1; {both} && echo all"], tmp_path)
    for words in (*DEVELOPER, r"\nall\n"):
        assert re.search(words, printed), f"{words}\n{printed}"
