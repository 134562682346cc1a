"""The syntax tree of a Bicep file, and what the parser says of a construct that it does not take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TypeAlias


class Refused(Exception):
    """The construct that the compiler does not know how to compile, by its name."""


# expressions


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes: plain parts and expressions in turn, a plain one first and last."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    of: Expression
    name: str
    safe: bool


@dataclass(frozen=True, slots=True)
class Item:
    of: Expression
    key: Expression
    safe: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested resource, `of::name`."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a method of something."""

    of: Expression | None
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Sure:
    """What is said not to be null, `of!`."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses: a chain of `.?` ends there."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Ternary:
    condition: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True, slots=True)
class Lambda:
    names: tuple[str, ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class Spread:
    of: Expression


@dataclass(frozen=True, slots=True)
class Property:
    key: Literal | Text
    value: Expression


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple[Expression | Spread, ...]


@dataclass(frozen=True, slots=True)
class Object:
    properties: tuple[Property | Spread, ...]
    resources: tuple[Resource, ...] = ()

    def get(self, key: str) -> Expression | None:
        """The value of a property."""
        return next((each.value for each in self.properties if isinstance(each, Property) and each.key == Literal(key)), None)


@dataclass(frozen=True, slots=True)
class If:
    condition: Expression
    body: Expression


@dataclass(frozen=True, slots=True)
class For:
    item: str
    index: str | None
    over: Expression
    body: Expression


_Value: TypeAlias = Literal | Text | Array | Object | Name | Member | Item | Nested | Call
Expression: TypeAlias = _Value | Sure | Group | Unary | Binary | Ternary | Lambda | If | For

# types


@dataclass(frozen=True, slots=True)
class NamedType:
    name: str


@dataclass(frozen=True, slots=True)
class ArrayType:
    of: Type


@dataclass(frozen=True, slots=True)
class NullableType:
    of: Type


@dataclass(frozen=True, slots=True)
class UnionType:
    members: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class TypeProperty:
    """One property; its name is `*` if it stands for all others."""

    name: str
    type: Type
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class ObjectType:
    properties: tuple[TypeProperty, ...]


Type: TypeAlias = Literal | NamedType | ArrayType | NullableType | UnionType | ObjectType

# declarations


@dataclass(frozen=True, slots=True)
class Decorator:
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: Type
    default: Expression | None
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    value: Expression
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Output:
    name: str
    type: Type
    value: Expression
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """`type` is as it is written: with a version, unless the resource is nested."""

    name: str
    type: str
    existing: bool
    value: Expression
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    path: str
    value: Expression
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class TypeDeclaration:
    name: str
    type: Type
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    parameters: tuple[tuple[str, Type], ...]
    result: Type
    body: Expression
    decorators: tuple[Decorator, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """What is imported, each as its name there and its name here."""

    names: tuple[tuple[str, str], ...]
    path: str


@dataclass(frozen=True, slots=True)
class Metadata:
    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class TargetScope:
    scope: Expression


Declaration: TypeAlias = (
    Parameter | Variable | Output | Resource | Module | TypeDeclaration | Function | Import | Metadata | TargetScope
)


def children(node: object) -> Iterator[object]:
    """The nodes right below one."""
    if isinstance(node, tuple):
        yield from node
    elif is_dataclass(node):
        yield from (getattr(node, field.name) for field in fields(node))


def walk(node: object) -> Iterator[object]:
    """Every node in a tree, from the top and in order."""
    if is_dataclass(node):
        yield node
    for each in children(node):
        yield from walk(each)
