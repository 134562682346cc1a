"""A template as a document: which parts it has, and where in it something stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dpsops.emulator.arm.template.json_text import Located
from dpsops.emulator.arm.template.parameters import Parameter
from dpsops.emulator.arm.template.type_definitions import Definitions, no_such_member, require_known
from dpsops.emulator.arm.template.user_functions import UserFunction, read_functions
from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS

_MEMBERS = {
    "$schema", "contentVersion", "languageVersion", "apiProfile", "metadata", "parameters", "variables", "functions", "resources",
    "outputs",
}  # fmt: skip
_RESOURCE_MEMBERS = {
    "apiVersion", "comments", "condition", "copy", "dependsOn", "extendedLocation", "identity", "kind", "location",
    "managedBy", "managedByExtended", "metadata", "name", "plan", "properties", "resourceGroup", "resources", "scope", "sku",
    "subscriptionId", "tags", "type", "zones",
}  # fmt: skip
_RESOURCE_KINDS: Mapping[str, type] = {"copy": dict, "dependsOn": list, "resources": list, "existing": bool, "@options": dict}
_SYMBOLIC = {"existing", "@options"}
"""What only a resource with a symbolic name may have."""

_OPTIONS = {"onlyIfNotExists"}
_SYMBOL = re.compile(r"[A-Za-z0-9_]+")
_LANGUAGE_VERSIONS = {"1.0": False, "2.0": True}
"""Whether resources have symbolic names, and values types of the template's own, in each version of the language."""

_SCHEMA = re.compile(
    r"https?://schema\.management\.azure\.com/schemas/(2014-04-01-preview|2015-01-01|2018-05-01|2019-04-01|2019-08-01)"
    r"/(deploymentTemplate|subscriptionDeploymentTemplate|managementGroupDeploymentTemplate|tenantDeploymentTemplate"
    r"|deploymentParameters)\.json#?",
    re.IGNORECASE,
)
_LIMITS = {"parameters": 256, "variables": 512, "outputs": 64}
"""How many of each a template may have ("ARM template best practices", Template limits)."""

_SECTIONS: Mapping[str, type] = {"parameters": dict, "variables": dict, "definitions": dict, "outputs": dict}
_OBJECTS = ("parameters", "definitions", "outputs")
"""Sections of which every member is an object."""


@dataclass(frozen=True, slots=True)
class Template:
    """The sections of a template. `resources` are as written, by symbolic name; in a list the names are empty.

    written: all of it on one line. definitions: its types; None before version 2.0 of the language. functions: its own, by
    full name in lower case.
    """

    source: JSON
    written: str
    parameters: tuple[Parameter, ...]
    variables: JSON
    resources: tuple[tuple[str, JSON], ...]
    outputs: JSON
    definitions: Definitions | None = None
    functions: Mapping[str, UserFunction] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Any) -> Template:
        """Reads a template. Raises `TemplateError` for one that does not have its sections, or that has others."""
        if not isinstance(source, dict):
            raise TemplateError("The template is not a JSON object.")
        _require(source, "", ("$schema", "contentVersion", "resources"))
        if not isinstance(source["$schema"], str) or not _SCHEMA.fullmatch(source["$schema"]):
            raise TemplateError(
                f"The template schema '{source['$schema']}' is not supported. "
                "Please see https://aka.ms/arm-template for usage details."
            )
        symbolic = _is_symbolic(source)
        _refuse_others(source, _MEMBERS | ({"definitions"} if symbolic else set()), "Template", "")
        for name, kind in _SECTIONS.items():
            if not isinstance(source.get(name, {}), kind):
                raise TemplateError(f"The template section '{name}' is not valid.")
        for name, limit in _LIMITS.items():
            actual = len(source.get(name, {}))
            if actual > limit:
                raise TemplateError(f"The number of template {name} limit exceeded. Limit: '{limit}' and actual: '{actual}'.")
        for name in _OBJECTS:
            if not all(isinstance(each, dict) for each in source.get(name, {}).values()):
                raise TemplateError(f"The template section '{name}' is not valid.")
        written = json.dumps(source, separators=(",", ":"), ensure_ascii=False)
        definitions = source.get("definitions", {}) if symbolic else None
        for name, each in (definitions or {}).items():
            require_known(each, "TemplateTypeDefinition", f"definitions.{name}", {"defaultValue"}, definitions)
        for name, each in source.get("parameters", {}).items():
            require_known(each, "TemplateInputParameter", f"parameters.{name}", {"defaultValue"}, definitions)
        for name, each in source.get("outputs", {}).items():
            loop = each.get("copy", {"count": 0, "input": None})
            if not isinstance(loop, dict) or loop.keys() != {"count", "input"}:
                raise TemplateError(f"The template output '{name}' is not valid: its 'copy' is no loop.")
            require_known(each, "TemplateOutputParameter", f"outputs.{name}", {"value", "condition", "copy"}, definitions)
        parameters = tuple(
            Parameter.read(name, each, where(source, written, "parameters", name), definitions)
            for name, each in source.get("parameters", {}).items()
        )
        return cls(
            source,
            written,
            parameters,
            source.get("variables", {}),
            _read_resources(source["resources"], symbolic=symbolic),
            source.get("outputs", {}),
            definitions,
            read_functions(source.get("functions", []), definitions),
        )

    @property
    def symbolic(self) -> bool:
        """Whether its resources are known by symbolic names."""
        return self.definitions is not None


def where(source: JSON, written: str, section: str, text: str) -> str:
    """Where a member of a section stands, as it was sent; if that is not known, where it would stand in the template `written` on
    one line."""
    members = source.get(section)
    member = members.get(text) if isinstance(members, dict) else None
    if isinstance(member, Located):
        return f"at line '{member.line}' and column '{member.column}'"
    column = written.find(json.dumps(text), max(written.find(f'"{section}":'), 0)) + 1
    return f"at line '1' and column '{max(column, 1)}'"


def _is_symbolic(source: JSON) -> bool:
    version = source.get("languageVersion", "1.0")
    if not isinstance(version, str) or version not in _LANGUAGE_VERSIONS:
        raise TemplateError(f"The template language version '{version}' is not supported.")
    return _LANGUAGE_VERSIONS[version]


def _read_resources(found: Any, *, symbolic: bool) -> tuple[tuple[str, JSON], ...]:
    """With symbolic names they are an object, otherwise an array. Raises `TemplateError`."""
    if not isinstance(found, dict if symbolic else list):
        raise TemplateError("The template section 'resources' is not valid.")
    named = tuple(found.items()) if isinstance(found, dict) else tuple(("", each) for each in found)
    for place, (symbol, each) in enumerate(named):
        path = f"resources.{symbol}" if symbolic else f"resources[{place}]"
        if symbolic and not _SYMBOL.fullmatch(symbol):
            raise TemplateError(f"The symbolic name '{symbol}' of a template resource may only have letters, digits and '_'.")
        _check_resource(each, path, symbolic=symbolic)
    return named


def _check_resource(source: Any, path: str, *, symbolic: bool = False) -> None:
    if not isinstance(source, dict):
        raise TemplateError(f"The template resource at path '{path}' is not a JSON object.")
    _require(source, path, ("type", "apiVersion", "name"))
    _refuse_others(source, _RESOURCE_MEMBERS | (_SYMBOLIC if symbolic else set()), "TemplateResource", path + ".")
    for name, kind in _RESOURCE_KINDS.items():
        if name in source and not isinstance(source[name], kind):
            raise TemplateError(f"The template resource at path '{path}' is not valid: its '{name}' has the wrong type.")
    _refuse_others(source.get("@options", {}), _OPTIONS, "TemplateResourceOptions", f"{path}.@options.")
    if source.get("@options", {}).get("onlyIfNotExists", []) != []:
        raise TemplateError(f"The template resource at path '{path}' is not valid: its 'onlyIfNotExists' takes nothing.")
    if source.get("@options") and str(source["type"]).lower() == DEPLOYMENTS.lower():
        raise TemplateError(f"The template resource at path '{path}' is not valid: a deployment takes no '@options'.")
    for place, child in enumerate(source.get("resources", ())):
        _check_resource(child, f"{path}.resources[{place}]")


def _require(source: JSON, path: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in source:
            raise TemplateError(f"Required property '{name}' not found in JSON. Path '{path}', line 1, position 2.")


def _refuse_others(source: JSON, known: set[str], what: str, path: str) -> None:
    for name in source:
        if name not in known:
            raise no_such_member(name, what, path)
