"""What is said of a resource or a module in an expression: its name, its ID, what it is at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bicep import syntax as s
from tests.bicep.program import Symbol

if TYPE_CHECKING:
    from tests.bicep.expressions import Scope

KNOWN_BEFORE = ("id", "name", "type", "apiVersion")
"""What can be said of a resource without asking for it."""

_GROUPS = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True, slots=True)
class Use:
    """A resource or a module, and which turn of its loop."""

    symbol: Symbol
    index: str | None = None


def within(scope: Scope, use: Use) -> Scope:
    """The scope of its body."""
    outer = type(scope)(scope.program)
    if not use.symbol.loop:
        return outer
    if use.index is None:
        raise s.Refused(f"{use.symbol.name}: all that a loop makes, at once")
    return outer.inside(use.symbol.loop, use.index)


def _name(use: Use) -> s.Expression:
    """The expression that its body gives as its name."""
    found = use.symbol.body.get("name")
    if found is None:
        raise s.Refused(f"{use.symbol.name}: the name of a module without one")
    return found


def segments(scope: Scope, use: Use) -> list[str]:
    """Its names from the outermost parent's on, as expressions."""
    inside = within(scope, use)
    given = use.symbol.body.get("parent")
    parent = Use(use.symbol.within) if use.symbol.within else inside.use(given) if given else None
    if given and not parent:
        raise s.Refused(f"{use.symbol.name}: a parent that is no resource")
    found = [*(segments(scope, parent) if parent else ()), inside.expression(_name(use))]
    if len(found) != use.symbol.type.count("/"):
        raise s.Refused(f"{use.symbol.name}: a child resource without a parent")
    return found


def identifier(scope: Scope, use: Use) -> str:
    """Its resource ID."""
    kind = f"'{use.symbol.type}'"
    names = segments(scope, use)
    given = use.symbol.body.get("scope")
    own = "subscriptionResourceId" if scope.program.scope == "subscription" else "resourceId"
    if given is None:
        return f"{own}({', '.join([kind, *names])})"
    inside = within(scope, use)
    target = inside.use(given)
    match given:
        case _ if target and not use.symbol.is_module:
            return f"extensionResourceId({', '.join([identifier(scope, target), kind, *names])})"
        case s.Call(of=None, name="subscription", arguments=()):
            return f"subscriptionResourceId({', '.join([kind, *names])})"
        case s.Call(of=None, name="resourceGroup", arguments=(group,)):
            place = "format('/subscriptions/{0}/resourceGroups/{1}', subscription().subscriptionId, "
            return f"extensionResourceId({', '.join([f'{place}{inside.expression(group)})', kind, *names])})"
    raise s.Refused(f"{use.symbol.name}: the ID of what is in another scope")


def _called(scope: Scope, use: Use) -> str:
    """What a function is given to find it: its symbolic name, if the template knows it by that, or its ID."""
    if not scope.program.is_symbolic:
        return identifier(scope, use)
    within(scope, use)  # refuses a loop as a whole
    return symbolic(use)


def symbolic(use: Use) -> str:
    """Its symbolic name, as an expression."""
    return f"format('{use.symbol.name}[{{0}}]', {use.index})" if use.index else f"'{use.symbol.name}'"


def whole(scope: Scope, use: Use) -> str:
    """All that Azure says of it."""
    if use.symbol.is_module:
        return _reference(scope, use)
    return f"reference({_called(scope, use)}, '{use.symbol.version}', 'full')"


def _reference(scope: Scope, use: Use) -> str:
    version = "" if scope.program.is_symbolic else f", '{use.symbol.version}'"
    return f"reference({_called(scope, use)}{version})"


def listing(scope: Scope, use: Use, function: str, arguments: list[str]) -> str:
    """What one of the functions `list...` says of it."""
    return f"{function}({', '.join([_called(scope, use), *(arguments or [_quoted(use.symbol.version)])])})"


def member(scope: Scope, use: Use, asked: str) -> str:
    """A property of it; its name is what its body says, not the whole name of a child."""
    match asked:
        case "id":
            return identifier(scope, use)
        case "name":
            return within(scope, use).expression(_name(use))
        case "type" if not use.symbol.is_module:
            return _quoted(use.symbol.type)
        case "apiVersion" if not use.symbol.is_module:
            return _quoted(use.symbol.version)
        case "properties" if not use.symbol.is_module:
            return _reference(scope, use)
        case "outputs" if use.symbol.is_module:
            return f"{_reference(scope, use)}.outputs"
    if use.symbol.is_module:
        raise s.Refused(f"{use.symbol.name}: {asked} of a module")
    return f"{whole(scope, use)}.{asked}"


def condition(scope: Scope, use: Use) -> str | None:
    """The condition that it is there under, as an expression."""
    found = use.symbol.condition
    return within(scope, use).expression(found) if found else None


def placed(scope: Scope, use: Use) -> dict[str, str]:
    """What the template says of its scope."""
    given = use.symbol.body.get("scope")
    inside = within(scope, use)
    target = inside.use(given) if given else None
    if given is None:
        if use.symbol.is_module and scope.program.scope == "subscription":
            raise s.Refused(f"{use.symbol.name}: a module without a scope, in a subscription")
        return {}
    if target and not use.symbol.is_module:
        return {"scope": f"[{identifier(scope, target)}]"}
    if target and target.symbol.type == _GROUPS:
        return {"resourceGroup": f"[{member(scope, target, 'name')}]"}
    raise s.Refused(f"{use.symbol.name}: a resource or module in another scope")


def _quoted(text: str) -> str:
    return f"'{text}'"
