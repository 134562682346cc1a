"""Swagger 2.0 schemas as JSON Schema, draft 4, and validators for what draft 4 lacks.

Three keywords are our own: `x-null-or` (Azure's `x-nullable`), `x-declared` (the properties an object may
have: Azure's files leave objects open, but what they do not declare no SDK ever sees) and `x-kinds`
(subtypes by discriminator).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT4

JSON = dict[str, Any]
_KEEP = {"type", "enum", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "required"}


class Documents:
    """OpenAPI files by URI, whose references lead from one into another."""

    def __init__(self, documents: Mapping[str, JSON]) -> None:
        self._documents = documents

    def items(self) -> Iterator[tuple[str, JSON]]:
        """URI and raw content of each."""
        yield from self._documents.items()

    def registry(self) -> Registry[Any]:
        """All definitions of all files, as validators look them up."""
        return Registry().with_resources(
            (uri, DRAFT4.create_resource({"definitions": dict(self._definitions(uri))})) for uri in self._documents
        )

    def resolve(self, node: JSON, base: str) -> tuple[JSON, str]:
        """What a node is or refers to, and the URI of the file that it stands in."""
        if "$ref" not in node:
            return node, base
        uri, fragment = urldefrag(urljoin(base, node["$ref"]))
        found: Any = self._documents[uri]
        for step in fragment.strip("/").split("/"):
            found = found[step]
        return self.resolve(found, uri)

    def schema(self, raw: JSON, base: str) -> JSON:
        """The JSON Schema of a value, its references absolute."""
        schema = {"$ref": urljoin(base, raw["$ref"])} if "$ref" in raw else self._closed(raw, base)
        return {"x-null-or": schema} if raw.get("x-nullable") else schema

    def _closed(self, raw: JSON, base: str) -> JSON:
        declared = self._declared(raw, base)
        return self._open(raw, base) | ({} if declared is None else {"x-declared": sorted(declared)})

    def _open(self, raw: JSON, base: str) -> JSON:
        schema = {key: value for key, value in raw.items() if key in _KEEP}
        if "properties" in raw:
            schema["properties"] = {name: self.schema(value, base) for name, value in raw["properties"].items()}
            schema["x-read-only"] = [name for name, value in raw["properties"].items() if value.get("readOnly")]
        if "items" in raw:
            schema["items"] = self.schema(raw["items"], base)
        if isinstance(raw.get("additionalProperties"), dict):
            schema["additionalProperties"] = self.schema(raw["additionalProperties"], base)
        if "allOf" in raw:
            schema["allOf"] = [
                {"$ref": urljoin(base, each["$ref"]) + "~open"} if "$ref" in each else self._open(each, base)
                for each in raw["allOf"]
            ]
        return schema

    def _declared(self, raw: JSON, base: str) -> set[str] | None:
        """The names of all properties, inherited ones included; None where the object takes any."""
        if raw.get("additionalProperties"):
            return None
        names = set(raw.get("properties", {}))
        for each in raw.get("allOf", []):
            inherited = self._declared(*self.resolve(each, base))
            if inherited is None:
                return None
            names |= inherited
        return names or None

    def _kinds(self, name: str, uri: str) -> JSON:
        return {
            raw.get("x-ms-discriminator-value", kind): {"$ref": f"{uri}#/definitions/{kind}"}
            for kind, raw in self._documents[uri]["definitions"].items()
            if any(each.get("$ref") == f"#/definitions/{name}" for each in raw.get("allOf", []))
        }

    def _definitions(self, uri: str) -> Iterator[tuple[str, JSON]]:
        """Each definition twice: as values must be, and `~open`, to be completed by what derives from it."""
        for name, raw in self._documents[uri].get("definitions", {}).items():
            yield f"{name}~open", self._open(raw, uri)
            closed = self._closed(raw, uri)
            if "discriminator" in raw:
                closed = {"x-kinds": {"by": raw["discriminator"], "are": self._kinds(name, uri), "else": closed}}
            yield name, closed


def scalar(parameter: JSON) -> JSON:
    """The schema of a path, query or header parameter."""
    return {key: value for key, value in parameter.items() if key in _KEEP - {"required"}}


def _null_or(validator: Any, schema: JSON, instance: Any, _: JSON) -> Iterator[ValidationError]:
    if instance is not None:
        yield from validator.descend(instance, schema)


def _declared(_: Any, declared: list[str], instance: Any, __: JSON) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in instance.keys() - set(declared):
            yield ValidationError(f"{name!r} is not declared", validator="declared", validator_value=name)


def _kinds(validator: Any, kinds: JSON, instance: Any, _: JSON) -> Iterator[ValidationError]:
    kind = instance.get(kinds["by"]) if isinstance(instance, dict) else None
    yield from validator.descend(instance, kinds["are"].get(kind, kinds["else"]))


def _required(side: str) -> Any:
    def check(_: Any, required: list[str], instance: Any, schema: JSON) -> Iterator[ValidationError]:
        optional = set(schema.get("x-read-only", [])) if side == "request" else set()
        if isinstance(instance, dict):
            for name in set(required) - optional - instance.keys():
                yield ValidationError(f"{name!r} is required", validator="required", validator_value=name)

    return check


def _validator(side: str) -> Any:
    keywords = {"x-null-or": _null_or, "x-declared": _declared, "x-kinds": _kinds, "required": _required(side)}
    return extend(Draft4Validator, keywords)  # type: ignore[no-untyped-call]


REQUEST, RESPONSE = _validator("request"), _validator("response")
"""Validators of either side: what is read-only need not be sent."""
