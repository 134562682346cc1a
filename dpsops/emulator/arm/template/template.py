"""A template as a document: which parts it has, and where in it something stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.json_text import Located
from dpsops.emulator.arm.template.parameters import Parameter
from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.documents import JSON

_MEMBERS = {
    "$schema", "contentVersion", "languageVersion", "apiProfile", "metadata", "parameters", "variables", "resources", "outputs",
}  # fmt: skip
_RESOURCE_MEMBERS = {
    "apiVersion", "comments", "condition", "copy", "dependsOn", "existing", "extendedLocation", "identity", "kind", "location",
    "managedBy", "managedByExtended", "metadata", "name", "plan", "properties", "resourceGroup", "resources", "scope", "sku",
    "subscriptionId", "tags", "type", "zones",
}  # fmt: skip
_RESOURCE_KINDS: Mapping[str, type] = {"copy": dict, "dependsOn": list, "resources": list}
_SCHEMA = re.compile(
    r"https?://schema\.management\.azure\.com/schemas/(2014-04-01-preview|2015-01-01|2018-05-01|2019-04-01|2019-08-01)"
    r"/(deploymentTemplate|subscriptionDeploymentTemplate|managementGroupDeploymentTemplate|tenantDeploymentTemplate"
    r"|deploymentParameters)\.json#?",
    re.IGNORECASE,
)
_LIMITS = {"parameters": 256, "variables": 512, "outputs": 64}
"""How many of each a template may have ("ARM template best practices", Template limits)."""

_SECTIONS: Mapping[str, tuple[type, ...]] = {
    "parameters": (dict,), "variables": (dict,), "resources": (list, dict), "outputs": (dict,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """The sections of a template. `resources` are as written, by symbolic name; in a list the names are empty."""

    source: JSON
    parameters: tuple[Parameter, ...]
    variables: JSON
    resources: tuple[tuple[str, JSON], ...]
    outputs: JSON

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
        _refuse_others(source, _MEMBERS, "Template", "")
        for name, kinds in _SECTIONS.items():
            if name in source and not isinstance(source[name], kinds):
                raise TemplateError(f"The template section '{name}' is not valid.")
        for name, limit in _LIMITS.items():
            actual = len(source.get(name, {}))
            if actual > limit:
                raise TemplateError(f"The number of template {name} limit exceeded. Limit: '{limit}' and actual: '{actual}'.")
        for name in ("parameters", "outputs"):
            if not all(isinstance(each, dict) for each in source.get(name, {}).values()):
                raise TemplateError(f"The template section '{name}' is not valid.")
        resources = source["resources"]
        named = tuple(resources.items()) if isinstance(resources, dict) else tuple(("", each) for each in resources)
        for place, (_, each) in enumerate(named):
            _check_resource(each, f"resources[{place}]")
        parameters = tuple(
            Parameter.read(name, each, where(source, "parameters", name)) for name, each in source.get("parameters", {}).items()
        )
        return cls(source, parameters, source.get("variables", {}), named, source.get("outputs", {}))


def where(source: JSON, section: str, text: str) -> str:
    """Where a member of a section stands, as it was sent; where that is not known, as if the template were on one line."""
    members = source.get(section)
    member = members.get(text) if isinstance(members, dict) else None
    if isinstance(member, Located):
        return f"at line '{member.line}' and column '{member.column}'"
    written = _compact(source)
    column = written.find(json.dumps(text), max(written.find(f'"{section}":'), 0)) + 1
    return f"at line '1' and column '{max(column, 1)}'"


def _compact(source: JSON) -> str:
    return json.dumps(source, separators=(",", ":"), ensure_ascii=False)


def _check_resource(source: Any, path: str) -> None:
    if not isinstance(source, dict):
        raise TemplateError(f"The template resource at path '{path}' is not a JSON object.")
    _require(source, path, ("type", "apiVersion", "name"))
    _refuse_others(source, _RESOURCE_MEMBERS, "TemplateResource", path + ".")
    for name, kind in _RESOURCE_KINDS.items():
        if name in source and not isinstance(source[name], kind):
            raise TemplateError(f"The template resource at path '{path}' is not valid: its '{name}' has the wrong type.")
    for place, child in enumerate(source.get("resources", ())):
        _check_resource(child, f"{path}.resources[{place}]")


def _require(source: JSON, path: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in source:
            raise TemplateError(f"Required property '{name}' not found in JSON. Path '{path}', line 1, position 2.")


def _refuse_others(source: JSON, known: set[str], what: str, path: str) -> None:
    for name in source:
        if name not in known:
            raise TemplateError(
                f"Could not find member '{name}' on object of type '{what}'. Path '{path}{name}', line 1, position "
                f"{len(name) + 4}."
            )
