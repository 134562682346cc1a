"""The functions of numbers and truth.

Sources: "Numeric", "Logical" and "Comparison functions for ARM templates" of the Resource Manager documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.function import ANY, BOOL, INT, TEXT, Function


def _bounded(body: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """The same, refused where the result does not fit into 64 bits (stricter guess)."""

    def bounded(left: int, right: int) -> int:
        found = body(left, right)
        if not -(2**63) <= found < 2**63:
            raise ValueError(f"the result '{found}' does not fit into 64 bits")
        return found

    return bounded


def _divide(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _compare(holds: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    """Whether it holds for what .NET's `Compare` gives: below 0, 0 or above."""

    def body(left: Any, right: Any) -> bool:
        if type(left) is not type(right):
            raise ValueError("the two arguments must be of the same type")
        return holds(dotnet.compare(left, right) if isinstance(left, str) else left - right)

    return body


def _fail(message: str) -> Any:
    raise ValueError(message)


_COMPARABLE = (str, int)

SCALAR_FUNCTIONS = (
    Function("null", lambda: None),
    Function("true", lambda: True),
    Function("false", lambda: False),
    Function("and", lambda *terms: all(terms), (BOOL, BOOL), 0, BOOL),
    Function("or", lambda *terms: any(terms), (BOOL, BOOL), 0, BOOL),
    Function("not", lambda term: not term, (BOOL,)),
    Function("coalesce", lambda *values: next((each for each in values if each is not None), None), (ANY,), 0, ANY),
    Function("greater", _compare(lambda sign: sign > 0), (_COMPARABLE, _COMPARABLE)),
    Function("greaterOrEquals", _compare(lambda sign: sign >= 0), (_COMPARABLE, _COMPARABLE)),
    Function("less", _compare(lambda sign: sign < 0), (_COMPARABLE, _COMPARABLE)),
    Function("lessOrEquals", _compare(lambda sign: sign <= 0), (_COMPARABLE, _COMPARABLE)),
    Function("add", _bounded(lambda left, right: left + right), (INT, INT)),
    Function("sub", _bounded(lambda left, right: left - right), (INT, INT)),
    Function("mul", _bounded(lambda left, right: left * right), (INT, INT)),
    Function("div", _bounded(_divide), (INT, INT)),
    Function("mod", lambda left, right: left - right * _divide(left, right), (INT, INT)),
    Function("fail", _fail, (TEXT,)),
)
