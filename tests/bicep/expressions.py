"""Bicep's expressions as those of a template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.bicep import references
from tests.bicep import syntax as s
from tests.bicep.program import Program
from tests.bicep.references import Use

_BINARY = {
    "==": "equals", "!=": "equals", "=~": "equals", "!~": "equals",
    "<": "less", "<=": "lessOrEquals", ">": "greater", ">=": "greaterOrEquals",
    "&&": "and", "||": "or", "??": "coalesce",
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod",
}  # fmt: skip
_AT_COMPILE_TIME = re.compile(r"(load|read)[A-Z]\w*|nameof|externalInput|getSecret|to(Logical|Physical)Zones?|references")
"""Functions that the compiler itself answers, or writes as others."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_INT_32 = 2**31


def quoted(text: str) -> str:
    """A text as it stands in an expression."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean: those of the file, and `local` ones with the expressions that they stand for."""

    program: Program
    local: Mapping[str, str] = field(default_factory=dict)

    def inside(self, loop: s.For, index: str) -> Scope:
        """Within a loop whose turn is given by the expression `index`."""
        names = {loop.item: f"{self.expression(loop.over)}[{index}]"}
        return replace(self, local={**self.local, **names, **({loop.index: index} if loop.index else {})})

    def count(self, loop: s.For) -> str:
        """How many turns a loop has, as it stands in the template."""
        return f"[length({self.expression(loop.over)})]"

    # values of the template

    def json(self, value: s.Expression) -> Any:
        """A value as it stands in the template."""
        match value:
            case s.Literal(value=str(text)):
                return _plain(text)
            case s.Literal(value=found):
                return found
            case s.Unary(operator="-", of=s.Literal(value=int(number))):
                return -number
            case s.Group(of=of) | s.Sure(of=of):
                return self.json(of)
            case s.Array(items=items) if not _spreads(items):
                return [self.json(each) for each in items if not isinstance(each, s.Spread)]
            case s.Object(properties=properties) if not _spreads(properties):
                return self.object(tuple(each for each in properties if isinstance(each, s.Property)))
            case _:
                return f"[{self.expression(value)}]"

    def object(self, properties: tuple[s.Property, ...]) -> dict[str, Any]:
        """An object as it stands in the template: its loops come first."""
        loops = [self.loop(self.key(each), each.value) for each in properties if isinstance(each.value, s.For)]
        plain = {self.key(each): self.json(each.value) for each in properties if not isinstance(each.value, s.For)}
        return {"copy": loops} | plain if loops else plain

    def key(self, each: s.Property) -> str:
        """A key as it stands in the template."""
        return str(self.json(each.key))

    def loop(self, name: str, loop: s.For) -> dict[str, Any]:
        """The `copy` that makes a property or a variable of this name."""
        return {"name": name, "count": self.count(loop), "input": self.inside(loop, f"copyIndex({quoted(name)})").json(loop.body)}

    # expressions

    def expression(self, value: s.Expression) -> str:
        """A value as an expression, without brackets."""
        match value:
            case s.Literal(value=found):
                return _literal(found)
            case s.Text(parts=parts):
                return self._text(parts)
            case s.Group(of=of) | s.Sure(of=of):
                return self.expression(of)
            case s.Array(items=items):
                return self._array(items)
            case s.Object(properties=properties):
                return self._object(properties)
            case s.Unary(operator="-", of=s.Literal(value=int(number))):
                return str(-number)
            case s.Unary(operator=operator, of=of):
                return f"not({self.expression(of)})" if operator == "!" else f"sub(0, {self.expression(of)})"
            case s.Binary(operator=operator, left=left, right=right):
                return self._binary(operator, self.expression(left), self.expression(right))
            case s.Ternary(condition=condition, yes=yes, no=no):
                return f"if({', '.join(map(self.expression, (condition, yes, no)))})"
            case s.Lambda(names=names, body=body):
                inside = replace(self, local={**self.local, **{name: f"lambdaVariables('{name}')" for name in names}})
                return f"lambda({', '.join([*map(quoted, names), inside.expression(body)])})"
            case s.Call():
                return self._call(value)
            case s.Member() | s.Item():
                return self._step(value)
            case s.Name() | s.Nested():
                return self._name(value)
        raise s.Refused(f"a {'loop' if isinstance(value, s.For) else 'condition'} inside a value")

    def use(self, value: s.Expression) -> Use | None:
        """The resource or module that an expression stands for, if it is one."""
        match value:
            case s.Sure(of=of) | s.Group(of=of):
                return self.use(of)
            case s.Name(name=name) if name not in self.local and name in self.program.symbols:
                return Use(self.program.symbols[name])
            case s.Item(of=of, key=key, safe=False):
                found = self.use(of)
                return Use(found.symbol, self.expression(key)) if found and found.symbol.loop and not found.index else None
            case s.Nested(of=of, name=name):
                outer = self.use(of)
                symbol = outer and self.program.symbols.get(f"{outer.symbol.name}::{name}")
                if symbol:
                    return Use(symbol)
        return None

    def _text(self, parts: tuple[str | s.Expression, ...]) -> str:
        inner = [self.expression(each) for each in parts if not isinstance(each, str)]
        if len(inner) == 1 and parts[0] == parts[-1] == "":
            return inner[0]
        plain = [each.replace("{", "{{").replace("}", "}}") for each in parts if isinstance(each, str)]
        pattern = plain[0] + "".join(f"{{{place}}}{each}" for place, each in enumerate(plain[1:]))
        return f"format({', '.join([quoted(pattern), *inner])})"

    def _array(self, items: tuple[s.Expression | s.Spread, ...]) -> str:
        made = [self.expression(each.of if isinstance(each, s.Spread) else each) for each in items]
        runs = _runs([(isinstance(each, s.Spread), text) for each, text in zip(items, made, strict=True)], "createArray")
        return f"flatten(createArray({', '.join(runs)}))" if _spreads(items) else f"createArray({', '.join(made)})"

    def _object(self, properties: tuple[s.Property | s.Spread, ...]) -> str:
        made = [
            self.expression(each.of)
            if isinstance(each, s.Spread)
            else f"{self.expression(each.key)}, {self.expression(each.value)}"
            for each in properties
        ]
        runs = _runs([(isinstance(each, s.Spread), text) for each, text in zip(properties, made, strict=True)], "createObject")
        return f"shallowMerge(createArray({', '.join(runs)}))" if _spreads(properties) else f"createObject({', '.join(made)})"

    def _binary(self, operator: str, left: str, right: str) -> str:
        if operator in ("=~", "!~"):
            left, right = f"toLower({left})", f"toLower({right})"
        found = f"{_BINARY[operator]}({left}, {right})"
        return f"not({found})" if operator in ("!=", "!~") else found

    def _call(self, call: s.Call) -> str:
        if call.of is not None and call.of not in (s.Name("sys"), s.Name("az")):
            return self._method(call.of, call)
        arguments = [self.expression(each) for each in call.arguments]
        if call.name == "any":
            return arguments[0]
        if _AT_COMPILE_TIME.fullmatch(call.name):
            raise s.Refused(f"the function {call.name}()")
        space = "__bicep." if call.of is None and call.name in self.program.all(s.Function) else ""
        return f"{space}{call.name}({', '.join(arguments)})"

    def _method(self, of: s.Expression, call: s.Call) -> str:
        if of == s.Name("this"):
            known = {"exists": "not(empty(target('full')))", "existingResource": "target('full')"}
            if call.name in known:
                return known[call.name]
        use = self.use(of)
        if use is None or not call.name.lower().startswith("list"):
            raise s.Refused(f"the method {call.name}()")
        return references.listing(self, use, call.name, [self.expression(each) for each in call.arguments])

    def _name(self, value: s.Name | s.Nested) -> str:
        if isinstance(value, s.Name):
            if value.name in self.local:
                return self.local[value.name]
            if value.name in self.program.all(s.Parameter):
                return f"parameters('{value.name}')"
            if value.name in self.program.all(s.Variable):
                return f"variables('{value.name}')"
        use = self.use(value)
        if use is None:
            raise s.Refused(f"the name {value.name!r}")
        return references.whole(self, use)

    def _step(self, value: s.Member | s.Item) -> str:
        """A property or an element, and what is asked of a resource or a module in place of one."""
        use = self.use(value)
        if use:
            return references.whole(self, use)
        chain, safe = _chain(value)
        if safe is not None:
            return self._try(chain, safe)
        of = self.use(value.of)
        if of and isinstance(value, s.Member):
            return references.member(self, of, value.name)
        tail = f".{value.name}" if isinstance(value, s.Member) else _item(self.expression(value.key))
        return self.expression(value.of) + tail + self._output(value)

    def _output(self, value: s.Member | s.Item) -> str:
        """What ends a step that names an output of a module."""
        match value:
            case s.Member(of=s.Member(of=of, name="outputs")):
                use = self.use(of)
                return ".value" if use and use.symbol.is_module else ""
        return ""

    def _try(self, chain: list[s.Member | s.Item], safe: int) -> str:
        """A chain from its last safe step on: null where it does not lead further."""
        root, steps = chain[safe].of, chain[safe:]
        keys = [quoted(each.name) if isinstance(each, s.Member) else self.expression(each.key) for each in steps]
        use = self.use(root)
        if use is None:
            return f"tryGet({', '.join([self.expression(root), *keys])})"
        if use.symbol.is_module and keys[0] == "'outputs'" and len(keys) > 1:
            keys.insert(2, "'value'")
        found, condition = references.whole(self, use), references.condition(self, use)
        return f"tryGet({', '.join([f'if({condition}, {found}, null())' if condition else found, *keys])})"


def _plain(text: str) -> str:
    """A text that is no expression, as it stands in the template."""
    if text.startswith("[") and not text.endswith("]"):
        raise s.Refused("a text that begins with [ and does not end with ]")
    return f"[{text}" if text.startswith("[") else text


def _literal(value: str | int | bool | None) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -_INT_32 <= value < _INT_32 else f"json('{value}')"
    return f"{json.dumps(value)}()"


def _item(key: str) -> str:
    """An element in brackets, or a property if its key is a plain name."""
    return f".{key[1:-1]}" if key.startswith("'") and _IDENTIFIER.fullmatch(key[1:-1]) else f"[{key}]"


def _chain(value: s.Member | s.Item) -> tuple[list[s.Member | s.Item], int | None]:
    """The steps that lead to a value, from the first, and the place of the last safe one."""
    steps: list[s.Member | s.Item] = [value]
    while isinstance(steps[0].of, s.Member | s.Item):
        steps.insert(0, steps[0].of)
    return steps, max((place for place, each in enumerate(steps) if each.safe), default=None)


def _spreads(parts: tuple[object, ...]) -> bool:
    return any(isinstance(each, s.Spread) for each in parts)


def _runs(parts: list[tuple[bool, str]], function: str) -> list[str]:
    """Spread parts as they are, and those between them made into one each."""
    found: list[str] = []
    run: list[str] = []
    for spread, text in [*parts, (True, "")]:
        if not spread:
            run.append(text)
            continue
        found += [f"{function}({', '.join(run)})"] if run else []
        found += [text] if text else []
        run = []
    return found
