"""`dpsops`: the global options, the commands, and the only place where an error is printed and becomes an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from dpsops import __version__
from dpsops.cli import ending
from dpsops.cli.arguments import Given, read
from dpsops.cli.commands import Address, AddressedStream
from dpsops.cli.exits import Exit
from dpsops.cli.options import Options, Output
from dpsops.cli.told import Told
from dpsops.cli.tree import CommandTree
from dpsops.cli.waking import wake_for_signals
from dpsops.errors import Error, InvalidInput

app = typer.Typer(
    name="dpsops",
    cls=CommandTree,
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
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # Rich makes --help slow, and prints colours into pipes on GitHub
    pretty_exceptions_enable=False,  # a traceback with local variables could print a key
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dpsops {__version__}")
        raise typer.Exit


_DEFAULT = "local"
"""The environment that is chosen if nobody names one."""


def _environments(begun: str) -> list[str]:
    """The environments of this directory whose names begin so, for a shell that completes a line."""
    names = {_DEFAULT, *(path.stem for path in Path("infra").glob("*.toml"))}
    return sorted(name for name in names if name.startswith(begun))


@app.callback()
def options(
    context: typer.Context,
    env: Annotated[
        str,
        typer.Option(
            "--env",
            envvar="DPSOPS_ENV",
            metavar="NAME",
            autocompletion=_environments,
            help="The environment: infra/NAME.toml.",
        ),
    ] = _DEFAULT,
    output: Annotated[Output, typer.Option("--output", help="The format of the result.")] = Output.text,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="On the embedded Azure, with the settings of the environment.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each request on stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Reads the options that all commands share."""
    _is_about(env, context.obj, context.command, rehearse=rehearse)
    context.obj = Options(env, output, verbose, context.obj, rehearse)


def _is_about(env: str, told: Told, tree: object, *, rehearse: bool) -> None:
    """From now on it is known which environment the command is about: each command that is named leads there."""
    told.environment = env
    told.address = Address(_global_words(env, rehearse=rehearse), frozenset(getattr(tree, "commands", {})) - _WITHOUT_ENVIRONMENT)


def _global_words(env: str, *, rehearse: bool) -> tuple[str, ...]:
    """The global options that a command which is pasted later needs, to be about the same environment: each that chooses it."""
    is_chosen = env == (os.environ.get("DPSOPS_ENV") or _DEFAULT) == _DEFAULT
    return (*(() if is_chosen else ("--env", shlex.quote(env))), *(("--rehearse",) if rehearse else ()))


_WITHOUT_ENVIRONMENT = {"init", "local"}
"""The commands that are about no environment that exists in the settings."""


def command_line() -> Callable[..., object]:
    """All commands, as the parser has them."""
    return typer.main.get_command(app)


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
    wake_for_signals()
    sys.excepthook = ending.show_trace
    threading.excepthook = lambda of: ending.show_trace(of.exc_type, of.exc_value or of.exc_type(), of.exc_traceback)
    try:
        code = main(sys.argv[1:])
    except Ended as ended:
        print(ending.INTERRUPTED, file=sys.stderr, flush=True)
        os._exit(ended.code)
    if code == Exit.INTERRUPTED:
        # The device SDK's threads would print errors while Python exits, and Python would kill itself with the signal if it
        # interrupted an exec, and each dataclass runs one.
        os._exit(code)
    sys.exit(code)


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
    """Runs a command and returns its exit code; every error ends here. GitHub Actions, if it runs this, is told more."""
    tree = command_line()
    given = read(arguments, tree)
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return _addressed(tree, given, Told())
    from dpsops.cli.actions import step

    with step(os.environ, " ".join(["dpsops", *given.words])) as told:
        return _addressed(tree, given, told)


def _addressed(tree: Callable[..., object], given: Given, told: Told) -> int:
    """Everything on stderr is for people: each command that is named there leads to the environment that it is about."""
    rehearse = any(name == "--rehearse" for name, _ in given.options)
    _is_about(given.last("--env") or os.environ.get("DPSOPS_ENV") or _DEFAULT, told, tree, rehearse=rehearse)
    asked = given.last("--output")
    output = Output(asked) if asked in Output.__members__ else Output.text
    with contextlib.redirect_stderr(cast("TextIO", AddressedStream(sys.stderr, told))):
        return _run(tree, given, told, output)


def _run(tree: Callable[..., object], given: Given, told: Told, output: Output) -> int:
    try:
        result = tree(given.arranged(), prog_name="dpsops", standalone_mode=False, obj=told)
    except Error as error:
        return ending.failed(error, told, output)
    except (typer.Abort, KeyboardInterrupt):
        result = Exit.INTERRUPTED
    except Ended:
        ending.interrupted(told, output)
        raise
    except typer.TyperException as misuse:
        return _misused(misuse, told, output)
    except BrokenPipeError:
        return ending.unread(told)
    except OSError as error:
        return ending.failed(_explain(error), told, output)
    except Exception as error:
        ending.defect(error, told, output)
        raise
    if result == Exit.INTERRUPTED:  # Typer returns it after Ctrl-C
        print(ending.INTERRUPTED, file=sys.stderr)
        return ending.interrupted(told, output)
    return result if isinstance(result, int) else 0


def _misused(misuse: typer.TyperException, told: Told, output: Output) -> Exit:
    """Reports a command line that cannot be used; a group of commands without a command prints its help instead."""
    hint = "dpsops --help, or --help after the command"
    if misuse.format_message().startswith("Usage:"):
        return ending.failed(InvalidInput("a command is missing", hint), told, output, page=misuse.format_message())
    return ending.failed(InvalidInput(" ".join(misuse.format_message().split()).rstrip("."), hint), told, output)


def _explain(error: OSError) -> Error:
    """The error for a failure of the operating system. Others that Python counts among these, such as those of HTTP libraries,
    quote what they were given."""
    return Error(
        ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part),
        "check disk space and permissions, then run the command again: it continues",
    )
