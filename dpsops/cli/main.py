"""`dpsops`: the global options, the commands, and the only place where an error is printed and becomes an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from typing import Annotated, TextIO, cast

import typer

from dpsops import __version__
from dpsops.cli import admission, device, init, local, pipeline, root, rotate, status, up
from dpsops.cli.commands import Address, AddressedStream
from dpsops.cli.exits import Exit
from dpsops.cli.options import Options, Output
from dpsops.cli.summary import Told
from dpsops.errors import Error, InvalidInput, NotAllowed

app = typer.Typer(
    name="dpsops",
    help="""IoT devices that can prove who they are, with a root key that no one can ever read.

\b
Start here, with no Azure account:
  dpsops up                      create everything, on the embedded Azure
  dpsops device issue press-07   issue a device certificate
  dpsops status                  show what exists, and what to do next

\b
Exit codes: 0 done, 1 failed, 2 wrong use, 3 some of many failed,
4 not signed in or not allowed, 10 changes pending (--detailed-exitcode).""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # Rich makes --help slow, and prints colours into pipes on GitHub
    pretty_exceptions_enable=False,  # a traceback with local variables could print a key
)
app.command("init")(init.init)
app.command("up")(up.up)
app.command("plan")(up.plan)
app.command("status")(status.status)
app.add_typer(root.app, name="root")
device.app.command("register")(admission.register)
device.app.command("block")(admission.block)
device.app.command("unblock")(admission.unblock)
app.add_typer(device.app, name="device")
app.add_typer(rotate.app, name="rotate")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(local.app, name="local")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dpsops {__version__}")
        raise typer.Exit


_DEFAULT = "local"
"""The environment that is chosen if nobody names one."""


@app.callback()
def options(
    context: typer.Context,
    env: Annotated[
        str, typer.Option("--env", envvar="DPSOPS_ENV", metavar="NAME", help="The environment: infra/NAME.toml.")
    ] = _DEFAULT,
    output: Annotated[Output, typer.Option("--output", help="The format of the result.")] = Output.text,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each request on stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Reads the options that all commands share."""
    told: Told = context.obj
    told.environment = env
    told.address = Address(_global_words(env), _addressed_commands())
    context.obj = Options(env, output, verbose, told)


def _global_words(env: str) -> tuple[str, ...]:
    """The global options that a command which is pasted later needs, to be about the same environment."""
    is_chosen = env == (os.environ.get("DPSOPS_ENV") or _DEFAULT) == _DEFAULT
    return () if is_chosen else ("--env", env)


_WITHOUT_ENVIRONMENT = {"init", "local"}
"""The commands that are about no environment of the settings."""


def _addressed_commands() -> frozenset[str]:
    names = (*(each.name for each in app.registered_commands), *(each.name for each in app.registered_groups))
    return frozenset(filter(None, names)) - _WITHOUT_ENVIRONMENT


def run() -> None:
    """The entry point: runs a command and exits with its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without a tick shows a question mark
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _end)
    try:
        code = main(sys.argv[1:])
    except Ended as ended:
        print(_INTERRUPTED, file=sys.stderr, flush=True)
        os._exit(ended.code)
    if code == Exit.INTERRUPTED:
        # The device SDK's threads would print errors while Python exits, and Python would kill itself with the signal if it
        # interrupted an exec, and each dataclass runs one.
        os._exit(code)
    sys.exit(code)


_UNFINISHED = ("interrupted; completed steps stay done", "run the command again to continue")
_INTERRUPTED = f"dpsops: {', '.join(_UNFINISHED)}"
_ENDING_SECONDS = 3.0


class Ended(BaseException):
    """A signal ends the process: it exits with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _end(number: int, _: object) -> None:
    """Ends through all `with` blocks, because what was done is still printed, but within a few seconds whatever they wait for."""
    hurry = threading.Timer(_ENDING_SECONDS, os._exit, [128 + number])
    hurry.daemon = True
    hurry.start()
    threading.excepthook = lambda _: None  # the device SDK's threads lose their connection
    raise Ended(128 + number)


def main(arguments: list[str]) -> int:
    """Runs a command and returns its exit code; every error ends here, as an error and a hint on stderr. GitHub Actions, if it
    runs this, is told more."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return _addressed_run(arguments, Told())
    from dpsops.cli.actions import step

    with step(os.environ, _title(arguments)) as told:
        return _addressed_run(arguments, told)


def _addressed_run(arguments: list[str], told: Told) -> int:
    """Everything on stderr is for people: each command that is named there leads to the environment that it is about."""
    with contextlib.redirect_stderr(cast("TextIO", AddressedStream(sys.stderr, told))):
        return _run(arguments, told)


def _run(arguments: list[str], told: Told) -> int:
    try:
        result = app(arguments, prog_name="dpsops", standalone_mode=False, obj=told)
    except Error as error:
        return _report(error, told)
    except (typer.Abort, KeyboardInterrupt):
        result = Exit.INTERRUPTED
    except Ended:
        told.failure = _UNFINISHED
        raise
    except typer.TyperException as misuse:
        if misuse.format_message().startswith("Usage:"):  # a command group without a command prints its help
            print(misuse.format_message(), file=sys.stderr)
            return Exit.WRONG_USE
        return _report(InvalidInput(_sentence(misuse.format_message()), "dpsops --help, or --help after the command"), told)
    except BrokenPipeError:
        told.failure = ("nobody has read the result to its end", "")
        sys.stderr.close()
        return Exit.FAILED
    except Exception as error:
        return _report(_explain(error), told)
    if result == Exit.INTERRUPTED:  # Typer returns it after Ctrl-C
        told.failure = _UNFINISHED
        print(_INTERRUPTED, file=sys.stderr)
    return result if isinstance(result, int) else 0


def _title(arguments: list[str]) -> str:
    """The words of the command, without options and what they are given: `dpsops device issue`."""
    words, command = ["dpsops"], typer.main.get_command(app)
    rest = iter(arguments)
    for each in rest:
        commands = getattr(command, "commands", {})
        if each in commands:
            words.append(each)
            command = commands[each]
        elif any(each in option.opts and not getattr(option, "is_flag", True) for option in command.params):
            next(rest, None)
    return " ".join(words)


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _explain(error: Exception) -> Error:
    """The error for a failure of the operating system. Anything else is a defect, and is raised again."""
    if not isinstance(error, OSError):
        raise error
    return Error(
        ": ".join(str(part) for part in (error.filename, error.strerror or error) if part),
        "check disk space and permissions, then run the command again: it continues",
    )


def _print(label: str, text: str) -> None:
    """Prints to stderr. Every line begins with the program's name, because others may write to the same log."""
    first, *more = text.splitlines() or [""]
    indented = [" " * len(f"{label}: ") + line for line in more]
    print("\n".join(f"dpsops: {line}" for line in [f"{label}: {first}", *indented]), file=sys.stderr)


def _report(error: Error, told: Told) -> int:
    told.failure = (told.address.text(error.message), told.address.text(error.hint))
    _print("error", error.message)
    if error.hint:
        _print("hint", error.hint)
    match error:
        case InvalidInput():
            return Exit.WRONG_USE
        case NotAllowed():
            return Exit.NOT_ALLOWED
        case _:
            return Exit.FAILED
