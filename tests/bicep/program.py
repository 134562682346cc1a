"""What a Bicep file declares, by name, and which language its template is written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

from tests.bicep import syntax as s
from tests.bicep.parser import parse

DEPLOYMENTS, DEPLOYMENTS_VERSION = "Microsoft.Resources/deployments", "2025-04-01"

_T = TypeVar("_T", s.Parameter, s.Variable, s.Output, s.Resource, s.Module, s.TypeDeclaration, s.Function, s.Metadata)
_TYPE_SYNTAX = (s.ObjectType, s.ArrayType, s.UnionType, s.NullableType)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A resource or a module. A nested resource is named for its parent too: `parent::child`."""

    name: str
    declaration: s.Resource | s.Module
    within: Symbol | None = None

    @property
    def is_module(self) -> bool:
        return isinstance(self.declaration, s.Module)

    @property
    def is_existing(self) -> bool:
        return isinstance(self.declaration, s.Resource) and self.declaration.existing

    @property
    def type(self) -> str:
        """The whole type, without version."""
        if isinstance(self.declaration, s.Module):
            return DEPLOYMENTS
        own = self.declaration.type.partition("@")[0]
        return f"{self.within.type}/{own}" if self.within else own

    @property
    def version(self) -> str:
        if isinstance(self.declaration, s.Module):
            return DEPLOYMENTS_VERSION
        own = self.declaration.type.partition("@")[2]
        return own or (self.within.version if self.within else "")

    @property
    def loop(self) -> s.For | None:
        value = self.declaration.value
        return value if isinstance(value, s.For) else None

    @property
    def condition(self) -> s.Expression | None:
        once = self._once()
        return once.condition if isinstance(once, s.If) else None

    @property
    def body(self) -> s.Object:
        once = self._once()
        body = once.body if isinstance(once, s.If) else once
        if not isinstance(body, s.Object):
            raise s.Refused(f"{self.name}: a body that is no object")
        return body

    def _once(self) -> s.Expression:
        return self.loop.body if self.loop else self.declaration.value


@dataclass(frozen=True)  # without slots: it remembers what it has found
class Program:
    """One file; `files` are all that it may name."""

    declarations: tuple[s.Declaration, ...]
    files: Mapping[str, str]
    _tables: dict[type, object] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, files: Mapping[str, str]) -> Program:
        """The file of this name. Raises Refused for what is not taken."""
        if name not in files:
            raise s.Refused(f"the file {name!r}")
        return cls(parse(files[name]), files)

    def all(self, kind: type[_T]) -> dict[str, _T]:
        """All declarations of one kind, in order."""
        if kind not in self._tables:
            self._tables[kind] = {each.name: each for each in self.declarations if isinstance(each, kind)}
        return cast("dict[str, _T]", self._tables[kind])

    @cached_property
    def imports(self) -> list[s.Import]:
        return [each for each in self.declarations if isinstance(each, s.Import)]

    @cached_property
    def scope(self) -> str:
        """What it is deployed to: a resource group, if it does not say."""
        found = [each.scope for each in self.declarations if isinstance(each, s.TargetScope)]
        scope = found[0].value if found and isinstance(found[0], s.Literal) else "resourceGroup"
        if scope not in ("resourceGroup", "subscription"):
            raise s.Refused(f"targetScope {scope!r}")
        return str(scope)

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """Resources, each after those that are nested in it, then modules."""
        resources = [each for declared in self.all(s.Resource).values() for each in _nested(Symbol(declared.name, declared))]
        modules = [Symbol(each.name, each) for each in self.all(s.Module).values()]
        return {each.name: each for each in resources + modules}

    @cached_property
    def is_symbolic(self) -> bool:
        """Whether the template is of languageVersion 2.0: resources by symbolic name (Bicep's EmitterSettings)."""
        modules = self.all(s.Module).values()
        return bool(
            self.all(s.TypeDeclaration)
            or self.all(s.Function)
            or self.imports
            or any(isinstance(node, _TYPE_SYNTAX) for node in s.walk(self.declarations))
            or any(node == s.Name("this") for node in s.walk(self.declarations))
            or any(has(each.decorators, "onlyIfNotExists") for each in self.all(s.Resource).values())
            or any(symbol.is_existing and symbol.body.get("dependsOn") for symbol in self.symbols.values())
            or any(symbol.is_module and symbol.body.get("name") is None for symbol in self.symbols.values())
            or self.has_secure_outputs
            or any(Program.read(each.path, self.files).has_secure_outputs for each in modules)
        )

    @cached_property
    def has_secure_outputs(self) -> bool:
        return any(has(each.decorators, "secure") for each in self.all(s.Output).values())


def has(decorators: tuple[s.Decorator, ...], name: str) -> bool:
    """Whether there is a decorator of this name."""
    return any(each.name == name for each in decorators)


def only(decorators: tuple[s.Decorator, ...], *known: str) -> None:
    """Raises Refused for any decorator but these."""
    for each in decorators:
        if each.name not in known:
            raise s.Refused(f"the decorator @{each.name}()")


def _nested(symbol: Symbol) -> Iterator[Symbol]:
    for child in symbol.body.resources:
        yield from _nested(Symbol(f"{symbol.name}::{child.name}", child, symbol))
    yield symbol
