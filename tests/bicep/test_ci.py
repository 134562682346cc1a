"""`.ci/bicep`, with a stand-in for the compiler that it runs: it sees each kind of fault, and no fault where there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bicep.compiler import FOLDER, compile_file, sources

ROOT = FOLDER.parent
VERSION = "0.49.2"

BICEP = """
import json, pathlib, sys
act, source, target = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ""), pathlib.Path(sys.argv[-1])
says = json.loads(pathlib.Path(__file__).with_name("says.json").read_text())
if act == "--version":
    print("Bicep CLI version " + says["version"] + " (0123456789)")
elif act == "build":
    assert sys.argv[2:4] == ["bicep/main.bicep", "--outfile"]
    target.write_text(json.dumps(says["template"]))
elif act == "lint":
    print(says["findings"].get(source.name, ""), end="", file=sys.stderr)
    sys.exit(says["lint"])
elif act == "format":
    assert sys.argv[3] == "--outfile"
    target.write_text(source.read_text().replace(*says["format"]))
"""

AZ = """
import os, pathlib, shutil, sys
assert sys.argv[1:] == ["bicep", "install", "--version", "v0.49.2"], sys.argv
assert os.environ["AZURE_BICEP_USE_BINARY_FROM_PATH"] == "false"
here, target = pathlib.Path(__file__).parent / "stored", pathlib.Path(os.environ["AZURE_CONFIG_DIR"]) / "bin"
shutil.copytree(here, target)
"""

TOOLS = ("bash", "diff", "dirname", "jq", "mktemp", "rm")
"""All that the script finds beside the stand-ins: no Bicep and no Azure CLI of the machine's."""

pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"not all of {', '.join(TOOLS)}")


class Stage:
    """A copy of what the script reads, and the programs that it finds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs, self.azure = folder / "repository", folder / "programs", folder / "azure"
        shutil.copytree(FOLDER, self.folder / "bicep")
        (self.folder / ".ci").mkdir()
        shutil.copy(ROOT / ".ci" / "bicep", self.folder / ".ci" / "bicep")
        self.programs.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(str(shutil.which(tool)))

    def put(self, folder: Path, name: str, source: str, **says: Any) -> None:
        """A program in a folder, and what it says."""
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{source}")
        program.chmod(0o755)
        if source == BICEP:
            usual = {"version": VERSION, "template": signed(), "findings": {}, "lint": 0, "format": ["", ""]}
            (folder / "says.json").write_text(json.dumps(usual | says))

    def run(self) -> tuple[int, str]:
        """Its exit code and all that it says."""
        environment = {"PATH": str(self.programs), "HOME": str(self.azure), "AZURE_CONFIG_DIR": str(self.azure)}
        done = subprocess.run([self.folder / ".ci" / "bicep"], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage with no program on it."""
    return Stage(tmp_path)


def signed() -> Any:
    """The template with a signature, as the compiler writes it, at each level."""
    template = compile_file("main.bicep", sources())
    modules = [resource["properties"]["template"] for resource in template["resources"].values()]
    assert modules
    for each in [template, *modules]:
        each["metadata"] = {"_generator": {"name": "bicep", "version": VERSION, "templateHash": "1"}}
    return template


def test_nothing_is_said_where_nothing_is_wrong(stage: Stage) -> None:
    stage.put(stage.programs, "bicep", BICEP)
    assert stage.run() == (0, "")


def test_a_template_that_is_not_up_to_date_is_shown(stage: Stage) -> None:
    template = signed()
    template["definitions"]["vaultType"]["properties"]["name"]["maxLength"] = 23
    stage.put(stage.programs, "bicep", BICEP, template=template)
    code, said = stage.run()
    assert code == 1
    assert '+          "maxLength": 23' in said


def test_metadata_that_is_no_signature_counts(stage: Stage) -> None:
    template = signed()
    template["metadata"]["description"] = "x"
    stage.put(stage.programs, "bicep", BICEP, template=template)
    code, said = stage.run()
    assert code == 1
    assert '+    "description": "x"' in said


@pytest.mark.parametrize("lint", [0, 1])
def test_a_finding_fails_be_it_but_a_warning(stage: Stage, lint: int) -> None:
    stage.put(stage.programs, "bicep", BICEP, findings={"dps.bicep": "dps.bicep(1,1) : Warning a-rule: x"}, lint=lint)
    code, said = stage.run()
    assert (code, said) == (1, "dps.bicep(1,1) : Warning a-rule: x\n")


def test_a_linter_that_fails_in_silence_fails(stage: Stage) -> None:
    stage.put(stage.programs, "bicep", BICEP, lint=1)
    assert stage.run() == (1, "")


def test_a_file_that_would_be_formatted_otherwise_is_shown(stage: Stage) -> None:
    stage.put(stage.programs, "bicep", BICEP, format=["sku: {\n    name: hub", "sku: {\n      name: hub"])
    code, said = stage.run()
    assert code == 1
    assert "--- bicep/hub.bicep\n+++ bicep/hub.bicep, formatted" in said


def test_every_fault_is_said(stage: Stage) -> None:
    stage.put(stage.programs, "bicep", BICEP, template={}, findings={"hub.bicep": "a finding"}, format=["S1", "S2"])
    code, said = stage.run()
    assert code == 1
    assert all(each in said for each in ("main.bicep, compiled", "a finding", "dps.bicep, formatted"))


def test_another_version_is_not_taken_but_the_pinned_one_installed(stage: Stage) -> None:
    stage.put(stage.programs, "bicep", BICEP, version="0.49.20", template={})
    stage.put(stage.programs, "az", AZ)
    stage.put(stage.programs / "stored", "bicep", BICEP)
    assert stage.run() == (0, "")
    (stage.programs / "az").unlink()
    assert stage.run() == (0, ""), "what is installed once is found again"


def test_it_fails_if_the_wrong_version_was_installed(stage: Stage) -> None:
    stage.put(stage.programs, "az", AZ)
    stage.put(stage.programs / "stored", "bicep", BICEP, version="0.50.1")
    assert stage.run() == (1, "There is no Bicep 0.49.2.\n")


def test_it_fails_without_any_compiler(stage: Stage) -> None:
    code, said = stage.run()
    assert code == 127
    assert "az: command not found" in said
