"""A run: makes what is needed, asks each question, and removes everything again, whatever happens."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from azure_facts import group
from azure_facts.answers import Answer, NotClear, Question
from azure_facts.tape import Tape
from dpsops.azure.errors import understood
from dpsops.cli.connection import Connection
from dpsops.errors import Error


@dataclass(slots=True)
class Results:
    """What has come of a run so far. `left`: what of it may still be in Azure, and how to remove it; nothing before it begins."""

    answers: list[Answer] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def document(self, questions: Sequence[Question], where: str) -> str:
        """The results as JSON, with all questions. It is not scrubbed. `where`: what was asked, `embedded` or a region."""
        asked = {each.question.name: each for each in self.answers}
        whole = [asked.get(each.name) or Answer(each, None, "the run ended before") for each in questions]
        return json.dumps(
            {"schema_version": 1, "where": where, "answers": [each.document() for each in whole], "left": self.left}, indent=2
        )


def run(azure: Connection, tape: Tape, questions: Sequence[Question], results: Results, show: Callable[[Answer], None]) -> None:
    """Asks the questions, one after the other. When it ends, for whatever reason, what was made is removed.

    Raises `Error` if there is no resource group to work in, or one that this run has not made. If only what is in it cannot be
    made, the questions are asked all the same: some may need no more than there is.
    """
    own = azure.run.environment
    try:
        with tape.recording("making"):
            group.require_unused(azure)
            results.left = [f"{own.resource_group} is not removed: {removal(own.tags[group.TAG])}"]  # until it is
            _make(azure)
        for question in questions:
            azure.run.progress(question.text)
            azure.deployments.wait_for_roles(wait=True)  # read again, so that each cassette has what its own waiting rests on
            with tape.recording(question.name):
                answer = _ask(azure, question)
            results.answers.append(answer)
            show(answer)
    finally:
        if results.left:
            with tape.recording("removing"):
                results.left = group.remove(azure)


def removal(name: str) -> str:
    """The command that removes what a run has left."""
    return f"make azure-facts ARGUMENTS='--remove {name}'"


def _make(azure: Connection) -> None:
    try:
        group.make(azure)
    except Error as error:
        if not group.exists(azure):
            raise
        azure.run.progress(f"error: {error.line}; the questions are asked all the same")


def _ask(azure: Connection, question: Question) -> Answer:
    """The answer. One failed question does not stop the others, so whatever is raised is why there is no fact."""
    try:
        with understood("Azure"):
            return Answer(question, question.ask(azure))
    except NotClear as unclear:
        return Answer(question, None, str(unclear))
    except Error as error:
        return Answer(question, None, error.line)
    except Exception as error:  # a defect; its message may quote an answer, so only its place is told
        place = traceback.extract_tb(sys.exc_info()[2])[-1]
        return Answer(question, None, f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}")
