"""Variables in the words of a shell, for `eval` and the like."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterable, Mapping


class Shell(enum.StrEnum):
    """Whose words they are. `bash` is also for sh and zsh; `dotenv` is a file of variables, as Docker and Compose read it."""

    bash = "bash"
    fish = "fish"
    powershell = "powershell"
    dotenv = "dotenv"


def assigned(shell: Shell, variables: Mapping[str, str]) -> str:
    """Sets the variables, for programs that the shell then starts."""
    return "\n".join(_ASSIGNED[shell].format(name=name, value=_quoted(shell, value)) for name, value in variables.items())


def unset(shell: Shell, names: Iterable[str]) -> str:
    """Forgets the variables. A file of variables cannot: it has no line for that."""
    return "\n".join(_UNSET[shell].format(name=name) for name in names)


def stop(shell: Shell) -> str:
    """Ends the line that the shell is at, or the script: what comes next must not run without the variables. Bash ignores the
    exit code of a substitution, so that only a signal stops what comes after a semicolon."""
    return _STOP[shell]


_ASSIGNED = {
    Shell.bash: "export {name}={value}",
    Shell.fish: "set -gx {name} {value}",
    Shell.powershell: "$env:{name} = {value}",
    Shell.dotenv: "{name}={value}",
}
_UNSET = {
    Shell.bash: "unset {name}",
    Shell.fish: "set -e {name}",
    Shell.powershell: "Remove-Item -ErrorAction Ignore Env:{name}",
    Shell.dotenv: "",
}
_STOP = {
    Shell.bash: "kill -INT $$; false",
    Shell.fish: "kill -INT $fish_pid; false",
    Shell.powershell: "throw 'dpsops'",
    Shell.dotenv: "",
}


def _quoted(shell: Shell, value: str) -> str:
    match shell:
        case Shell.bash:
            return shlex.quote(value)
        case Shell.fish:
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"
        case Shell.powershell:
            doubled = value.replace("'", "''")
            return f"'{doubled}'"
        case Shell.dotenv:
            return value  # no reader agrees with another on quotes
