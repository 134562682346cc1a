"""The parameters of a template: what it declares, what it is given, and whether the two fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dpsops.emulator.arm.template.functions import same
from dpsops.emulator.arm.template.values import Deferred, TemplateError, kind
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
"""Parameter and output types: lower case, and as a deployment shows them."""

_PYTHON = {"string": str, "securestring": str, "int": int, "bool": bool, "object": dict, "secureobject": dict, "array": list}
_EXPECTED = {str: "String, Uri", int: "Integer", bool: "Boolean", dict: "Object", list: "Array"}
_FILE = "Please see https://aka.ms/arm-create-parameter-file for usage details."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declaration in a template's `parameters`: `type` in lower case, `where` it stands in the template."""

    name: str
    type: str
    declaration: JSON
    where: str

    @classmethod
    def read(cls, name: str, declaration: JSON, where: str) -> Parameter:
        """Reads a declaration. Raises `TemplateError` for a type that does not exist."""
        type_ = str(declaration.get("type", "")).lower()
        if type_ not in TYPES:
            raise TemplateError(
                f"The template parameter '{name}' has an invalid type '{declaration.get('type', '')}'. "
                "Please see https://aka.ms/arm-syntax-parameters for usage details."
            )
        return cls(name, type_, declaration, where)

    @property
    def secure(self) -> bool:
        """Whether its value is never shown."""
        return self.type.startswith("secure")

    def resolve(self, given: Mapping[str, JSON], default: Callable[[Any], Any]) -> Any:
        """Its value: the given one, or the declared default as `default` evaluates it. Raises `TemplateError`."""
        if self.name.lower() in given:
            value = given[self.name.lower()].get("value")
        elif "defaultValue" in self.declaration:
            value = default(self.declaration["defaultValue"])
        else:
            raise TemplateError(f"The value for the template parameter '{self.name}' {self.where} is not provided. {_FILE}")
        if not isinstance(value, Deferred):
            self._check(value)
        return value

    def show(self, value: Any) -> JSON:
        """The parameter as a deployment shows it."""
        return {"type": TYPES[self.type]} | ({} if self.secure else {"value": value})

    def _check(self, value: Any) -> None:
        wanted = _PYTHON[self.type]
        if type(value) is not wanted:
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
        size = value if type(value) is int else len(value) if isinstance(value, str | list) else None
        subject = "The value" if type(value) is int else "Length of the value"
        limits = ("minValue", "maxValue") if type(value) is int else ("minLength", "maxLength")
        for limit, holds, words in zip(limits, (int.__ge__, int.__le__), ("greater", "less"), strict=True):
            bound = self.declaration.get(limit)
            if bound is not None and size is not None and not holds(size, bound):
                raise TemplateError(
                    f"The provided value for the template parameter '{self.name}' {self.where} is not valid. {subject} should be "
                    f"{words} than or equal to '{bound}'. {_FILE}"
                )

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
