"""The parameters of a template: what it declares, what it is given, and whether the two fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.type_definitions import TYPES, Definitions, resolved
from dpsops.emulator.arm.template.values import Deferred, TemplateError, kind, same
from dpsops.emulator.documents import JSON

_PYTHON = {"string": str, "securestring": str, "int": int, "bool": bool, "object": dict, "secureobject": dict, "array": list}
_EXPECTED = {str: "String, Uri", int: "Integer", bool: "Boolean", dict: "Object", list: "Array"}
_FILE = "Please see https://aka.ms/arm-create-parameter-file for usage details."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declaration in a template's `parameters`, or of a value within one: `type` in lower case, `where` it stands.

    definitions: the types of the template; None before version 2.0 of the language.
    """

    name: str
    type: str
    declaration: JSON
    where: str
    definitions: Definitions | None = None

    @classmethod
    def read(cls, name: str, declaration: JSON, where: str, definitions: Definitions | None = None) -> Parameter:
        """Reads a declaration. Raises `TemplateError` for a type that does not exist."""
        found = declaration if definitions is None else resolved(declaration, definitions)
        type_ = str(found.get("type", "")).lower()
        if type_ not in TYPES:
            raise TemplateError(
                f"The template parameter '{name}' has an invalid type '{found.get('type', '')}'. "
                "Please see https://aka.ms/arm-syntax-parameters for usage details."
            )
        return cls(name, type_, found, where, definitions)

    @property
    def secure(self) -> bool:
        """Whether its value is never shown."""
        return self.type.startswith("secure")

    @property
    def nullable(self) -> bool:
        """Whether it may be null, or left out."""
        return self.declaration.get("nullable") is True

    def resolve(self, given: Mapping[str, JSON], default: Callable[[Any], Any]) -> Any:
        """Its value: the given one, or the declared default as `default` evaluates it. Raises `TemplateError`."""
        if self.name.lower() in given:
            value = given[self.name.lower()].get("value")
        elif "defaultValue" in self.declaration:
            value = default(self.declaration["defaultValue"])
        elif self.nullable:
            value = None
        else:
            raise TemplateError(f"The value for the template parameter '{self.name}' {self.where} is not provided. {_FILE}")
        self.check(value)
        return value

    def show(self, value: Any) -> JSON:
        """The parameter as a deployment shows it; nothing of it where a part is secure (stricter guess)."""
        return {"type": TYPES[self.type]} | ({} if self._hides(value) else {"value": value})

    def check(self, value: Any) -> None:
        """Raises `TemplateError` for a value that is not as declared. What is not known yet is not looked at."""
        if isinstance(value, Deferred) or (value is None and self.nullable):
            return
        wanted = _PYTHON[self.type]
        if type(value) is not wanted:
            if self.definitions is not None:
                raise self._wrong(f"Expected a value of type '{kind(wanted())}', but received a value of type '{kind(value)}'.")
            raise TemplateError(
                f"Template parameter JToken type is not valid. Expected '{_EXPECTED[wanted]}'. Actual '{kind(value)}'. "
                "Please see https://aka.ms/resource-manager-parameter-files for usage details."
            )
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise TemplateError(f"The value '{value}' of the template parameter '{self.name}' {self.where} is no 64-bit integer.")
        allowed = self.declaration.get("allowedValues")
        if allowed is not None and not self._is_allowed(value, allowed):
            shown = "" if self.secure else f" '{value}'"
            raise TemplateError(
                f"The provided value{shown} for the template parameter '{self.name}' {self.where} is not valid. "
                f"The parameter value is not part of the allowed value(s): '{','.join(map(str, allowed))}'."
            )
        self._check_limits(value)
        if self.definitions is not None:
            for inner, each in self._within(value):
                inner.check(each)

    def _check_limits(self, value: Any) -> None:
        size = value if type(value) is int else dotnet.length(value) if isinstance(value, str) else None
        size = len(value) if isinstance(value, list) else size
        subject = "The value" if type(value) is int else "Length of the value"
        limits = ("minValue", "maxValue") if type(value) is int else ("minLength", "maxLength")
        for limit, holds, words in zip(limits, (int.__ge__, int.__le__), ("greater", "less"), strict=True):
            bound = self.declaration.get(limit)
            if bound is not None and size is not None and not holds(size, bound):
                raise TemplateError(
                    f"The provided value for the template parameter '{self.name}' {self.where} is not valid. {subject} should be "
                    f"{words} than or equal to '{bound}'. {_FILE}"
                )

    def _within(self, value: Any) -> Iterator[tuple[Parameter, Any]]:
        """What a value holds, each with its own declaration. Raises `TemplateError` for what is missing, or must not be there.

        A property has its name in its own case (stricter guess).
        """
        if isinstance(value, list):
            first, rest = self.declaration.get("prefixItems", []), self.declaration.get("items", True)
            if len(value) < len(first) or (rest is False and len(value) > len(first)):
                raise self._wrong(f"Expected an array of '{len(first)}' elements, but received one of '{len(value)}'.")
            for place, each in enumerate(value):
                declared = first[place] if place < len(first) else rest
                if not isinstance(declared, bool):
                    yield self._inner(f"{self.name}[{place}]", declared), each
        if isinstance(value, dict):
            declared, rest = self._properties(value)
            for name, each in declared.items():
                inner = self._inner(f"{self.name}.{name}", each)
                if name in value:
                    yield inner, value[name]
                elif not inner.nullable:
                    raise self._wrong(f"The value is missing the required property '{name}'.")
            for name in value.keys() - declared.keys():
                if rest is False:
                    raise self._wrong(f"The property '{name}' is not permitted.")
                if rest is not True:
                    yield self._inner(f"{self.name}.{name}", rest), value[name]

    def _properties(self, value: JSON) -> tuple[JSON, Any]:
        """The declared properties of an object, and what is declared of all others."""
        found = self.declaration
        discriminator = found.get("discriminator")
        if discriminator is not None:
            name, mapping = discriminator["propertyName"], discriminator["mapping"]
            if not isinstance(value.get(name), str) or value[name] not in mapping:
                raise self._wrong(f"The property '{name}' must be one of '{','.join(mapping)}'.")
            found = resolved(mapping[value[name]], self.definitions or {})
            # The property that decides need not be declared again.
            return {name: {"type": "string"}} | found.get("properties", {}), found.get("additionalProperties", True)
        return found.get("properties", {}), found.get("additionalProperties", True)

    def _inner(self, name: str, declaration: JSON) -> Parameter:
        return Parameter.read(name, declaration, self.where, self.definitions)

    def _hides(self, value: Any) -> bool:
        if self.secure or self.definitions is None or isinstance(value, Deferred) or value is None:
            return self.secure
        return any(inner._hides(each) for inner, each in self._within(value))

    def _wrong(self, reason: str) -> TemplateError:
        return TemplateError(f"The provided value for the template parameter '{self.name}' is not valid. {reason} {_FILE}")

    def _is_allowed(self, value: Any, allowed: list[Any]) -> bool:
        """An array may hold any of the allowed values; everything else must be one of them, case included."""
        if isinstance(value, list):
            return all(any(same(each, choice) for choice in allowed) for each in value)
        return any(same(value, choice) for choice in allowed)


def require_declared(given: Mapping[str, Any], declared: list[Parameter]) -> None:
    """Raises `TemplateError` if a value is given for a parameter that the template does not have."""
    known = {parameter.name.lower() for parameter in declared}
    unknown = [name for name in given if name.lower() not in known]
    if unknown:
        supported = ", ".join(parameter.name for parameter in declared)
        raise TemplateError(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; they are not present in the "
            "original template and can therefore not be provided at deployment time. The only supported parameters for this "
            f"template are '{supported}'. Please see https://aka.ms/arm-pass-parameter-values for usage details."
        )
