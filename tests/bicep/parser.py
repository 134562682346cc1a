"""A Bicep file as a syntax tree: its declarations. `expression_parser.py` and `type_parser.py` read what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tests.bicep import syntax as s
from tests.bicep.lexer import tokens
from tests.bicep.type_parser import TypeParser


@lru_cache(maxsize=64)  # a file of types is imported by every other
def parse(text: str) -> tuple[s.Declaration, ...]:
    """The declarations of a file, in order. Raises Refused for what is not taken."""
    return tuple(_Parser(tokens(text)).declarations())


class _Parser(TypeParser):
    def declarations(self) -> Iterator[s.Declaration]:
        self.lines()
        while self.token.kind != "end":
            yield self.declaration(self.decorators())
            if self.token.kind not in ("newline", "end"):
                raise self.unexpected("the end of the line")
            self.lines()

    def declaration(self, decorators: tuple[s.Decorator, ...]) -> s.Declaration:
        keyword = self.name()
        match keyword:
            case "targetScope":
                self.need("=")
                return s.TargetScope(self.expression())
            case "metadata":
                name = self.name()
                self.need("=")
                return s.Metadata(name, self.expression())
            case "import":
                return self.importing()
            case "param":
                name, type_ = self.name(), self.type()
                return s.Parameter(name, type_, self.expression() if self.take("=") else None, decorators)
            case "var":
                name = self.name()
                if not self.at("="):
                    raise s.Refused("a variable with a type")
                self.need("=")
                return s.Variable(name, self.expression(), decorators)
            case "output":
                name, type_ = self.name(), self.type()
                self.need("=")
                return s.Output(name, type_, self.expression(), decorators)
            case "resource":
                return self.resource(decorators)
            case "module":
                name, path = self.name(), self.plain()
                self.need("=")
                return s.Module(name, path, self.conditional(), decorators)
            case "type":
                name = self.name()
                self.need("=")
                return s.TypeDeclaration(name, self.type(), decorators)
            case "func":
                return self.function(decorators)
        raise s.Refused(f"the declaration {keyword!r}")

    def importing(self) -> s.Import:
        if self.at("*"):
            raise s.Refused("an import of everything")
        self.need("{")
        names = tuple(self.until("}", self.imported))
        self.need("from")
        return s.Import(names, self.plain())

    def imported(self) -> tuple[str, str]:
        name = self.name()
        return name, self.name() if self.take("as") else name

    def resource(self, decorators: tuple[s.Decorator, ...]) -> s.Resource:
        name, type_, existing = self.name(), self.plain(), bool(self.take("existing"))
        self.need("=")
        return s.Resource(name, type_, existing, self.conditional(), decorators)

    def function(self, decorators: tuple[s.Decorator, ...]) -> s.Function:
        name = self.name()
        self.need("(")
        parameters = tuple(self.until(")", lambda: (self.name(), self.type())))
        result = self.type()
        self.need("=>")
        return s.Function(name, parameters, result, self.expression(), decorators)
