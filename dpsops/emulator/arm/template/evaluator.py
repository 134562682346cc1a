"""Evaluation: from a template's expressions to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dpsops.emulator.arm.template.ambient import AMBIENT, Context
from dpsops.emulator.arm.template.functions import FUNCTIONS
from dpsops.emulator.arm.template.parser import Call, Expression, InvalidExpression, Item, Literal, Member, read
from dpsops.emulator.arm.template.values import Deferred, TemplateError, as_expression, is_known, kind, member

Runtime = Callable[[str, Sequence[Any]], Any]
"""Answers `reference` and `list*`, given the function's name and its arguments."""

COPY_LIMIT = 800
"""Resources in a template, and turns of a loop (Resource Manager limits)."""


def forbidden(name: str, arguments: Sequence[Any]) -> Any:
    """Outside of properties and outputs, nothing may be asked of a resource."""
    raise _unexpected(name)


def deferred(name: str, arguments: Sequence[Any]) -> Any:
    """Before the deployment runs, what it would be asked stays an expression."""
    return Deferred(Call(name, tuple(map(as_expression, arguments))))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands.

    loops: the turn of each loop around it, by lower-case name; the empty name is that of the resource's own
    loop. local: the variables of the lambdas around it. default: it is the default of a parameter.
    """

    runtime: Runtime = forbidden
    loops: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    default: bool = False


class Names:
    """Named values of a template, in any case, each worked out when first asked for. What needs itself is refused."""

    def __init__(self, what: str, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._what = what
        self._makers = {name.lower(): make for name, make in makers.items()}
        self._known: dict[str, Any] = {}
        self._asked: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """The names, in lower case."""
        return iter(self._makers)

    def __getitem__(self, name: str) -> Any:
        key = name.lower()
        if key not in self._makers:
            link = f"https://aka.ms/arm-template/#{self._what}s"
            raise TemplateError(f"The template {self._what} '{name}' is not found. Please see {link} for usage details.")
        if key in self._asked:
            chain = " -> ".join([*self._asked[self._asked.index(key) :], key])
            raise TemplateError(f"Circular dependency detected on {self._what}: '{chain}'.")
        if key not in self._known:
            self._asked.append(key)
            try:
                self._known[key] = self._makers[key]()
            finally:
                self._asked.pop()
        return self._known[key]


@dataclass(frozen=True, slots=True)
class _Lambda:
    names: tuple[str, ...]
    body: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the expressions of one template, in its context and with its parameters and variables."""

    context: Context
    parameters: Names
    variables: Names

    def value(self, source: Any, place: Place) -> Any:
        """The value of any JSON of the template: its strings evaluated, its loops unrolled. Raises `TemplateError`."""
        match source:
            case str():
                return self.text(source, place)
            case list():
                return [self.value(each, place) for each in source]
            case dict():
                return self._object(source, place)
            case _:
                return source

    def text(self, source: str, place: Place) -> Any:
        """The value of a string of the template."""
        try:
            tree = read(source)
            return tree if isinstance(tree, str) else self.expression(tree, place)
        except InvalidExpression as invalid:
            raise TemplateError(str(invalid)) from invalid
        except RecursionError as deep:  # variables that name one another in a long row
            raise TemplateError("The language expression is nested too deeply.") from deep

    def turns(self, count: Any, name: str, place: Place) -> list[Place]:
        """The places inside a loop, one for each turn. An empty name is that of a resource's own loop."""
        number = self.value(count, place)
        if type(number) is not int or not 0 <= number <= COPY_LIMIT:
            message = f"The copy count for '{name}' must be a non-negative integer value and cannot exceed limit '{COPY_LIMIT}'."
            raise TemplateError(message)
        return [replace(place, loops={**place.loops, name.lower(): turn}) for turn in range(number)]

    def _object(self, source: Mapping[str, Any], place: Place) -> dict[str, Any]:
        evaluated: dict[str, Any] = {}
        for key, each in source.items():
            if key == "copy" and is_loops(each):
                for loop in each:
                    turns = self.turns(loop["count"], loop["name"], place)
                    evaluated[loop["name"]] = [self.value(loop["input"], turn) for turn in turns]
                continue
            name = self.text(key, place)
            if not isinstance(name, str):
                raise TemplateError(f"The property name '{key}' does not evaluate to a string.")
            evaluated[name] = self.value(each, place)
        return evaluated

    def expression(self, tree: Expression, place: Place) -> Any:
        """The value of an expression."""
        match tree:
            case Literal(value):
                return value
            case Member(of, name):
                return self._member(self.expression(of, place), name)
            case Item(of, key):
                return self._item(self.expression(of, place), self.expression(key, place))
            case Call(name, arguments):
                return self._call(name, arguments, place)

    def _member(self, value: Any, name: str) -> Any:
        match value:
            case Deferred(expression):
                return Deferred(Member(expression, name))
            case dict():
                return member(value, name)
            case _:
                raise TemplateError(
                    f"The language expression property '{name}' can't be evaluated, property name can only be used on an object; "
                    f"the value is of type '{kind(value)}'."
                )

    def _item(self, value: Any, key: Any) -> Any:
        if isinstance(value, Deferred) or isinstance(key, Deferred):
            return Deferred(Item(as_expression(value), as_expression(key)))
        if isinstance(value, dict) and isinstance(key, str):
            return member(value, key)
        if isinstance(value, list) and type(key) is int:
            if not 0 <= key < len(value):
                raise TemplateError(f"The language expression property array index '{key}' is out of bounds.")
            return value[key]
        raise TemplateError(
            f"The language expression property '{key}' can't be evaluated, property name must be a string on an object "
            "or an integer on an array."
        )

    def _call(self, name: str, arguments: tuple[Expression, ...], place: Place) -> Any:
        lower = name.lower()
        match lower:
            case "if" if len(arguments) == 3:
                condition = self.expression(arguments[0], place)
                if type(condition) is bool:
                    return self.expression(arguments[1 if condition else 2], place)
                if is_known(condition):
                    raise TemplateError("The template language function 'if' expects its first parameter to be a boolean.")
            case "lambda" if arguments:
                return _Lambda(tuple(str(self.expression(each, place)) for each in arguments[:-1]), arguments[-1], place)
        values = [self.expression(each, place) for each in arguments]
        if lower in _HIGHER_ORDER and len(values) >= 2:
            if isinstance(values[0], Deferred):
                return Deferred(Call(name, (values[0].expression, *arguments[1:])))
            return _HIGHER_ORDER[lower](self, values[0], values[1:])
        if not all(map(is_known, values)) and not _is_runtime(lower):
            return Deferred(Call(name, tuple(map(as_expression, values))))
        if lower in FUNCTIONS:
            return FUNCTIONS[lower](values)
        if lower in AMBIENT:
            return AMBIENT[lower](self.context, values)
        return self._placed(name, values, place)

    def _placed(self, name: str, values: list[Any], place: Place) -> Any:
        """The functions whose value, or whose very use, depends on where they stand."""
        match name.lower(), values:
            case "parameters", [str(wanted)]:
                return self.parameters[wanted]
            case "variables", [str(wanted)] if not place.default:
                return self.variables[wanted]
            case "lambdavariables", [str(wanted)] if wanted in place.local:
                return place.local[wanted]
            case "copyindex", [] | [_] | [_, _] if not place.default:
                return _copy_index(values, place)
            case "newguid", [] if place.default:
                return self.context.new_guid()
            case "utcnow", [] | [str(_)] if place.default:
                return self.context.utc_now(*values)
            case lower, _ if _is_runtime(lower):
                return place.runtime(name, values)
            case (("parameters" | "variables" | "lambdavariables" | "copyindex" | "newguid" | "utcnow"), _):
                raise _unexpected(name)
        raise TemplateError(
            f"The template function '{name}' is not valid. Please see https://aka.ms/arm-functions for usage details."
        )

    def apply(self, function: Any, *values: Any) -> Any:
        """The value of a lambda for these arguments."""
        if not isinstance(function, _Lambda) or len(function.names) > len(values):
            raise TemplateError("The template language function expects a lambda function as its argument.")
        local = {**function.place.local, **dict(zip(function.names, values, strict=False))}
        return self.expression(function.body, replace(function.place, local=local))


def is_loops(value: Any) -> bool:
    """Whether the value of a `copy` property is a list of property loops, rather than data."""
    return isinstance(value, list) and all(isinstance(each, dict) and {"name", "count", "input"} == each.keys() for each in value)


def is_reference(call: Call) -> bool:
    """Whether the call names a resource whose state it asks for."""
    return _is_runtime(call.name.lower())


def _is_runtime(lower: str) -> bool:
    return lower == "reference" or (lower.startswith("list") and len(lower) > len("list"))


def _unexpected(name: str) -> TemplateError:
    return TemplateError(
        f"The template function '{name}' is not expected at this location. "
        "Please see https://aka.ms/arm-functions for usage details."
    )


def _copy_index(values: list[Any], place: Place) -> int:
    name = values[0].lower() if values and isinstance(values[0], str) else ""
    offset = values[-1] if values and type(values[-1]) is int else 0
    if name not in place.loops:
        raise TemplateError(
            "The template function 'copyIndex' is not expected at this location. The function can only be used in a "
            "resource with copy specified. Please see https://aka.ms/arm-copy for usage details."
        )
    return place.loops[name] + offset


def _map(evaluator: Evaluator, items: list[Any], functions: Sequence[Any]) -> list[Any]:
    return [evaluator.apply(functions[0], item) for item in items]


def _filter(evaluator: Evaluator, items: list[Any], functions: Sequence[Any]) -> list[Any]:
    return [item for item in items if evaluator.apply(functions[0], item) is True]


def _to_object(evaluator: Evaluator, items: list[Any], functions: Sequence[Any]) -> dict[str, Any]:
    """The first lambda gives the key, the second, where there is one, the value."""
    return {
        str(evaluator.apply(functions[0], item)): evaluator.apply(functions[1], item) if functions[1:] else item for item in items
    }


_HIGHER_ORDER: Mapping[str, Callable[[Evaluator, list[Any], Sequence[Any]], Any]] = {
    "map": _map,
    "filter": _filter,
    "toobject": _to_object,
}
