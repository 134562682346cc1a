"""Reads Bicep's expressions, and what stands before and around them: decorators, conditions, loops."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tests.bicep import syntax as s
from tests.bicep.reader import Reader

_BINARY = (("??",), ("||",), ("&&",), ("==", "!=", "=~", "!~"), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
"""Operators that bind alike, from the loosest to the tightest, all to the left."""

_CONSTANTS = {"true": True, "false": False, "null": None}


class ExpressionParser(Reader, ABC):
    """Reads an expression from where it stands."""

    @abstractmethod
    def resource(self, decorators: tuple[s.Decorator, ...]) -> s.Resource:
        """The resource that stands in an object."""

    def decorators(self) -> tuple[s.Decorator, ...]:
        found = []
        while self.take("@"):
            name = self.name()
            while self.take("."):
                name = self.name()
            self.need("(")
            found.append(s.Decorator(name, tuple(self.until(")", self.expression))))
            self.lines()
        return tuple(found)

    def conditional(self) -> s.Expression:
        """The body of a resource or module, perhaps under a condition."""
        if not self.take("if"):
            return self.expression()
        self.need("(")
        condition = self.expression()
        self.need(")")
        return s.If(condition, self.expression())

    def expression(self) -> s.Expression:
        left = self.binary(0)
        if not self.at_after_lines("?"):
            return left
        self.need("?")
        self.lines()
        yes = self.expression()
        self.lines()
        self.need(":")
        self.lines()
        return s.Ternary(left, yes, self.expression())

    def binary(self, level: int) -> s.Expression:
        if level == len(_BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.take(*_BINARY[level]):
            self.lines()
            left = s.Binary(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> s.Expression:
        if operator := self.take("!", "-"):
            return s.Unary(operator, self.unary())
        return self.postfix(self.primary())

    def postfix(self, of: s.Expression) -> s.Expression:
        while step := self.take(".", ".?", "[", "[?", "::", "!"):
            if step == "!":
                of = s.Sure(of)
            elif step == "::":
                of = s.Nested(of, self.name())
            elif step in ("[", "[?"):
                of = s.Item(of, self.expression(), step == "[?")
                self.need("]")
            else:
                name = self.name()
                if step == "." and self.take("("):
                    of = s.Call(of, name, tuple(self.until(")", self.expression)))
                else:
                    of = s.Member(of, name, step == ".?")
        return of

    def primary(self) -> s.Expression:
        token = self.token
        if token.kind == "text":
            return self.text()
        if token.kind == "number":
            self.place += 1
            return s.Literal(int(token.value))
        if self.take("{"):
            return self.object()
        if self.take("["):
            return self.array()
        if self.take("("):
            return self.parentheses()
        name = self.name()
        if name in _CONSTANTS:
            return s.Literal(_CONSTANTS[name])
        if self.take("("):
            return s.Call(None, name, tuple(self.until(")", self.expression)))
        if self.take("=>"):
            return s.Lambda((name,), self.expression())
        return s.Name(name)

    def parentheses(self) -> s.Expression:
        inside = tuple(self.until(")", self.expression))
        names = tuple(each.name for each in inside if isinstance(each, s.Name))
        if len(names) == len(inside) and self.take("=>"):
            return s.Lambda(names, self.expression())
        if len(inside) != 1:
            raise self.unexpected("'=>'")
        return s.Group(inside[0])

    def text(self) -> s.Literal | s.Text:
        parts = self.token.parts
        self.place += 1
        if len(parts) == 1 and isinstance(parts[0], str):
            return s.Literal(parts[0])
        return s.Text(tuple(each if isinstance(each, str) else type(self)(each).alone() for each in parts))

    def alone(self) -> s.Expression:
        """The expression that is all there is."""
        self.lines()
        found = self.expression()
        self.lines()
        if self.token.kind != "end":
            raise self.unexpected("'}'")
        return found

    def object(self) -> s.Object:
        found = tuple(self.until("}", self.property))
        properties = tuple(each for each in found if not isinstance(each, s.Resource))
        return s.Object(properties, tuple(each for each in found if isinstance(each, s.Resource)))

    def property(self) -> s.Property | s.Spread | s.Resource:
        if self.take("..."):
            return s.Spread(self.expression())
        decorators = self.decorators()
        if self.at("resource") and self.tokens[self.place + 1].kind == "name":
            self.need("resource")
            return self.resource(decorators)
        key = self.text() if self.token.kind == "text" else s.Literal(self.name())
        self.need(":")
        self.lines()
        return s.Property(key, self.expression())

    def array(self) -> s.Expression:
        if not self.at_after_lines("for"):
            return s.Array(tuple(self.until("]", self.item)))
        self.need("for")
        index = None
        if self.take("("):
            item = self.name()
            self.need(",")
            index = self.name()
            self.need(")")
        else:
            item = self.name()
        self.need("in")
        over = self.expression()
        self.need(":")
        self.lines()
        body = self.conditional()
        self.lines()
        self.need("]")
        return s.For(item, index, over, body)

    def item(self) -> s.Expression | s.Spread:
        return s.Spread(self.expression()) if self.take("...") else self.expression()
