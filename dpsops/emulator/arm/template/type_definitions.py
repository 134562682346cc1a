"""The types that a template declares: what may be written of them, and what `$ref` stands for.

Source: "Type definitions in ARM templates" of the Resource Manager documentation. Whatever is not described there is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.documents import JSON

TYPES = {
    "string": "String",
    "securestring": "SecureString",
    "int": "Int",
    "bool": "Bool",
    "object": "Object",
    "secureobject": "SecureObject",
    "array": "Array",
}
"""The types of parameters and outputs: lower case, and as a deployment shows them."""

CONSTRAINTS = {"type", "metadata", "allowedValues", "minLength", "maxLength", "minValue", "maxValue"}
"""What may be said of a value in every version of the language."""

_KINDS: Mapping[str, type] = {
    "type": str, "metadata": dict, "allowedValues": list, "minLength": int, "maxLength": int, "minValue": int, "maxValue": int,
    "nullable": bool,
}  # fmt: skip
_NEW = {"$ref", "nullable", "properties", "additionalProperties", "discriminator", "prefixItems", "items"}
_DEFINITIONS = "#/definitions/"

Definitions = Mapping[str, JSON]
"""The types of a template by name."""


def no_such_member(name: str, what: str, path: str) -> TemplateError:
    """What is said of a property that the template language does not have."""
    return TemplateError(
        f"Could not find member '{name}' on object of type '{what}'. Path '{path}{name}', line 1, position {len(name) + 4}."
    )


def require_known(source: JSON, what: str, path: str, more: set[str], definitions: Definitions | None) -> None:
    """Raises `TemplateError` for what a declaration with a type must not have.

    more: what this kind of declaration may have besides. definitions: None before version 2.0 of the language.
    """
    known = CONSTRAINTS | more | (_NEW if definitions is not None else set())
    for name in source:
        if name not in known:
            raise no_such_member(name, what, f"{path}.")
        if type(source[name]) is not _KINDS.get(name, type(source[name])):
            raise TemplateError(f"The template is not valid at path '{path}': its '{name}' has the wrong type.")
    if definitions is not None:
        resolved(source, definitions)
        for inner, each in _inner(source, path):
            if not isinstance(each, dict):
                raise TemplateError(f"The type definition at path '{inner}' is not a JSON object.")
            require_known(each, "TemplateTypeDefinition", inner, {"defaultValue"}, definitions)


def _inner(source: JSON, path: str) -> Iterator[tuple[str, Any]]:
    """The types inside a type, with their paths."""
    objects = {"properties": source.get("properties", {}), "mapping": _mapping(source, path)}
    for name, found in objects.items():
        if not isinstance(found, dict):
            raise TemplateError(f"The type definition at path '{path}.{name}' is not a JSON object.")
        yield from ((f"{path}.{name}.{key}", each) for key, each in found.items())
    prefix = source.get("prefixItems", [])
    if not isinstance(prefix, list):
        raise TemplateError(f"The type definition at path '{path}.prefixItems' is not a JSON array.")
    yield from ((f"{path}.prefixItems[{place}]", each) for place, each in enumerate(prefix))
    for name in ("additionalProperties", "items"):
        if not isinstance(source.get(name, True), bool):
            yield f"{path}.{name}", source[name]


def _mapping(source: JSON, path: str) -> Any:
    discriminator = source.get("discriminator")
    if discriminator is None:
        return {}
    wanted = {"propertyName", "mapping"}
    if (
        not isinstance(discriminator, dict)
        or discriminator.keys() != wanted
        or not isinstance(discriminator["propertyName"], str)
    ):
        raise TemplateError(f"The type definition at path '{path}.discriminator' is not valid.")
    return discriminator["mapping"]


def resolved(source: JSON, definitions: Definitions) -> JSON:
    """The declaration with what its `$ref` stands for; what it says itself goes before. Raises `TemplateError`."""
    seen: list[str] = []
    while "$ref" in source:
        reference = source["$ref"]
        name = reference.removeprefix(_DEFINITIONS) if isinstance(reference, str) else ""
        if reference != f"{_DEFINITIONS}{name}" or name not in definitions:
            raise TemplateError(f"The type definition '{reference}' is not found in the template.")
        if name in seen:
            raise TemplateError(f"Circular dependency detected on type definition: '{' -> '.join([*seen, name])}'.")
        seen.append(name)
        source = definitions[name] | {key: each for key, each in source.items() if key != "$ref"}
    return source
