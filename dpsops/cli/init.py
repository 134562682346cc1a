"""`dpsops init`: the settings of a new environment, complete and commented."""

from __future__ import annotations

import re
import secrets
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from dpsops.cli.options import Options
from dpsops.cli.summary import Outputs, Summary
from dpsops.errors import InvalidInput, Refused

_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
"""No vowel, so that no word comes of them, and nothing that looks like another one."""

_LONGEST_NAME = 14
"""So much of an environment's name is in the names of its resources: a vault's has 24 characters, `kv-` before it, and the random
part and the number of a vault behind it."""


def init(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new environment.")]
) -> None:
    """Write infra/NAME.toml: every setting there is, with its default, and names for the resources that are free in all
    likelihood.

    \b
    Example:
      dpsops init prod
    """
    from dpsops.cli.destination import SETTINGS_DIRECTORY
    from dpsops.settings import LOCAL, load, require_name

    options: Options = context.obj
    options.told.environment = name
    require_name(name)
    if name == LOCAL:
        raise InvalidInput("the environment 'local' needs no settings", "give the new environment another name, such as prod")
    path = SETTINGS_DIRECTORY / f"{name}.toml"
    _write(path, settings_text(name, _label(name)))
    made = load(name, SETTINGS_DIRECTORY)
    step = f"choose location and names in {path}, then: dpsops --env {name} plan"
    names = {"vault": made.vault.name, "dps": made.dps.name, "hubs": [hub.name for hub in made.hub]}
    document = {"environment": name, "changed": True, "path": str(path), "names": names, "next": [step]}
    summary = Summary(f"The settings of the environment {name} were written to {path}.", outputs=Outputs(changed=True))
    options.print_result(document, f"{path}\n{'next':<12} {step}", summary)


def settings_text(name: str, label: str) -> str:
    """The settings of an environment. `label`: what the names of its resources have in common."""
    template = (resources.files("dpsops") / "template" / "environment.toml").read_text(encoding="utf-8")
    return Template(template).substitute(name=name, label=label)


def _label(name: str) -> str:
    """What the names of the resources have in common: as much of the environment's name as a vault's may have, and a random part,
    because they are unique in all of Azure, and `kv-prod` is somebody else's."""
    short = re.sub("-+", "-", name)[:_LONGEST_NAME].strip("-")
    return f"{short}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


def _write(path: Path, text: str) -> None:
    """Writes a new file, whole or not at all. Raises `Refused` if there is one."""
    try:
        path.parent.mkdir(exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:  # such as a full disk
                path.unlink()
                raise
    except FileExistsError as cause:
        raise Refused(f"{cause.filename} exists", "edit it, or give the new environment another name") from cause
