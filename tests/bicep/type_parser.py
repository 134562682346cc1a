"""Reads Bicep's types."""

from __future__ import annotations

from tests.bicep import syntax as s
from tests.bicep.expression_parser import ExpressionParser


class TypeParser(ExpressionParser):
    """Reads a type from where it stands."""

    def type(self) -> s.Type:
        self.take("|")
        members = [self.type_postfix()]
        while self.at_after_lines("|"):
            self.need("|")
            self.lines()
            members.append(self.type_postfix())
        return s.UnionType(tuple(members)) if len(members) > 1 else members[0]

    def type_postfix(self) -> s.Type:
        found = self.type_primary()
        while step := self.take("[", "?", ".", "!"):
            if step in (".", "!") or (step == "[" and not self.at("]")):
                raise s.Refused("a type that is part of another")
            if step == "[":
                self.need("]")
            found = s.ArrayType(found) if step == "[" else s.NullableType(found)
        return found

    def type_primary(self) -> s.Type:
        if self.take("{"):
            return s.ObjectType(tuple(self.until("}", self.type_property)))
        if self.at("["):
            raise s.Refused("a tuple type")
        if self.take("("):
            self.lines()
            found = self.type()
            self.lines()
            self.need(")")
            return found
        if self.token.kind in ("text", "number") or self.at("true", "false", "null", "-"):
            literal = self.unary()
            if not isinstance(literal, s.Literal):
                raise s.Refused("a type that is an expression")
            return literal
        name = self.name()
        if self.at("<"):
            raise s.Refused(f"the type {name}<>")
        return s.NamedType(name)

    def type_property(self) -> s.TypeProperty:
        decorators = self.decorators()
        name = self.plain() if self.token.kind == "text" else self.take("*") or self.name()
        self.need(":")
        return s.TypeProperty(name, self.type(), decorators)
