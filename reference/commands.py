"""The page of the commands: each with its arguments, its options, and its examples, from the command line itself."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import typer

from dpsops.cli.main import app
from reference.documents import SCHEMAS
from reference.markdown import anchor, code, page, table


def commands() -> dict[str, Any]:
    """Each command by its words, as in `device issue`. A group that does something by itself is one too."""
    return dict(_commands(typer.main.get_command(app)))


def _commands(group: Any, *above: str) -> Iterator[tuple[str, Any]]:
    found = getattr(group, "commands", {})
    if above and (not found or group.invoke_without_command):
        yield " ".join(above), group
    for name, command in found.items():
        if not command.hidden:
            yield from _commands(command, *above, name)


def commands_page() -> str:
    """The page."""
    found = commands()
    parts = [
        "Every command, with its arguments and options. `dpsops COMMAND --help` says the same at the terminal.",
        table(("command", "what it does"), ((_link(each), _first(command)) for each, command in found.items())),
        "## The options of every command",
        _options(typer.main.get_command(app)),
    ]
    for words, command in found.items():
        tables = filter(None, (_arguments(command), _options(command)))
        parts += [f"## dpsops {words}", *_help(command.help), *tables, _document(words)]
    return page("Commands", *parts)


def _link(words: str) -> str:
    return f"[{code(f'dpsops {words}')}](#{anchor(f'dpsops {words}')})"


def _first(command: Any) -> str:
    text: str = command.help.split("\n\n")[0]
    return " ".join(text.split())


def _help(text: str) -> Iterator[str]:
    """The help. A paragraph that begins with a backspace keeps its lines."""
    for paragraph in text.strip().split("\n\n"):
        kept = paragraph.startswith("\b")
        lines = paragraph.replace("\b", "").strip("\n").splitlines()
        if kept and lines[0].startswith("Example"):
            yield lines.pop(0)
            body = "\n".join(line.removeprefix("  ") for line in lines)
            yield f"```text\n{body}\n```"
        else:
            yield " ".join(" ".join(lines).split())


def _arguments(command: Any) -> str:
    found = [each for each in command.params if each.param_type_name == "argument"]
    rows = [(code(each.metavar or each.name.upper()), each.help or "") for each in found]
    return table(("argument", "meaning"), rows) if rows else ""


def _options(command: Any) -> str:
    found = [each for each in command.params if each.param_type_name == "option" and each.name != "help" and not each.hidden]
    rows = [(", ".join(_named(each)), _default(each), _help_of(each)) for each in found]
    return table(("option", "default", "meaning"), rows) if rows else ""


def _named(option: Any) -> Iterator[str]:
    for name in option.opts:
        yield code(f"{name} {_value(option)}".strip())


def _value(option: Any) -> str:
    if option.is_flag:
        return ""
    of = option.type_descriptor.annotation
    if isinstance(of, type) and issubclass(of, enum.Enum):
        return "|".join(str(each.value) for each in of)
    return str(option.metavar or of.__name__.upper())


def _default(option: Any) -> str:
    if option.is_flag or option.default is None or callable(option.default):
        return ""
    return code(str(getattr(option.default, "value", option.default)))


def _help_of(option: Any) -> str:
    text = str(option.help or "")
    return f"{text} Else the variable {code(option.envvar)}." if isinstance(option.envvar, str) else text


def _document(words: str) -> str:
    name = words.replace(" ", "-")
    if f"{name}.json" not in SCHEMAS:
        return "It has no JSON document."
    row = f"{name}.row.json"
    line = f", and of a line with `--output jsonl`: {_schema(row)}" if row in SCHEMAS else ""
    return f"Its JSON document: {_schema(f'{name}.json')}{line}."


def _schema(name: str) -> str:
    return f"[{name}](documents.md#{anchor(name)})"
