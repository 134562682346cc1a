"""What a resource or a module must wait for: what it names, itself or through variables and existing resources."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.bicep import syntax as s
from tests.bicep.expressions import Scope
from tests.bicep.program import Program, Symbol
from tests.bicep.references import KNOWN_BEFORE, Use, identifier, symbolic


def depends_on(scope: Scope, symbol: Symbol) -> list[str]:
    """The `dependsOn` of a resource or module, as it stands in the template; `scope` is that of its body."""
    found = _Dependencies(scope)
    found.of(symbol)
    whole = {use.symbol.name for use in found.uses if use.index is None}
    kept = [use for use in found.uses if use.index is None or use.symbol.name not in whole]
    return [_written(scope, use) for use in sorted(kept, key=_order)]


def _order(use: Use) -> tuple[str, str]:
    """By name, as .NET compares names: letters first, small before capital (Bicep's ExpressionBuilder)."""
    return use.symbol.name.casefold(), use.symbol.name.swapcase()


def _written(scope: Scope, use: Use) -> str:
    if scope.program.is_symbolic:
        return f"[{symbolic(use)}]" if use.index else use.symbol.name
    return use.symbol.name if use.symbol.loop and use.index is None else f"[{identifier(scope, use)}]"


_PLACES = (s.Literal("scope"), s.Literal("parent"))
"""Properties that need no more of a resource than its name."""


@dataclass(slots=True)
class _Dependencies:
    """Gathers them. `hidden` are the names of loops and lambdas inside: no index with one of them can stand outside."""

    scope: Scope
    uses: list[Use] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()

    @property
    def program(self) -> Program:
        return self.scope.program

    def of(self, symbol: Symbol) -> None:
        """All that the body of a resource or module names, and its ancestors."""
        if symbol.within:
            self.add(Use(symbol.within), asked=False)
        parts = [symbol.condition] if symbol.condition else []
        if symbol.loop:
            parts.append(symbol.loop.over)
        for part in parts:
            self.visit(part)
        for each in symbol.body.properties:
            if isinstance(each, s.Property) and each.key in _PLACES:
                self.visit(each.value, asked=False)
            else:
                self.visit(each)

    def add(self, use: Use, asked: bool) -> None:
        """One resource or module; `asked` says whether its state is needed, or no more than its name."""
        if use.symbol.is_existing and not (asked and self.program.is_symbolic):
            inner = _Dependencies(self.existing(use.symbol))
            inner.of(use.symbol)
            if any(each.index for each in inner.uses):
                raise s.Refused(f"{use.symbol.name}: an existing resource that needs one turn of a loop")
            self.uses += [each for each in inner.uses if each not in self.uses]
        elif use not in self.uses:
            self.uses.append(use)

    def existing(self, symbol: Symbol) -> Scope:
        """The scope in the body of an existing resource, whichever its turn."""
        outer = Scope(self.program)
        return outer.inside(symbol.loop, "copyIndex()") if symbol.loop else outer

    def visit(self, node: object, asked: bool = True) -> None:
        """All that an expression names."""
        match node:
            case s.Member(of=of, name=name) if self.used(of):
                self.used_in(of, asked=name not in KNOWN_BEFORE)
            case s.Name() | s.Item() | s.Nested() if self.used(node):
                self.used_in(node, asked)
            case s.Name(name=name):
                variable = self.program.all(s.Variable).get(name)
                if variable and name not in self.hidden and name not in self.scope.local:
                    self.visit(variable.value)
            case s.For(item=item, index=index, over=over, body=body):
                self.visit(over)
                self.inside({item, index or item}, body)
            case s.Lambda(names=names, body=body):
                self.inside(set(names), body)
            case _:
                for child in s.children(node):
                    self.visit(child)

    def inside(self, names: set[str], body: s.Expression) -> None:
        """Within a loop or a lambda that brings names of its own."""
        before = self.hidden
        self.hidden = before | names
        self.visit(body)
        self.hidden = before

    def used(self, node: s.Expression) -> Use | None:
        """The resource or module that an expression stands for, as a whole if its index cannot stand outside."""
        match node:
            case s.Sure(of=of) | s.Group(of=of):
                return self.used(of)
            case s.Name(name=name):
                return None if name in self.hidden else self.scope.use(node)
            case s.Item(of=of, key=key):
                outer = self.used(of)
                if outer is None or not outer.symbol.loop or outer.index:
                    return None
                return outer if self.is_hidden(key) else self.scope.use(node)
            case s.Nested(of=of):
                return self.scope.use(node) if self.used(of) else None
        return None

    def is_hidden(self, key: s.Expression) -> bool:
        """Whether an index has a name that means nothing outside."""
        return any(isinstance(each, s.Name) and each.name in self.hidden for each in s.walk(key))

    def used_in(self, node: s.Expression, asked: bool) -> None:
        """A resource or module that is named, and what its index names."""
        use = self.used(node)
        assert use is not None
        self.add(use, asked)
        while isinstance(node, s.Sure | s.Group):
            node = node.of
        if isinstance(node, s.Item):
            self.visit(node.key)
