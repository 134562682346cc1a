"""The lines of `docs/identities.md` that define the roles by hand and give one, typed into the real Azure CLI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from pathlib import Path

import pytest

from dpsops.emulator.identity.state import SUBSCRIPTION
from tests.az.conftest import Az
from tests.workflows.identities import IDENTITIES, PAGE

if "DPSOPS_TEST_AZ" not in os.environ:
    pytest.skip("needs the Azure CLI: make az", allow_module_level=True)

GROUP = "rg-of-identities"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The four files of the page, under the names that it gives them."""
    for name, text in re.findall(r"`(\w+\.json)`[^{]*```json\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text)
    assert sorted(each.stem for each in tmp_path.iterdir()) == sorted(IDENTITIES)
    return tmp_path


def test_the_pages_lines_define_each_role(az: Az, directory: Path) -> None:
    (lines,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    given = {"SUBSCRIPTION": SUBSCRIPTION, "GROUP": GROUP, "OPERATOR": str(uuid.uuid4())}
    path = f"{Path(az.program).parent}:{az.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines], cwd=directory, env={**az.environment, **given, "PATH": path},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    assigned = az("role", "assignment", "list", "--scope", scope, "--fill-principal-name", "false")
    assert {each["roleDefinitionName"] for each in assigned if each["scope"] == scope} == {"dpsops operator"}
    for name in IDENTITIES:
        wanted = json.loads((directory / f"{name}.json").read_text())
        (shown,) = az("role", "definition", "list", "--custom-role-only", "true", "--scope", scope, "--name", wanted["Name"])
        (permission,) = shown["permissions"]
        assert (permission["actions"], permission["dataActions"]) == (wanted["Actions"], wanted["DataActions"])
        assert shown["assignableScopes"] == [scope]
