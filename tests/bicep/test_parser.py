"""Our parser reads of `bicep/` what pycep, which is another's, reads."""

from __future__ import annotations

from typing import Any

import pytest
from pycep import BicepParser

from tests.bicep import syntax as s
from tests.bicep.compiler import sources
from tests.bicep.program import Program

FILES = sources()
PYCEP = BicepParser()


@pytest.mark.parametrize("file", FILES)
def test_it_declares_the_same(file: str) -> None:
    theirs: dict[str, Any] = dict(PYCEP.parse(text=FILES[file]))
    ours = Program.read(file, FILES)
    assert {key: (each["type"], each["default"] is not None) for key, each in theirs["parameters"].items()} == {
        key: (_type(each.type), each.default is not None) for key, each in ours.all(s.Parameter).items()
    }
    assert list(theirs.get("variables", ())) == list(ours.all(s.Variable))
    assert {key: each["type"] for key, each in theirs.get("outputs", {}).items()} == {
        key: _type(each.type) for key, each in ours.all(s.Output).items()
    }
    resources = {
        key: (f"{each['type']}@{each['api_version']}", each["existing"]) for key, each in theirs.get("resources", {}).items()
    }
    assert resources == {key: (each.type, each.existing) for key, each in ours.all(s.Resource).items()}
    modules = {key: each["detail"]["path"] for key, each in theirs.get("modules", {}).items()}
    assert modules == {key: each.path for key, each in ours.all(s.Module).items()}


def _type(type_: s.Type) -> str:
    assert isinstance(type_, s.NamedType)
    return type_.name
