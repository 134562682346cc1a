"""The functions that a template defines itself.

Source: "User-defined functions in ARM template" of the Resource Manager documentation. It does not say that a function may call
another; Bicep compiles to that, in version 2.0 of the language.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.parameters import Parameter
from dpsops.emulator.arm.template.type_definitions import Definitions, no_such_member, require_known
from dpsops.emulator.arm.template.values import TemplateError

_OUTPUT = {"value"}
_PARAMETER = {"name"}


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function: its full name (`contoso.uniqueName`), its parameters in order, its output and the value of that.

    nests: whether it may call other functions of the template.
    """

    name: str
    parameters: tuple[Parameter, ...]
    output: Parameter
    value: Any
    nests: bool


def read_functions(source: Any, definitions: Definitions | None) -> dict[str, UserFunction]:
    """The functions of a template by their full names in lower case. Raises `TemplateError`."""
    found: dict[str, UserFunction] = {}
    for each in _members(source, definitions):
        if each.name.lower() in found:
            raise TemplateError(f"The template function '{each.name}' is defined multiple times in a template.")
        found[each.name.lower()] = each
    return found


def _members(source: Any, definitions: Definitions | None) -> Iterator[UserFunction]:
    if not isinstance(source, list):
        raise TemplateError("The template section 'functions' is not valid.")
    for place, namespace in enumerate(source):
        path = f"functions[{place}]"
        _require(namespace, path, {"namespace": str, "members": dict})
        for name, member in namespace["members"].items():
            yield _read(f"{namespace['namespace']}.{name}", member, f"{path}.members.{name}", definitions)


def _read(name: str, source: Any, path: str, definitions: Definitions | None) -> UserFunction:
    if isinstance(source, dict):
        source = {"parameters": []} | {key: each for key, each in source.items() if key != "metadata"}
    _require(source, path, {"parameters": list, "output": dict})
    parameters = tuple(_declared(each, "", f"{path}.parameters", _PARAMETER, definitions) for each in source["parameters"])
    output = source["output"]
    if "value" not in output:
        raise TemplateError(f"Required property 'value' not found in JSON. Path '{path}.output', line 1, position 2.")
    return UserFunction(
        name,
        parameters,
        _declared(output, name, f"{path}.output", _OUTPUT, definitions),
        output["value"],
        definitions is not None,
    )


def _declared(source: Any, name: str, path: str, more: set[str], definitions: Definitions | None) -> Parameter:
    if not isinstance(source, dict):
        raise TemplateError(f"The template function at path '{path}' is not valid.")
    require_known(source, "TemplateFunctionParameter", path, more, definitions)
    return Parameter.read(name or str(source.get("name", "")), source, f"at path '{path}'", definitions)


def _require(source: Any, path: str, members: dict[str, type]) -> None:
    if not isinstance(source, dict):
        raise TemplateError(f"The template function at path '{path}' is not valid.")
    for name in source:
        if name not in members:
            raise no_such_member(name, "TemplateFunction", f"{path}.")
    for name, kind in members.items():
        if not isinstance(source.get(name), kind):
            raise TemplateError(f"The template function at path '{path}' is not valid: its '{name}' has the wrong type.")
