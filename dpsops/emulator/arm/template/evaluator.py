"""Evaluation: from a template's expressions to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dpsops.emulator.arm.template.ambient import AMBIENT, Context
from dpsops.emulator.arm.template.functions import FUNCTIONS
from dpsops.emulator.arm.template.lambdas import HIGHER_ORDER, Apply, Undecided, apply_higher_order
from dpsops.emulator.arm.template.parser import Call, Expression, InvalidExpression, Item, Literal, Member, calls, read
from dpsops.emulator.arm.template.place import COPY_LIMIT, Place, copy_index, deferred, unexpected
from dpsops.emulator.arm.template.user_functions import UserFunction
from dpsops.emulator.arm.template.values import Deferred, TemplateError, as_expression, is_known, kind, member


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
    """Evaluates the expressions of one template, in its context and with its parameters, variables and own functions."""

    context: Context
    parameters: Names
    variables: Names
    functions: Mapping[str, UserFunction] = field(default_factory=dict)

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
                return Deferred(Call(name, (as_expression(condition), *(self._branch(each, place) for each in arguments[1:]))))
            case "lambda":
                raise unexpected(name)
        if lower in HIGHER_ORDER and arguments:
            return self._higher_order(name, arguments, place)
        values = [self.expression(each, place) for each in arguments]
        if _is_runtime(lower):
            if place.local and any(call.name.lower() == "lambdavariables" for each in arguments for call in calls(each)):
                raise TemplateError(f"The template function '{name}' does not support the variables of a lambda function.")
            return self._placed(name, values, place)
        if not all(map(is_known, values)):
            return Deferred(Call(name, tuple(map(as_expression, values))))
        if lower in FUNCTIONS:
            return FUNCTIONS[lower](values)
        if lower in AMBIENT:
            return AMBIENT[lower](self.context, values)
        if lower in self.functions:
            return self._own(self.functions[lower], values)
        return self._placed(name, values, place)

    def _branch(self, tree: Expression, place: Place) -> Expression:
        """A branch of an `if` that is not decided yet: evaluated as far as can be, for it may never be taken."""
        try:
            return as_expression(self.expression(tree, place))
        except TemplateError:
            return tree

    def _higher_order(self, name: str, arguments: tuple[Expression, ...], place: Place) -> Any:
        """Of what is not known yet the expression is left, with the lambdas as they are written."""
        values = [self._argument(each, place) for each in arguments]
        try:
            if isinstance(values[0], Deferred):
                raise Undecided
            return apply_higher_order(name, values, self._lambda)
        except Undecided:
            pairs = zip(values, arguments, strict=True)
            written = (source if isinstance(value, _Lambda) else as_expression(value) for value, source in pairs)
            return Deferred(Call(name, tuple(written)))

    def _argument(self, tree: Expression, place: Place) -> Any:
        """An argument, which may be a lambda: nowhere else may one stand."""
        if not isinstance(tree, Call) or tree.name.lower() != "lambda" or not tree.arguments:
            return self.expression(tree, place)
        return _Lambda(tuple(str(self.expression(each, place)) for each in tree.arguments[:-1]), tree.arguments[-1], place)

    def _own(self, function: UserFunction, values: list[Any]) -> Any:
        """A function of the template: it knows its own parameters, and no variable."""
        if len(values) != len(function.parameters):
            raise TemplateError(
                f"The template function '{function.name}' requires {len(function.parameters)} argument(s) while {len(values)} "
                "were provided. Please see https://aka.ms/arm-functions for usage details."
            )
        for parameter, value in zip(function.parameters, values, strict=True):
            parameter.check(value)
        given = {each.name: partial(_itself, value) for each, value in zip(function.parameters, values, strict=True)}
        inside = replace(
            self,
            parameters=Names("parameter", given),
            variables=Names("variable", {}),
            functions=self.functions if function.nests else {},
        )
        found = inside.value(function.value, Place())
        function.output.check(found)
        return found

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
                return copy_index(values, place)
            case ("newguid", []) | ("utcnow", [] | [str(_)]) if place.default and self.context.ahead:
                return deferred(name, values)
            case "newguid", [] if place.default:
                return self.context.new_guid()
            case "utcnow", [] | [str(_)] if place.default:
                return self.context.utc_now(*values)
            case lower, _ if _is_runtime(lower):
                return place.runtime(name, values)
            case (("parameters" | "variables" | "lambdavariables" | "copyindex" | "newguid" | "utcnow"), _):
                raise unexpected(name)
        raise TemplateError(
            f"The template function '{name}' is not valid. Please see https://aka.ms/arm-functions for usage details."
        )

    def _lambda(self, function: Any, least: int, most: int) -> Apply:
        """A lambda that has so many variables."""
        if not isinstance(function, _Lambda):
            raise TemplateError("The template language function expects a lambda function as its argument.")
        if not least <= len(function.names) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise TemplateError(f"The lambda function has {len(function.names)} variable(s); {wanted} are expected.")

        def apply(*values: Any) -> Any:
            local = {**function.place.local, **dict(zip(function.names, values, strict=False))}
            return self.expression(function.body, replace(function.place, local=local))

        return apply


def _itself(value: Any) -> Any:
    return value


def is_loops(value: Any) -> bool:
    """Whether the value of a `copy` property is a list of loops, not data. Raises `TemplateError` for one without name."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and {"name", "count", "input"} == each.keys() for each in value
    ):
        return False
    if not all(isinstance(each["name"], str) and each["name"] for each in value):
        raise TemplateError("The template copy definition is not valid: its 'name' is not a string.")
    return True


def is_reference(call: Call) -> bool:
    """Whether the call names a resource whose state it asks for."""
    return _asks(call.name.lower())


def _asks(lower: str) -> bool:
    return lower == "reference" or (lower.startswith("list") and len(lower) > len("list") and "." not in lower)


def _is_runtime(lower: str) -> bool:
    return lower == "target" or _asks(lower)
