"""The embedded Azure of this directory under control: the one that is served, asked over its socket, or its state at rest."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from dpsops.cli.embedded import SOCKET, STATE_DIRECTORY, served_variables
from dpsops.errors import Error, InvalidInput, Missing, Refused

_PATIENCE = 60.0
"""Seconds: a snapshot of a large state on a slow disk."""


def ask(do: str, **given: Any) -> Any:
    """What the embedded Azure answers, served or not. Raises `Error` if it refuses, or if there is none."""
    if served_variables() is not None:
        return ask_server(do, **given)
    if not (STATE_DIRECTORY / "azure.sqlite").is_file():
        raise Error("there is no embedded Azure in this directory", "make one: dpsops up")
    return _at_rest({"do": do, **given})


def ask_server(do: str, **given: Any) -> Any:
    """What the embedded Azure that is served answers. Raises `Error` if it refuses, or if none is served."""
    if served_variables() is None:
        raise Error("no embedded Azure is served in this directory", "start one: dpsops local serve --detach")
    answer = _exchange(json.dumps({"do": do, **given}).encode())
    if "refused" in answer:
        raise _error(answer["reason"], answer["refused"], given)
    return answer["done"]


def _exchange(question: bytes) -> Any:
    """One question to the server, and its answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(STATE_DIRECTORY / SOCKET))
            connection.sendall(question + b"\n")
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        return json.loads(answer)
    except (OSError, ValueError) as cause:
        message = f"the embedded Azure that is served in this directory takes no commands: {cause}"
        raise Error(message, "stop it: dpsops local stop") from cause


def _at_rest(question: dict[str, Any]) -> Any:
    """What is answered without a server: by this process, on the state of this directory."""
    import sqlite3

    from dpsops.emulator import control
    from dpsops.emulator.azure import Azure
    from dpsops.emulator.state import Database

    try:
        database = Database(STATE_DIRECTORY / "azure.sqlite")
        try:
            return control.Control(Azure(database), STATE_DIRECTORY).carry_out(question)
        finally:
            database.close()
    except control.Refused as refused:
        raise _error(refused.reason, str(refused), question) from refused
    except sqlite3.Error as cause:
        raise Error(
            f"the embedded Azure cannot use its state in {STATE_DIRECTORY}/: {cause}",
            "check disk space and permissions, then run the command again",
        ) from cause


def _error(reason: str, message: str, question: Mapping[str, Any]) -> Error:
    snapshot = question.get("name", "")
    match reason:
        case "name":
            return InvalidInput(message, "choose another name")
        case "snapshot":
            from dpsops.emulator.snapshots import names

            others = names(STATE_DIRECTORY)
            return Missing(message, f"there are: {', '.join(others)}" if others else f"take it: dpsops local snapshot {snapshot}")
        case "state":
            return Error(message, f"take it again: dpsops local snapshot {snapshot}")
        case "message":
            return Refused(message, "see what is there: dpsops local show")
        case "time":
            return Refused(message, "to go back, restore a snapshot of that time")
        case "version":
            return Error(message, "stop it, and serve it with this version: dpsops local stop")
        case _:
            return Error(message, "check disk space and permissions, then run the command again")
