"""Global options before and after the command, help, and the completion of a line by a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.cli.arguments import every, global_options, read
from dpsops.cli.main import app, command_line
from dpsops.errors import InvalidInput
from tests.cli.terminal import LOCAL, SOURCE, Terminal, assert_error
from tests.cli.test_actions_commands import words
from tests.cli.test_hints import ADDRESSED, parsed

COMMANDS = sorted(words(command_line()))


def arranged(line: str) -> str:
    """A command line as the parser gets it."""
    return " ".join(read(line.split(), command_line()).arranged())


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--env prod --output json status", "--env=prod --output=json status"),
        ("status --env prod --output json", "--env=prod --output=json status"),
        ("status --output=json --env=prod", "--output=json --env=prod status"),
        ("device --env prod list --blocked --verbose", "--env=prod --verbose device list --blocked"),
        ("rotate --until --env prod status", "rotate --until --env prod status"),
        ("rotate --until draining --env prod", "--env=prod rotate --until draining"),
        ("device issue --from --output --env prod", "--env=prod device issue --from --output"),
        ("device issue --from=--env press-07 --env prod", "--env=prod device issue --from=--env press-07"),
        ("device issue --env prod -- --env press-07", "--env=prod device issue -- --env press-07"),
        ("-- status --env prod", "-- status --env prod"),
        ("status --env prod --verbose --env=prod --verbose", "--env=prod --verbose status"),
        ("status --env --output", "--env=--output status"),
        ("status --verbose=1", "--verbose=1 status"),
        ("status --environment prod", "status --environment prod"),
        ("nonsense --env prod", "--env=prod nonsense"),
        ("device issue --from", "device issue --from"),
        ("--help", "--help"),
    ],
)
def test_global_options_are_moved_before_the_command(line: str, wanted: str) -> None:
    assert arranged(line) == wanted
    assert arranged(wanted) == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--env dev status --env prod", "--env is given as 'dev' and as 'prod'"),
        ("status --output json --output=text", "--output is given as 'json' and as 'text'"),
        ("status --env", "--env needs a value"),
        ("status --env=", "--env needs a value"),
    ],
)
def test_what_is_not_clear_is_refused(terminal: Terminal, line: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.split("'", maxsplit=1)[0]):
        read(line.split(), command_line()).arranged()
    code, _, err = terminal(*line.split())
    assert_error((code, "", err), 2, said)


def test_the_words_of_the_command_and_the_value_that_holds() -> None:
    given = read(["--output", "json", "device", "--env", "dev", "issue", "press-07", "--env", "prod", "up"], command_line())
    assert given.words == ("device", "issue")
    assert (given.last("--env"), given.last("--output"), given.last("--verbose")) == ("prod", "json", "")


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.split()[0] in ADDRESSED])
def test_each_command_takes_them_behind_it_and_names_them(terminal: Terminal, command: str) -> None:
    needed = {"device show": "ID", "device register": "ID", "device export": "--to DIR", "root merge": "CERT CHAIN",
              "pipeline setup": "--repo a/b"}  # fmt: skip
    line = f"{command} {needed.get(command, '')} --verbose --output json --env prod"
    assert parsed(f"dpsops {arranged(line)}").environment == "prod"
    code, page, _ = terminal(*command.split(), "--help")
    assert (code, terminal(*command.split(), "-h")[1]) == (0, page)
    names = ", ".join(option.opts[0] for option in global_options(command_line()))
    assert " ".join(page.split()).endswith(f"Global options, here or before the command: {names}.")


def test_no_command_has_an_option_of_its_own_with_such_a_name() -> None:
    names = {name for option in global_options(command_line()) for name in option.opts}
    for command in every(command_line()):
        assert not names & {name for option in command.params for name in option.opts}


def test_after_the_command_is_the_same_as_before_it(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "dev.toml").write_text(LOCAL)
    before = terminal("--env", "dev", "--output", "json", "status")
    assert terminal("status", "--env=dev", "--output", "json") == before
    assert before[0] == 2
    terminal("up")
    assert terminal("status", "--output", "json")[1] == terminal("--output", "json", "status")[1]
    assert terminal("rotate", "--output=json", "status")[1] == terminal("rotate", "status", "--output", "json")[1]


def completed(tmp_path: Path, line: str) -> set[str]:
    """What a shell offers at the end of a line."""
    variables = {"_DPSOPS_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-m", "dpsops"], cwd=tmp_path, env=os.environ | SOURCE | variables, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return {each.partition("\t")[0] for each in done.stdout.splitlines()}


@pytest.mark.usefixtures("terminal")
def test_a_shell_completes_commands_options_and_environments(tmp_path: Path) -> None:
    for name in ("prod", "preview", "dev"):
        (tmp_path / "infra" / f"{name}.toml").write_text("this is not read")
    assert completed(tmp_path, "dpsops ro") == {"root", "rotate"}
    assert completed(tmp_path, "dpsops device re") == {"register", "renew"}
    assert completed(tmp_path, "dpsops rotate --un") == {"--until"}
    assert completed(tmp_path, "dpsops --env ") == {"local", "prod", "preview", "dev"}
    assert completed(tmp_path, "dpsops status --env pr") == {"prod", "preview"}
    assert completed(tmp_path, "dpsops device list --output j") == {"json", "jsonl"}
    assert completed(tmp_path, "dpsops status --ve") == {"--verbose"}
    assert completed(tmp_path, "dpsops --env prod stat") == {"status"}
    assert not (tmp_path / ".dpsops").exists()


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_has_its_script(tmp_path: Path, shell: str) -> None:
    variables = os.environ | SOURCE | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "from dpsops.cli.main import run; run()", "--show-completion", shell]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert "_DPSOPS_COMPLETE" in done.stdout
    assert f"complete_{'pwsh' if shell == 'pwsh' else shell}" in done.stdout


def test_the_options_are_those_that_the_callback_has() -> None:
    assert [each.opts[0] for each in global_options(command_line())] == ["--env", "--output", "--rehearse", "--verbose"]
    assert app.info.context_settings == {"help_option_names": ["-h", "--help"]}


@pytest.mark.parametrize(("name", "shown"), [("\u202e.pem", "\\u202e.pem"), ("a\x1b[2J.pem", "a\\x1b[2J.pem"), ("a\tb", "a\\tb")])
def test_no_name_of_a_file_is_obeyed_by_the_terminal(terminal: Terminal, tmp_path: Path, name: str, shown: str) -> None:
    terminal.stand()
    code, out, err = terminal("root", "export", "--out", name)
    assert (code, out, err.splitlines()[-1]) == (0, "", f"dpsops: wrote {shown}")
    assert (tmp_path / name).is_file()
