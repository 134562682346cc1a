"""How a command ends that has no result: its error on stderr, as JSON on stdout if JSON was asked for, told to a pipeline, and as
an exit code."""

from __future__ import annotations

import contextlib
import sys
import traceback
from typing import TYPE_CHECKING, Any

from dpsops import errors
from dpsops.cli.exits import Exit
from dpsops.cli.options import Output, written

if TYPE_CHECKING:
    from types import TracebackType

    from dpsops.cli.told import Told

CODES: dict[type[errors.Error], str] = {
    errors.Error: "failed",
    errors.InvalidInput: "invalid_input",
    errors.NotAllowed: "not_allowed",
    errors.Denied: "denied",
    errors.Refused: "refused",
    errors.InvalidCertificate: "invalid_certificate",
    errors.RegistrationRefused: "registration_refused",
    errors.StillRegistering: "still_registering",
    errors.Missing: "missing",
    errors.Changed: "changed",
    errors.Throttled: "throttled",
    errors.Unavailable: "unavailable",
    errors.Unreadable: "unreadable",
}
"""The word for each kind of error, which is part of the contract."""

UNFINISHED = ("interrupted; completed steps stay done", "run the command again to continue")
INTERRUPTED = f"dpsops: {', '.join(UNFINISHED)}"


def failed(error: errors.Error, told: Told, output: Output, *, page: str = "") -> Exit:
    """Reports an error, and returns its exit code. page: the help that people are shown instead of an error."""
    if page:
        print(page, file=sys.stderr)
    else:
        _tell(told, error.message, error.hint)
        _print("error", error.message)
        if error.hint:
            _print("hint", error.hint)
    found: dict[str, Any] = {"code": CODES[type(error)], "message": error.message, "hint": error.hint}
    if isinstance(error, errors.RegistrationRefused):
        found["registration"] = error.code
    _print_document(found, told, output)
    match error:
        case errors.InvalidInput():
            return Exit.WRONG_USE
        case errors.NotAllowed():
            return Exit.NOT_ALLOWED
        case _:
            return Exit.FAILED


def interrupted(told: Told, output: Output) -> Exit:
    """Reports Ctrl-C or a signal as an error; who ends the process says so on stderr."""
    message, hint = UNFINISHED
    _tell(told, message, hint)
    _print_document({"code": "interrupted", "message": message, "hint": hint}, told, output)
    return Exit.INTERRUPTED


def defect(error: Exception, told: Told, output: Output) -> None:
    """Reports a defect of dpsops on stdout; Python says on stderr where it is."""
    found = {"code": "defect", "message": f"a defect of dpsops: {type(error).__name__}", "hint": "the traceback says where"}
    _print_document(found, told, output)


def show_trace(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Shows on stderr where an exception comes from, as Python does (`sys.excepthook`), but no message of any: a library writes
    into it what it was given, which may be a token."""
    for each in _chain(error):
        print("Traceback (most recent call last):", file=sys.stderr)
        print("".join(traceback.format_tb(each.__traceback__)), end="", file=sys.stderr)
        print(
            f"{type(each).__module__}.{type(each).__qualname__} (its message is not shown: it may hold a secret)", file=sys.stderr
        )


def _chain(error: BaseException) -> list[BaseException]:
    """An exception, after those that it comes from."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [*(_chain(before) if before else ()), *(found for each in inner for found in _chain(each)), error]


def unread(told: Told) -> Exit:
    """Nobody reads the result any more, so nothing is said."""
    _tell(told, "nobody has read the result to its end", "")
    sys.stderr.close()
    return Exit.FAILED


def _tell(told: Told, message: str, hint: str) -> None:
    told.failure = (told.address.text(message), told.address.text(hint))


def _print(label: str, text: str) -> None:
    """Prints to stderr. Every line begins with the program's name, because others may write to the same log."""
    first, *more = text.splitlines() or [""]
    indented = [" " * len(f"{label}: ") + line for line in more]
    print("\n".join(f"dpsops: {line}" for line in [f"{label}: {first}", *indented]), file=sys.stderr)


def _print_document(error: dict[str, Any], told: Told, output: Output) -> None:
    """Prints the error as JSON, unless there is a result: one document, with what was done until then; or the last line of
    several. CSV has no place for an error."""
    if told.has_result:
        return
    with contextlib.suppress(OSError, ValueError):  # stderr has the error; ValueError: stdout is closed
        match output:
            case Output.json:
                begun = {"schema_version": 1, "environment": told.environment, "error": error}
                print(written(begun | told.done(), told, indent=2), flush=True)
            case Output.jsonl:
                print(written({"error": error}, told), flush=True)
