"""`bicep/` as the real Bicep compiler writes it, formatted and compiled."""

from __future__ import annotations

import json
import re

import pytest

from tests.bicep import real
from tests.bicep.compiler import FOLDER, sources


@real.needed
@pytest.mark.parametrize("file", sources())
def test_it_is_written_as_bicep_format_writes_it(file: str) -> None:
    written = (FOLDER / file).read_text(encoding="utf-8")
    assert written == (real.FOLDER / "formatted" / file).read_text(encoding="utf-8")


@real.needed
def test_the_compiled_template_is_the_real_compilers_but_for_its_signature() -> None:
    ours = json.loads((FOLDER / "main.json").read_text(encoding="utf-8"))
    assert ours == real.unsigned(ours), "the template that ships is not signed"
    assert json.dumps(ours, indent=2) == real.compiled(real.FOLDER / "main.json")


@real.needed
def test_it_is_the_version_that_ci_runs() -> None:
    signature = json.loads((real.FOLDER / "main.json").read_text(encoding="utf-8"))["metadata"]["_generator"]
    pinned = re.findall(r"^version=(.*)$", (FOLDER.parent / ".ci" / "bicep").read_text(encoding="utf-8"), re.MULTILINE)
    assert [signature["version"].rpartition(".")[0]] == pinned
