"""Bicep's types as those of a template, with what decorators say of them."""

from __future__ import annotations

from typing import Any

from tests.bicep import syntax as s
from tests.bicep.expressions import Scope
from tests.bicep.program import Program, has, only

JSON = dict[str, Any]
_PLAIN = ("string", "int", "bool", "object", "array")
_SECURE = {"string": "securestring", "object": "secureObject"}
_LIMITS = {
    "allowed": "allowedValues", "minValue": "minValue", "maxValue": "maxValue",
    "minLength": "minLength", "maxLength": "maxLength",
}  # fmt: skip
_KNOWN = (*_LIMITS, "description", "metadata", "secure")


def schema(type_: s.Type, scope: Scope) -> JSON:
    """A type as it stands in the template."""
    match type_:
        case s.NamedType(name=name) if name in _PLAIN:
            return {"type": name}
        case s.NamedType(name=name) if name in scope.program.all(s.TypeDeclaration) or name in _imported(scope.program):
            return {"$ref": f"#/definitions/{name}"}
        case s.ArrayType(of=s.UnionType() | s.Literal()):
            raise s.Refused("an array of a union")
        case s.ArrayType(of=of):
            return {"type": "array", "items": schema(of, scope)}
        case s.NullableType(of=of):
            return schema(of, scope) | {"nullable": True}
        case s.UnionType(members=members):
            return _union(members)
        case s.Literal():
            return _union((type_,))
        case s.ObjectType(properties=properties):
            named = {each.name: decorated(each.type, each.decorators, scope) for each in properties if each.name != "*"}
            others = [decorated(each.type, each.decorators, scope) for each in properties if each.name == "*"]
            return {"type": "object", "properties": named} | ({"additionalProperties": others[0]} if others else {})
    raise s.Refused(f"the type {getattr(type_, 'name', type(type_).__name__)!r}")


def decorated(type_: s.Type, decorators: tuple[s.Decorator, ...], scope: Scope, default: JSON | None = None) -> JSON:
    """A type, its default and all that decorators say of it."""
    only(decorators, *_KNOWN)
    found = schema(type_, scope)
    if has(decorators, "secure"):
        if found.get("type") not in _SECURE:
            raise s.Refused("@secure() of another type than string and object")
        found["type"] = _SECURE[found["type"]]
    given = {each.name: scope.json(each.arguments[0]) for each in decorators if each.name in _LIMITS}
    limits = {name: given[key] for key, name in _LIMITS.items() if key in given}
    return found | (default or {}) | limits | metadata(decorators, scope)


def metadata(decorators: tuple[s.Decorator, ...], scope: Scope) -> JSON:
    """What @metadata() and @description() say, in this order."""
    given = {each.name: scope.json(each.arguments[0]) for each in decorators if each.name in ("metadata", "description")}
    found: JSON = given.get("metadata", {})
    if "description" in given:
        found |= {"description": given["description"]}
    return {"metadata": found} if found else {}


def definitions(program: Program) -> JSON:
    """The types that a file declares or imports."""
    scope = Scope(program)
    own = {name: decorated(each.type, each.decorators, scope) for name, each in program.all(s.TypeDeclaration).items()}
    return own | {name: _import(program, *source) for name, source in _imported(program).items()}


def _imported(program: Program) -> dict[str, tuple[str, str, str]]:
    """What is imported under which name: file, its name there, its name here."""
    return {here: (each.path, there, here) for each in program.imports for there, here in each.names}


def _import(program: Program, path: str, there: str, here: str) -> JSON:
    source = Program.read(path, program.files)
    declared = source.all(s.TypeDeclaration).get(there)
    if declared is None or not has(declared.decorators, "export"):
        raise s.Refused(f"the import of {there!r}, which is no exported type")
    kept = tuple(each for each in declared.decorators if each.name != "export")
    found = decorated(declared.type, kept, Scope(source))
    if any(isinstance(each, s.NamedType) and each.name not in _PLAIN for each in s.walk(declared.type)):
        raise s.Refused("the import of a type that names another")
    origin = {"sourceTemplate": path} | ({"originalIdentifier": there} if there != here else {})
    return found | {"metadata": found.get("metadata", {}) | {"__bicep_imported_from!": origin}}


def _union(members: tuple[s.Type, ...]) -> JSON:
    values = [each.value for each in members if isinstance(each, s.Literal)]
    for kind, name in ((str, "string"), (int, "int")):
        plain = [each for each in values if isinstance(each, kind) and not isinstance(each, bool)]
        if len(plain) == len(members):
            return {"type": name, "allowedValues": sorted(plain)}
    raise s.Refused("a union of other things than texts or numbers")
