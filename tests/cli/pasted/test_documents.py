"""Documents and pages name the same commands as what a person reads: all lead to the environment that they are about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dpsops.cli.commands import SENTENCES
from tests.cli.hints import commands
from tests.cli.pasted.person import Person
from tests.cli.runner import Job
from tests.cli.test_hints import ADDRESSED


def test_json_and_the_runner_are_told_the_same(person: Person, job: Job) -> None:
    for words in (
        "status",
        "plan",
        "up --yes",
        "device list",
        "rotate status",
        "device issue press-07",
        "rotate --replace root-g1",
    ):
        job.begin()
        code, out, err = person.terminal("--env", "prod", "--output", "json", *words.split())
        assert code == 0, err
        for name, text in sentences(json.loads(out)):
            if name in SENTENCES:
                assert all(each.startswith("dpsops --env prod ") for each in commands(text, ADDRESSED)), (name, text)
            else:
                assert not commands(text, ADDRESSED), f"{name} is not among the sentences: {text}"
        for each in commands(err + job.page.replace("&#45;", "-"), ADDRESSED):
            assert each.startswith("dpsops --env prod ") or f"## ✅ {each}" in job.page or f"## ⚠️ {each}" in job.page, each


def sentences(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a document, with the name of its member."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for each in value:
            yield from sentences(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from sentences(each, key)
