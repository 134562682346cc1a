"""Settings that other people have written (the folder `cases`, as in `test_cases_of_others.py`): each ends as its README says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dpsops.cli.embedded import STATE_DIRECTORY
from dpsops.cli.exits import Exit
from tests.cli.terminal import Terminal, assert_error
from tests.cli.test_cases_of_others import FOLDER, cases, one_line

SETTINGS = FOLDER / "settings"

pytestmark = [
    pytest.mark.usefixtures("unmeasured"),
    pytest.mark.skipif(not SETTINGS.is_dir(), reason=f"there is no {SETTINGS}"),
]

REFUSED = {
    "02-utf16": "in the encoding UTF-8",
    "03-latin1": "in the encoding UTF-8",
    "04-region-display": "location: .*westeurope",
    "05-hub-single-table": r"write \[\[hub\]\]",
    "06-hub-empty": r"hub: there is none: write \[\[hub\]\]",
    "08-tags-number": r"tags\.costcenter",
    "09-tags-51": "at most 50 tags, and these are 51",
    "10-tags-bad-char": "'a<b' is not a valid name of a tag",
    "11-tag-value-300": "at most 256 characters, and that of 'a' has 300",
    "12-years-string": r"root\.years",
    "13-years-float": r"root\.years",
    "15-org-comma": r"root\.organization: use letters, digits",
    "16-org-plus": r"root\.organization: use letters, digits",
    "19-org-combining": r"root\.organization: use letters, digits",
    "20-rsa1024": "'RSA-1024' is not a type of root key",
    "21-p521": "'EC-P521' is not a type of root key",
    "27-dps-global": "cannot have the name 'global'",
    "31-warn-too-long": r"root\.warn_days: at most 324",
    "32-unknown-key": r"root\.key_size: no such setting",
    "33-twin-dollar": r"'\$version' is not a valid name in a twin",
    "34-twin-date": "write 2026-01-01 as a string",
    "36-twin-big": "at most 4096 bytes",
    "37-twin-string-5k": "at most 4096 bytes",
    "39-group-id-upper": "lower case letters",
    "41-weight-0-only": "every hub has the weight 0",
    "43-f1-capacity-2": "F1 has at most 1 unit",
    "45-two-f1": r"one free hub \(F1\) at most",
}
"""What is said of those that are refused, before anything is made."""

NOT_OFFERED = "48-region-without-dps"
"""Azure alone knows this one, and says it before anything is made."""

TOLD = {"30-years-1-leaf-3650": "certificate of press-07 ends with its root"}
"""What is said of those that work, but not as somebody may think."""


@pytest.fixture
def settings(terminal: Terminal, tmp_path: Path, request: pytest.FixtureRequest) -> Terminal:
    """A terminal in a folder with the settings of a case."""
    shutil.rmtree(tmp_path / "infra")
    shutil.copytree(request.getfixturevalue("case") / "infra", tmp_path / "infra")
    return terminal


def test_every_case_is_known() -> None:
    assert len(cases(SETTINGS)) >= 47
    assert REFUSED.keys() | {NOT_OFFERED} | TOLD.keys() <= {each.name for each in cases(SETTINGS)}


@pytest.mark.parametrize("case", cases(SETTINGS), ids=lambda case: case.name)
def test_settings_end_as_they_should(case: Path, settings: Terminal) -> None:
    readme = (case / "README").read_text(encoding="utf-8")
    made = settings("up")
    if words := REFUSED.get(case.name):
        assert_error(made, Exit.WRONG_USE)
        assert re.search(words, one_line(made[2])), made[2]
        assert "refused" in readme
        assert not STATE_DIRECTORY.exists()
        return
    if case.name == NOT_OFFERED:
        assert_error(made, Exit.FAILED, "switzerlandnorth: Azure does not offer it there", "set another location")
        assert settings.json("status")["dps"] is None
        return
    assert made[0] == 0, made[2]
    assert "up works" in readme
    assert settings.json("up")["actions"] == []
    issued = settings("device", "issue", "press-07")
    assert issued[0] == 0, issued[2]
    registered = settings.json("device", "register", "press-07", "--transport", "https")
    assert registered["assigned_hub"].startswith("iot-" if case.name != "42-static-two-hubs" else _first_hub())
    if words := TOLD.get(case.name):
        assert re.search(words, one_line("".join((*made[1:], *issued[1:])))), (made, issued)
    if "O=" in readme:
        assert settings.json("root", "show")["root"]["subject"].endswith(readme.partition("subject ")[2].strip())


def _first_hub() -> str:
    found = re.search(r'\[\[hub\]\]\s*name = "([^"]+)"', Path("infra/local.toml").read_text(encoding="utf-8"))
    assert found is not None
    return f"{found[1]}."
