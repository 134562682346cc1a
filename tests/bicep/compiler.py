"""A Bicep compiler for the small subset that `bicep/` uses, with pycep's parser.

It emits what Bicep's own compiler would, but for the `_generator` metadata. No user-defined types, no imports, no
conditions, explicit module names. `python -m tests.bicep.compiler` writes `bicep/main.json` anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pycep import BicepParser

JSON = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "bicep"
_PARSER = BicepParser()
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_DEPLOYMENTS, _DEPLOYMENTS_VERSION = "Microsoft.Resources/deployments", "2025-04-01"
_LIMITS = {
    "allowed": "allowedValues", "min_value": "minValue", "max_value": "maxValue",
    "min_length": "minLength", "max_length": "maxLength",
}  # fmt: skip


def sources(folder: Path = FOLDER) -> dict[str, str]:
    """The text of every Bicep file, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.bicep"))}


def parse(text: str) -> JSON:
    """The syntax tree of a Bicep file."""
    return dict(_PARSER.parse(text=text))


def compile_file(name: str, files: Mapping[str, str]) -> JSON:
    """The template of a Bicep file and its modules, which are in `files`."""
    parsed = parse(files[name])
    scope = _Scope(parsed, {})
    template: JSON = {"$schema": _SCHEMA, "contentVersion": "1.0.0.0"}
    if "parameters" in parsed:
        template["parameters"] = {key: _parameter(each, scope) for key, each in parsed["parameters"].items()}
    if "variables" in parsed:
        template["variables"] = {key: scope.json(each["value"]) for key, each in parsed["variables"].items()}
    declared = [_resource(key, each, scope) for key, each in parsed.get("resources", {}).items() if not each["existing"]]
    modules = [_module(key, each, scope, files) for key, each in parsed.get("modules", {}).items()]
    template["resources"] = declared + modules
    if "outputs" in parsed:
        template["outputs"] = {key: _output(each, scope) for key, each in parsed["outputs"].items()}
    return template


def written(template: JSON) -> str:
    """The template as the text of a file."""
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class _Scope:
    """The meaning of names: `parsed` is the complete file, `local` the expressions of loop variables."""

    parsed: JSON
    local: Mapping[str, str]

    def inside(self, loop: JSON, index: str) -> _Scope:
        """The scope inside a loop. `index`: the expression of its index."""
        detail = loop["loop_type"]["detail"]
        items = self.expression(detail["array_name"])
        return replace(self, local={**self.local, detail["item_name"]: f"{items}[{index}]", detail.get("index_name", ""): index})

    def json(self, value: Any) -> Any:
        """A value in the template."""
        match value:
            case {"loop_type": _}:
                raise AssertionError("a loop stands only directly below properties, or as a whole resource, module or output")
            case dict() if not value.keys() & {"operator", "function"}:
                return self._object(value)
            case list():
                return [self.json(each) for each in value]
            case str() if not self._means(value) and "${" not in value:
                return value
            case bool() | int() | None:
                return value
            case _:
                return f"[{self.expression(value)}]"

    def _object(self, value: JSON) -> JSON:
        loops = [self._property_loop(key, each) for key, each in value.items() if _is_loop(each)]
        plain = {key: self.json(each) for key, each in value.items() if not _is_loop(each)}
        return {"copy": loops} | plain if loops else plain

    def _property_loop(self, name: str, loop: JSON) -> JSON:
        count = f"[length({self.expression(loop['loop_type']['detail']['array_name'])})]"
        return {"name": name, "count": count, "input": self.inside(loop, f"copyIndex('{name}')").json(loop["config"])}

    def _means(self, name: str) -> bool:
        known = [self.local, self.parsed.get("parameters", {}), self.parsed.get("variables", {})]
        return any(name in names for names in known)

    def expression(self, value: Any) -> str:
        """A value as an expression, without brackets."""
        match value:
            case bool():
                return f"{str(value).lower()}()"
            case None:
                return "null()"
            case int():
                return str(value)
            case str() if "${" in value:
                return self._interpolation(value)
            case str() if not self._means(value):
                return "'" + value.replace("'", "''") + "'"
            case dict() if value.get("operator", {}).get("type") == "conditional":
                operands = value["operator"]["operands"]
                return f"if({', '.join(self.expression(operands[key]) for key in ('condition', 'true_value', 'false_value'))})"
            case _:
                return self._chain(_steps(value))

    def _interpolation(self, text: str) -> str:
        parts = re.split(r"\$\{([^}]*)\}", text)
        pattern = "".join(part if place % 2 == 0 else f"{{{place // 2}}}" for place, part in enumerate(parts))
        inner = [parse(f"var x = {part}\n")["variables"]["x"]["value"] for part in parts[1::2]]
        return f"format('{pattern}', {', '.join(map(self.expression, inner))})"

    def _chain(self, steps: list[tuple[str, Any]]) -> str:
        (kind, root), *rest = steps
        if kind == "function":
            name = re.sub(r"_(\w)", lambda match: match[1].upper(), root["type"])
            arguments = [self.expression(each) for each in root["parameters"].values() if each is not None]
            return f"{name}({', '.join(arguments)})" + self._tail(rest)
        if root in self.local:
            return self.local[root] + self._tail(rest)
        for section in ("parameters", "variables"):
            if root in self.parsed.get(section, {}):
                return f"{section}('{root}')" + self._tail(rest)
        return self._symbol(root, rest)

    def _symbol(self, symbol: str, rest: list[tuple[str, Any]]) -> str:
        """An access to a resource or a module: its ID, its name, its properties, its outputs or its keys."""
        scope, declaration = self, self.declaration(symbol)
        config = declaration["config"]
        if _is_loop(config):
            (_, index), *rest = rest
            scope, config = self.inside(config, self.expression(index)), config["config"]
        name = scope.expression(config["name"])
        is_module = "detail" in declaration
        type_, version = (_DEPLOYMENTS, _DEPLOYMENTS_VERSION) if is_module else (declaration["type"], declaration["api_version"])
        identifier = f"resourceId('{type_}', {name})"
        match rest:
            case [("member", "id")]:
                return identifier
            case [("member", "name")]:
                return name
            case [("method", method), *more]:
                return f"{method}({identifier}, '{version}')" + self._tail(more)
            case [("member", "properties"), *more]:
                return f"reference({identifier}, '{version}')" + self._tail(more)
            case [("member", "outputs"), ("member", output)] if is_module:
                return f"reference({identifier}, '{version}').outputs.{output}.value"
        raise AssertionError(f"{symbol} has no {rest}")

    def declaration(self, symbol: str) -> JSON:
        """The resource or module of this symbol."""
        found: JSON = self.parsed.get("resources", {}).get(symbol) or self.parsed["modules"][symbol]
        return found

    def _tail(self, steps: list[tuple[str, Any]]) -> str:
        return "".join(f".{value}" if kind == "member" else f"[{self.expression(value)}]" for kind, value in steps)


def _is_loop(value: Any) -> bool:
    return isinstance(value, dict) and "loop_type" in value


def _steps(value: Any) -> list[tuple[str, Any]]:
    """An accessor as its root and the steps from it. pycep nests accessors in either operand."""
    match value:
        case {"operator": {"type": "property_accessor", "operands": {"operand_1": of, "operand_2": name}}}:
            (_, first), *rest = _steps(name)
            return [*_steps(of), ("member", first), *rest]
        case {"operator": {"type": "index_accessor", "operands": {"operand_1": of, "operand_2": key}}}:
            return [*_steps(of), ("item", key)]
        case {"operator": {"type": "function_accessor", "operands": {"operand_1": of, "func_name": name}}}:
            return [*_steps(of), ("method", name)]
        case {"function": function}:
            return [("function", function)]
        case str():
            return [("name", value)]
    raise AssertionError(f"outside of the plain subset: {value}")


def _metadata(declaration: JSON) -> JSON:
    found = [each["argument"] for each in declaration["decorators"] if each["type"] == "description"]
    return {"metadata": {"description": found[0]}} if found else {}


def _parameter(declaration: JSON, scope: _Scope) -> JSON:
    default = {} if declaration["default"] is None else {"defaultValue": scope.json(declaration["default"])}
    given = {each["type"]: each["argument"] for each in declaration["decorators"]}
    limits = {name: given[key] for key, name in _LIMITS.items() if key in given}
    return {"type": declaration["type"], **default, **limits, **_metadata(declaration)}


def _looped(symbol: str, config: JSON, scope: _Scope) -> tuple[JSON, JSON, _Scope]:
    """The `copy` of a resource or module, its body, and the scope within."""
    if not _is_loop(config):
        return {}, config, scope
    count = f"[length({scope.expression(config['loop_type']['detail']['array_name'])})]"
    return {"copy": {"name": symbol, "count": count}}, config["config"], scope.inside(config, "copyIndex()")


def _resource(symbol: str, declaration: JSON, scope: _Scope) -> JSON:
    copy, body, inside = _looped(symbol, declaration["config"], scope)
    head = copy | {"type": declaration["type"], "apiVersion": declaration["api_version"]}
    if "scope" in body:
        (_, symbol), *_ = steps = _steps(body["scope"])
        target = inside.declaration(symbol)
        name = inside._chain([*steps, ("member", "name")])
        head["scope"] = f"[resourceId('{target['type']}', {name})]"
    rest = {key: each for key, each in body.items() if key not in ("name", "scope")}
    return head | {"name": inside.json(body["name"])} | {key: inside.json(each) for key, each in rest.items()}


def _module(symbol: str, declaration: JSON, scope: _Scope, files: Mapping[str, str]) -> JSON:
    copy, body, inside = _looped(symbol, declaration["config"], scope)
    properties = {
        "expressionEvaluationOptions": {"scope": "inner"},
        "mode": "Incremental",
        "parameters": {key: {"value": inside.json(each)} for key, each in body["params"].items()},
        "template": compile_file(declaration["detail"]["path"], files),
    }
    name = inside.json(body["name"])
    module = {"type": _DEPLOYMENTS, "apiVersion": _DEPLOYMENTS_VERSION, "name": name, "properties": properties}
    needs = {"dependsOn": [_dependency(each, scope) for each in body["dependsOn"]]} if "dependsOn" in body else {}
    return copy | module | needs


def _dependency(symbol: str, scope: _Scope) -> str:
    """The dependency on a symbol; a loop is one dependency, by its name."""
    return symbol if _is_loop(scope.declaration(symbol)["config"]) else f"[{scope._chain([('name', symbol), ('member', 'id')])}]"


def _output(declaration: JSON, scope: _Scope) -> JSON:
    value = declaration["value"]
    if _is_loop(value):
        count = f"[length({scope.expression(value['loop_type']['detail']['array_name'])})]"
        body: JSON = {"copy": {"count": count, "input": scope.inside(value, "copyIndex()").json(value["config"])}}
    else:
        body = {"value": scope.json(value)}
    return {"type": declaration["type"], **_metadata(declaration), **body}


if __name__ == "__main__":
    (FOLDER / "main.json").write_text(written(compile_file("main.bicep", sources())), encoding="utf-8")
