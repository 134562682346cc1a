"""A Bicep compiler for what a template of ours may need: it emits what Bicep's own compiler does, but for its signature.

What it does not know it refuses by name. `python -m tests.bicep.compiler` writes `bicep/main.json` anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bicep import syntax as s
from tests.bicep.dependencies import depends_on
from tests.bicep.expressions import Scope, quoted
from tests.bicep.program import Program, Symbol, has, only
from tests.bicep.references import KNOWN_BEFORE, Use, placed, segments
from tests.bicep.schemas import JSON, decorated, definitions, metadata

FOLDER = Path(__file__).parents[2] / "bicep"
_SCHEMAS = {
    "resourceGroup": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "subscription": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
}
_APART = (s.Literal("name"), s.Literal("scope"), s.Literal("parent"), s.Literal("dependsOn"))
"""Properties of a body that the template has in another place, or not at all."""


def sources(folder: Path = FOLDER) -> dict[str, str]:
    """The text of every Bicep file, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.bicep"))}


def compile_file(name: str, files: Mapping[str, str]) -> JSON:
    """The template that a Bicep file and its modules, among `files`, stand for. Raises Refused for what it does not know."""
    program = Program.read(name, files)
    scope = Scope(program)
    template: JSON = {"$schema": _SCHEMAS[program.scope]}
    if program.is_symbolic:
        template["languageVersion"] = "2.0"
    template["contentVersion"] = "1.0.0.0"
    sections: JSON = {
        "metadata": {key: scope.json(each.value) for key, each in program.all(s.Metadata).items()},
        "definitions": definitions(program),
        "functions": _functions(program),
        "parameters": {key: _parameter(each, scope) for key, each in program.all(s.Parameter).items()},
        "variables": _variables(program),
    }
    template |= {key: each for key, each in sections.items() if each}
    made = {key: _resource(each, scope) for key, each in program.symbols.items() if program.is_symbolic or not each.is_existing}
    template["resources"] = made if program.is_symbolic else list(made.values())
    outputs = {key: _output(each, scope) for key, each in program.all(s.Output).items()}
    return template | ({"outputs": outputs} if outputs else {})


def written(template: JSON) -> str:
    """The template as the text of a file."""
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _functions(program: Program) -> list[JSON]:
    members = {}
    for name, each in program.all(s.Function).items():
        only(each.decorators, "description")
        inside = Scope(program, {key: f"parameters('{key}')" for key, _ in each.parameters})
        takes = [decorated(type_, (), inside) | {"name": key} for key, type_ in each.parameters]
        gives = decorated(each.result, (), inside) | {"value": inside.json(each.body)}
        members[name] = {"parameters": takes, "output": gives} | metadata(each.decorators, inside)
    return [{"namespace": "__bicep", "members": members}] if members else []


def _parameter(declared: s.Parameter, scope: Scope) -> JSON:
    default = {} if declared.default is None else {"defaultValue": scope.json(declared.default)}
    return decorated(declared.type, declared.decorators, scope, default)


def _variables(program: Program) -> JSON:
    """Variables; those that loops make come first."""
    scope = Scope(program)
    declared = program.all(s.Variable)
    for each in declared.values():
        only(each.decorators, "description")
        if _at_run_time(each.value, scope):
            raise s.Refused(f"the variable {each.name!r}, which needs what a resource says at run time")
    loops = [scope.loop(key, each.value) for key, each in declared.items() if isinstance(each.value, s.For)]
    plain = {key: scope.json(each.value) for key, each in declared.items() if not isinstance(each.value, s.For)}
    return {"copy": loops} | plain if loops else plain


def _at_run_time(node: object, scope: Scope) -> bool:
    """Whether an expression needs more of a resource than what is known before it is there."""
    match node:
        case s.Member(of=of, name=name) if scope.use(of):
            return name not in KNOWN_BEFORE
        case s.Name() | s.Item() | s.Nested() if scope.use(node):
            return True
        case s.Call(of=None, name=name) if name.startswith("list") or name == "reference":
            return True
    return any(_at_run_time(each, scope) for each in s.children(node))


def _resource(symbol: Symbol, scope: Scope) -> JSON:
    """A resource or a module."""
    only(symbol.declaration.decorators, "description", "batchSize", *(() if symbol.is_module else ("onlyIfNotExists",)))
    use = Use(symbol, "copyIndex()" if symbol.loop else None)
    inside = scope.inside(symbol.loop, "copyIndex()") if symbol.loop else scope
    head: JSON = {}
    if symbol.loop:
        head["copy"] = {"name": symbol.name, "count": scope.count(symbol.loop)} | _batches(symbol, scope)
    if symbol.condition:
        head["condition"] = inside.json(symbol.condition)
    if symbol.is_existing:
        head["existing"] = True
    if has(symbol.declaration.decorators, "onlyIfNotExists"):
        head["@options"] = {"onlyIfNotExists": []}
    if symbol.within and scope.program.is_symbolic:
        raise s.Refused(f"{symbol.name}: a nested resource, in languageVersion 2.0")
    head |= {"type": symbol.type, "apiVersion": symbol.version}
    if isinstance(symbol.declaration, s.Module):
        head |= {"name": _module_name(symbol, inside)} | placed(scope, use)
        head["properties"] = _module(symbol.declaration, symbol.body, inside)
    else:
        head |= placed(scope, use) | {"name": _name(use, scope, inside)}
        head |= inside.object(tuple(_kept(symbol)))
    needs = depends_on(inside, symbol)
    return head | ({"dependsOn": needs} if needs else {}) | metadata(symbol.declaration.decorators, inside)


def _kept(symbol: Symbol) -> Iterator[s.Property]:
    """The properties of a body that stand in the template where they stand in Bicep."""
    for each in symbol.body.properties:
        if isinstance(each, s.Spread):
            raise s.Refused(f"{symbol.name}: a spread in a resource's body")
        if each.key not in _APART:
            yield each


def _batches(symbol: Symbol, scope: Scope) -> JSON:
    sizes = [scope.json(each.arguments[0]) for each in symbol.declaration.decorators if each.name == "batchSize"]
    return {"mode": "serial", "batchSize": sizes[0]} if sizes else {}


def _name(use: Use, scope: Scope, inside: Scope) -> str:
    """The whole name of a resource: that of a child names its parents too."""
    names = segments(scope, use)
    if len(names) == 1:
        given = use.symbol.body.get("name")
        assert given is not None
        return str(inside.json(given))
    pattern = "/".join(f"{{{place}}}" for place in range(len(names)))
    return f"[format({', '.join([quoted(pattern), *names])})]"


def _module_name(symbol: Symbol, inside: Scope) -> str:
    """The name of a deployment: without one, the compiler makes it from the symbol and the deployment that it is in."""
    given = symbol.body.get("name")
    if given is not None:
        return str(inside.json(given))
    unique = f"uniqueString('{symbol.name}', deployment().name)"
    return (
        f"[format('{symbol.name}-{{0}}-{{1}}', copyIndex(), {unique})]"
        if symbol.loop
        else f"[format('{symbol.name}-{{0}}', {unique})]"
    )


def _module(declared: s.Module, body: s.Object, inside: Scope) -> JSON:
    params = body.get("params")
    given = params.properties if isinstance(params, s.Object) else ()
    parameters: JSON = {}
    for each in given:
        if isinstance(each, s.Spread) or isinstance(each.value, s.For):
            raise s.Refused(f"{declared.name}: a loop or a spread as a module's parameter")
        parameters[inside.key(each)] = {"value": inside.json(each.value)}
    return {
        "expressionEvaluationOptions": {"scope": "inner"},
        "mode": "Incremental",
        **({"parameters": parameters} if params else {}),
        "template": compile_file(declared.path, inside.program.files),
    }


def _output(declared: s.Output, scope: Scope) -> JSON:
    head = decorated(declared.type, declared.decorators, scope)
    if not isinstance(declared.value, s.For):
        return head | {"value": scope.json(declared.value)}
    turn = scope.inside(declared.value, "copyIndex()").json(declared.value.body)
    return head | {"copy": {"count": scope.count(declared.value), "input": turn}}


if __name__ == "__main__":
    (FOLDER / "main.json").write_text(written(compile_file("main.bicep", sources())), encoding="utf-8")
