"""The tree of errors. No other module defines an exception."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re

import pytest

import dpsops
from dpsops import errors
from dpsops.errors import Error, InvalidInput, NotAllowed, Refused


def modules() -> list[str]:
    """Every module of dpsops except those of the embedded Azure, which has Azure's errors instead."""
    found = [module.name for module in pkgutil.walk_packages(dpsops.__path__, "dpsops.")]
    return [name for name in found if not name.startswith("dpsops.emulator") and name != "dpsops.__main__"]


def test_an_error_is_a_message_and_a_hint() -> None:
    error = Error("the vault is disabled", "enable it")
    assert (error.message, error.hint, str(error)) == ("the vault is disabled", "enable it", "the vault is disabled")


def test_of_many_each_has_its_hint_in_its_line() -> None:
    assert Error("Not found.\nAt all.", "look\nagain").advice == "Not found. At all: look again"


@pytest.mark.parametrize("kind", [InvalidInput, NotAllowed, Refused])
def test_each_kind_is_an_error(kind: type[Error]) -> None:
    with pytest.raises(Error, match="no") as caught:
        raise kind("no", "why not")
    assert type(caught.value) is kind


def test_the_documented_tree_lists_every_error() -> None:
    drawn = re.findall(r"^(?:[│ ]*[├└]── )?([A-Z]\w+) +exit \d: ", inspect.getdoc(errors) or "", re.MULTILINE)
    defined = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    assert drawn == defined


def test_no_exception_is_defined_elsewhere() -> None:
    strays = [
        f"{name}.{found.__name__}"
        for name in modules()
        for found in vars(importlib.import_module(name)).values()
        if isinstance(found, type) and issubclass(found, Exception) and found.__module__ == name and name != "dpsops.errors"
    ]
    assert strays == []


def test_every_error_that_is_raised_has_a_hint() -> None:
    """The type requires a hint; this test requires that it is not empty."""
    without = []
    for name in modules():
        module = importlib.import_module(name)
        ours = {each for each, value in vars(module).items() if inspect.isclass(value) and issubclass(value, Error)}
        tree = ast.parse(inspect.getsource(module))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ours:
                hint = call.args[1]
                if isinstance(hint, ast.Constant) and not hint.value:
                    without.append(f"{name}, line {call.lineno}")
    assert without == []


def test_an_error_shows_nothing_that_a_terminal_would_obey_and_nothing_endless() -> None:
    error = Error("\x1b[2Ja\r\x85\u202e\udcffb\nc\N{SNOWMAN}", "\x07" + "y" * 100_000)
    assert error.message == "\\x1b[2Ja\\r\\x85\\u202e\\udcffb\nc\N{SNOWMAN}"
    assert error.hint.startswith("\\x07yyy")
    assert len(error.hint) < 2000
    assert len(Error("x\n" * 10_000, "").message.splitlines()) < 100
